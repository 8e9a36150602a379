// SPDX-License-Identifier: Apache-2.0
//
// What recording cost: the estimate's arithmetic on figures made by hand, and why there is none.

import CHeaplineFormat
import Foundation
import HeaplineCollector
import HeaplineExport
import Testing

@testable import HeaplineAnalysis

@Suite struct OverheadTests {
    private func script(mode: hl_mode = HL_MODE_ALL, _ overhead: hl_overhead?) -> TraceScript {
        var script = TraceScript()
        script.processes[0].mode = mode
        script.processes[0].hz = 2_000_000_000  // two ticks a nanosecond
        script.processes[0].overhead = overhead
        var counts = hl_counts()
        counts.final = 1
        counts.sums.allocations = 1_000_000
        counts.sums.frees = 900_000
        script.processes[0].counts = counts
        return script
    }

    private var told: hl_overhead {
        var overhead = hl_overhead()
        overhead.early.0 = hl_timed(timed: 10, ticks: 10 * 1040, events: 1000)
        overhead.early.1 = hl_timed(timed: 20, ticks: 20 * 140, events: 900)
        overhead.later.0 = hl_timed(timed: 500, ticks: 500 * 140, events: 0)
        overhead.later.1 = hl_timed(timed: 470, ticks: 470 * 70, events: 0)
        overhead.empty_ticks = 1000 * 40
        overhead.interrupted = 3
        overhead.own_ticks = 2_000_000
        overhead.waited_ticks = 600
        overhead.search_ticks = 400
        overhead.processor_ns = 200_000_000
        overhead.collector_ns = 77
        return overhead
    }

    private func overhead(_ script: TraceScript, _ body: (Overhead) throws -> Void) throws {
        try script.withTrace { try body(Overhead(try $0.history())) }
    }

    @Test func `first events speak for themselves, the others for all others`() throws {
        try overhead(script(told)) { overhead in
            // Allocations: 1,000 × 500 ns + 999,000 × 50 ns; frees: 900 × 50 ns + 899,100 × 15 ns.
            let (allocations, frees) = (UInt64(500_000 + 49_950_000), UInt64(45_000 + 13_486_500))
            #expect(overhead.absence == nil)
            #expect(overhead.eventNanoseconds == allocations + frees)
            #expect(overhead.ownNanoseconds == 1_000_000)
            #expect(overhead.nanoseconds == allocations + frees + 1_000_000)
            #expect(overhead.allocationNanoseconds == Double(allocations) / 1e6)
            #expect(overhead.freeNanoseconds == Double(frees) / 9e5)
            #expect(overhead.timedEvents == 1000 && overhead.interruptedEvents == 3)
            #expect(overhead.waitedNanoseconds == 300 && overhead.searchNanoseconds == 200)
            #expect(overhead.processorNanoseconds == 200_000_000 && overhead.collectorNanoseconds == 77)
            #expect(overhead.share == Double(overhead.nanoseconds) / 2e8)
        }
    }

    /// Where fewer than four were timed, early and later ones are taken together.
    @Test func `a handful of timed events counts for all`() throws {
        var few = hl_overhead()
        few.early.0 = hl_timed(timed: 3, ticks: 3 * 200, events: 1000)
        few.later.0 = hl_timed(timed: 1, ticks: 400, events: 0)
        try overhead(script(few)) { overhead in
            #expect(overhead.eventNanoseconds == 125 * 1_000_000)
            #expect(overhead.freeNanoseconds == nil, "none was timed")
        }
    }

    @Test func `looks at the clock never make a cost negative`() throws {
        var odd = hl_overhead()
        odd.later.0 = hl_timed(timed: 4, ticks: 40, events: 0)
        odd.empty_ticks = 400
        try overhead(script(odd)) { #expect($0.absence == nil && $0.eventNanoseconds == 0 && $0.share == nil) }
    }

    @Test func `processes add up, and one that is unknown makes the sum unknown`() throws {
        var two = script(told)
        two.processes.append(two.processes[0])
        try overhead(two) { both in
            try overhead(script(told)) { one in
                #expect(both.eventNanoseconds == 2 * one.eventNanoseconds)
                #expect(both.processorNanoseconds == 400_000_000)
                #expect(both.collectorNanoseconds == 77, "there is one collector")
                #expect(both.allocationNanoseconds == one.allocationNanoseconds)
            }
        }
        two.processes[1].overhead?.processor_ns = 0
        try overhead(two) { #expect($0.processorNanoseconds == nil && $0.share == nil && $0.absence == nil) }
    }

    @Test func `why there is none`() throws {
        var chip = script(told)
        chip.processes[0].source = HL_SOURCE_ESP
        for (script, why) in [
            (script(nil), Overhead.Absence.untold), (script(hl_overhead()), .fewEvents), (script(mode: HL_MODE_COUNT, told), .counted),
            (script(mode: HL_MODE_SAMPLE, told), .counted), (chip, .emulated),
        ] {
            try overhead(script) { #expect($0.absence == why && $0.share == nil && $0.eventNanoseconds == 0) }
        }
    }

    @Test func `JSON has it, or says why not`() throws {
        func member(_ script: TraceScript) throws -> [String: Any] {
            var bytes: [UInt8] = []
            var symbols = SymbolizerOptions()
            symbols.tool = .none
            try script.withTrace { try Report($0, symbols: symbols).json { bytes += $0 } }
            let json = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
            return try #require(json["overhead"] as? [String: Any])
        }
        let there = try member(script(told))
        #expect(there["estimatedNanoseconds"] as? Int == 500_000 + 49_950_000 + 45_000 + 13_486_500 + 1_000_000)
        #expect(there["timedEvents"] as? Int == 1000)
        #expect(there["whyNot"] is NSNull)
        let none = try member(script(nil))
        #expect(none["estimatedNanoseconds"] is NSNull && none["allocationNanoseconds"] is NSNull)
        #expect(none["whyNot"] as? String == "untold")
    }
}
