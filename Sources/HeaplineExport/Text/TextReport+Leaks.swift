// SPDX-License-Identifier: Apache-2.0
//
// What is still alive, and whether anything leads to it: what is lost first, then what a runtime keeps, then what is still reachable.

internal import HeaplineAnalysis

extension TextReport {
    mutating func leaks(limit: Int) {
        let totals = history.totals
        heading("\(alive): \(about)\(units.bytes(totals.liveBytes ?? 0)) in \(Units.count(totals.liveBlocks, "block"))")
        noStacksHint()
        replaced()
        verdicts()
        guard report.leaks.hasVerdicts else {
            noVerdicts()
            if report.leaks.groups.isEmpty { lines.append("  nothing") }
            for group in report.leaks.groups.prefix(limit) { show(group, Leaks.Sum(blocks: group.blocks, bytes: group.bytes)) }
            moreStacks(report.leaks.groups.count, shown: min(limit, report.leaks.groups.count))
            return
        }
        section("Lost: nothing of the program leads to it", limit) { $0.excuse == nil ? $0.leaked : Leaks.Sum() }
        section("Suppressed", min(limit, 5)) { $0.suppression == nil ? Leaks.Sum() : $0.leaked }
        section("Kept by a runtime", min(limit, 5)) { group in
            guard group.owner != nil else { return Leaks.Sum() }
            let apart = group.suppression == nil ? Leaks.Sum() : group.leaked
            return Leaks.Sum(blocks: group.blocks - apart.blocks, bytes: group.bytes - apart.bytes)
        }
        section("Still reachable", limit) { $0.owner == nil ? $0.verdicts[.reachable] ?? Leaks.Sum() : Leaks.Sum() }
        section("Not examined: allocated after the search", min(limit, 5)) {
            $0.owner == nil ? $0.verdicts[.unknown] ?? Leaks.Sum() : Leaks.Sum()
        }
    }

    /// The stacks that have something of a kind, most bytes first; nothing when there are none.
    private mutating func section(_ title: String, _ limit: Int, _ part: (Leaks.Group) -> Leaks.Sum) {
        let groups = report.leaks.groups.enumerated().map { (place: $0.offset, group: $0.element, sum: part($0.element)) }
            .filter { $0.sum.blocks > 0 }
            .sorted { ($1.sum.bytes, $1.sum.blocks, $0.place) < ($0.sum.bytes, $0.sum.blocks, $1.place) }
        guard !groups.isEmpty else { return }
        let blocks = groups.reduce(0) { $0 + $1.sum.blocks }
        let bytes = groups.reduce(0) { $0 + $1.sum.bytes }
        heading("\(title): \(units.bytes(bytes)) in \(Units.count(blocks, "block"))")
        for item in groups.prefix(limit) { show(item.group, item.sum) }
        moreStacks(groups.count, shown: min(limit, groups.count))
    }

    private mutating func show(_ group: Leaks.Group, _ sum: Leaks.Sum) {
        let (oldest, newest) = (Units.duration(group.oldest), Units.duration(group.newest))
        let age = "allocated at " + (oldest == newest ? oldest : "\(oldest) … \(newest)") + ", by " + names(of: group.threads)
        // What is reachable of a stack that a suppression names is not what it suppresses.
        let suppression = sum == group.leaked ? group.suppression : nil
        let excuse = suppression.map { "suppressed by leak:" + $0 } ?? group.owner.map { "kept by " + $0 }
        lines.append("")
        lines.append(
            "  " + style.bold(about + units.bytes(sum.bytes)) + plusMinus(bytes: tree.sites[group.site].standardErrors?.liveBytes) + "  in "
                + Units.count(sum.blocks, "block") + "  " + style.dim(age)
                + (excuse.map { "  " + style.dim($0) } ?? ""))
        let verdicts = group.verdicts.sorted { $0.key.rawValue < $1.key.rawValue }
        if verdicts.count > 1 {
            lines.append("      " + verdicts.map { "\(Units.count($0.value.blocks)) \($0.key.name)" }.joined(separator: ", "))
        }
        stack(tree.sites[group.site].node, indent: "      ")
        freedBy(group.site, indent: "      ")
    }

