// SPDX-License-Identifier: Apache-2.0
//
// The `heapline` command: a list of subcommands, each in a file of its own under Commands/.

internal import ArgumentParser

@main
struct HeaplineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heapline",
        abstract: "Records what a program does with its heap, and answers questions about it afterwards.",
        subcommands: [
            RunCommand.self,
            ReportCommand.self,
            ExportCommand.self,
            DiffCommand.self,
            CheckCommand.self,
            ControlCommand.self,
            ConsoleCommand.self,
            DoctorCommand.self,
            CollectCommand.self,
            EspCommand.self,
        ])
}
