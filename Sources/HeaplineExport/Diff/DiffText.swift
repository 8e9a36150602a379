// SPDX-License-Identifier: Apache-2.0
//
// A diff as text for people: totals side by side, then for leaks, peak, allocations and temporary allocations the stacks
// that changed most, each with what became of it.

public import HeaplineAnalysis

extension TraceDiff {
    private static let sections: [(title: String, measure: Measure, isBytes: Bool)] = [
        ("Still alive at the end", .liveBytes, true),
        ("Alive at the peak", .peakBytes, true),
        ("Allocations", .allocations, false),
        ("Temporary allocations", .temporary, false),
    ]

    /// The diff as text, ended by a newline.
    public func text(_ style: TextStyle = TextStyle()) -> String {
        var lines = totalLines(style)
        if !notes.isEmpty { lines += [""] + notes.map { "  " + style.warn($0) } }
        let limit = style.limit ?? 10
        for section in Self.sections {
            let ranked = ranking(by: section.measure)
            guard !ranked.isEmpty else { continue }
            let pairs = ranked.map { $0.pair(section.measure) }
            let counts = Change.allCases.compactMap { change -> String? in
                let count = pairs.count { $0.change == change }
                return count == 0 ? nil : "\(Units.count(UInt64(count))) \(change.rawValue)"
            }
            lines += ["", style.bold(section.title) + style.dim(": " + counts.joined(separator: ", "))]
            for stack in ranked.prefix(limit) { lines += stackLines(stack, section.measure, section.isBytes, style) }
            if ranked.count > limit {
                let rest = Units.count(UInt64(ranked.count - limit), "more stack")
                lines.append(style.dim("  \(rest); --limit \(ranked.count) shows all"))
            }
        }
        if stacks.isEmpty, !measures.isEmpty { lines += ["", "No stack changed."] }
        return style.text(lines)
    }

    private func totalLines(_ style: TextStyle) -> [String] {
        var table = TextTable(["", "old", "new", "change", ""], left: [0])
        let names = [
            "liveBytes": "still alive", "liveBlocks": "blocks alive", "peakBytes": "peak", "allocations": "allocations",
            "bytesAllocated": "bytes allocated", "reallocations": "reallocations", "temporaryAllocations": "temporary",
            "failures": "failures",
        ]
        for total in totals {
            func amount(_ value: UInt64) -> String { total.isBytes ? style.units.bytes(value) : Units.count(value) }
            guard let old = total.old, let new = total.new else {
                table.add([
                    names[total.name] ?? total.name, total.old.map(amount) ?? "?", total.new.map(amount) ?? "?", "?",
                    "not recorded in both",
                ])
                continue
            }
            let distance = max(old, new) - min(old, new)
            let share = old == 0 || distance == 0 ? "" : Self.sign(old, new) + Units.percent(distance, of: old)
            table.add([
                names[total.name] ?? total.name, amount(old), amount(new), Self.sign(old, new) + amount(distance),
                share,
            ])
        }
        return table.lines(style)
    }

    private func stackLines(_ stack: Stack, _ measure: Measure, _ isBytes: Bool, _ style: TextStyle) -> [String] {
        let pair = stack.pair(measure)
        func amount(_ value: UInt64) -> String { isBytes ? style.units.bytes(value) : Units.count(value) }
        let change = Self.sign(pair.old, pair.new) + amount(pair.distance)
        let was = pair.change == .new || pair.change == .gone ? "" : "  \(amount(pair.old)) → \(amount(pair.new))"
        let coloured = pair.new > pair.old ? style.warn(change) : style.good(change)
        var lines = ["  \(coloured)  \(pair.change.rawValue)\(was)"]
        let frames = style.allFrames ? stack.frames : StackTrimming.trim(stack.frames)
        for frame in frames.prefix(6) {
            var text = frame.shortFunction
            if let file = frame.file {
                text += " (\(file.split(separator: "/").last ?? "")\(frame.line.map { ":\($0)" } ?? ""))"
            } else if let module = frame.module.split(separator: "/").last {
                text += " in \(module)"
            }
            lines.append("      " + text)
        }
        if frames.isEmpty { lines.append("      " + stack.signature.functions[0]) }
        if frames.count > 6 { lines.append(style.dim("      … \(frames.count - 6) more")) }
        return lines
    }

    static func sign(_ old: UInt64, _ new: UInt64) -> String { new > old ? "+" : new < old ? "-" : "" }
}
