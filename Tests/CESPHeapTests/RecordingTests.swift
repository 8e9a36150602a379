// SPDX-License-Identifier: Apache-2.0
//
// The emulated heap against recordings of ESP-IDF's own heap component: every result line must be the same, byte for
// byte, wherever the chip's memory lies on this host. Fixtures/README.md says how the recordings were made.

import Heapline
import Testing

struct Recording: CustomTestStringConvertible, Sendable {
    let group: String
    let name: String  // esp32-mix-1
    let variant: String  // v53.light

    var testDescription: String { "\(group)/\(name).\(variant)" }

    var chip: ESPChip {
        ESPChip(target: name.split(separator: "-").first.map(String.init) ?? "") ?? .esp32
    }

    /// Every recording of these groups.
    static func all(_ groups: [String]) -> [Recording] {
        groups.flatMap { group in
            fileNames(in: "\(fixtures)/\(group)").filter { $0.hasSuffix(".out") }.compactMap { file in
                let parts = file.split(separator: ".").map(String.init)
                guard parts.count >= 3 else { return nil }
                return Recording(
                    group: group, name: parts[0], variant: parts[1..<(parts.count - 1)].joined(separator: "."))
            }
        }
    }
}

@Suite struct RecordingTests {
    @Test func recordingsAreThere() {
        #expect(Recording.all(["mh", "caps", "compat", "task", "trace"]).count == 82)
    }

    /// Another test's chip may be at the same addresses; then this one's results must be the same elsewhere.
    private func run(_ script: ESPScript, _ recording: Recording, _ mapping: ESPHeap.Mapping) throws -> String {
        var output = try? script.run(chip: recording.chip, variant: recording.variant, mapping: mapping)
        if output == nil && mapping == .inPlace {
            output = try script.run(chip: recording.chip, variant: recording.variant, mapping: .elsewhere)
        }
        return try #require(output)
    }

    @Test(
        arguments: Recording.all(["mh", "caps", "compat", "task", "trace"]), [ESPHeap.Mapping.inPlace, .elsewhere])
    func isReproduced(_ recording: Recording, mapping: ESPHeap.Mapping) throws {
        let folder = "\(fixtures)/\(recording.group)"
        let script = ESPScript(bytes: try readFile("\(folder)/\(recording.name).ops"))
        let expected = String(
            decoding: try readFile("\(folder)/\(recording.name).\(recording.variant).out"), as: UTF8.self)
        let result = try run(script, recording, mapping)
        guard result != expected else { return }
        let lines = zip(result.split(separator: "\n"), expected.split(separator: "\n")).enumerated()
        let first = lines.first { $0.element.0 != $0.element.1 }
        Issue.record("line \(first?.offset ?? -1) is '\(first?.element.0 ?? "")', recorded '\(first?.element.1 ?? "")'")
    }
}
