// SPDX-License-Identifier: Apache-2.0
//
// Source lines and inlined functions from debug information, read by llvm-symbolizer: one run per module for all of its
// addresses, in address order so that each compilation unit is parsed once; or one for several small modules (LineJobs.swift).
//
// Its output, per address: for each function, innermost first, a line with the linkage name and a line
// FILE:LINE:COLUMN; then an empty line. "??" stands for an unknown name, 0 for an unknown line.

/// A function as llvm-symbolizer names it, not demangled.
struct LineFrame {
    var function: String?
    var file: String?
    var line: Int?
}

/// One way to read the debug information of a file.
struct LineSymbolizer {
    var tool: String
    var environment: [String: String]
    var memoryLimit: UInt64
    var silenceLimitSeconds: Int

    // A run that reaches its memory limit is gone on with by another, which starts empty; one that can answer nothing more
    // for a damaged unit is gone on with behind it.
    private static let mostRuns = 16

    /// The frames of each address, innermost first; empty where nothing is known.
    ///
    /// - Parameter addresses: sorted virtual addresses.
    /// - Returns: as many lists as addresses, and why some of them are missing.
    func frames(in path: String, addresses: [UInt64]) -> (frames: [[LineFrame]], failure: ChildProcess.Failure?) {
        var answers: [[LineFrame]] = []
        answers.reserveCapacity(addresses.count)
        var failure: ChildProcess.Failure?
        var lastEnd: ChildProcess.Failure?
        for _ in 0..<Self.mostRuns where answers.count < addresses.count {
            var parser = Parser(expected: addresses.count - answers.count)
            let input = Self.queries(addresses[answers.count...])
            let end = process(path).run(input: input) { parser.consume($0) }
            answers += parser.answers
            lastEnd = end ?? .exited(status: 0, message: "it ended before all answers")
            switch end {
            case .signalled, .exited:
                if !parser.answers.isEmpty { continue }
            default: break
            }
            if answers.count == addresses.count { break }
            failure = lastEnd
            // It died on the first address it was asked for; anything else will not get better by asking again.
            guard case .signalled = end else { break }
            answers.append([])
        }
        if answers.count < addresses.count {
            failure = failure ?? lastEnd
            answers += Array(repeating: [], count: addresses.count - answers.count)
        }
        return (answers, failure)
    }

    /// The frames of addresses in several files, by one run; nil unless it answered everything.
    func frames(inAll files: [(path: String, addresses: [UInt64])]) -> [[[LineFrame]]]? {
        var parser = Parser(expected: files.reduce(0) { $0 + $1.addresses.count })
        var input: [UInt8] = []
        for file in files { input += Self.queries(file.addresses[...], in: "\"\(file.path)\" ") }
        guard process(nil).run(input: input, output: { parser.consume($0) }) == nil else { return nil }
        var rest = parser.answers[...]
        guard rest.count == files.reduce(0, { $0 + $1.addresses.count }) else { return nil }
        return files.map { file in
            defer { rest = rest.dropFirst(file.addresses.count) }
            return Array(rest.prefix(file.addresses.count))
        }
    }

    /// Whether a path can stand in a question.
    static func canShare(_ path: String) -> Bool { path.utf8.allSatisfy { $0 >= 32 && $0 != UInt8(ascii: "\"") } }

    /// - Parameter path: nil when the questions name their files.
    private func process(_ path: String?) -> ChildProcess {
        ChildProcess(
            path: tool,
            arguments: (path.map { ["--obj=\($0)"] } ?? [])
                + ["--no-demangle", "--functions=linkage", "--inlines", "--output-style=LLVM"],
            environment: environment, memoryLimit: memoryLimit, silenceLimitSeconds: silenceLimitSeconds)
    }

    private static func queries(_ addresses: ArraySlice<UInt64>, in file: String = "") -> [UInt8] {
        var input: [UInt8] = []
        input.reserveCapacity(addresses.count * (12 + file.utf8.count))
        for address in addresses {
            input += file.utf8
            input += "0x".utf8
            input += String(address, radix: 16).utf8
            input.append(UInt8(ascii: "\n"))
        }
        return input
    }
}

extension LineSymbolizer {
    /// Turns the output, in pieces of any size, into one list of frames per address.
    struct Parser {
        private(set) var answers: [[LineFrame]] = []
        private let expected: Int
        private var frames: [LineFrame] = []
        private var function: String?
        private var partial: [UInt8] = []
        private var files: [String: String] = [:]

        init(expected: Int) { self.expected = expected }

        mutating func consume(_ piece: [UInt8]) {
            var rest = piece[...]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                if partial.isEmpty {
                    take(rest[..<newline])
                } else {
                    partial += rest[..<newline]
                    let line = partial
                    partial.removeAll(keepingCapacity: true)
                    take(line[...])
                }
                rest = rest[(newline + 1)...]
            }
            partial += rest
        }

        private mutating func take(_ line: ArraySlice<UInt8>) {
            if line.isEmpty && function == nil {
                if answers.count < expected { answers.append(frames) }
                frames.removeAll(keepingCapacity: true)
            } else if let name = function {
                function = nil
                frames.append(frame(name, location: line))
            } else {
                function = String(decoding: line, as: UTF8.self)
            }
        }

        // FILE:LINE:COLUMN, where FILE may itself hold colons.
        private mutating func frame(_ name: String, location: ArraySlice<UInt8>) -> LineFrame {
            let colon = UInt8(ascii: ":")
            var frame = LineFrame(function: name == "??" || name.isEmpty ? nil : name)
            guard let column = location.lastIndex(of: colon),
                let line = location[..<column].lastIndex(of: colon)
            else { return frame }
            let file = String(decoding: location[..<line], as: UTF8.self)
            guard file != "??", !file.hasSuffix("<compiler-generated>"), !file.isEmpty else { return frame }
            let number = Int(String(decoding: location[(line + 1)..<column], as: UTF8.self)) ?? 0
            if number > 0 { frame.line = number }
            // One copy of each file name, however many frames are in it.
            if let known = files[file] {
                frame.file = known
            } else {
                files[file] = file
                frame.file = file
            }
            return frame
        }
    }
}
