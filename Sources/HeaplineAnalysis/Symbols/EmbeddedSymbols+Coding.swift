// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a symbol table. All numbers are LEB128: seven bits a byte, the lowest first, the top bit set on all but
// the last. Lists are a count and their elements; strings are indices into one list, in the order of first use.
//
//     "HLSY" version=1
//     strings   count { length bytes }
//     frames    count { function file+1 line+1 flags }        file, line: 0 for none; flags: bit 0 inlined
//     modules   count { buildID-length bytes path problems addresses }
//     problems  count { summary remedy }                      what kept names or lines away
//     addresses count { delta frame-count { frame } }         in order, each as the distance from the one before
//
// A frame does not name its module: that is the one it is listed under. Equal tables have equal bytes.

/// Why bytes are not a symbol table, and where.
public struct EmbeddedSymbolsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public enum Code: Sendable, Hashable {
        case notASymbolTable, unknownVersion, truncated, numberTooLarge, indexOutOfRange, notUTF8, unordered,
            trailingBytes
    }
    public var code: Code
    /// The offset in the bytes given.
    public var offset: Int

    public var description: String {
        let what =
            switch code {
            case .notASymbolTable: "not a symbol table"
            case .unknownVersion: "a symbol table of an unknown version"
            case .truncated: "the symbol table is cut off"
            case .numberTooLarge: "a number in the symbol table is too large"
            case .indexOutOfRange: "the symbol table refers to something it does not hold"
            case .notUTF8: "a name in the symbol table is not UTF-8"
            case .unordered: "addresses in the symbol table are not in order"
            case .trailingBytes: "there is more after the symbol table"
            }
        return "\(what) (offset \(offset))"
    }
}

extension EmbeddedSymbols {
    private static let magic = Array("HLSY".utf8)
    private static let version: UInt64 = 1

    private struct Frame: Hashable {
        var function: Int
        var file: Int?
        var line: Int?
        var inlined: Bool
    }

    /// The table as bytes.
    public func encode() -> [UInt8] {
        var strings = Interned<String>()
        var frames = Interned<Frame>()
        var body: [UInt8] = []
        let sorted = modules.sorted {
            ($0.key.path, SymbolProblem.hex($0.key.buildID)) < ($1.key.path, SymbolProblem.hex($1.key.buildID))
        }
        Self.put(UInt64(sorted.count), &body)
        for (key, places) in sorted {
            Self.put(UInt64(key.buildID.count), &body)
            body += key.buildID
            Self.put(UInt64(strings.index(of: key.path)), &body)
            let problems = problems[key] ?? []
            Self.put(UInt64(problems.count), &body)
            for problem in problems {
                Self.put(UInt64(strings.index(of: problem.summary)), &body)
                Self.put(UInt64(strings.index(of: problem.remedy)), &body)
            }
            Self.put(UInt64(places.count), &body)
            var previous: UInt64 = 0
            for (place, list) in places.sorted(by: { $0.key < $1.key }) {
                Self.put(place - previous, &body)
                previous = place
                Self.put(UInt64(list.count), &body)
                for frame in list {
                    let index = frames.index(
                        of: Frame(
                            function: strings.index(of: frame.function), file: frame.file.map { strings.index(of: $0) },
                            line: frame.line, inlined: frame.inlined))
                    Self.put(UInt64(index), &body)
                }
            }
        }
        var bytes = Self.magic
        Self.put(Self.version, &bytes)
        Self.put(UInt64(strings.elements.count), &bytes)
        for string in strings.elements {
            Self.put(UInt64(string.utf8.count), &bytes)
            bytes += string.utf8
        }
        Self.put(UInt64(frames.elements.count), &bytes)
        for frame in frames.elements {
            Self.put(UInt64(frame.function), &bytes)
            Self.put(UInt64(frame.file.map { $0 + 1 } ?? 0), &bytes)
            Self.put(frame.line.map { UInt64(max($0, 0)) + 1 } ?? 0, &bytes)
            Self.put(frame.inlined ? 1 : 0, &bytes)
        }
        return bytes + body
    }

