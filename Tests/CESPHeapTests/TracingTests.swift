// SPDX-License-Identifier: Apache-2.0
//
// Heap tracing through the Swift interface. What a trace records is compared with ESP-IDF's recordings (RecordingTests)
// and with a naive list (TraceModel); here it is the interface itself.

import Glibc
import Heapline
import Testing

/// Traces, after whoever else traces in this process has ended.
private func tracing<Result>(
    _ heap: borrowing ESPHeap, capacity: Int, depth: Int = 0, _ body: (borrowing ESPHeapTracing) throws -> Result
) throws -> Result {
    while true {
        var began = false
        do {
            return try heap.withTracing(capacity: capacity, depth: depth) { tracing in
                began = true
                return try body(tracing)
            }
        } catch let error as ESPError where error.code == .invalidState && !began {
            sched_yield()
        }
    }
}

@Suite struct TracingTests {
    @Test func leaksAreWhatIsNotFreed() throws {
        let heap = try ESPHeap(chip: .esp32s3)
        try tracing(heap, capacity: 10) { tracing in
            try tracing.start(.leaks)
            let leaked = try heap.allocate(100)
            try heap.free(heap.allocate(50))
            try tracing.stop()
            #expect(tracing.records.map(\.address) == [leaked])
            #expect(tracing.records.map(\.size) == [100])
            let summary = tracing.summary
            #expect(summary.mode == .leaks)
            #expect((summary.allocations, summary.frees, summary.count, summary.highWaterMark) == (2, 1, 1, 2))
            #expect(!summary.hasOverflowed)
            _ = heap.takeConsoleOutput()
            let dump = tracing.dump()
            #expect(dump.contains("100 bytes (@ \(leaked), Internal) allocated CPU 0"))
            #expect(dump.contains("100 bytes 'leaked' in trace (1 allocations)"))
        }
    }

    @Test func allKeepsFreedRecordsAndDropsTheOldest() throws {
        let heap = try ESPHeap(chip: .esp32c3)
        try tracing(heap, capacity: 2) { tracing in
            try tracing.start(.all)
            let first = try heap.allocate(10)
            try heap.free(first)
            #expect(tracing.records.map(\.isFreed) == [true])
            let second = try heap.allocate(20)
            let third = try heap.allocate(30)
            #expect(tracing.records.map(\.address) == [second, third])
            #expect(tracing.summary.hasOverflowed)
            #expect(tracing.summary.allocations == 3)
        }
    }

    @Test func statesAreESPIDFs() throws {
        let heap = try ESPHeap(chip: .esp32)
        try tracing(heap, capacity: 4) { tracing in
            try tracing.start(.all)
            expectInvalidState { try tracing.resume() }
            try tracing.pauseAllocations()
            _ = try heap.allocate(8)
            #expect(tracing.records.isEmpty)
            expectInvalidState { try tracing.pauseAllocations() }
            try tracing.resume()
            try tracing.stop()
            expectInvalidState { try tracing.stop() }
            // One trace for the process: a second one is refused while this one lasts.
            let other = try ESPHeap(chip: .esp32, mapping: .elsewhere)
            expectInvalidState { try other.withTracing(capacity: 4) { _ in } }
        }
    }

    private func expectInvalidState(_ body: () throws -> Void) {
        do {
            try body()
            Issue.record("nothing was thrown")
        } catch {
            #expect((error as? ESPError)?.code == .invalidState, "\(error)")
        }
    }

    @Test(arguments: [(0, 0), (-1, 0), (10, 33), (10, -1)])
    func impossibleBuffersAreRefused(capacity: Int, depth: Int) throws {
        let heap = try ESPHeap(chip: .esp32)
        let error = #expect(throws: ESPError.self) {
            try heap.withTracing(capacity: capacity, depth: depth) { _ in }
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func callStacksHaveTheDepthAskedFor() throws {
        let heap = try ESPHeap(chip: .esp32)
        for depth in [1, 3, 32] {
            try tracing(heap, capacity: 4, depth: depth) { tracing in
                try tracing.start(.all)
                try heap.free(heap.allocate(8))
                let record = try #require(tracing.records.first)
                #expect((1...depth).contains(record.allocatedBy.count))
                #expect((1...depth).contains(record.freedBy.count))
                #expect(record.allocatedBy != record.freedBy)
            }
        }
    }

    @Test func tasksRunOnTheirCoreAndGiveTheirMemoryBack() throws {
        let heap = try ESPHeap(chip: .esp32s3, taskTracking: .keepDeleted)
        let free = heap.statistics().freeBytes
        try tracing(heap, capacity: 20) { tracing in
            try tracing.start(.all)
            for core in [1, 0] {
                try heap.runTask(named: "worker", core: core, stackBytes: 2000) {
                    try heap.free(heap.allocate(33))
                }
            }
            // Stack and control block from outside, the allocation from inside.
            #expect(tracing.records.map(\.size) == [2000, 340, 33, 2000, 340, 33])
            #expect(tracing.records.map(\.core) == [0, 0, 1, 0, 0, 0])
            // The second task gets the first one's addresses, and a free marks the oldest record of its address, as on the chip.
            #expect(tracing.records.map(\.isFreed) == [true, true, true, false, false, false])
        }
        #expect(heap.statistics().freeBytes <= free)  // the records of the two deleted tasks stay
        _ = heap.takeConsoleOutput()
        heap.printTaskOverview()
        #expect(heap.takeConsoleOutput().contains("worker"))
    }

    @Test func tasksThatCannotBeAreRefused() throws {
        let heap = try ESPHeap(chip: .esp32)
        func code(_ body: () throws -> Void) -> ESPError.Code? {
            do { try body() } catch { return (error as? ESPError)?.code }
            return nil
        }
        #expect(code { try heap.runTask(named: "third", core: 2) {} } == .invalidArgument)
        #expect(code { try heap.runTask(named: "huge", stackBytes: 1 << 24) {} } == .noMemory)
        #expect(code { try heap.runTask(named: "outer") { try heap.runTask(named: "inner") {} } } == .invalidState)
    }
}
