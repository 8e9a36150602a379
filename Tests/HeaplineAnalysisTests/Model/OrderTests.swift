// SPDX-License-Identifier: Apache-2.0
//
// Stamps of two cores that are the wrong way round, by less than the window (10 µs: 10,000 ticks here), must change no total;
// the same events further apart mean what they say.

import CHeaplineFormat
import Testing

@testable import HeaplineAnalysis

struct OrderTests {
    func history(_ events: [Event]) throws -> History {
        var script = TraceScript()
        script.processes[0].nodes = [1]
        script.events = events
        return try script.withTrace { try $0.history() }
    }

    @Test(arguments: [(100, true), (9_000, true), (50_000, false)] as [(UInt64, Bool)])
    func freeStampedBeforeItsAllocation(_ distance: UInt64, _ isInversion: Bool) throws {
        let history = try history([
            Event(core: 0, ticks: 100_000, kind: HL_KIND_FREE, address: 0x1000, stack: 0, thread: 1),
            Event(core: 1, ticks: 100_000 + distance, kind: HL_KIND_ALLOC, address: 0x1000, size: 64, stack: 16, thread: 0),
        ])
        #expect(history.totals.unknownFrees == (isInversion ? 0 : 1))
        #expect(history.totals.liveBlocks == (isInversion ? 0 : 1))
        #expect(history.totals.allocations == 1)
    }

    @Test(arguments: [(100, true), (9_000, true), (50_000, false)] as [(UInt64, Bool)])
    func allocationStampedBeforeTheFreeThatMadeRoom(_ distance: UInt64, _ isInversion: Bool) throws {
        let history = try history([
            Event(core: 0, ticks: 1000, kind: HL_KIND_ALLOC, address: 0x1000, size: 32, stack: 16, thread: 1),
            Event(core: 1, ticks: 100_000, kind: HL_KIND_ALLOC, address: 0x1000, size: 64, stack: 16, thread: 0),
            Event(core: 0, ticks: 100_000 + distance, kind: HL_KIND_FREE, address: 0x1000, stack: 0, thread: 1),
        ])
        #expect(history.totals.impliedFrees == (isInversion ? 0 : 1))
        #expect(history.totals.liveBlocks == (isInversion ? 1 : 0))
        #expect(history.totals.liveBytes == (isInversion ? 64 : 0))
        #expect(history.totals.allocations == 2)
    }

    @Test func aThreadsOwnOrderIsNeverDoubted() throws {
        let history = try history([
            Event(ticks: 100, kind: HL_KIND_FREE, address: 0x1000, stack: 0, thread: 0),
            Event(ticks: 200, kind: HL_KIND_ALLOC, address: 0x1000, size: 64, stack: 16, thread: 0),
        ])
        #expect(history.totals.unknownFrees == 1)
        #expect(history.totals.liveBlocks == 1)
    }

    /// Where a core's stamps never go back, the end of a run is found without looking at all of it; where they do, at the first that is too late.
    @Test(
        arguments: [
            ([10, 20, 20, 50], [25, 40], [10, 20, 20, 25, 40, 50]), ([10, 50, 20], [25, 40], [10, 25, 40, 50, 20]),
            ([10, 11, 12, 13], [25, 40], [10, 11, 12, 13, 25, 40]), ([30, 5, 60], [25, 40], [25, 30, 5, 40, 60]),
        ] as [([UInt64], [UInt64], [UInt64])])
    func runsEndWhereAnotherCoreComesFirst(_ first: [UInt64], _ second: [UInt64], _ expected: [UInt64]) throws {
        var script = TraceScript()
        script.processes[0].nodes = [1]
        for (core, stamps) in [first, second].enumerated() {
            for (index, ticks) in stamps.enumerated() {
                let address = UInt64(0x1000 * (core + 1) + 64 * index)
                script.events.append(Event(core: core, ticks: ticks, kind: HL_KIND_ALLOC, address: address, size: 8, stack: 16))
            }
        }
        try script.withTrace { trace in
            var seen: [UInt64] = []
            unsafe try trace.source.replay(processes: nil) { _, records in
                for index in 0..<records.count { unsafe seen.append(records[index].time_kind >> 8) }
                return true
            }
            #expect(seen == expected)
        }
    }
}
