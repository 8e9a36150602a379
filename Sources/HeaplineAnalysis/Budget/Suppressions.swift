// SPDX-License-Identifier: Apache-2.0
//
// LeakSanitizer's suppression files (https://clang.llvm.org/docs/AddressSanitizer.html#suppressing-memory-leaks), unchanged:
//
//   file    := line*
//   line    := "#" text | "leak:" pattern | nothing        blanks around it do not count
//   pattern := "^"? (text | "*")* "$"?
//
// A pattern is found anywhere in a name; "*" stands for any text, "^" and "$" for the name's ends. A leak is suppressed when
// the pattern of any line is found in the function, the source file or the module of any of its calls. As there, a piece of
// text between "*" is looked for at its first occurrence only, so "ab$" is not found in "abab".

internal import Glibc
public import HeaplineCollector

/// Leaks that are known and not to be counted.
public struct Suppressions: Sendable {
    /// One line of a file.
    public struct Rule: Sendable, Hashable {
        public var pattern: String
        public var line: Int

        public init(pattern: String, line: Int) {
            self.pattern = pattern
            self.line = line
        }
    }

    public private(set) var rules: [Rule] = []

    public init() {}

    /// Reads a file.
    public init(path: String) throws(TraceError) {
        let file = try TextFile.read(path)
        try self.init(text: file, path: path)
    }

    /// Reads the text of a file.
    public init(text: String, path: String = "suppressions") throws(TraceError) {
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = Self.trimmed(raw)
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard line.hasPrefix("leak:") else {
                throw TraceError(
                    .foreign, path: path,
                    message: "line \(index + 1) is neither leak:PATTERN nor a comment: \(line)")
            }
            rules.append(Rule(pattern: String(line.dropFirst(5)), line: index + 1))
        }
    }

    /// Adds the rules of another file, after these.
    public mutating func add(_ other: Suppressions) { rules += other.rules }

    /// The first rule that a stack matches, as an index into ``rules``.
    public func rule(matching frames: [SymbolFrame]) -> Int? {
        rules.firstIndex { rule in
            frames.contains { frame in
                Self.matches(rule.pattern, frame.module) || Self.matches(rule.pattern, frame.function)
                    || Self.matches(rule.pattern, frame.shortFunction)
                    || frame.file.map { Self.matches(rule.pattern, $0) } ?? false
            }
        }
    }

    /// Whether `pattern` is found in `name`, by the rules above.
    public static func matches(_ pattern: String, _ name: String) -> Bool {
        var rest = Array(name.utf8)[...]
        guard !rest.isEmpty else { return false }
        var template = Array(pattern.utf8)[...]
        var isAtStart = template.first == UInt8(ascii: "^")
        if isAtStart { template.removeFirst() }
        var afterStar = false
        while let next = template.first {
            if next == UInt8(ascii: "*") {
                template.removeFirst()
                isAtStart = false
                afterStar = true
                continue
            }
            if next == UInt8(ascii: "$") { return rest.isEmpty || afterStar }
            let text = template.prefix { $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: "$") }
            guard let place = find(text, in: rest), !isAtStart || place == rest.startIndex else { return false }
            rest = rest[(place + text.count)...]
            template = template.dropFirst(text.count)
            isAtStart = false
            afterStar = false
        }
        return true
    }

    private static func find(_ text: ArraySlice<UInt8>, in name: ArraySlice<UInt8>) -> Int? {
        guard text.count <= name.count else { return nil }
        return (name.startIndex...(name.endIndex - text.count)).first {
            name[$0..<($0 + text.count)].elementsEqual(text)
        }
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line
        while let first = line.first, first.isWhitespace { line.removeFirst() }
        while let last = line.last, last.isWhitespace { line.removeLast() }
        return line
    }
}

/// Small text files that people write.
package enum TextFile {
    package static let limit = 64 << 20

    package static func read(_ path: String) throws(TraceError) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TraceError(.system, path: path, errno: errno, message: "cannot be opened") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw TraceError(.system, path: path, errno: errno, message: "cannot be read")
            }
            bytes += buffer[..<count]
            guard bytes.count <= limit else {
                throw TraceError(.foreign, path: path, message: "is too large for a text file")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TraceError(.foreign, path: path, message: "is not UTF-8 text")
        }
        return text
    }
}
