// SPDX-License-Identifier: Apache-2.0
//
// What is said of a sample: estimates with their errors, and shares of the same estimates, never of an exact number.

import CHeaplineFormat
import Foundation
import Testing

@testable import HeaplineAnalysis
@testable import HeaplineExport

@Suite struct EstimateTests {
    /// One stack whose blocks are all temporary, one that leaks two; the recorder counted fewer allocations than they stand for.
    private static func report() throws -> Report {
        let source = SyntheticTrace()
        source.kind = .heapline
        _ = source.addProcess(mode: .sample)
        source.processes[0].sampleBytes = 4096
        source.processes[0].counts = RecordedCounts(
            allocations: 40, frees: 38, bytesAllocated: 4000, recorded: 12, isFinal: true)
        func call(_ name: String, _ pc: UInt64) -> Int {
            source.addCall(0, pc: pc, parent: 1, EmbeddedFrame(function: name, file: "/src/a.c", line: 7, module: "/app"))
        }
        let (passing, leaking) = (call("passing", 1), call("leaking", 2))
        var ticks: UInt64 = 0
        for _ in 0..<5 {
            ticks += 10
            source.add(HL_KIND_ALLOC, ticks: ticks, address: 0x1000, size: 100, stack: passing)
            source.add(HL_KIND_FREE, ticks: ticks + 1, address: 0x1000)
        }
        for index in 1...2 {
            ticks += 10
            source.add(HL_KIND_ALLOC, ticks: ticks, address: UInt64(index) << 16, size: 1000, stack: leaking)
        }
        return try Report(source.trace)
    }

    @Test func errorsOfStacksAreThoseOfTheTotal() throws {
        let tree = try Self.report().tree
        let all = try #require(tree.standardErrors)
        let squares = tree.sites.compactMap(\.standardErrors).reduce(0) { $0 + $1.liveBytes * $1.liveBytes }
        #expect(abs(all.liveBytes - squares.squareRoot()) < 1)
        #expect(all.liveBytes > 1000)
        let passing = try #require(tree.sites.first { $0.liveBlocks == 0 }?.standardErrors)
        #expect(passing.liveBytes == 0 && passing.liveBlocks == 0 && passing.allocations > 1)
        #expect(try SyntheticTrace.random(3).tree().standardErrors == nil)
    }

    @Test func textSaysHowGoodItIs() throws {
        let report = try Self.report()
        let style = TextStyle(exactBytes: true)
        let error = UInt64(try #require(report.tree.standardErrors).liveBytes.rounded())
        let live = try #require(report.text(.summary, style).split(separator: "\n").first { $0.contains("still alive") })
        #expect(live.contains("≈") && live.contains("± \(Units.count(error)) B"), "\(live)")
        for view in [ReportView.summary, .temporary, .sites] {
            let text = report.text(view, style)
            for match in text.matches(of: /([0-9]+)\s%/) { #expect(try #require(Int(match.1)) <= 100, "\(view): \(text)") }
        }
        var bytes: [UInt8] = []
        report.json { bytes += $0 }
        let totals = try JSON.object(bytes).object("totals")
        #expect(try totals.object("standardErrors").number("liveBytes") > 1000)
        #expect(try totals.number("allocations") == 40)
    }
}
