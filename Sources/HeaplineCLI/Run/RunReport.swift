// SPDX-License-Identifier: Apache-2.0
//
// What `run` says at its end: the summary of what was recorded, or why there is nothing and what to do.

internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

enum RunReport {
    /// - Parameters:
    ///   - symbols: where the names of functions come from.
    ///   - html: where to write the report as a page, if at all.
    ///   - quiet: the page only, and errors.
    static func show(
        trace path: String, recording: Recording, program: [String], symbols: SymbolizerOptions, html: String?, force: Bool,
        quiet: Bool
    ) throws(TraceError) {
        if recording.processes == 0 {
            Terminal.error("heapline: nothing was recorded of \(program[0]):")
            for problem in recording.problems { Terminal.error("  problem: \(problem)") }
            let diagnosis = Diagnosis(program: program[0], arguments: Array(program.dropFirst()))
            for finding in diagnosis.findings where finding.severity == .problem || recording.problems.isEmpty {
                // That it could be traced is no help to somebody for whom it was not.
                if finding.severity == .ok {
                    Terminal.error("  the program can be traced as such; it may have cleared LD_PRELOAD before it started another")
                    continue
                }
                Terminal.error("  \(finding.severity.rawValue): \(finding.text)")
                if let fix = finding.fix { Terminal.error("      fix: \(fix)") }
            }
            return
        }
        for problem in recording.problems { Terminal.error("heapline: a process was not recorded: \(problem)") }
        let report = try Report(
            try Trace.open(path), options: HistoryOptions(activity: html != nil), symbols: symbols)
        if !quiet {
            let style = TextStyle(colour: wantsColour, width: Terminal.columns(of: STDERR_FILENO))
            Terminal.error("\n" + report.text(.summary, style))
        }
        guard let html else { return }
        try HTMLReport(report).write(to: html, force: force)
        if !quiet { Terminal.error("heapline: the report as a page: \(html)") }
    }

    private static var wantsColour: Bool {
        isatty(STDERR_FILENO) == 1 && (Installation.environment("NO_COLOR") ?? "").isEmpty
            && Installation.environment("TERM") != "dumb"
    }
}
