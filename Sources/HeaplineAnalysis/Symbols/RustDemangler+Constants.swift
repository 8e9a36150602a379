// SPDX-License-Identifier: Apache-2.0
//
// Constant generic arguments of Rust's v0 mangling, and the Punycode of its non-ASCII names. See RustDemangler.swift.

extension RustDemangler {
    /// - Parameter inValue: whether an expression may stand here without braces.
    mutating func constant(inValue: Bool) throws(Failure) {
        try nested { demangler throws(Failure) in try demangler.constantBody(inValue: inValue) }
    }

    private mutating func constantBody(inValue: Bool) throws(Failure) {
        let tag = try next()
        switch tag {
        case UInt8(ascii: "p"):
            try print("_")
        case UInt8(ascii: "a"), UInt8(ascii: "s"), UInt8(ascii: "l"), UInt8(ascii: "x"), UInt8(ascii: "n"),
            UInt8(ascii: "i"):
            if eat("n") { try print("-") }
            try unsigned()
        case UInt8(ascii: "h"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "y"), UInt8(ascii: "o"),
            UInt8(ascii: "j"):
            try unsigned()
        case UInt8(ascii: "b"):
            switch try Self.value(hexDigits()) {
            case 0: try print("false")
            case 1: try print("true")
            default: throw .damaged
            }
        case UInt8(ascii: "c"):
            guard let value = try Self.value(hexDigits()), let code = UInt32(exactly: value),
                let scalar = Unicode.Scalar(code)
            else { throw .damaged }
            try print("'\(Self.escaped(scalar, quote: "'"))'")
        case UInt8(ascii: "e"):
            // A place of type str, not a reference to one.
            try inBraces(!inValue) { demangler throws(Failure) in
                try demangler.print("*")
                try demangler.string()
            }
        case UInt8(ascii: "R"), UInt8(ascii: "Q"):
            if tag == UInt8(ascii: "R"), eat("e") { return try string() }
            try inBraces(!inValue) { demangler throws(Failure) in
                try demangler.print(tag == UInt8(ascii: "R") ? "&" : "&mut ")
                try demangler.constant(inValue: true)
            }
        case UInt8(ascii: "A"):
            try inBraces(!inValue) { demangler throws(Failure) in
                try demangler.print("[")
                try demangler.constants()
                try demangler.print("]")
            }
        case UInt8(ascii: "T"):
            try inBraces(!inValue) { demangler throws(Failure) in
                try demangler.print("(")
                let count = try demangler.constants()
                try demangler.print(count == 1 ? ",)" : ")")
            }
        case UInt8(ascii: "V"):
            try inBraces(!inValue) { demangler throws(Failure) in try demangler.structure() }
        case UInt8(ascii: "B"):
            try backReference { demangler throws(Failure) in try demangler.constant(inValue: inValue) }
        default:
            throw .damaged
        }
    }

    private mutating func inBraces(
        _ braces: Bool, _ body: (inout RustDemangler) throws(Failure) -> Void
    ) throws(Failure) {
        if braces { try print("{") }
        try body(&self)
        if braces { try print("}") }
    }

    @discardableResult
    private mutating func constants() throws(Failure) -> Int {
        try list(separator: ", ") { demangler throws(Failure) in try demangler.constant(inValue: true) }
    }

    // A value of a structure or enumeration: its path, then U nothing, T positional fields, S named fields.
    private mutating func structure() throws(Failure) {
        try path(inValue: true)
        switch try next() {
        case UInt8(ascii: "U"): break
        case UInt8(ascii: "T"):
            try print("(")
            try constants()
            try print(")")
        case UInt8(ascii: "S"):
            try print(" { ")
            try list(separator: ", ") { demangler throws(Failure) in
                _ = try demangler.optionalBase62(after: "s")
                try demangler.print(demangler.plainIdentifier())
                try demangler.print(": ")
                try demangler.constant(inValue: true)
            }
            try print(" }")
        default: throw .damaged
        }
    }

    // Lower-case hexadecimal digits up to "_".
    private mutating func hexDigits() throws(Failure) -> [UInt8] {
        var digits: [UInt8] = []
        while true {
            switch try next() {
            case UInt8(ascii: "_"): return digits
            case let digit where (48...57).contains(digit) || (97...102).contains(digit): digits.append(digit)
            default: throw .damaged
            }
        }
    }

    private static func value(_ digits: [UInt8]) -> UInt64? {
        let significant = digits.drop { $0 == 48 }
        return significant.count > 16 ? nil : significant.reduce(0) { $0 << 4 | UInt64($1 < 58 ? $1 - 48 : $1 - 87) }
    }

    private mutating func unsigned() throws(Failure) {
        let digits = try hexDigits()
        if let value = Self.value(digits) {
            try print("\(value)")
        } else {
            try print("0x")
            try print(Array(digits.drop { $0 == 48 }))
        }
    }

    private mutating func string() throws(Failure) {
        let digits = try hexDigits()
        guard digits.count % 2 == 0 else { throw .damaged }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            bytes.append(UInt8(truncatingIfNeeded: Self.value(Array(digits[index..<(index + 2)])) ?? 0))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .damaged }
        try print("\"" + text.unicodeScalars.map { Self.escaped($0, quote: "\"") }.joined() + "\"")
    }

    private static func escaped(_ scalar: Unicode.Scalar, quote: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case "\\": "\\\\"
        case "\0": "\\0"
        case quote: "\\" + String(Character(quote))
        case _ where scalar.value < 32 || scalar.value == 127: "\\u{\(String(scalar.value, radix: 16))}"
        default: String(Character(scalar))
        }
    }
}

/// Punycode (RFC 3492), with Rust's underscore for the dash between the ASCII characters and the rest.
enum Punycode {
    static func decode(_ bytes: [UInt8]) -> String? {
        let split = bytes.lastIndex(of: UInt8(ascii: "_"))
        var scalars = bytes[..<(split ?? 0)].map { Unicode.Scalar($0) }
        var rest = bytes[(split.map { $0 + 1 } ?? 0)...]
        var code = 128
        var index = 0
        var bias = 72
        var isFirst = true
        while !rest.isEmpty {
            var delta = 0
            var weight = 1
            var k = 36
            while true {
                guard let byte = rest.popFirst() else { return nil }
                let digit: Int
                switch byte {
                case 97...122: digit = Int(byte) - 97
                case 48...57: digit = Int(byte) - 48 + 26
                default: return nil
                }
                let (product, tooLarge) = digit.multipliedReportingOverflow(by: weight)
                let (sum, overflow) = delta.addingReportingOverflow(product)
                guard !tooLarge && !overflow else { return nil }
                delta = sum
                let threshold = min(max(k - bias, 1), 26)
                if digit < threshold { break }
                let (scaled, weightOverflow) = weight.multipliedReportingOverflow(by: 36 - threshold)
                guard !weightOverflow else { return nil }
                weight = scaled
                k += 36
            }
            let count = scalars.count + 1
            let (next, overflow) = index.addingReportingOverflow(delta)
            guard !overflow else { return nil }
            index = next
            guard index / count <= 0x10_ffff else { return nil }
            code += index / count
            index %= count
            guard let value = UInt32(exactly: code), let scalar = Unicode.Scalar(value) else { return nil }
            scalars.insert(scalar, at: index)
            index += 1
            // The bias adapts to the size of the last delta.
            delta = isFirst ? delta / 700 : delta / 2
            isFirst = false
            delta += delta / count
            var steps = 0
            while delta > 455 {
                delta /= 35
                steps += 36
            }
            bias = steps + 36 * delta / (delta + 38)
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }
}