    /// The table that `bytes` encode; damaged bytes are an error with an offset.
    public init(decoding bytes: [UInt8]) throws(EmbeddedSymbolsError) {
        self.init()
        var reader = Reader(bytes: bytes)
        guard bytes.starts(with: Self.magic) else { throw EmbeddedSymbolsError(code: .notASymbolTable, offset: 0) }
        reader.at = Self.magic.count
        guard try reader.number() == Self.version else {
            throw EmbeddedSymbolsError(code: .unknownVersion, offset: Self.magic.count)
        }
        var strings: [String] = []
        for _ in 0..<(try reader.count()) { strings.append(try reader.string()) }
        var frames: [SymbolFrame] = []
        for _ in 0..<(try reader.count()) { frames.append(try reader.frame(strings)) }
        for _ in 0..<(try reader.count()) {
            let buildID = try reader.bytes(count: reader.count())
            let path = strings[try reader.index(below: strings.count)]
            var problems: [SymbolProblem] = []
            for _ in 0..<(try reader.count()) {
                let summary = strings[try reader.index(below: strings.count)]
                let remedy = strings[try reader.index(below: strings.count)]
                problems.append(.recorded(summary: summary, remedy: remedy))
            }
            var places: [UInt64: [SymbolFrame]] = [:]
            var place: UInt64 = 0
            let count = try reader.count()
            for index in 0..<count {
                let start = reader.at
                let (next, overflow) = place.addingReportingOverflow(try reader.number())
                guard !overflow, index == 0 || next > place else {
                    throw EmbeddedSymbolsError(code: .unordered, offset: start)
                }
                place = next
                var list: [SymbolFrame] = []
                for _ in 0..<(try reader.count()) {
                    var frame = frames[try reader.index(below: frames.count)]
                    frame.module = path
                    list.append(frame)
                }
                if !list.isEmpty { places[place] = list }
            }
            let key = Key(buildID: buildID, path: path)
            modules[key] = places
            self.problems[key] = problems.isEmpty ? nil : problems
        }
        guard reader.at == bytes.count else { throw EmbeddedSymbolsError(code: .trailingBytes, offset: reader.at) }
    }

    private static func put(_ number: UInt64, _ bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    // Elements in the order of first use.
    private struct Interned<Element: Hashable> {
        private(set) var elements: [Element] = []
        private var indices: [Element: Int] = [:]

        mutating func index(of element: Element) -> Int {
            if let known = indices[element] { return known }
            indices[element] = elements.count
            elements.append(element)
            return elements.count - 1
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        mutating func number() throws(EmbeddedSymbolsError) -> UInt64 {
            let start = at
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while at < bytes.count {
                let byte = bytes[at]
                at += 1
                guard shift < 63 || byte <= 1 else { break }
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
                guard shift < 70 else { break }
            }
            throw EmbeddedSymbolsError(code: at == bytes.count ? .truncated : .numberTooLarge, offset: start)
        }

        // Each element takes at least a byte, so no count can be larger than what is left.
        mutating func count() throws(EmbeddedSymbolsError) -> Int {
            let start = at
            let value = try number()
            guard value <= UInt64(bytes.count - at) else { throw EmbeddedSymbolsError(code: .truncated, offset: start) }
            return Int(value)
        }

        mutating func index(below limit: Int) throws(EmbeddedSymbolsError) -> Int {
            let start = at
            let value = try number()
            guard value < UInt64(limit) else { throw EmbeddedSymbolsError(code: .indexOutOfRange, offset: start) }
            return Int(value)
        }

        mutating func bytes(count: Int) throws(EmbeddedSymbolsError) -> [UInt8] {
            guard count <= bytes.count - at else { throw EmbeddedSymbolsError(code: .truncated, offset: at) }
            defer { at += count }
            return Array(bytes[at..<(at + count)])
        }

        mutating func string() throws(EmbeddedSymbolsError) -> String {
            let raw = try bytes(count: count())
            guard let string = String(validating: raw, as: UTF8.self) else {
                throw EmbeddedSymbolsError(code: .notUTF8, offset: at - raw.count)
            }
            return string
        }

        mutating func frame(_ strings: [String]) throws(EmbeddedSymbolsError) -> SymbolFrame {
            let function = strings[try index(below: strings.count)]
            let file = try index(below: strings.count + 1)
            let line = try index(below: Int.max)
            let flags = try number()
            return SymbolFrame(
                function: function, file: file == 0 ? nil : strings[file - 1], line: line == 0 ? nil : line - 1,
                module: "",
                inlined: flags & 1 == 1)
        }
    }
}
