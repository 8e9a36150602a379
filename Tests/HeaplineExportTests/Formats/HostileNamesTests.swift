// SPDX-License-Identifier: Apache-2.0
//
// Names that hold what ends a name in some format, alone and under a combining mark: a program chooses them, and no export may
// lose or invent a line, a field or a stack for them.

import CHeaplineFormat
import Foundation
import Testing

@testable import HeaplineAnalysis
@testable import HeaplineExport

@Suite struct HostileNamesTests {
    static let names = [
        "new\nline", "car\rriage", "both\r\n", "tab\tulator", "semi;colon", "semi;\u{301}marked", "quote\"", "quote\"\u{301}marked",
        "comma,", "\u{85}next", "\u{2028}", "</script>", " first", "per%cent", "per%\u{301}0A", "#", "back\\slash|", "esc\u{1b}[31mape",
        "n1: 5 0x0: (no)",
    ]

    /// Each name is a function that leaks, of a module and a file so called; `main` calls them.
    private static func tree() throws -> CallTree {
        let source = SyntheticTrace()
        _ = source.addProcess()
        source.processes[0].arguments = names
        let main = source.addCall(0, pc: 1, parent: 1, EmbeddedFrame(function: "main", file: nil, line: nil, module: "/app"))
        for (index, name) in names.enumerated() {
            let number = UInt64(index + 2)
            let hasFile = index % 2 == 0
            let frame = EmbeddedFrame(
                function: name, file: hasFile ? "/src/\(name).c" : nil, line: hasFile ? 3 : nil, module: "/opt/\(name)")
            let stack = source.addCall(0, pc: number, parent: main, frame)
            source.add(HL_KIND_ALLOC, ticks: number, address: number * 4096, size: number * 10, stack: stack)
        }
        return try source.tree()
    }

    private static func empty() throws -> CallTree {
        let source = SyntheticTrace()
        _ = source.addProcess()
        return try source.tree()
    }

    /// In a text each line is one of the report's, and nothing but the report's own colours commands the terminal.
    @Test(arguments: [false, true]) func textsHaveNoForeignControlCharacters(_ colour: Bool) throws {
        let tree = try Self.tree()
        let report = try Report(tree.history.trace)
        let style = TextStyle(colour: colour, limit: 100)
        var texts = ReportView.allCases.map { ("\($0)", report.text($0, style)) }
        texts.append(("diff", TraceDiff(old: try Self.empty(), new: tree).text(style)))
        for (view, text) in texts {
            var rest = text
            for own in ["0", "1", "2", "32", "33"] { rest = rest.replacingOccurrences(of: "\u{1b}[\(own)m", with: "") }
            if !colour { #expect(rest == text) }
            #expect(!rest.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control }, "\(view)")
        }
        for name in ["new?line", "car?riage", "both??", "esc?[31mape"] {
            #expect(texts.filter { ["leaks", "diff"].contains($0.0) && $0.1.contains(name) }.count == 2, "\(name)")
        }
    }

    @Test func foldedStacksAreLines() throws {
        let tree = try Self.tree()
        let lines = try Exporter(tree).bytes(.folded).split(separator: UInt8(ascii: "\n"))
        var sum: UInt64 = 0
        for line in lines {
            let space = try #require(line.lastIndex(of: UInt8(ascii: " ")))
            sum += try #require(UInt64(String(decoding: line[(space + 1)...], as: UTF8.self)))
            #expect(line[..<space].count { $0 == UInt8(ascii: ";") } == 1, "\(String(decoding: line, as: UTF8.self))")
            #expect(!line.contains(UInt8(ascii: "\r")))
        }
        #expect(sum == tree.history.totals.bytesAllocated)
    }

    @Test(.enabled(if: Tool.path("python3") != nil)) func tablesKeepTheirFields() throws {
        let tree = try Self.tree()
        let script = """
            import csv, io, sys
            rows = list(csv.DictReader(io.TextIOWrapper(sys.stdin.buffer, "utf-8", newline="")))
            assert all(None not in row and None not in row.values() for row in rows), rows
            print(sum(int(row["bytes"]) for row in rows))
            for row in rows: print(ascii(row["function"]))
            """
        let (status, output) = try Tool.run("python3", ["-c", script], input: try Exporter(tree).bytes(.csv))
        let text = String(decoding: output, as: UTF8.self)
        #expect(status == 0, "\(text)")
        let lines = text.split(separator: "\n")
        #expect(lines.first == "\(tree.history.totals.bytesAllocated)")
        #expect(lines.count == Self.names.count + 1)
        #expect(lines.contains(#"'quote"\u0301marked'"#))
    }

    @Test func massifHasALineForEachNode() throws {
        // The grammar of a snapshot's tree: depth in spaces, "n", children, bytes, place.
        let lines = try Exporter(try Self.tree()).bytes(.massif).split(separator: UInt8(ascii: "\n"))
        for line in lines.map({ String(decoding: $0, as: UTF8.self) }) {
            let isTree = line.drop { $0 == " " }.first == "n" && line.contains(": ")
            let isOther =
                line.hasPrefix("#-") || line.hasPrefix("desc: ") || line.hasPrefix("cmd: ") || line.contains("=")
                || line.hasPrefix("time_unit: ")
            #expect(isTree || isOther, "\(line.debugDescription)")
        }
    }

    @Test(.enabled(if: Tool.path("ms_print") != nil)) func msPrintReadsThem() throws {
        try Scratch.with { directory in
            try Scratch.write(try Exporter(try Self.tree()).bytes(.massif), directory + "/massif.out")
            let (status, output) = try Tool.run("ms_print", [directory + "/massif.out"])
            #expect(status == 0, "\(String(decoding: output, as: UTF8.self))")
        }
    }

    @Test func heaptrackComesBack() throws {
        let tree = try Self.tree()
        try Scratch.with { directory in
            try Scratch.write(try Exporter(tree).bytes(.heaptrack), directory + "/trace")
            let back = try CallTree(try Trace.open(directory + "/trace").history())
            #expect(back.history.totals.bytesAllocated == tree.history.totals.bytesAllocated)
            #expect(back.sites.count == tree.sites.count)
        }
    }

    @Test func baselinesHoldThem() throws {
        let measured = try Check(try Self.tree(), CheckOptions()).measured
        #expect(measured.leaks.count == Self.names.count)
        let read = try Baseline(text: measured.text)
        #expect(read == measured)
        var options = CheckOptions()
        options.baseline = read
        #expect(!(try Check(try Self.tree(), options).isFailed))
    }

    @Test func annotationsAndCellsAreEscaped() throws {
        #expect(CheckReport.property("a,\u{301}b:\u{301}c%\r\n") == "a%2C\u{301}b%3A\u{301}c%25%0D%0A")
        #expect(CheckReport.message("per%\u{301}\r\n\n") == "per%25\u{301}%0D%0A%0A")
        #expect(CheckReport.cell("a\\|b\rc&lt;[x](y)") == "a\\\\\\|b c&amp;lt;\\[x](y)")
        var options = CheckOptions()
        options.budgets = Self.names.map { Budget(kind: .leaked, function: $0, limit: 0) }
        let report = CheckReport(try Check(try Self.tree(), options), root: "/src")
        let lines = report.github.utf8.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == Self.names.count)
        #expect(lines.allSatisfy { String(Substring($0)).hasPrefix("::error ") && !$0.contains(UInt8(ascii: "\r")) })
        let rows = report.markdown.utf8.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") })
        #expect(rows.count { String(Substring($0)).hasPrefix("| ❌") } == Self.names.count)
    }
}
