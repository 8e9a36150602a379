// SPDX-License-Identifier: Apache-2.0
//
// What a page says of its own trustworthiness, against where the figures come from.

import CHeaplineFormat
import Foundation
import HeaplineAnalysis
import Testing

@testable import HeaplineExport

@Suite struct TrustTests {
    /// Rows of README.md's table of costs: cells by the head of their column. What was not told apart from 0 (`< x`, or a program
    /// that was faster than untraced) is no cost.
    private func costs() throws -> [[String: Double]] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let lines = text.split(separator: "\n").drop { !$0.hasPrefix("<!-- costs: begin") }.prefix { !$0.hasPrefix("<!-- costs: end") }
        let rows = lines.filter { $0.hasPrefix("|") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let heads = try #require(rows.first)
        return rows.dropFirst(2).map { row in
            let cells = zip(heads, row).compactMap { head, cell -> (String, Double)? in
                guard !cell.hasPrefix("<"), !cell.hasPrefix("-") else { return nil }
                return Double(cell.filter { $0.isNumber || $0 == "." }).map { (head, $0) }
            }
            return Dictionary(uniqueKeysWithValues: cells)
        }
    }

    /// 40 stacks in 50 ms allocate 2,000 times. Half of the few timed events came early, and cost more.
    @Test func `a page tells what recording cost`() throws {
        try PageTrace.withDirectory { directory in
            let path = directory + "/trace.heapline"
            var overhead = hl_overhead()
            overhead.early.0 = hl_timed(timed: 4, ticks: 2400, events: 500)  // 500 × (600 - 100) ns
            overhead.later.0 = hl_timed(timed: 4, ticks: 1200, events: 0)  // 1,500 × (300 - 100) ns
            overhead.empty_ticks = 800
            overhead.own_ticks = 450_000
            overhead.search_ticks = 7_000_000
            overhead.processor_ns = 50_000_000
            overhead.collector_ns = 3_000_000
            try PageTrace.write(to: path, stacks: 40, depth: 4, milliseconds: 50, hasRegion: false, overhead: overhead)
            let report = try PageTrace.report(path)
            #expect(report.overhead.nanoseconds == 1_000_000)
            let page = String(decoding: try HTMLReport(report).html, as: UTF8.self)
            #expect(page.contains("Overhead: about 2.0 % of the processor time"))
            #expect(page.contains("About 1.00 ms of 50.0 ms processor time: 275 ns an allocation. Estimated from 8 events"))
            #expect(page.contains("stood still for 7.00 ms"))
            #expect(!page.contains("Overhead: not measured"))
            let text = report.text(.summary, TextStyle())
            #expect(
                text.contains("≈ 1.00 ms  of 50.0 ms processor time: 275 ns an allocation (8 timed)"), "\(text)")
            #expect(text.contains("memory search 7.00 ms, collector 3.00 ms"))

            // Without it, as in traces of versions that measured nothing, the order of magnitude is told.
            try PageTrace.write(to: path, stacks: 40, depth: 4, milliseconds: 50, hasRegion: false)
            let old = try PageTrace.report(path)
            #expect(old.overhead.absence == .untold)
            #expect(String(decoding: try HTMLReport(old).html, as: UTF8.self).contains("Overhead: not measured, likely"))
            #expect(old.text(.summary, TextStyle()).contains("not measured  the trace does not tell"))
        }
    }

    /// A run's figures differ from the next one's; the page gives orders of magnitude.
    @Test(arguments: [
        ("count", RecordingMode.count, 32), ("sample, depth 32", .sample, 32), ("leaks, depth 32", .leaks, 32),
        ("all, depth 0", .all, 0), ("all, depth 32", .all, 32),
    ])
    func `an event's cost is what README lists`(column: String, mode: RecordingMode, depth: Int) throws {
        let cells = try costs().compactMap { $0[column] }.sorted()
        try #require(cells.count >= 5, "\(column)")
        let cost = try #require(PageTrust.cost(mode, depth: depth))
        let dearest = cells[cells.count - 1]
        #expect((cost.upperBound / 4...cost.upperBound * 1.5).contains(dearest), "\(column): \(cells)")
        #expect(cost.lowerBound <= cells[cells.count / 2], "\(column): \(cells)")
    }
}
