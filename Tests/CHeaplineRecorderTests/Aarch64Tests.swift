// SPDX-License-Identifier: Apache-2.0
//
// aarch64's rules, on any machine: stacks that were written down on aarch64 (Aarch64/record.c, its figures in Fixtures) are walked by
// the unwinder built for aarch64's registers, and give the frames that the C runtime's unwinder gave there.

import Testing

@Suite struct Aarch64Tests {
    static let fixtures = StackToolchain.package + "/Tests/CHeaplineRecorderTests/Aarch64"

    /// Builds replay.c with the unwinder; returns what it says of a program and its stacks.
    static func replay(_ name: String, change: String = "cat") -> StackToolchain.Outcome {
        StackToolchain.withDirectory { directory in
            let sources = StackToolchain.unwinder.map { "\(StackToolchain.package)/Sources/CHeaplineRecorder/\($0).c" }
            return StackToolchain.shell(
                """
                set -e; cd '\(directory)'
                clang -std=gnu17 -O1 \(StackToolchain.warningsOff) \(StackToolchain.includes) \
                    -DHL_UNWIND_ARCHITECTURE='"unwind_aarch64.h"' \
                    \(fixtures)/replay.c \(sources.joined(separator: " ")) -o replay
                \(change) '\(fixtures)/Fixtures/\(name).stacks' > stacks
                ./replay '\(fixtures)/Fixtures/\(name).elf' stacks
                """)
        }
    }

    @Test(.enabled(if: StackToolchain.has("clang"), "needs clang"), arguments: ["optimized", "protected", "unoptimized"])
    func walksRecordedStacks(name: String) {
        let outcome = Self.replay(name)
        #expect(outcome.exitCode == 0, "\(outcome.output)")
        let said = outcome.output.split(separator: "\n")
        #expect(said.count == 8 && said.allSatisfy { $0.hasSuffix(" frames, ok") }, "\(outcome.output)")
        for shape in ["plain", "large", "dynamic", "variadic", "registers", "aligned", "signal"] {
            #expect(said.contains { $0.hasPrefix("\(shape): ") }, "\(outcome.output)")
        }
    }

    /// The comparison can fail: a return address that is not the recorded one gives another stack.
    @Test(.enabled(if: StackToolchain.has("clang"), "needs clang")) func seesDifferences() throws {
        // The second frame of each stack, one instruction further on.
        let outcome = Self.replay("protected", change: "sed 's/^frame 4000000d50 0/frame 4000000d54 0/'")
        #expect(outcome.exitCode == 1 && outcome.output.contains("another frame"), "\(outcome.output)")
    }
}
