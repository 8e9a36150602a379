// SPDX-License-Identifier: Apache-2.0
//
// JSON (RFC 8259) written piece by piece: exports are large and flat, so there is no tree of values in memory. Nesting is
// the caller's; commas are this type's.

/// Writes JSON to a sink. Every `begin…` needs its `end`.
struct JSONText {
    private let sink: ExportSink
    private var hasItems: [Bool] = [false]
    private var afterKey = false

    init(_ sink: ExportSink) { self.sink = sink }

    mutating func beginObject() { begin("{") }
    mutating func endObject() { end("}") }
    mutating func beginArray() { begin("[") }
    mutating func endArray() { end("]") }

    mutating func key(_ name: String) {
        separate()
        sink.append(Self.quoted(name))
        sink.append(":")
        afterKey = true
    }

    mutating func value(_ text: String) {
        separate()
        sink.append(Self.quoted(text))
    }

    mutating func value(_ number: some BinaryInteger) {
        separate()
        sink.append(String(number))
    }

    mutating func value(_ flag: Bool) {
        separate()
        sink.append(flag ? "true" : "false")
    }

    /// A number with at most three digits after the point; JSON has neither infinity nor NaN.
    mutating func value(thousandths: UInt64) {
        separate()
        sink.append(Self.decimal(thousandths: thousandths))
    }

    mutating func null() {
        separate()
        sink.append("null")
    }

    mutating func field(_ name: String, _ text: String) {
        key(name)
        value(text)
    }

    mutating func field(_ name: String, _ number: some BinaryInteger) {
        key(name)
        value(number)
    }

    mutating func field(_ name: String, _ flag: Bool) {
        key(name)
        value(flag)
    }

    mutating func field(_ name: String, optional number: UInt64?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    mutating func field(_ name: String, optional text: String?) {
        key(name)
        if let text { value(text) } else { null() }
    }

    /// A line's end between values, so that files can be read and compared by line.
    func newline() { sink.append("\n") }

    private mutating func begin(_ bracket: String) {
        separate()
        sink.append(bracket)
        hasItems.append(false)
    }

    private mutating func end(_ bracket: String) {
        hasItems.removeLast()
        sink.append(bracket)
    }

    private mutating func separate() {
        if afterKey {
            afterKey = false
            return
        }
        if hasItems[hasItems.count - 1] { sink.append(",") }
        hasItems[hasItems.count - 1] = true
    }

    /// `1234567` thousandths as `1234.567`, without trailing zeros.
    static func decimal(thousandths: UInt64) -> String {
        let rest = thousandths % 1000
        guard rest > 0 else { return String(thousandths / 1000) }
        var digits = String(rest)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(thousandths / 1000).\(digits)"
    }

    /// A string with its quotes.
    static func quoted(_ text: String) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        let digits = Array("0123456789abcdef".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): result += Array("\\n".utf8)
            case UInt8(ascii: "\t"): result += Array("\\t".utf8)
            case 0..<32, 127: result += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: result.append(byte)
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }
}
