// SPDX-License-Identifier: Apache-2.0
//
// `heapline report`: what a trace says, as text or JSON on standard output.

public import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector
public import HeaplineExport

extension ReportView: ExpressibleByArgument {}

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Tells what a trace says: who allocated what, what was alive when, what leaked.",
        discussion: "Exit status: 0, or 1 when the file cannot be read. A trace that was cut is read up to the cut.")

    @Argument(help: "A trace; its kind is recognised by its content.")
    var file: String

    @Option(help: "What to show: \(ReportView.allCases.map(\.rawValue).joined(separator: ", ")).")
    var view = ReportView.summary

    @Flag(help: "Everything as JSON (schema heapline.report, version 1).")
    var json = false

    @Option(help: ArgumentHelp("Write one self-contained HTML file instead.", valueName: "file"))
    var html: String?

    @Flag(help: "Replace an existing HTML file.")
    var force = false

    @Option(help: "Most rows of a list.")
    var limit: Int?

    @Flag(help: "Show the frames of the allocator and the start-up code too.")
    var allFrames = false

    @Flag(help: "Exact bytes instead of KiB and MiB.")
    var bytes = false

    @Option(help: ArgumentHelp("Leaks to set apart: a LeakSanitizer suppression file.", valueName: "file"))
    var suppressions: [String] = []

    @Option(help: ArgumentHelp("The heap as it was so many seconds after the start.", valueName: "seconds"))
    var at: Double?

    @OptionGroup var reading: TraceOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit takes a number from 1 up") }
        if json, html != nil { throw ValidationError("--json and --html are two outputs; ask for one at a time") }
        if let at, !(at >= 0 && at < 1e9) { throw ValidationError("--at takes seconds from 0 up") }
    }

    func run() throws {
        do throws(TraceError) {
            try show()
        } catch {
            Terminal.error("heapline: \(error)")
            throw ExitCode(1)
        }
    }

    private func show() throws(TraceError) {
        // Before a long trace is read in vain.
        if let html { try ExportFile.check(html, force: force) }
        let trace = try Trace.open(file)
        var options = HistoryOptions(activity: html != nil)
        options.processes = try reading.processes(of: trace)
        if let at { options.until = UInt64(at * 1e9) }
        var known = Suppressions()
        for path in suppressions { known.add(try Suppressions(path: path)) }
        let report = try Report(trace, options: options, symbols: reading.symbols.symbolizer, suppressions: known)
        if let html {
            try HTMLReport(report).write(to: html, force: force)
            Terminal.error("heapline: the report as a page: \(html)")
        } else if json {
            report.json(limit: limit) { Output.write($0) }
        } else {
            let style = TextStyle(
                colour: Output.wantsColour, exactBytes: bytes, allFrames: allFrames, limit: limit,
                width: Terminal.columns(of: STDOUT_FILENO))
            Output.write(report.text(view, style))
        }
    }
}

/// Standard output.
enum Output {
    /// Colour on a terminal only, and not when NO_COLOR is set to something.
    static var wantsColour: Bool {
        guard isatty(STDOUT_FILENO) == 1 else { return false }
        if let no = unsafe getenv("NO_COLOR"), unsafe no.pointee != 0 { return false }
        if let terminal = unsafe getenv("TERM"), unsafe String(cString: terminal) == "dumb" { return false }
        return true
    }

    /// Writes all bytes. Gives up in silence when nobody reads them any more; when they cannot be written, the command ends with
    /// status 1, as an answer that is not whole must not pass for one. What else a command writes, it writes before.
    static func write(_ bytes: [UInt8]) {
        do throws(TraceError) {
            try ExportFile.write(bytes, to: STDOUT_FILENO, path: "standard output")
        } catch {
            if error.errno == EPIPE { return }
            Terminal.error("heapline: \(error)")
            exit(1)
        }
    }

    /// Writes a text.
    static func write(_ text: String) { write(Array(text.utf8)) }
}
