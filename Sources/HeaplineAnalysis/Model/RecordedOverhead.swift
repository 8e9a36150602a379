// SPDX-License-Identifier: Apache-2.0
//
// What the recorder measured of its own cost in one process, as the trace has it. Queries/Overhead.swift makes an answer of it.

internal import CHeaplineFormat

/// What a recording measured of its own cost, in one process. Times are in ticks of the process's clock where they say so.
public struct RecordedOverhead: Sendable, Hashable {
    /// Events of one kind of which some were timed.
    public struct Timed: Sendable, Hashable {
        /// How many were timed.
        public var timed: UInt64 = 0
        /// What those took, the looks at the clock included.
        public var ticks: UInt64 = 0
        /// Among how many they were drawn; 0 for ``RecordedOverhead/laterAllocations`` and ``RecordedOverhead/laterFrees``: all others.
        public var events: UInt64 = 0

        public init(timed: UInt64 = 0, ticks: UInt64 = 0, events: UInt64 = 0) {
            self.timed = timed
            self.ticks = ticks
            self.events = events
        }
    }
    /// The first events of the process, which cost more than later ones.
    public var earlyAllocations = Timed()
    public var earlyFrees = Timed()
    public var laterAllocations = Timed()
    public var laterFrees = Timed()
    /// What the looks at the clock themselves took: the sum over all timed events.
    public var emptyTicks: UInt64 = 0
    /// Timed events that were most likely interrupted, and count as a few microseconds each.
    public var interrupted: UInt64 = 0
    /// Measured whole: the recorder's start, the beginnings of threads, and changes of buffers.
    public var ownTicks: UInt64 = 0
    /// What threads waited for the collector, all together.
    public var waitedTicks: UInt64 = 0
    /// What the process stood still to have its memory searched.
    public var searchTicks: UInt64 = 0
    /// Processor time of the process since its recording began; nil when unknown.
    public var processorNanoseconds: UInt64?
    /// Processor time of the collector so far, for all processes of the trace.
    public var collectorNanoseconds: UInt64 = 0

    public init() {}

    init(_ overhead: hl_overhead) {
        func timed(_ timed: hl_timed) -> Timed { Timed(timed: timed.timed, ticks: timed.ticks, events: timed.events) }
        earlyAllocations = timed(overhead.early.0)
        earlyFrees = timed(overhead.early.1)
        laterAllocations = timed(overhead.later.0)
        laterFrees = timed(overhead.later.1)
        emptyTicks = overhead.empty_ticks
        interrupted = overhead.interrupted
        ownTicks = overhead.own_ticks
        waitedTicks = overhead.waited_ticks
        searchTicks = overhead.search_ticks
        processorNanoseconds = overhead.processor_ns > 0 ? overhead.processor_ns : nil
        collectorNanoseconds = overhead.collector_ns
    }
}
