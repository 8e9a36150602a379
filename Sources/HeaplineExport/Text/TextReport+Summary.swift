// SPDX-License-Identifier: Apache-2.0
//
// One screen that leads from the numbers to who leaked what, file and line, and says how far it can be trusted.

internal import HeaplineAnalysis

extension TextReport {
    mutating func summary() {
        guard let main = report.mainProcess else {
            lines.append(style.bold("No process was recorded."))
            trust()
            return
        }
        title(main)
        numbers()
        if report.mode != .count && report.mode != .off {
            stillAlive(limit: style.limit ?? 5)
            if report.mode != .leaks {
                peak(limit: style.limit ?? 3)
                hot(limit: style.limit ?? 3)
            }
        } else {
            lines.append("")
            lines.append("  Mode \(report.mode.rawValue) keeps totals only: record with --mode all to see who allocated.")
        }
        processes()
        trust()
        if report.mode == .count || report.mode == .off { return }
        lines.append("")
        lines.append(style.dim("More: heapline report \(report.trace.path) --view leaks|peak|sites|temporary|threads|sizes|timeline"))
    }

    private mutating func title(_ first: TraceProcess) {
        var text = first.name
        if first.pid != 0 { text += " (pid \(first.pid))" }
        if report.processes.count > 1 { text += " and \(Units.count(UInt64(report.processes.count - 1))) more" }
        if let ending = first.ending { text += ", " + ending.description }
        var how = "mode \(report.mode.rawValue)"
        if report.mode == .sample { how += " (one in \(units.bytes(first.sampleBytes)))" }
        if report.mode != .count { how += ", depth \(report.depth)" }
        lines.append(style.bold(text) + style.dim(" · \(Units.duration(history.duration)) · \(how)"))
    }

    private mutating func numbers() {
        let totals = history.totals
        var rows: [(String, String, String)] = []
        var of: [String] = []
        if totals.reallocations > 0 { of.append("\(Units.count(totals.reallocations)) by realloc") }
        if let temporary = totals.temporaryAllocations, temporary > 0 {
            of.append("\(about)\(Units.count(temporary)) temporary (\(Units.percent(temporary, of: allocationsOfStacks)))")
        }
        rows.append(("allocations", Units.count(totals.allocations), of.joined(separator: ", ")))
        var freed: [String] = []
        if totals.unknownFrees > 0 { freed.append("and \(Units.count(totals.unknownFrees)) of blocks older than the recording") }
        if totals.impliedFrees > 0 { freed.append("\(Units.count(totals.impliedFrees)) of them not recorded") }
        rows.append(("frees", Units.count(totals.frees), freed.joined(separator: ", ")))
        rows.append(("bytes allocated", units.bytes(totals.bytesAllocated), ""))
        if let peak = totals.peakBytes {
            var note: [String] = []
            if let blocks = totals.peakBlocks { note.append("in \(Units.count(blocks, "block"))") }
            if let time = totals.peakTime { note.append("at \(Units.duration(time))") }
            rows.append(("peak", about + units.bytes(peak), note.joined(separator: " ")))
        }
        let live = Units.count(totals.liveBlocks, "block")
        if let bytes = totals.liveBytes {
            let error = plusMinus(bytes: tree.standardErrors?.liveBytes).drop { $0 == " " }
            rows.append(("still alive", about + units.bytes(bytes), (error.isEmpty ? "" : error + " ") + "in \(live)"))
        } else {
            rows.append(("still alive", live, ""))
        }
        if totals.failures > 0 { rows.append(("failed", Units.count(totals.failures), "allocations returned null")) }
        if history.mappedBytes > 0 {
            rows.append(("mapped", units.bytes(history.mappedBytes), "unmapped \(units.bytes(history.unmappedBytes))"))
        }
        rows += overhead()
        let width = rows.map { $0.0.count }.max() ?? 0
        let values = rows.map { $0.1.count }.max() ?? 0
        lines.append("")
        for (name, value, note) in rows {
            let left = name + String(repeating: " ", count: width - name.count)
            let right = String(repeating: " ", count: values - value.count) + value
            lines.append("  \(left)  \(style.bold(right))" + (note.isEmpty ? "" : "  " + style.dim(note)))
        }
    }

