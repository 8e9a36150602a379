// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp chips`: the heaps of every chip after start-up, as a table or as JSON.

internal import ArgumentParser
internal import Heapline

struct EspChipsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chips",
        abstract: "Lists the chips with their heaps: addresses, sizes, memory types, capabilities.",
        discussion: """
            Heaps are those of a small application in ESP-IDF's default configuration, in the order in which they are \
            searched. Capabilities stand in the order of their priority, separated by slashes. A heap marked with * is \
            memory of the start-up code's stack and becomes usable when the scheduler starts.
            """)

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "Targets to list, such as esp32s3. All when none is given.")
    var targets: [String] = []

    func run() throws {
        var chips: [ESPChip] = []
        for target in targets {
            guard let chip = ESPChip(target: target) else {
                let known = ESPChip.all.map(\.target).joined(separator: ", ")
                throw ValidationError("No chip is called '\(target)'. The chips are \(known).")
            }
            chips.append(chip)
        }
        let listings = try (chips.isEmpty ? ESPChip.all : chips).map(EspChipListing.init)
        Output.write((json ? EspChipListing.json(listings) : listings.map(\.table).joined(separator: "\n")) + "\n")
    }
}
