// SPDX-License-Identifier: Apache-2.0
//
// What a session found, as files: one for programs, one for people, and where it has one a plot. And what was promised beside it.

internal import Foundation

enum Page {
    /// Writes DATE-MACHINE-KIND.json and .md, and .svg where there is a plot, to Perf/results or where the options say; prints the text.
    static func write<Found: Encodable>(
        _ found: Found, kind: String, date: String, machine: Machine, markdown: String, plot: String? = nil, _ tools: Toolbox, _ options: Options
    ) throws {
        let folder = options.output ?? "\(tools.root)/Perf/results"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let words = [date, machine.name, kind, options.quick ? "quick" : ""].filter { !$0.isEmpty }
        let name = "\(folder)/\(words.joined(separator: "-"))"
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(found).write(to: URL(fileURLWithPath: "\(name).json"))
        try markdown.write(toFile: "\(name).md", atomically: true, encoding: .utf8)
        try plot?.write(toFile: "\(name).svg", atomically: true, encoding: .utf8)
        print(markdown)
        print("written: \(name).json\(plot == nil ? " and .md" : ", .md and .svg")")
    }

    /// How a page ends: with what could not be measured, and why, and the versions of those tools.
    static func end(missing: [String: String], _ machine: Machine, tools: [String]) -> String {
        func list(_ items: [String: String]) -> String { items.sorted { $0.key < $1.key }.map { "- \($0.key): \($0.value)\n" }.joined() }
        let gaps = missing.isEmpty ? "" : "\n## Not measured\n\n" + list(missing)
        return gaps + "\n## Versions\n\n" + list(machine.versions.filter { tools.contains($0.key) })
    }
}

/// What was promised, and what is.
struct Promises {
    private var rows: [(what: String, promised: String, found: String, kept: Bool?)] = []

    mutating func add(_ what: String, _ promised: String, _ value: Double?, _ unit: String, _ isKept: (Double) -> Bool) {
        rows.append((what, promised, value.map { Table.number($0) + unit } ?? "–", value.map(isKept)))
    }

    var markdown: String {
        let lines = rows.map { row in
            "| \(row.what) | \(row.promised) | \(row.found) | \(row.kept.map { $0 ? "kept" : "**not kept**" } ?? "not measured") |\n"
        }
        return "| | promised | measured | |\n|---|---|--:|---|\n" + lines.joined()
    }
}
