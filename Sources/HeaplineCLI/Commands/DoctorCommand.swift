// SPDX-License-Identifier: Apache-2.0
//
// `heapline doctor`: says before the run what can and cannot be traced, and what to do.

internal import ArgumentParser

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says what can and cannot be traced of a program here, and what to do.",
        discussion: "Exit status: 0 when the program can be traced, 1 when not.")

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after --.")
    var program: [String] = []

    func validate() throws {
        if program.isEmpty { throw ValidationError("which program? heapline doctor -- PROGRAM ARGUMENTS…") }
    }

    func run() throws {
        let diagnosis = Diagnosis(program: program[0], arguments: Array(program.dropFirst()))
        for finding in diagnosis.findings {
            Output.write("\(finding.severity.rawValue): \(finding.text)\n")
            if let fix = finding.fix { Output.write("    fix: \(fix)\n") }
        }
        if !diagnosis.canTrace { throw ExitCode(1) }
    }
}
