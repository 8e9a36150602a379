// SPDX-License-Identifier: Apache-2.0
//
// Stamps of two cores that are the wrong way round by less than the window, as clocks read without a fence can be: a
// block that goes from thread to thread must come out right all the same.

import CHeaplineFormat
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct HandOverTests {
    @Test(arguments: 0..<12) func invertedStampsOfDifferentCoresAreSettled(_ number: Int) throws {
        let seed = 0x0bde_0000 + UInt64(number)
        var random = SeededRandom(seed)
        // A correct program: four threads, each on its core, that hand blocks on through few addresses.
        var events: [Event] = []
        var owner: [UInt64: Int] = [:]
        var ticks: UInt64 = 100_000
        for _ in 0..<800 {
            ticks += UInt64(20_000 + random.below(5000))
            let address = 0x1000 + UInt64(random.below(40)) * 16
            let thread = random.below(4)
            if owner.removeValue(forKey: address) != nil {
                events.append(Event(core: thread, ticks: ticks, kind: HL_KIND_FREE, address: address, stack: 0, thread: thread))
                // Sometimes another thread gets the address at once, and the stamps may be the wrong way round.
                if random.chance(50) {
                    let next = (thread + 1 + random.below(3)) % 4
                    var allocation = Event(
                        core: next, ticks: ticks + 200, kind: HL_KIND_ALLOC, address: address, size: 32, thread: next)
                    if random.chance(50) {
                        allocation.ticks = ticks
                        events[events.count - 1].ticks = ticks + 200
                    }
                    events.append(allocation)
                    owner[address] = next
                }
            } else {
                events.append(Event(core: thread, ticks: ticks, kind: HL_KIND_ALLOC, address: address, size: 32, thread: thread))
                owner[address] = thread
            }
        }
        var script = TraceScript()
        script.events = events.enumerated().sorted { ($0.element.ticks, $0.offset) < ($1.element.ticks, $1.offset) }.map(\.element)
        let history = try script.withTrace { try $0.history() }
        let comment = Comment(rawValue: "seed \(seed)")
        #expect(history.totals.unknownFrees == 0, comment)
        #expect(history.totals.impliedFrees == 0, comment)
        #expect(history.totals.liveBlocks == UInt64(owner.count), comment)
        #expect(history.totals.allocations == UInt64(events.count { $0.kind == HL_KIND_ALLOC }), comment)
        #expect(history.totals.frees == UInt64(events.count { $0.kind == HL_KIND_FREE }), comment)
        #expect(history.threads.reduce(0) { $0 + $1.frees } == history.totals.frees, comment)
        for thread in history.threads {
            let live = owner.values.count { $0 == thread.index }
            #expect(thread.liveBlocks == UInt64(live), comment)
        }
    }

    @Test func whatIsTooFarApartIsWhatItSeems() throws {
        var script = TraceScript()
        script.events = [
            Event(core: 0, ticks: 1000, kind: HL_KIND_FREE, address: 0x100, stack: 0),
            Event(core: 1, ticks: 200_000, kind: HL_KIND_ALLOC, address: 0x100, size: 8, thread: 1),
        ]
        let history = try script.withTrace { try $0.history() }
        #expect(history.totals.unknownFrees == 1)
        #expect(history.totals.liveBlocks == 1)
    }
}
