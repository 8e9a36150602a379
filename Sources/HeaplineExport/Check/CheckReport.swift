// SPDX-License-Identifier: Apache-2.0
//
// A check's outcome as text for people, and the sentences that all formats share. The same check gives the same bytes: no
// times, no addresses, no process ids.

public import HeaplineAnalysis

/// Writes the outcome of a check.
public struct CheckReport: Sendable {
    public let check: Check
    /// The directory that paths are made relative to.
    public let root: String

    public init(_ check: Check, root: String) {
        self.check = check
        self.root = root
    }

    /// Most stacks of a failed limit in the text; JUnit, SARIF and the summary have more.
    static let shownStacks = 5

    private static func view(_ kind: BudgetKind) -> String {
        switch kind {
        case .leaked: "leaks"
        case .peak: "peak"
        case .allocations: "sites"
        case .temporary: "temporary"
        }
    }

    /// The outcome as text, ended by a newline.
    public func text(exactBytes: Bool = false) -> String {
        let units = Units(exactBytes: exactBytes)
        var lines: [String] = []
        for finding in check.findings {
            lines.append((finding.isFailed ? "FAILED  " : "ok      ") + sentence(finding, units))
            for stack in finding.stacks.prefix(Self.shownStacks) {
                lines.append("          " + value(stack, finding.kind, units))
                for frame in stack.frames.prefix(8) { lines.append("              " + describe(frame)) }
                if stack.frames.count > 8 { lines.append("              … \(stack.frames.count - 8) more") }
            }
            if finding.stacks.count > Self.shownStacks {
                lines.append("          more: heapline report TRACE --view \(Self.view(finding.kind))")
            }
        }
        for item in check.suppressed {
            lines.append(
                "        not counted: \(units.bytes(item.bytes)) in \(Units.count(item.blocks, "block")), suppressed by \(item.by)"
            )
        }
        if check.reachableBytes > 0 {
            lines.append("        not counted: \(units.bytes(check.reachableBytes)) that the program can still reach")
        }
        for doubt in check.doubts { lines.append("doubt   " + doubt) }
        let failed = UInt64(check.findings.count { $0.isFailed })
        let all = Units.count(UInt64(check.findings.count), "limit")
        if !check.findings.isEmpty { lines.append(failed == 0 ? "\(all) kept" : "\(Units.count(failed)) of \(all) exceeded") }
        return TextStyle().text(lines)
    }

    /// `max-leaked: 5.00 KiB, at most 1.00 KiB`
    func sentence(_ finding: Check.Finding, _ units: Units = Units(exactBytes: true)) -> String {
        func amount(_ value: UInt64) -> String { finding.kind.isBytes ? units.bytes(value) : Units.count(value) }
        let note = finding.note.map { " (\($0))" } ?? ""
        return "\(finding.name): \(amount(finding.measured)), at most \(amount(finding.limit))\(note)"
    }

    /// `5.00 KiB in 3 blocks`
    func value(_ stack: Check.Culprit, _ kind: BudgetKind, _ units: Units = Units(exactBytes: true)) -> String {
        guard kind.isBytes else {
            return Units.count(stack.value, kind == .temporary ? "temporary allocation" : "allocation")
        }
        return units.bytes(stack.value) + (stack.blocks.map { " in \(Units.count($0, "block"))" } ?? "")
    }

    /// `parse (json.c:12)`
    func describe(_ frame: SymbolFrame) -> String {
        if let place = SourcePlace([frame], root: root) {
            // Outside of the root a path says where somebody built a library, which nobody looks up.
            let file = place.file.hasPrefix("/") ? place.file.split(separator: "/").last.map(String.init) ?? place.file : place.file
            return "\(frame.shortFunction) (\(file):\(place.line))"
        }
        let module = frame.module.split(separator: "/").last.map { " in \($0)" } ?? ""
        return (frame.isNamed ? frame.shortFunction : "??") + module
    }

    /// A stack in one line, inner to outer.
    func path(_ stack: Check.Culprit, limit: Int = 6) -> String {
        let names = stack.signature.functions
        return names.prefix(limit).joined(separator: " ← ") + (names.count > limit ? " ← …" : "")
    }

    /// Text for XML: characters that XML 1.0 has no way to write are replaced.
    static func xml(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n": result += "&#10;"
            case "\t": result += "&#9;"
            case "\u{0}"..."\u{1f}", "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
