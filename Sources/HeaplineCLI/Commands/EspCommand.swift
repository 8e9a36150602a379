// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp`: the emulated heap by itself. A group; each subcommand is a file of its own.

internal import ArgumentParser

struct EspCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esp",
        abstract: "Emulated ESP32 chips: run firmware, trace and replay their heap.",
        subcommands: [EspChipsCommand.self, EspScriptCommand.self, EspRunCommand.self, EspConsoleCommand.self, EspSDKCommand.self])
}
