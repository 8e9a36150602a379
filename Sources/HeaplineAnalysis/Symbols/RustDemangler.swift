// SPDX-License-Identifier: Apache-2.0
//
// Rust's v0 mangling (RFC 2603): a prefix grammar of paths, types and constants with back references into itself.
// Printed as Rust's own tools do in their short form: without crate hashes and without type suffixes on constants.
// A name is hostile input here: depth and length of the output are bounded, and any error makes the whole name unread.
// Types are in RustDemangler+Types.swift, constants in RustDemangler+Constants.swift.

/// A reader and printer of one v0 name.
struct RustDemangler {
    enum Failure: Error { case damaged, tooDeep, tooLong }

    // Real names stay far below both; hostile back references would otherwise double the output at each step.
    static let deepest = 200
    static let longest = 1 << 16

    let text: [UInt8]
    var position = 0
    var output: [UInt8] = []
    /// While above 0 the grammar is followed and nothing is printed.
    var silence = 0
    var depth = 0
    var boundLifetimes: UInt64 = 0
    private var steps = 0

    private init(_ text: [UInt8]) { self.text = text }

    /// The source path of a name that starts with `_R`; nil when it is damaged.
    static func demangle(_ name: Substring) -> String? {
        guard name.hasPrefix("_R") else { return nil }
        var demangler = RustDemangler(Array(name.utf8.dropFirst(2)))
        // A leading digit would be a version of the encoding; there is none yet.
        guard let first = demangler.text.first, first >= 65 && first <= 90 else { return nil }
        do throws(Failure) {
            try demangler.path(inValue: true)
            if demangler.position < demangler.text.count {
                // The crate that asked for this copy of a generic function.
                try demangler.silently { demangler throws(Failure) in try demangler.path(inValue: false) }
            }
        } catch {
            return nil
        }
        guard demangler.position == demangler.text.count else { return nil }
        return String(decoding: demangler.output, as: UTF8.self)
    }
}

// MARK: Reading

extension RustDemangler {
    func peek() -> UInt8? { position < text.count ? text[position] : nil }

    mutating func next() throws(Failure) -> UInt8 {
        guard position < text.count else { throw .damaged }
        // Back references make the text longer than it is; this bounds the work when nothing is printed.
        steps += 1
        guard steps < Self.longest * 8 else { throw .tooLong }
        position += 1
        return text[position - 1]
    }

    mutating func eat(_ letter: Character) -> Bool {
        guard peek() == letter.asciiValue else { return false }
        position += 1
        return true
    }

    /// `_` is 0; digits and `_` are one more than their value.
    mutating func base62() throws(Failure) -> UInt64 {
        if eat("_") { return 0 }
        var value: UInt64 = 0
        while true {
            let byte = try next()
            let digit: UInt64
            switch byte {
            case 48...57: digit = UInt64(byte - 48)
            case 97...122: digit = UInt64(byte - 97) + 10
            case 65...90: digit = UInt64(byte - 65) + 36
            case UInt8(ascii: "_"):
                let (result, overflow) = value.addingReportingOverflow(1)
                guard !overflow else { throw .damaged }
                return result
            default: throw .damaged
            }
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 62)
            let (sum, overflow) = scaled.addingReportingOverflow(digit)
            guard !tooLarge && !overflow else { throw .damaged }
            value = sum
        }
    }

    mutating func optionalBase62(after tag: Character) throws(Failure) -> UInt64 {
        guard eat(tag) else { return 0 }
        let (value, overflow) = try base62().addingReportingOverflow(1)
        guard !overflow else { throw .damaged }
        return value
    }

    /// A name without its disambiguator, decoded.
    mutating func plainIdentifier() throws(Failure) -> [UInt8] {
        let isPunycode = eat("u")
        var length = 0
        guard let first = peek(), first >= 48 && first <= 57 else { throw .damaged }
        if !eat("0") {
            while let digit = peek(), digit >= 48 && digit <= 57 {
                length = length * 10 + Int(digit - 48)
                guard length <= text.count else { throw .damaged }
                position += 1
            }
        }
        _ = eat("_")
        guard length <= text.count - position else { throw .damaged }
        let bytes = Array(text[position..<(position + length)])
        position += length
        guard isPunycode else { return bytes }
        guard let decoded = Punycode.decode(bytes) else { throw .damaged }
        return Array(decoded.utf8)
    }

    /// Goes on at an earlier place, then comes back.
    mutating func backReference(_ body: (inout RustDemangler) throws(Failure) -> Void) throws(Failure) {
        let tag = position - 1
        let target = try base62()
        guard let place = Int(exactly: target), place < tag else { throw .damaged }
        // Nothing would be printed, and what is there has been read once already.
        if silence > 0 { return }
        let here = position
        position = place
        try nested(body)
        position = here
    }

    mutating func nested(_ body: (inout RustDemangler) throws(Failure) -> Void) throws(Failure) {
        depth += 1
        guard depth < Self.deepest else { throw .tooDeep }
        try body(&self)
        depth -= 1
    }

    mutating func silently(_ body: (inout RustDemangler) throws(Failure) -> Void) throws(Failure) {
        silence += 1
        try body(&self)
        silence -= 1
    }
}