    /// The first three; threads of one name are told apart by their numbers, as in the table of threads.
    private func names(of threads: [Leaks.ThreadKey]) -> String {
        let names = threads.map { report.trace.processes[$0.process].threadName($0.index) }
        let isAmbiguous = Set(names).count < names.count
        let shown = zip(threads, names).prefix(3).map { key, name in
            let thread = history.threads.first { $0.process == key.process && $0.index == key.index }
            guard isAmbiguous, let thread else { return name }
            return Self.label(thread)
        }
        return shown.joined(separator: ", ") + (threads.count > 3 ? ", …" : "")
    }

    /// What was alive in program images that another one replaced.
    mutating func replaced() {
        let sum = report.leaks.replaced
        guard sum.blocks > 0 else { return }
        lines.append(
            style.dim("  and \(units.bytes(sum.bytes)) in \(Units.count(sum.blocks, "block")) of programs that exec replaced: no leak"))
    }

    /// What leads to the live blocks, where the program searched its memory.
    mutating func verdicts() {
        guard report.leaks.hasVerdicts else { return }
        let sums = report.leaks.verdicts.sorted { $0.key.rawValue < $1.key.rawValue }
        for (verdict, sum) in sums where verdict != .unknown {
            lines.append("  \(units.bytes(sum.bytes)) in \(Units.count(sum.blocks, "block")) \(verdict.name)")
        }
        if let later = report.leaks.verdicts[.unknown] {
            lines.append(
                style.dim("  \(units.bytes(later.bytes)) in \(Units.count(later.blocks, "block")) not examined: allocated after the search")
            )
        }
        var owned = Leaks.Sum()
        for group in report.leaks.groups where group.owner != nil && group.suppression == nil {
            owned.blocks += group.leaked.blocks
            owned.bytes += group.leaked.bytes
        }
        if owned.blocks > 0 {
            lines.append(
                style.dim("  of what is not reachable a runtime keeps \(units.bytes(owned.bytes)) in \(Units.count(owned.blocks, "block"))")
            )
        }
        var suppressed = Leaks.Sum()
        for group in report.leaks.groups where group.suppression != nil {
            suppressed.blocks += group.leaked.blocks
            suppressed.bytes += group.leaked.bytes
        }
        if suppressed.blocks > 0 {
            lines.append(
                style.dim(
                    "  of what is not reachable \(units.bytes(suppressed.bytes)) in \(Units.count(suppressed.blocks, "block")) suppressed"))
        }
        for (process, examined) in report.leaks.examined.sorted(by: { $0.key < $1.key }) {
            guard case .searched(let time, let isAtEnd, _, let silent) = examined else { continue }
            if !isAtEnd { lines.append(style.dim("  as of \(Units.duration(time)), when a dump was asked for\(of(process))")) }
            if silent > 0 {
                lines.append(style.warn("  \(Units.count(UInt64(silent), "thread")) did not stand still for the search\(of(process))"))
            }
        }
        if report.leaks.examined.contains(where: { if case .searched = $0.value { false } else { true } }) { noVerdicts() }
    }

    /// Why blocks cannot be told apart.
    private mutating func noVerdicts() {
        guard report.mode == .all || report.mode == .leaks, report.trace.kind == .heapline else { return }
        for (process, examined) in report.leaks.examined.sorted(by: { $0.key < $1.key }).prefix(8) {
            switch examined {
            case .searched: break
            case .failed(let why): lines.append(style.warn("  not told apart\(of(process)): \(why)"))
            case .no:
                guard history.processTotals[process].liveBlocks > 0, let why = whyNot(process) else { break }
                lines.append(style.dim("  what is still reachable is not known\(of(process)): \(why)"))
            }
        }
    }

    private func whyNot(_ process: Int) -> String? {
        if moment != nil { return "its memory was searched later than that, if at all; leave out --at for the end" }
        return switch report.trace.processes[process].ending?.reason {
        case .killed: "the program was killed"
        case .detached: "the program was still running"
        case .exited: "its memory was not searched (--no-verdicts, or an end that cannot be seen)"
        default: nil
        }
    }

    private func of(_ process: Int) -> String {
        report.processes.count > 1 ? " (pid \(report.trace.processes[process].pid))" : ""
    }
}

extension DumpedBlock.Verdict {
    /// The word used in reports.
    var name: String {
        switch self {
        case .unknown: "not examined"
        case .unreachable: "unreachable"
        case .indirect: "reachable only from unreachable blocks"
        case .reachable: "still reachable"
        }
    }
}
