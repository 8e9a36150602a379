// SPDX-License-Identifier: Apache-2.0
//
// JSON for the inside of a page. Everything that comes from a trace passes here: `<` is always escaped, so no name can end
// the script element that holds it, and text that is not UTF-8 has been repaired by String before.

/// A JSON value. Objects keep the order they are written in.
indirect enum PageJSON {
    case null
    case bool(Bool)
    case unsigned(UInt64)
    case signed(Int64)
    case number(Double)
    case text(String)
    case array([PageJSON])
    case object([(String, PageJSON)])

    init(_ value: UInt64?) { self = value.map { .unsigned($0) } ?? .null }
    init(_ value: Int) { self = .signed(Int64(value)) }
    init(_ value: String?) { self = value.map { .text($0) } ?? .null }

    /// Appends the value to `bytes`.
    func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += Array("null".utf8)
        case .bool(let value): bytes += Array((value ? "true" : "false").utf8)
        case .unsigned(let value): bytes += Array(String(value).utf8)
        case .signed(let value): bytes += Array(String(value).utf8)
        case .number(let value): bytes += Array((value.isFinite ? String(value) : "null").utf8)
        case .text(let value): Self.write(value, to: &bytes)
        case .array(let items):
            bytes.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                item.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.0, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.1.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20, 0x7f, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
                bytes += Array("\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Columns of integers, packed for the page: LEB128 in base64, 1 to 2 characters for a small number instead of 4 or more.
/// Negative numbers go through `signed`, which puts the sign into the lowest bit.
struct PackedIntegers {
    private var bytes: [UInt8] = []
    private(set) var count = 0

    mutating func add(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        count += 1
    }

    mutating func add(_ value: Int) { add(UInt64(max(value, 0))) }

    mutating func addSigned(_ value: Int64) { add(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    /// The packed text, to be read by `unpack` in data.js.
    var json: PageJSON {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let a = bytes[index]
            let b = index + 1 < bytes.count ? bytes[index + 1] : 0
            let c = index + 2 < bytes.count ? bytes[index + 2] : 0
            text.append(alphabet[Int(a >> 2)])
            text.append(alphabet[Int((a & 3) << 4 | b >> 4)])
            text.append(index + 1 < bytes.count ? alphabet[Int((b & 15) << 2 | c >> 6)] : UInt8(ascii: "="))
            text.append(index + 2 < bytes.count ? alphabet[Int(c & 63)] : UInt8(ascii: "="))
            index += 3
        }
        return .text(String(decoding: text, as: UTF8.self))
    }
}
