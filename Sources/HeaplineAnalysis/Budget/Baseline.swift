// SPDX-License-Identifier: Apache-2.0
//
// What a program did when it was last looked at, as a text file to keep beside its sources. It is made to be read in a code
// review: sorted, one fact a line, no paths, addresses or times.
//
//   file  := "heapline baseline 1" line*
//   line  := "#" text | kind limit | "leak" bytes blocks stack
//   kind  := "leaked" | "peak" | "allocations" | "temporary"
//   stack := function (";" function)*             inner to outer, to the end of the line

public import HeaplineCollector

/// Values to compare with.
public struct Baseline: Sendable, Hashable {
    /// A stack that leaks.
    public struct Leak: Sendable, Hashable {
        public var bytes: UInt64
        public var blocks: UInt64

        public init(bytes: UInt64, blocks: UInt64) {
            self.bytes = bytes
            self.blocks = blocks
        }
    }

    public var values: [BudgetKind: UInt64] = [:]
    public var leaks: [StackSignature: Leak] = [:]

    static let header = "heapline baseline 1"

    public init() {}

    /// Reads a file.
    public init(path: String) throws(TraceError) { try self.init(text: try TextFile.read(path), path: path) }

    /// Reads the text of a file.
    public init(text: String, path: String = "baseline") throws(TraceError) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard let first = lines.first, first.hasPrefix("heapline baseline ") else {
            throw TraceError(.foreign, path: path, message: "is no baseline: it must begin with \"\(Self.header)\"")
        }
        guard first == Self.header else {
            throw TraceError(.version, path: path, message: "is a baseline of another version: \(first)")
        }
        for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty && !line.hasPrefix("#") {
            guard take(line) else {
                throw TraceError(.damaged, path: path, message: "line \(index + 1) cannot be read: \(line)")
            }
        }
    }

    private mutating func take(_ line: Substring) -> Bool {
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        if words.count == 2, let kind = BudgetKind(rawValue: String(words[0])), let value = UInt64(words[1]) {
            values[kind] = value
            return true
        }
        guard words.count == 4, words[0] == "leak", let bytes = UInt64(words[1]), let blocks = UInt64(words[2]) else {
            return false
        }
        let functions = words[3].split(separator: ";").map(String.init)
        leaks[StackSignature(functions: functions)] = Leak(bytes: bytes, blocks: blocks)
        return !functions.isEmpty
    }

    /// The file's text.
    public var text: String {
        var lines = [Self.header, "# Written by heapline check --update-baseline."]
        for kind in BudgetKind.allCases {
            if let value = values[kind] { lines.append("\(kind.rawValue) \(value)") }
        }
        for (signature, leak) in leaks.sorted(by: { $0.key < $1.key }) {
            lines.append("leak \(leak.bytes) \(leak.blocks) \(signature.functions.joined(separator: ";"))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A signature as the file can hold it.
    static func written(_ signature: StackSignature) -> StackSignature {
        StackSignature(
            functions: signature.functions.map { name in
                String(name.map { $0 == ";" ? ":" : $0.isNewline ? " " : $0 })
            })
    }
}
