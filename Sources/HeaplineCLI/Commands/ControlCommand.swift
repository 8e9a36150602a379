// SPDX-License-Identifier: Apache-2.0
//
// `heapline control`: steers a recording from outside, once.

internal import ArgumentParser
internal import HeaplineCollector

struct ControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Steers a program that is being recorded.",
        discussion: ControlLine.help + """


            All but summary reach the program by a signal: one that waits in sleep, poll or select wakes early, as of any signal.

            """ + "\nExit status: 0, or 1 when it could not be done.")

    @Argument(help: "The process, or the session directory for all of its processes.")
    var target: String

    @Argument(parsing: .captureForPassthrough, help: "summary, pause, resume, stop, mark, depth, dump or snapshot.")
    var command: [String]

    func run() throws {
        do throws(ControlError) {
            let answer = try ControlLine.run(command, on: try ProcessControl.find(target))
            Output.write(Array((answer + "\n").utf8))
        } catch {
            Terminal.error("heapline: \(error)")
            throw ExitCode(1)
        }
    }
}
