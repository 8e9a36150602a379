// SPDX-License-Identifier: Apache-2.0
//
// What a page says of its own trustworthiness, against where the figures come from.

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
