// SPDX-License-Identifier: Apache-2.0
//
// Results as a page of Markdown.

internal import Foundation

struct Table {
    var results: Results

    static func number(_ value: Double?, _ digits: Int = 1) -> String {
        guard let value, value.isFinite else { return "–" }
        let size = abs(value)
        return String(format: "%.\(size >= 100 ? 0 : digits)f", value)
    }

    static func mebibytes(_ bytes: Double?) -> String { number(bytes.map { $0 / 1_048_576 }) }

    private static func interval(_ estimate: Estimate?) -> String {
        guard let estimate else { return "–" }
        if estimate.isRough { return "~\(number(estimate.median))\(estimate.runs > 1 ? " (\(estimate.runs) runs)" : " (one run)")" }
        let interval = "[\(number(estimate.low)), \(number(estimate.high))]"
        return estimate.isNoise ? "noise \(interval)" : "\(number(estimate.median)) \(interval)"
    }

    /// One number for a summary: what is not told apart from nothing is named by the most it can be.
    static func brief(_ estimate: Estimate?) -> String {
        guard let estimate else { return "–" }
        if estimate.isRough { return "~\(number(max(0, estimate.median)))" }
        return estimate.isNoise ? "< \(number(estimate.high))" : number(estimate.median)
    }

    var markdown: String {
        let machine = results.machine
        var text = """
            # What tracing costs: \(results.date)

            \(machine.processor), \(machine.cores) cores, \(machine.memoryBytes >> 30) GiB, \(machine.kernel), \(machine.libc); reading the
            processor's counter takes \(Self.number(machine.counterReadNs)) ns here. Load before the start: \(machine.loadBefore).
            Made with `\(results.command)`, \(results.rounds) interleaved rounds in random order, the untraced program before and after those of
            each round; medians of the differences to it, in brackets the interval that holds the median with 95 % confidence. *noise* is
            an interval that holds 0; `~x` has fewer than four runs and no interval. An event is one allocation or one free. *added* is nanoseconds per event more than untraced with the same
            allocator: *wall* of the loop (of the process's life for real programs), *CPU* of the traced process, *all CPU* of every
            process, the tracer's helpers included; *ratio* is of wall times. *memory* is the peak added in the traced process / in all processes, in MiB.
            *lost* is counted against the program's own count, for real programs against that of a library that does nothing but count, or as
            the tracer itself reports; the largest of these. Slow peers get fewer
            events where the workload can be made smaller; then the trace's fixed size weighs more in *bytes*.

            """
        text += summary
        let workloads = results.cells.reduce(into: [String]()) { if !$0.contains($1.workload) { $0.append($1.workload) } }
        for workload in workloads {
            let cells = results.cells.filter { $0.workload == workload }
            text += "\n## \(workload)\n\n"
            for allocator in [Allocator.system, .jemalloc, .tcmalloc] {
                guard let cell = cells.first(where: { $0.allocator == allocator }) else { continue }
                let name = allocator == .system ? "the system's allocator" : allocator.rawValue
                text += "Untraced with \(name): \(Self.number(cell.untracedNsPerEvent)) ns per event.\n"
            }
            text += "\n| tracer | events | ratio | added wall | added CPU | added all CPU | bytes/event | memory | report s | lost | records |\n"
            text += "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
            for cell in cells {
                var name = cell.group == .heapline ? "**\(cell.tracer)**" : cell.tracer
                if cell.allocator != .system { name += " (\(cell.allocator.rawValue))" }
                let memory = "\(Self.mebibytes(cell.addedPeakBytes)) / \(Self.mebibytes(cell.addedTotalPeakBytes))"
                text += "| \(name) | \(Self.events(cell.events)) | \(Self.number(cell.ratio?.median, 2)) | \(Self.interval(cell.addedWall)) "
                text += "| \(Self.interval(cell.addedCPU)) | \(Self.interval(cell.addedAllCPU)) | \(Self.number(cell.bytesPerEvent, 2)) | \(memory) "
                text += "| \(Self.number(cell.reportSeconds, 2)) | \(Self.number(cell.eventsLost, 0)) | \(cell.records.words) |\n"
            }
        }
        text += Self.list("Peers that are not here", results.missingPeers)
        text += Self.list("Workloads that are not here", results.missingWorkloads)
        text += Self.list("What failed", results.failures)
        text += Self.list("Not run", results.notRun.mapValues { $0.joined(separator: ", ") })
        text += "\n## Versions\n\n" + machine.versions.sorted { $0.key < $1.key }.map { "- \($0.key): \($0.value)\n" }.joined()
        return text
    }

    /// One line for each workload: nanoseconds of wall time added per event, with the system's allocator.
    private var summary: String { "\n## Summary: ns of wall time added per event\n\n\(Self.signs)\n\n\(summaryTable)" }

    private var summaryTable: String {
        let columns = [
            "hooks only (off)", "count", "sample, depth 32", "leaks, depth 32", "all, depth 0", "all, depth 32", "heaptrack", "heaptrack -r", "LTTng-UST libc", "memusage",
        ]
        var text = "| workload | untraced | \(columns.joined(separator: " | ")) |\n"
        text += "|---|--:|" + String(repeating: "--:|", count: columns.count) + "\n"
        let workloads = results.cells.reduce(into: [String]()) { if !$0.contains($1.workload) { $0.append($1.workload) } }
        for workload in workloads {
            let cells = results.cells.filter { $0.workload == workload && $0.allocator == .system }
            let values = columns.map { column in Self.brief(cells.first { $0.tracer == column }?.addedWall) }
            text += "| \(workload) | \(Self.number(cells.first?.untracedNsPerEvent)) | \(values.joined(separator: " | ")) |\n"
        }
        return text
    }

    static let signs = "`< x`: not told apart from 0, and at most x with 97.5 % confidence; `~x`: fewer than four runs."

    /// What README shows of these results; `file` is their page.
    func readme(_ file: String) -> String {
        let plot = file.replacingOccurrences(of: ".md", with: ".svg")
        return """
            Added nanoseconds of wall time per event (an allocation or a free), medians of \(results.rounds) interleaved rounds of
            `\(results.command)` on \(results.date): \(results.machine.processor), \(results.machine.cores) cores, reading its counter takes
            \(Self.number(results.machine.counterReadNs)) ns. \(Self.signs) All columns, intervals and peers: [\(file)](\(file)).

            \(summaryTable)
            ![The same as a plot](\(plot))

            """
    }

    static func events(_ count: Double) -> String {
        count >= 1e6 ? "\(number(count / 1e6)) M" : count >= 1e3 ? "\(number(count / 1e3)) k" : number(count, 0)
    }

    private static func list(_ title: String, _ entries: [String: String]) -> String {
        guard !entries.isEmpty else { return "" }
        return "\n## \(title)\n\n" + entries.sorted { $0.key < $1.key }.map { "- \($0.key): \($0.value)\n" }.joined()
    }
}