    /// What recording cost, as far as it is known: the estimate, and below it what was measured.
    private func overhead() -> [(String, String, String)] {
        let overhead = report.overhead
        var rows = [("overhead", "not measured", overhead.absence?.explanation ?? "")]
        if overhead.absence == nil {
            let timed = "\(Units.count(overhead.timedEvents)) timed"
            rows = [("overhead", "≈ \(Units.duration(overhead.nanoseconds))", "\(overhead.detail) (\(timed))")]
        }
        var notes: [String] = []
        if overhead.searchNanoseconds > 0 { notes.append("memory search \(Units.duration(overhead.searchNanoseconds))") }
        if overhead.waitedNanoseconds > 0 { notes.append("waited for the collector \(Units.duration(overhead.waitedNanoseconds))") }
        if overhead.collectorNanoseconds > 0 { notes.append("collector \(Units.duration(overhead.collectorNanoseconds))") }
        if !notes.isEmpty { rows.append(("", "", notes.joined(separator: ", "))) }
        return rows
    }

    private mutating func stillAlive(limit: Int) {
        heading(alive)
        noStacksHint()
        let groups = report.leaks.groups.prefix(limit)
        if groups.isEmpty { lines.append("  nothing") }
        rows(
            groups.map(\.site),
            [
                groups.map { about + units.bytes($0.bytes) + plusMinus(bytes: tree.sites[$0.site].standardErrors?.liveBytes) },
                groups.map { Units.count($0.blocks, "block") },
            ], left: [1])
        replaced()
        verdicts()
        moreStacks(report.leaks.groups.count, shown: groups.count)
    }

    private mutating func peak(limit: Int) {
        let order = tree.ranking(by: .peakBytes, then: .peakBlocks, limit: limit)
        guard !order.isEmpty else { return }
        heading("Alive at the peak")
        rows(
            order,
            [
                order.map { about + units.bytes(tree.sites[$0].peakBytes) },
                order.map { Units.count(tree.sites[$0].peakBlocks, "block") },
            ], left: [1])
        rest(.peakBytes, shown: order.count)
    }

