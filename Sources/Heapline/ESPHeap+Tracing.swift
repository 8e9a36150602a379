// SPDX-License-Identifier: Apache-2.0
//
// Heap tracing as a Swift type. The calls into C are in ESPHeapTracing+C.swift.

extension ESPHeap {
    /// What a trace keeps.
    public enum TracingMode: Hashable, Sendable, CaseIterable {
        /// Every allocation, with who freed it.
        case all
        /// Only what is not freed yet: a record leaves when its block is freed.
        case leaks
    }

    /// One traced allocation.
    public struct TraceRecord: Hashable, Sendable {
        /// The block.
        public let address: Address
        /// Bytes asked for.
        public let size: Int
        /// The cycle counter before the allocation, without the core in its lowest bits.
        public let cycleCount: UInt32
        /// The core that allocated.
        public let core: Int
        /// Whether the block was freed again. Always false in mode ``TracingMode/leaks``.
        public let isFreed: Bool
        /// Return addresses in this process, innermost first, at most as many as the depth asked for.
        public let allocatedBy: [UInt64]
        /// Likewise for the free.
        public let freedBy: [UInt64]
    }

    /// Totals of a trace.
    public struct TraceSummary: Hashable, Sendable {
        /// What the trace keeps.
        public let mode: TracingMode
        /// Allocations since the start.
        public let allocations: Int
        /// Frees since the start, of blocks in the trace or not. Frees while the trace holds no record are not counted.
        public let frees: Int
        /// Records held.
        public let count: Int
        /// Records there is room for.
        public let capacity: Int
        /// The most records held at once, since the chip was made.
        public let highWaterMark: Int
        /// Whether records were lost for lack of room: the oldest go first.
        public let hasOverflowed: Bool
    }

    /// Traces the heap during `body`, which decides when to start and stop.
    ///
    ///     try heap.withTracing(capacity: 100, depth: 4) { tracing in
    ///         try tracing.start(.leaks)
    ///         runTheSuspect()
    ///         try tracing.stop()
    ///         print(tracing.dump())
    ///     }
    ///
    /// ESP-IDF's tracing is one for the whole chip, and one for the process here: while a chip is traced, tracing another
    /// throws `invalidState`.
    ///
    /// - Parameters:
    ///   - capacity: how many records there is room for.
    ///   - depth: frames of each call stack, 0 to 32.
    ///   - body: what is traced; the records are there until it returns.
    /// - Throws: `invalidArgument` for a capacity below 1 or a depth out of range, `invalidState`, and what `body` throws.
    public borrowing func withTracing<Result>(
        capacity: Int, depth: Int = 0, _ body: (borrowing ESPHeapTracing) throws -> Result
    ) throws -> Result {
        let tracing = try ESPHeapTracing(handle: handle.tracingHandle, console: handle.console, capacity: capacity, depth: depth)
        return try body(tracing)
    }
}

/// The trace of one chip's heap; see ``ESPHeap/withTracing(capacity:depth:_:)``.
///
/// Reading never disturbs the recording cores: their events lie in a buffer per core and are brought into order when they
/// are asked for.
public struct ESPHeapTracing: ~Copyable {
    let handle: ESPTracingHandle
    let console: ESPConsole

    init(handle: ESPTracingHandle.Chip, console: ESPConsole, capacity: Int, depth: Int) throws(ESPError) {
        self.handle = try ESPTracingHandle(chip: handle, capacity: capacity, depth: depth)
        self.console = console
    }

    /// Forgets all records and starts, also while running.
    public borrowing func start(_ mode: ESPHeap.TracingMode) throws(ESPError) {
        try handle.start(mode)
    }

    /// Stops; the records stay.
    ///
    /// - Throws: `invalidState` when stopped already.
    public borrowing func stop() throws(ESPError) {
        try handle.stop()
    }

    /// Goes on recording frees, but no allocations.
    public borrowing func pauseAllocations() throws(ESPError) {
        try handle.pauseAllocations()
    }

    /// Goes on with the records there are.
    ///
    /// - Throws: `invalidState` while running.
    public borrowing func resume() throws(ESPError) {
        try handle.resume()
    }

    /// The records, oldest first.
    ///
    /// - Complexity: O(*n*) in the number of records.
    public var records: [ESPHeap.TraceRecord] { handle.records }

    /// Totals.
    public var summary: ESPHeap.TraceSummary { handle.summary }

    /// The text that `heap_trace_dump` prints on the chip. Other output of the chip that was waiting comes first.
    public borrowing func dump() -> String {
        handle.dump()
        return console.take()
    }
}
