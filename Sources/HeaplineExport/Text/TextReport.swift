// SPDX-License-Identifier: Apache-2.0
//
// The views of a report as text for people. Each view is a method here or in TextReport+….swift; all of them write rows
// in a stable order and end with what to look at next.

internal import HeaplineAnalysis

extension Report {
    /// One view as text, ended by a newline.
    public func text(_ view: ReportView, _ style: TextStyle = TextStyle()) -> String {
        var text = TextReport(report: self, style: style)
        text.write(view)
        return style.text(text.lines)
    }
}

struct TextReport {
    let report: Report
    let style: TextStyle
    var lines: [String] = []

    var history: History { report.history }
    var tree: CallTree { report.tree }
    var units: Units { style.units }
    /// Up to when events were counted, if the trace goes on after that.
    var moment: String? {
        guard let until = history.options.until, history.gaps.contains(where: { $0.kind == .stoppedEarly }) else { return nil }
        return Units.duration(until)
    }
    /// The heading of what is alive, which says when.
    var alive: String {
        guard let moment, let until = history.options.until else { return "Still alive at the end" }
        let hasEnded = report.processes.contains { process in
            process.ending.map { process.clock.nanoseconds($0.ticks) <= until } ?? false
        }
        return "Alive at \(moment)" + (hasEnded ? ", or left by processes that ended before" : "")
    }
    /// Says that a number is an estimate.
    var about: String { report.mode == .sample ? "≈ " : "" }

    mutating func write(_ view: ReportView) {
        if let refusal = refusal(view) {
            heading(view.rawValue)
            lines.append("  " + refusal)
            return
        }
        switch view {
        case .summary: summary()
        case .leaks: leaks(limit: style.limit ?? 20)
        case .peak: stacks("Alive at the peak", .peakBytes, of: history.totals.peakBytes ?? 0, limit: style.limit ?? 20)
        case .temporary: temporary(limit: style.limit ?? 20)
        case .sites: sites(limit: style.limit ?? 20)
        case .threads: threads(tasksOnly: false)
        case .tasks: threads(tasksOnly: true)
        case .cores: cores()
        case .types: types()
        case .sizes: histogram("Sizes asked for", history.sizes) { [units] in units.bytes($0) }
        case .lifetimes: histogram("Time from allocation to free", history.lifetimes) { Units.duration($0) }
        case .growth: growth(limit: style.limit ?? 20)
        case .timeline: timeline(rows: style.limit ?? 24)
        case .fragmentation: fragmentation(limit: style.limit ?? 20)
        case .log: log()
        }
        if report.mode == .leaks, [.peak, .sites, .threads, .tasks, .sizes, .growth, .timeline].contains(view) {
            lines.append(
                "  " + style.warn("of blocks that were freed there are only totals (mode leaks): record with --mode all to see them"))
        }
    }

    /// What the trace lacks for a view, and what to record instead; nil when it can be shown.
    private func refusal(_ view: ReportView) -> String? {
        if view == .summary || view == .log { return nil }
        switch report.mode {
        case .off: return "nothing was recorded (mode off): record with --mode all"
        case .count:
            return "this trace holds totals only (mode count): record with --mode all to see \(view.rawValue)"
        case .leaks where view == .temporary || view == .lifetimes || view == .peak:
            return "freed blocks were not recorded (mode leaks): record with --mode all to see \(view.rawValue)"
        case .sample where view == .temporary || view == .growth:
            return "what happened between two events is not in a sample (mode sample): record with --mode all to see \(view.rawValue)"
        default: break
        }
        switch view {
        case .tasks where !history.threads.contains { $0.isTask }:
            return "no tasks: this is not a recording of an emulated chip; see --view threads"
        case .cores where report.cores == nil:
            return "nothing about cores: this is not a recording of an emulated chip with tasks"
        default: return nil
        }
    }

    mutating func heading(_ text: String) {
        if !lines.isEmpty { lines.append("") }
        lines.append(style.bold(text))
    }

    // MARK: Stacks

    /// Function and place of one frame.
    func describe(_ frame: SymbolFrame) -> String {
        var text = frame.shortFunction
        if let file = frame.file {
            let name = file.split(separator: "/").last.map(String.init) ?? file
            text += " (" + name + (frame.line.map { ":\($0)" } ?? "") + ")"
        } else if !frame.module.isEmpty {
            text += " in " + (frame.module.split(separator: "/").last.map(String.init) ?? frame.module)
        }
        return text
    }