    /// Rows of right-aligned columns, then who it was, and callers below.
    private mutating func rows(_ order: [Int], _ columns: [[String]], left: Set<Int>) {
        let widths = columns.map { $0.map(\.count).max() ?? 0 }
        let indent = String(repeating: " ", count: widths.reduce(2) { $0 + $1 + 2 })
        for (row, index) in order.enumerated() {
            var line = "  "
            for (column, cells) in columns.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cells[row].count)
                line += (left.contains(column) ? cells[row] + padding : padding + cells[row]) + "  "
            }
            let node = tree.sites[index].node
            lines.append(line + style.bold(culprit(node)))
            if let callers = callers(node, 5, indent: indent.count) { lines.append(indent + style.dim(callers)) }
        }
    }

    private mutating func hot(limit: Int) {
        let order = tree.ranking(by: .allocations, then: .bytes, limit: limit)
        guard !order.isEmpty else { return }
        heading("Most allocations")
        let counts = order.map { index in
            let error = tree.sites[index].standardErrors.map { UInt64($0.allocations.rounded()) } ?? 0
            return about
                + (error > 0
                    ? "\(Units.count(tree.sites[index].allocations)) ± \(Units.count(error, "time"))"
                    : Units.count(tree.sites[index].allocations, "time"))
        }
        let sizes = order.map { units.bytes(tree.sites[$0].bytes) + plusMinus(bytes: tree.sites[$0].standardErrors?.bytes) }
        rows(order, [counts, sizes], left: [])
    }

    private mutating func processes() {
        guard report.processes.count > 1 else { return }
        heading("Processes")
        var table = TextTable(["pid", "allocations", "peak", "alive", "end", "program"], left: [4])
        let limit = style.limit ?? 8
        let order = report.processes.sorted {
            let (a, b) = (history.processTotals[$0.id].allocations, history.processTotals[$1.id].allocations)
            return a != b ? a > b : $0.id < $1.id
        }
        for process in order.prefix(limit) {
            let totals = history.processTotals[process.id]
            table.add([
                String(process.pid), Units.count(totals.allocations), totals.peakBytes.map(units.bytes) ?? "–",
                totals.liveBytes.map(units.bytes) ?? Units.count(totals.liveBlocks, "block"),
                process.ending?.description ?? "unknown", process.name,
            ])
        }
        lines += table.lines(style)
        if report.processes.count > limit {
            lines.append(style.dim("  \(report.processes.count - limit) more; --limit \(report.processes.count) shows all"))
        }
    }

    // MARK: Trust

    /// What the numbers above do not contain, and how to get it.
    private mutating func trust() {
        var said: [(String, String?)] = []
        for gap in history.gaps { if let line = sentence(gap) { said.append(line) } }
        for process in report.processes {
            if let ending = process.ending, case .killed(let signal) = ending.reason {
                said.append(("\(process.name) (pid \(process.pid)) was killed by signal \(signal): blocks were alive because of that", nil))
            }
        }
        for problem in tree.unwindingProblems.prefix(3) {
            let module = problem.module.isEmpty ? "code outside any module" : problem.module
            said.append(
                (
                    "the stacks of \(Units.count(problem.allocations, "allocation")) end early in \(module): \(problem.end.explanation)",
                    problem.remedy
                ))
        }
        for problem in tree.symbolProblems.prefix(4) { said.append((problem.summary, problem.remedy)) }
        if tree.symbolProblems.count > 4 {
            said.append(("the same of \(Units.count(UInt64(tree.symbolProblems.count - 4), "more module")); report --json lists them", nil))
        }
        heading("Trust")
        if history.isComplete {
            let what =
                switch report.mode {
                case .all where report.trace.kind != .heapline: "every event of the file was read"
                case .all: "every event was recorded; the recorder's own sums agree"
                case .leaks: "every surviving block was recorded; the recorder's own sums agree"
                case .sample: "totals are exact; sums by stack are unbiased estimates from a sample, ± their standard error"
                case .count, .off: "totals are exact"
                }
            lines.append("  " + style.good("✓") + " " + what)
        }
        for (text, remedy) in said {
            lines.append("  " + style.warn("!") + " " + text)
            if let remedy { lines.append("    " + style.dim("→ " + remedy)) }
        }
    }

    private func sentence(_ gap: Gap) -> (String, String?)? {
        let of = gap.process.map { report.processes.count > 1 ? " of pid \(report.trace.processes[$0].pid)" : "" } ?? ""
        switch gap.kind {
        case .lost(let cause, let count):
            return ("\(Units.count(count, "event"))\(of) lost: \(cause.explanation)", cause.remedy)
        case .cut(let offset):
            return (
                "the trace ends inside a chunk at byte \(Units.count(offset)); everything before it was read",
                "the copy or the disk ran short; record again if the end matters"
            )
        case .unfinished:
            return ("the trace was not closed in order: the recording was interrupted, or still runs", nil)
        case .noFinalCounts:
            return ("the recorder's final sums\(of) are missing: totals are those of the events read", nil)
        case .mismatch(let what, let recorder, let events):
            return ("the recorder counted \(Units.count(recorder)) \(what)\(of), the events show \(Units.count(events))", nil)
        case .impliedFrees(let count):
            return ("\(Units.count(count, "free"))\(of) not recorded: their addresses were allocated again", nil)
        case .paused: return ("recording was paused for a while\(of): what happened then is not in the events", nil)
        case .problem(let text):
            let who = gap.process.flatMap { report.processes.count > 1 ? report.trace.processes[$0] : nil }
            return ((who.map { "\($0.name) (pid \($0.pid)): " } ?? "") + text, nil)
        case .stoppedEarly: return ("only events up to \(moment ?? "the chosen moment") were counted", nil)
        }
    }
}
