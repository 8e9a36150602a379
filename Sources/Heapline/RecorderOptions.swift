// SPDX-License-Identifier: Apache-2.0
//
// How a recording is made, beyond its mode and depth.

/// How to record, beyond mode and depth.
public struct RecorderOptions: Sendable, Hashable {
    /// What happens to an event for which no buffer is free.
    public enum OnFull: Sendable, Hashable {
        /// The thread waits until one is.
        case block
        /// The event is dropped, and counted as lost.
        case drop
        /// The oldest events are overwritten: a flight recorder that keeps the newest ``RecorderOptions/bufferBytes``.
        case overwrite
    }

    /// How threads share the buffers of a core.
    public enum Backend: Sendable, Hashable {
        /// Restartable sequences where the system has them.
        case automatic
        /// Restartable sequences; an error where the system lacks them.
        case restartableSequences
        /// Compare-and-exchange.
        case compareExchange
    }

    /// What happens to an event for which no buffer is free.
    public var onFull: OnFull
    /// How threads share the buffers of a core.
    public var backend: Backend
    /// The most bytes of buffers; nil for 64 MiB where they are emptied all the time, and 1 GiB where they are not.
    public var bufferBytes: Int?
    /// Mode sample: mean bytes between samples.
    public var sampleBytes: Int
    /// Whether frees have stacks, too.
    public var freeStacks: Bool
    /// Whether `mmap`, `munmap`, `mremap` and `brk` are recorded, too.
    public var maps: Bool
    /// For `Heapline.record`: where to write a trace that is kept; an existing file is replaced.
    public var trace: String?

    /// Makes options.
    public init(
        onFull: OnFull = .block, backend: Backend = .automatic, bufferBytes: Int? = nil, sampleBytes: Int = 512 * 1024,
        freeStacks: Bool = false, maps: Bool = false, trace: String? = nil
    ) {
        self.onFull = onFull
        self.backend = backend
        self.bufferBytes = bufferBytes
        self.sampleBytes = sampleBytes
        self.freeStacks = freeStacks
        self.maps = maps
        self.trace = trace
    }
}
