// SPDX-License-Identifier: Apache-2.0
//
// Rust's first mangling: C++'s nested name, whose last component is "h" and a 64-bit hash, with characters that C++ names
// cannot hold written as $LT$, $u20$, "..", and so on.
//
//     _ZN 4core 3fmt 5Write 9write_str 17h0123456789abcdef E   →   core::fmt::Write::write_str

/// Names of Rust's legacy mangling.
enum RustLegacyName {
    /// The source path without its hash; nil when the name is not one of legacy Rust.
    static func demangle(_ name: Substring) -> String? {
        guard let components = components(of: name)?.components else { return nil }
        return components.dropLast().map(decode).joined(separator: "::")
    }

    /// Where the mangled name ends and what compilers append begins; nil when the name is not one of legacy Rust.
    static func end(of name: Substring) -> Substring.Index? { components(of: name)?.end }

    private static func components(of name: Substring) -> (components: [Substring], end: Substring.Index)? {
        guard name.hasPrefix("_ZN") else { return nil }
        let text = name.utf8
        var at = text.index(text.startIndex, offsetBy: 3)
        var components: [Substring] = []
        while at < text.endIndex, text[at] != UInt8(ascii: "E") {
            var length = 0
            while at < text.endIndex, case let digit = text[at], digit >= 48 && digit <= 57 {
                guard length < 100_000 else { return nil }
                length = length * 10 + Int(digit - 48)
                at = text.index(after: at)
            }
            guard length > 0, let next = text.index(at, offsetBy: length, limitedBy: text.endIndex) else { return nil }
            components.append(name[at..<next])
            at = next
        }
        guard at < text.endIndex, components.count >= 2, let hash = components.last?.utf8, hash.count == 17,
            hash.first == UInt8(ascii: "h"),
            hash.dropFirst().allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) })
        else { return nil }
        return (components, text.index(after: at))
    }

    private static let escapes: [String: String] = [
        "SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ",",
    ]

    private static func decode(_ component: Substring) -> String {
        // A component may not start with "$", so an underscore is put before it.
        var rest = component.hasPrefix("_$") ? component.dropFirst() : component
        var result = ""
        while let character = rest.first {
            if rest.hasPrefix("..") {
                result += "::"
                rest = rest.dropFirst(2)
            } else if character == "$", let end = rest.dropFirst().firstIndex(of: "$"),
                let text = unescape(rest[rest.index(after: rest.startIndex)..<end])
            {
                result += text
                rest = rest[rest.index(after: end)...]
            } else {
                result.append(character)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    private static func unescape(_ escape: Substring) -> String? {
        if let text = escapes[String(escape)] { return text }
        guard escape.hasPrefix("u"), let value = UInt32(escape.dropFirst(), radix: 16),
            let scalar = Unicode.Scalar(value), value >= 32
        else { return nil }
        return String(Character(scalar))
    }
}
