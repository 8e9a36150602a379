// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp`: the emulated heap by itself. A group; each subcommand is a file of its own.

internal import ArgumentParser

struct EspCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esp",
        abstract: "The heap of an emulated ESP32 chip, by itself.",
        subcommands: [EspChipsCommand.self, EspScriptCommand.self])
}
