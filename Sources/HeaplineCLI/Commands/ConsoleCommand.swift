// SPDX-License-Identifier: Apache-2.0
//
// `heapline console`: the same as `heapline control`, line by line.

internal import ArgumentParser
internal import Glibc
internal import HeaplineCollector

struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Steers a program that is being recorded, interactively.",
        discussion: ControlLine.help
            + "\nhelp, quit\n\nExit status: 0; 1 when there is no such recording, or, without a terminal, when a line failed.")

    @Argument(help: "The process, or the session directory for all of its processes.")
    var target: String

    func run() throws {
        let processes: [ProcessControl]
        do throws(ControlError) { processes = try ProcessControl.find(target) } catch {
            Terminal.error("heapline: \(error)")
            throw ExitCode(1)
        }
        let isInteractive = isatty(STDIN_FILENO) == 1
        var hasFailed = false
        while true {
            if isInteractive { Output.write(Array("heapline \(target)> ".utf8)) }
            guard let line = readLine() else { break }
            let words = line.split(separator: " ").map(String.init)
            if words.first == "quit" || words.first == "exit" { break }
            if words.first == "help" {
                Output.write(Array((ControlLine.help + "\n").utf8))
                continue
            }
            do throws(ControlError) {
                let answer = try ControlLine.run(words, on: processes)
                if !answer.isEmpty { Output.write(Array((answer + "\n").utf8)) }
            } catch {
                hasFailed = true
                Terminal.error("heapline: \(error)")
            }
        }
        if hasFailed, !isInteractive { throw ExitCode(1) }
    }
}