    /// The frames to show of a stack.
    func shown(_ node: Int) -> [SymbolFrame] {
        let frames = tree.frames(node)
        return style.allFrames ? frames : StackTrimming.trim(frames)
    }

    /// Who did it, in one line.
    func culprit(_ node: Int) -> String {
        guard let frame = shown(node).first else { return "(\(tree.end(node).explanation))" }
        return describe(frame)
    }

    /// Its callers, in one line: at most so many, and on a terminal those that fit on the line behind `indent` columns.
    func callers(_ node: Int, _ count: Int, indent: Int = 0) -> String? {
        let frames = shown(node).dropFirst()
        guard !frames.isEmpty else { return nil }
        let room = max(20, (style.width ?? .max) - indent)
        var line = ""
        for (place, frame) in frames.prefix(count).enumerated() {
            let name = (place == 0 ? "← " : " ← ") + frame.shortFunction
            let isLast = place + 1 == frames.count
            if line.count + name.count + (isLast ? 0 : 4) > room {
                return place == 0 ? name.prefix(room - 1) + "…" : line + " ← …"
            }
            line += name
        }
        return line + (frames.count > count ? " ← …" : "")
    }

    /// The whole stack, one frame a line.
    mutating func stack(_ node: Int, indent: String) {
        let frames = shown(node)
        for frame in frames.prefix(64) { lines.append(indent + describe(frame)) }
        if frames.count > 64 { lines.append(indent + style.dim("… \(frames.count - 64) more")) }
        let end = tree.end(node)
        if frames.isEmpty {
            lines.append(indent + style.dim(end.explanation))
        } else if end != .complete {
            lines.append(indent + style.dim("… " + end.explanation))
        }
    }

    /// Who freed blocks of a stack, the most frequent ones, each in one line.
    mutating func freedBy(_ site: Int, indent: String) {
        guard let freedBy = tree.freedBy[site] else { return }
        for freed in freedBy.prefix(3) {
            let callers = callers(freed.node, 3).map { " " + $0 } ?? ""
            lines.append(indent + style.dim("\(about)\(Units.count(freed.blocks)) freed by ") + culprit(freed.node) + style.dim(callers))
        }
        if freedBy.count > 3 { lines.append(indent + style.dim("… and by \(Units.count(UInt64(freedBy.count - 3), "more stack"))")) }
    }

    /// Rows of stacks by one measure, each with its whole stack.
    mutating func stacks(_ title: String, _ measure: Measure, of whole: UInt64, limit: Int) {
        heading(title + ": \(about)\(units.bytes(whole))")
        noStacksHint()
        let order = tree.ranking(by: measure, limit: limit)
        if order.isEmpty { lines.append("  nothing") }
        for index in order {
            let sums = tree.sites[index]
            let blocks = measure == .peakBytes ? sums.peakBlocks : sums.liveBlocks
            let value = measure.value(sums)
            lines.append("")
            lines.append(
                "  " + style.bold(about + units.bytes(value)) + "  " + Units.percent(value, of: whole) + "  in "
                    + Units.count(blocks, "block"))
            stack(sums.node, indent: "      ")
        }
        rest(measure, shown: order.count)
    }

    /// What shares of allocations are of: in mode sample the number is exact and its parts are estimates, so these have a sum of
    /// their own.
    var allocationsOfStacks: UInt64 {
        report.mode == .sample ? tree.sites.reduce(0) { $0 &+ $1.allocations } : history.totals.allocations
    }

    /// The standard error of an estimate, in mode sample; nothing where there is none to speak of.
    func plusMinus(bytes error: Double?) -> String {
        guard let error, error >= 0.5, error < 1e18 else { return "" }
        return " ± " + units.bytes(UInt64(error.rounded()))
    }

    /// How many stacks a limit left out.
    mutating func rest(_ measure: Measure, shown: Int) {
        moreStacks(tree.sites.count { measure.value($0) > 0 }, shown: shown)
    }

    mutating func moreStacks(_ all: Int, shown: Int) {
        guard all > shown else { return }
        lines.append(style.dim("  \(Units.count(UInt64(all - shown), "more stack")); --limit \(all) shows all"))
    }

    mutating func noStacksHint() {
        guard !tree.hasStacks, !tree.sites.isEmpty else { return }
        lines.append("  " + style.warn("no stacks were recorded (depth 0): record with --depth 32 to see who allocated"))
    }
}
