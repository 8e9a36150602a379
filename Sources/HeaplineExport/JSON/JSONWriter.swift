// SPDX-License-Identifier: Apache-2.0
//
// JSON as it is written, never held as a whole: members in the order of the calls, strings escaped as RFC 8259 wants.
// Nesting is the caller's to get right; a `precondition` catches what would not be JSON.

internal import HeaplineAnalysis

/// Writes one JSON document in parts.
public struct JSONWriter {
    private enum Place { case object(hasMembers: Bool), array(hasMembers: Bool) }

    private var buffer: [UInt8] = []
    private var places: [Place] = []
    private var hasKey = false
    private let isOneLine: Bool
    private let sink: ([UInt8]) -> Void

    /// - Parameters:
    ///   - isOneLine: no line ends but the last, for a file of many documents.
    ///   - sink: gets the document's bytes, about 64 KiB at a time.
    public init(isOneLine: Bool = false, _ sink: @escaping ([UInt8]) -> Void) {
        self.isOneLine = isOneLine
        self.sink = sink
    }

    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        begin()
        buffer.append(UInt8(ascii: "{"))
        places.append(.object(hasMembers: false))
        body(&self)
        places.removeLast()
        buffer.append(UInt8(ascii: "}"))
        if places.count <= 2 { flushIfLarge() }
    }

    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        begin()
        buffer.append(UInt8(ascii: "["))
        places.append(.array(hasMembers: false))
        body(&self)
        places.removeLast()
        buffer.append(UInt8(ascii: "]"))
        if places.count <= 2 { flushIfLarge() }
    }

    /// The name of the next value; only in an object.
    public mutating func key(_ name: String) {
        guard case .object(let hasMembers) = places.last, !hasKey else { preconditionFailure("a key belongs in an object") }
        if hasMembers { buffer.append(UInt8(ascii: ",")) }
        // Top-level members on lines of their own: the file can be looked at and compared.
        if places.count == 1, !isOneLine { buffer.append(UInt8(ascii: "\n")) }
        places[places.count - 1] = .object(hasMembers: true)
        quote(name)
        buffer.append(UInt8(ascii: ":"))
        hasKey = true
    }

    public mutating func value(_ text: String) {
        begin()
        quote(text)
    }
    public mutating func value(_ text: String?) { if let text { value(text) } else { null() } }
    public mutating func value(_ number: UInt64) {
        begin()
        buffer += String(number).utf8
    }
    public mutating func value(_ number: UInt64?) { if let number { value(number) } else { null() } }
    public mutating func value(_ number: Int) {
        begin()
        buffer += String(number).utf8
    }
    public mutating func value(_ number: Int?) { if let number { value(number) } else { null() } }
    public mutating func value(_ number: Double) {
        begin()
        buffer += (number.isFinite ? "\(number)" : "null").utf8
    }
    public mutating func value(_ number: Double?) { if let number { value(number) } else { null() } }
    public mutating func value(_ flag: Bool) {
        begin()
        buffer += (flag ? "true" : "false").utf8
    }
    public mutating func null() {
        begin()
        buffer += "null".utf8
    }

    /// A value that is JSON already, for values that occur again and again; see ``encoded(_:)``.
    public mutating func value(encoded bytes: [UInt8]) {
        begin()
        buffer += bytes
    }

    /// One value as JSON, to be written with ``value(encoded:)``.
    public static func encoded(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter { _ in }
        // As deep as the place it goes to: outermost members and elements get lines of their own.
        writer.places = [.array(hasMembers: false), .array(hasMembers: false), .array(hasMembers: false)]
        body(&writer)
        return writer.buffer
    }

    /// Writes what is left, and a newline.
    public mutating func finish() {
        precondition(places.isEmpty, "an object or array is not closed")
        buffer.append(UInt8(ascii: "\n"))
        sink(buffer)
        buffer.removeAll()
    }

    private mutating func begin() {
        switch places.last {
        case .object:
            precondition(hasKey, "a member of an object needs a key")
            hasKey = false
        case .array(let hasMembers):
            if hasMembers { buffer.append(UInt8(ascii: ",")) }
            if places.count == 2, !isOneLine { buffer.append(UInt8(ascii: "\n")) }
            places[places.count - 1] = .array(hasMembers: true)
        case nil: break
        }
    }

    private mutating func flushIfLarge() {
        guard buffer.count >= 1 << 16 else { return }
        sink(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func quote(_ text: String) {
        buffer.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                buffer.append(UInt8(ascii: "\\"))
                buffer.append(byte)
            case 0x0a: buffer += [0x5c, UInt8(ascii: "n")]
            case 0x0d: buffer += [0x5c, UInt8(ascii: "r")]
            case 0x09: buffer += [0x5c, UInt8(ascii: "t")]
            case 0..<0x20, 0x7f:
                let digits = Array("0123456789abcdef".utf8)
                buffer += [0x5c, UInt8(ascii: "u"), 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: buffer.append(byte)
            }
        }
        buffer.append(UInt8(ascii: "\""))
    }
}

extension JSONWriter {
    public mutating func member(_ name: String, _ text: String?) { key(name); value(text) }
    public mutating func member(_ name: String, _ number: UInt64?) { key(name); value(number) }
    public mutating func member(_ name: String, _ number: Int?) { key(name); value(number) }
    public mutating func member(_ name: String, _ number: Double?) { key(name); value(number) }
    public mutating func member(_ name: String, _ flag: Bool) { key(name); value(flag) }
    public mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) { key(name); object(body) }
    public mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) { key(name); array(body) }

    /// An array with an object for each item.
    public mutating func objects<Items: Sequence>(
        _ name: String, _ items: Items, _ body: (inout JSONWriter, Items.Element) -> Void
    ) {
        array(name) { json in for item in items { json.object { body(&$0, item) } } }
    }

    /// The members of the object that stands for a call.
    mutating func members(of frame: SymbolFrame) {
        member("function", frame.function)
        member("file", frame.file)
        member("line", frame.line)
        member("module", frame.module)
        member("inlined", frame.inlined)
    }

    /// What a thread did, as members of the object that stands for it.
    mutating func sums(of thread: ThreadHistory) {
        member("allocations", thread.allocations)
        member("bytes", thread.bytes)
        member("frees", thread.frees)
        member("foreignFrees", thread.foreignFrees)
        member("temporary", thread.temporary)
        member("liveBlocks", thread.liveBlocks)
        member("liveBytes", thread.liveBytes)
    }
}
