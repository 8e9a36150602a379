// SPDX-License-Identifier: Apache-2.0
//
// Running operation scripts on an emulated chip.

/// Heap operations as text, one per line, run on an emulated chip: the way to reproduce a heap problem.
///
///     boot
///     start_os
///     cmalloc 1 1024 0x808
///     cfree 1
///
/// Each operation gives one result line; lines the chip itself prints come before it and begin with `| `. What would
/// stop the chip gives the result `abort`, after the chip's message, and the script goes on.
public struct ESPScript: Sendable {
    /// The operations.
    public let text: [UInt8]

    /// Makes a script of its text.
    public init(_ text: String) {
        self.text = Array(text.utf8)
    }

    /// Makes a script of a file's bytes.
    public init(bytes: [UInt8]) {
        text = bytes
    }

    /// Runs all operations.
    ///
    /// - Parameters:
    ///   - chip: whose heap they work on.
    ///   - variant: poisoning, tracking and version, such as `none`, `light`, `comp`, `task`, `v53.none`.
    ///   - mapping: where the chip's memory lies in this process.
    ///   - output: receives the result lines in pieces of any size.
    /// - Throws: `script` for a malformed line, with its number; what came before it has been run.
    public func run(
        chip: ESPChip, variant: String = "none", mapping: ESPHeap.Mapping = .automatic,
        output: ([UInt8]) -> Void
    ) throws(ESPError) {
        try run(target: chip.target, variant: variant, mapping: mapping, output: output)
    }

    /// Runs all operations and returns the result lines.
    public func run(
        chip: ESPChip, variant: String = "none", mapping: ESPHeap.Mapping = .automatic
    ) throws(ESPError) -> String {
        var bytes: [UInt8] = []
        try run(target: chip.target, variant: variant, mapping: mapping) { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
