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
}