// MARK: Printing

extension RustDemangler {
    mutating func print(_ string: String) throws(Failure) { try print(Array(string.utf8)) }

    mutating func print(_ bytes: [UInt8]) throws(Failure) {
        guard silence == 0 else { return }
        guard output.count + bytes.count <= Self.longest else { throw .tooLong }
        output += bytes
    }
}

// MARK: Paths

extension RustDemangler {
    /// - Parameter inValue: whether generic arguments need `::` before them, as in expressions.
    mutating func path(inValue: Bool) throws(Failure) {
        try nested { demangler throws(Failure) in try demangler.pathBody(inValue: inValue) }
    }

    private mutating func pathBody(inValue: Bool) throws(Failure) {
        switch try next() {
        case UInt8(ascii: "C"):
            _ = try optionalBase62(after: "s")
            try print(plainIdentifier())
        case UInt8(ascii: "N"):
            try nestedPath(inValue: inValue)
        case UInt8(ascii: "M"):
            try implementationPath()
            try print("<")
            try type()
            try print(">")
        case UInt8(ascii: "X"):
            try implementationPath()
            try qualifiedType()
        case UInt8(ascii: "Y"):
            try qualifiedType()
        case UInt8(ascii: "I"):
            try path(inValue: inValue)
            try print(inValue ? "::<" : "<")
            try genericArguments()
            try print(">")
        case UInt8(ascii: "B"):
            try backReference { demangler throws(Failure) in try demangler.path(inValue: inValue) }
        default:
            throw .damaged
        }
    }

    // N <namespace> <path> <identifier>: upper-case namespaces are things without a name of their own.
    private mutating func nestedPath(inValue: Bool) throws(Failure) {
        let namespace = try next()
        try path(inValue: inValue)
        let disambiguator = try optionalBase62(after: "s")
        let name = try plainIdentifier()
        switch namespace {
        case 65...90:
            let kind =
                switch namespace {
                case UInt8(ascii: "C"): "closure"
                case UInt8(ascii: "S"): "shim"
                default: String(Character(Unicode.Scalar(namespace)))
                }
            try print("::{\(kind)")
            if !name.isEmpty {
                try print(":")
                try print(name)
            }
            try print("#\(disambiguator)}")
        case 97...122:
            if !name.isEmpty {
                try print("::")
                try print(name)
            }
        default:
            throw .damaged
        }
    }

    // Where the impl block is: needed to be unique, of no use to a reader.
    private mutating func implementationPath() throws(Failure) {
        _ = try optionalBase62(after: "s")
        try silently { demangler throws(Failure) in try demangler.path(inValue: false) }
    }

    private mutating func qualifiedType() throws(Failure) {
        try print("<")
        try type()
        try print(" as ")
        try path(inValue: false)
        try print(">")
    }

    mutating func genericArguments() throws(Failure) {
        try list(separator: ", ") { demangler throws(Failure) in
            if demangler.eat("L") {
                try demangler.lifetime(demangler.base62())
            } else if demangler.eat("K") {
                try demangler.constant(inValue: false)
            } else {
                try demangler.type()
            }
        }
    }

    /// Elements up to `E`.
    @discardableResult
    mutating func list(
        separator: String, _ element: (inout RustDemangler) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        var count = 0
        while !eat("E") {
            if count > 0 { try print(separator) }
            try element(&self)
            count += 1
        }
        return count
    }
}
