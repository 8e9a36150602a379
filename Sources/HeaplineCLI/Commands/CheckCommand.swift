// SPDX-License-Identifier: Apache-2.0
//
// `heapline check`: fails a pipeline when a program leaks, holds or allocates more than it may.

internal import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Fails when a trace exceeds limits: of leaks, of the peak, of allocations.",
        discussion: """
            A limit holds for the program, or as FUNCTION=LIMIT for a function with all it calls. Bytes may be written as \
            64KiB or 2M. What the runtimes keep for themselves is not counted as leaked.
            Exit status: 0 when all limits are kept, 2 when one is exceeded, 1 when the trace cannot tell.
            """)

    @Argument(help: "A trace; its kind is recognised by its content.")
    var file: String

    @Option(help: ArgumentHelp("Most bytes alive at the end.", valueName: "[function=]bytes"))
    var maxLeaked: [String] = []

    @Option(help: ArgumentHelp("Most bytes alive at once.", valueName: "[function=]bytes"))
    var maxPeak: [String] = []

    @Option(help: ArgumentHelp("Most allocations.", valueName: "[function=]count"))
    var maxAllocations: [String] = []

    @Option(
        help: ArgumentHelp("Most blocks freed before their thread's next allocation.", valueName: "[function=]count"))
    var maxTemporary: [String] = []

    @Option(help: ArgumentHelp("Nothing may be more than in this file.", valueName: "file"))
    var baseline: String?

    @Option(help: ArgumentHelp("How much more than in the baseline is allowed, such as 2%.", valueName: "percent"))
    var tolerance: String?

    @Flag(help: "Write the baseline with what this trace has.")
    var updateBaseline = false

    @Option(help: ArgumentHelp("Leaks not to count: a LeakSanitizer suppression file.", valueName: "file"))
    var suppressions: [String] = []

    @Flag(inversion: .prefixedNo, help: "Leave out what the runtimes keep for themselves.")
    var builtinSuppressions = true

    @Flag(help: "Accept limits as kept although the recording has gaps or is a sample.")
    var allowGaps = false

    @Option(help: ArgumentHelp("Write the outcome as JUnit XML.", valueName: "file"))
    var junit: String?

    @Option(help: ArgumentHelp("Write the outcome as SARIF 2.1.0.", valueName: "file"))
    var sarif: String?

    @Option(help: ArgumentHelp("Append the outcome as Markdown, as to $GITHUB_STEP_SUMMARY.", valueName: "file"))
    var markdown: String?

    @Flag(help: "Print GitHub annotations as well.")
    var github = false

    @Flag(help: "Exact bytes instead of KiB and MiB.")
    var bytes = false

    @OptionGroup var traceOptions: TraceOptions

    func validate() throws {
        let budgets = try self.budgets()
        if budgets.isEmpty, baseline == nil {
            throw ValidationError("nothing to check: give a limit (--max-leaked 0) or a --baseline")
        }
        if updateBaseline, baseline == nil { throw ValidationError("--update-baseline needs --baseline FILE") }
        if tolerance != nil, baseline == nil { throw ValidationError("--tolerance needs --baseline FILE") }
        _ = try toleranceFraction()
    }

    private func budgets() throws -> [Budget] {
        var result: [Budget] = []
        let given: [(BudgetKind, [String])] = [
            (.leaked, maxLeaked), (.peak, maxPeak), (.allocations, maxAllocations), (.temporary, maxTemporary),
        ]
        for (kind, texts) in given {
            for text in texts {
                guard let budget = Budget(kind, parsing: text) else {
                    throw ValidationError("--\(kind.option) \(text): a number, or FUNCTION=NUMBER, was expected")
                }
                result.append(budget)
            }
        }
        return result
    }

    private func toleranceFraction() throws -> Double {
        guard let tolerance else { return 0 }
        let digits = tolerance.hasSuffix("%") ? tolerance.dropLast() : tolerance[...]
        guard let percent = Double(digits), percent >= 0, percent <= 1_000_000 else {
            throw ValidationError("--tolerance \(tolerance): a percentage such as 2% was expected")
        }
        return percent / 100
    }

    func run() throws {
        let failed: Bool
        do {
            failed = try check()
        } catch {
            Terminal.error("heapline: \(error)")
            throw ExitCode(1)
        }
        if failed { throw ExitCode(2) }
    }

    /// Returns whether a limit was exceeded.
    private func check() throws -> Bool {
        var options = CheckOptions()
        options.budgets = try budgets()
        options.tolerance = try toleranceFraction()
        options.suppressesRuntimes = builtinSuppressions
        for path in suppressions { options.suppressions.add(try Suppressions(path: path)) }
        if let baseline, !updateBaseline {
            if unsafe access(baseline, F_OK) != 0, errno == ENOENT {
                throw CommandFailure("\(baseline): there is no such baseline yet; --update-baseline writes it")
            }
            options.baseline = try Baseline(path: baseline)
        }
        let check = try Check(try traceOptions.tree(file), options)
        let report = CheckReport(check, root: Self.workingDirectory)
        // Files first: whoever reads standard output may stop to, and they are to be there all the same.
        let written = Result { try writeFiles(report) }
        Output.write(report.text(exactBytes: bytes))
        if github { Output.write(report.github) }
        try written.get()
        if let baseline, updateBaseline {
            if !check.doubts.isEmpty, !allowGaps {
                throw CommandFailure("the recording has gaps or is a sample: no baseline is made of it without --allow-gaps")
            }
            try Self.write(Array(check.measured.text.utf8), to: baseline)
            Output.write("baseline written: \(baseline)\n")
        }
        if !check.isFailed, !check.doubts.isEmpty, !allowGaps {
            throw CommandFailure(
                "the recording has gaps or is a sample, so limits may have been exceeded unseen; --allow-gaps accepts that")
        }
        return check.isFailed
    }

    private func writeFiles(_ report: CheckReport) throws {
        if let junit { try Self.write(Array(report.junit.utf8), to: junit) }
        if let sarif { try Self.write(report.sarif, to: sarif) }
        if let markdown { try Self.append(Array(report.markdown.utf8), to: markdown) }
    }

    /// Results are made anew in each run, so they replace what is there.
    private static func write(_ bytes: [UInt8], to path: String) throws {
        try ExportFile.write(bytes, to: path, force: true)
    }

    private static func append(_ bytes: [UInt8], to path: String) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw TraceError(.system, path: path, errno: errno, message: "cannot be opened")
        }
        defer { close(descriptor) }
        try ExportFile.write(bytes, to: descriptor, path: path)
    }

    private static var workingDirectory: String {
        guard let path = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }
}
