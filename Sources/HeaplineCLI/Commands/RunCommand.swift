// SPDX-License-Identifier: Apache-2.0
//
// `heapline run`: records a program and ends with a report.

internal import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Records a program and all it starts, and ends with a report.",
        discussion: """
            The program's input, output, signals and exit status are its own; the report goes to standard error.
            Exit status: the program's. 126 or 127 when it cannot be started; 1 when recording is impossible.
            """)

    @Option(name: .shortAndLong, help: "The trace to write (default: heapline.PROGRAM.PID.heapline).")
    var output: String?

    @OptionGroup var options: RecordingOptions

    @Option(help: "Run with another allocator: system, jemalloc, or the path of a library.")
    var allocator: String = "system"

    @Option(help: "Write the report as one HTML file, too.")
    var html: String?

    @Flag(
        help: "Put the names and lines of all functions into the trace, so that it reads the same where the program is not.")
    var embedSymbols = false

    @OptionGroup var symbols: SymbolOptions

    @Flag(help: "A trace file for each process: FILE for the first, FILE.NUMBER.PID for the others.")
    var separate = false

    @Flag(help: "Replace an existing trace and HTML file.")
    var force = false

    @Flag(name: .shortAndLong, help: "No report and no progress; errors only.")
    var quiet = false

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after --.")
    var program: [String] = []

    func validate() throws {
        if program.isEmpty { throw ValidationError("which program? heapline run -- PROGRAM ARGUMENTS…") }
        if embedSymbols, symbols.noSymbols { throw ValidationError("--embed-symbols and --no-symbols exclude each other") }
    }

    func run() throws {
        guard let library = Installation.preloadLibrary else {
            throw CommandFailure(
                "libheapline-preload.so was not found beside \(Installation.command); build the package, or set HEAPLINE_PRELOAD")
        }
        if let html, !force, unsafe access(html, F_OK) == 0 {
            throw CommandFailure("\(html): exists already; --force replaces it")
        }
        let name = program[0].split(separator: "/").last.map(String.init) ?? "program"
        let path = output ?? "heapline.\(name).\(getpid()).heapline"
        let setup = Recording.Setup(
            program: program, options: options, allocator: try allocatorLibrary(), library: library, output: path,
            force: force, quiet: quiet, separate: separate)
        let recording: Recording
        do {
            recording = try Recording.run(setup)
        } catch let failure as Launcher.Failure {
            Terminal.error("heapline: \(failure)")
            throw ExitCode(failure.exitCode)
        }
        if let failure = recording.failure { Terminal.error("heapline: \(failure); the program ran on, the rest was not recorded") }
        if embedSymbols { embed(in: recording.traces) }
        if !quiet || html != nil {
            do throws(TraceError) {
                try RunReport.show(
                    trace: path, recording: recording, program: program, symbols: symbols.symbolizer, html: html,
                    force: force, quiet: quiet)
            } catch {
                Terminal.error("heapline: \(error)")
            }
        }
        SignalRelay.endLike(status: recording.status)
    }

    /// One that fails leaves a trace without names; what was recorded is there.
    private func embed(in traces: [String]) {
        var progress = Progress(wanted: !quiet)
        progress.show("heapline: looking up the names of functions")
        var all = SymbolEmbedding()
        var problems: [String] = []
        for trace in traces {
            do throws(TraceError) {
                let one = try SymbolEmbedding.embed(in: trace, symbols: symbols.symbolizer)
                all.addresses += one.addresses
                all.bytes += one.bytes
            } catch {
                problems.append("heapline: no symbols were embedded: \(error)")
            }
        }
        progress.clear()
        for problem in problems { Terminal.error(problem) }
        if !quiet, all.addresses > 0 {
            Terminal.error("heapline: \(all.addresses) places in code are named in the trace, in \(all.bytes) bytes")
        }
    }

    private func allocatorLibrary() throws -> String? {
        switch allocator {
        case "system": return nil
        case "jemalloc": return "libjemalloc.so.2"
        default:
            guard unsafe access(allocator, R_OK) == 0 else {
                throw CommandFailure("--allocator: \(allocator): \(unsafe String(cString: strerror(errno)))")
            }
            return allocator
        }
    }
}
