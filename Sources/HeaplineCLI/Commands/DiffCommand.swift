// SPDX-License-Identifier: Apache-2.0
//
// `heapline diff`: what changed between two traces.

internal import ArgumentParser
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Tells what changed between two traces: stacks that are new, gone, grown or shrunk.",
        discussion: """
            Stacks are matched by their functions, not by addresses or lines, so the two may be of different builds.
            Exit status: 0, or 1 when a file cannot be read.
            """)

    @Argument(help: "The trace to compare with.")
    var old: String

    @Argument(help: "The trace that is looked at.")
    var new: String

    @Flag(help: "Everything as JSON (schema heapline.diff, version 1).")
    var json = false

    @Option(help: ArgumentHelp("Write one self-contained HTML file instead.", valueName: "file"))
    var html: String?

    @Flag(help: "Replace an existing HTML file.")
    var force = false

    @Option(help: "Most stacks of a list.")
    var limit: Int?

    @Flag(help: "Show the frames of the allocator and the start-up code too.")
    var allFrames = false

    @Flag(help: "Exact bytes instead of KiB and MiB.")
    var bytes = false

    @OptionGroup var symbols: SymbolOptions

    func validate() throws {
        if json, html != nil { throw ValidationError("--json and --html are two outputs; ask for one at a time") }
        if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1 up") }
    }

    func run() throws {
        do throws(TraceError) {
            if let html { return try writePage(to: html) }
            let before = try tree(old)
            let diff = TraceDiff(old: before, new: try tree(new))
            if json {
                diff.json(oldPath: old, newPath: new) { Output.write($0) }
            } else {
                let style = TextStyle(colour: Output.wantsColour, exactBytes: bytes, allFrames: allFrames, limit: limit)
                Output.write(diff.text(style))
            }
        } catch {
            Terminal.error("heapline: \(error)")
            throw ExitCode(1)
        }
    }

    private func writePage(to html: String) throws(TraceError) {
        try ExportFile.check(html, force: force)
        let before = try Report(try Trace.open(old), symbols: symbols.symbolizer)
        let now = try Report(
            try Trace.open(new), options: HistoryOptions(activity: true), symbols: symbols.symbolizer)
        try HTMLReport(now, comparedTo: before).write(to: html, force: force)
        Terminal.error("heapline: the comparison as a page: \(html)")
    }

    private func tree(_ file: String) throws(TraceError) -> CallTree {
        try CallTree(try Trace.open(file).history(), symbols: symbols.symbolizer)
    }
}
