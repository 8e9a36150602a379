// SPDX-License-Identifier: Apache-2.0
//
// For GitHub: workflow commands that become annotations
// (https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands), and a summary in Markdown.
//
//   command := "::" ("error" | "warning") " file=" F ",line=" N ",title=" T "::" message
//
// In a message "%", CR and LF are escaped; in a property ":" and "," as well.

internal import HeaplineAnalysis

extension CheckReport {
    /// One annotation for each of the first stacks behind a failed limit (GitHub shows ten of a step); doubts are warnings.
    public var github: String {
        var lines: [String] = []
        for finding in check.findings where finding.isFailed {
            let title = "title=\(Self.property("heapline \(finding.name)"))"
            if finding.stacks.isEmpty { lines.append("::error \(title)::\(Self.message(sentence(finding)))") }
            for stack in finding.stacks.prefix(Self.shownStacks) {
                let place = SourcePlace(stack.frames, root: root).map {
                    "file=\(Self.property($0.file)),line=\($0.line),"
                }
                let text = ([sentence(finding), value(stack, finding.kind)] + stack.frames.map { "  " + describe($0) })
                    .joined(separator: "\n")
                lines.append("::error \(place ?? "")\(title)::\(Self.message(text))")
            }
        }
        for doubt in check.doubts { lines.append("::warning title=heapline::\(Self.message(doubt))") }
        return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
    }

    /// A table of all limits and the stacks behind failed ones, for a job's summary.
    public var markdown: String {
        var lines = [
            check.isFailed ? "### Heap: limits exceeded" : "### Heap: limits kept", "",
            "| | limit | measured | at most |", "|---|---|---:|---:|",
        ]
        let units = Units(exactBytes: true)
        for finding in check.findings {
            func amount(_ value: UInt64) -> String { finding.kind.isBytes ? units.bytes(value) : Units.count(value) }
            let note = finding.note.map { " (\($0))" } ?? ""
            lines.append(
                "| \(finding.isFailed ? "❌" : "✅") | \(Self.cell(finding.name + note)) | \(amount(finding.measured)) | \(amount(finding.limit)) |"
            )
        }
        for finding in check.findings where finding.isFailed && !finding.stacks.isEmpty {
            lines += ["", "<details><summary>\(Self.xml(sentence(finding)))</summary>", "", "```"]
            for stack in finding.stacks {
                lines.append(value(stack, finding.kind))
                lines += stack.frames.prefix(12).map { "    " + describe($0).filter { $0 != "`" && !$0.isNewline } }
            }
            lines += ["```", "", "</details>"]
        }
        if !check.suppressed.isEmpty || check.reachableBytes > 0 {
            lines.append("")
            for item in check.suppressed {
                lines.append("- not counted: \(units.bytes(item.bytes)), suppressed by \(Self.cell(item.by))")
            }
            if check.reachableBytes > 0 {
                lines.append("- not counted: \(units.bytes(check.reachableBytes)) that the program can still reach")
            }
        }
        if !check.doubts.isEmpty { lines.append("") }
        for doubt in check.doubts { lines.append("> ⚠️ \(Self.cell(doubt))") }
        return lines.joined(separator: "\n") + "\n"
    }

    static func message(_ text: String) -> String {
        escape(text, ["%": "%25", "\r": "%0D", "\n": "%0A"])
    }

    static func property(_ text: String) -> String {
        escape(text, ["%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"])
    }

    /// Text in a table's cell: what Markdown or HTML would take for its own is escaped.
    static func cell(_ text: String) -> String {
        escape(
            text,
            [
                "|": "\\|", "<": "&lt;", ">": "&gt;", "&": "&amp;", "*": "\\*", "_": "\\_", "`": "\\`", "[": "\\[",
                "\\": "\\\\", "\n": " ", "\r": " ",
            ])
    }

    private static func escape(_ text: String, _ table: [Unicode.Scalar: String]) -> String {
        text.replacing { table[$0] }
    }
}
