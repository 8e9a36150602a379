// SPDX-License-Identifier: Apache-2.0
//
// Names for one line of text: template and generic arguments become <…>; parameters and result types go.
// C++ and Rust are here, Swift is in ShortName+Swift.swift.
//
//     int& f<int>(std::vector<int>&)                           →   f<…>
//     std::vector<int, std::allocator<int> >::push_back(int&&) →   std::vector<…>::push_back
//     <alloc::vec::Vec<u8> as core::clone::Clone>::clone       →   <alloc::vec::Vec<…> as core::clone::Clone>::clone

/// Shortened forms of demangled names.
public enum ShortName {
    /// The name without arguments, parameters and result; several functions may share a short name.
    public static func of(_ name: String) -> String {
        let text = Array(name.utf8)
        guard text.contains(where: { $0 == paren || $0 == less || $0 == space }) else { return name }
        let (base, clone) = splitClone(text)
        let short = isSwift(base) ? shortenSwift(base) : shortenPath(base)
        return short.isEmpty ? name : String(decoding: short + clone, as: UTF8.self)
    }

    /// The path with each `.`, and each `..` together with the directory before it, left out.
    public static func ofFile(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !path.hasPrefix("/") {
                parts.append(part)
            }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    static let paren = UInt8(ascii: "(")
    static let less = UInt8(ascii: "<")
    static let greater = UInt8(ascii: ">")
    static let space = UInt8(ascii: " ")
    private static let ellipsis = Array("<…>".utf8)

    // What the compiler made a second body for stays visible: "f [clone .cold]".
    private static func splitClone(_ text: [UInt8]) -> (base: [UInt8], clone: [UInt8]) {
        let mark = Array(" [clone ".utf8)
        guard let at = text.indices.first(where: { text[$0...].starts(with: mark) }) else { return (text, []) }
        return (Array(text[..<at]), Array(text[at...]))
    }

    private static let phrases = [
        "vtable for ", "VTT for ", "construction vtable for ", "typeinfo for ", "typeinfo name for ",
        "guard variable for ", "TLS init function for ", "TLS wrapper function for ", "non-virtual thunk to ",
        "virtual thunk to ", "covariant return thunk to ",
    ].map { Array($0.utf8) }

    // C++ and Rust. What precedes the last space outside brackets, before the parameters, is a result type.
    private static func shortenPath(_ text: [UInt8]) -> [UInt8] {
        if let phrase = phrases.first(where: { text.starts(with: $0) }) {
            return phrase + shortenPath(Array(text.dropFirst(phrase.count)))
        }
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            if let length = operatorLength(text, at) {
                result += text[at..<(at + length)]
                at += length
                continue
            }
            if result.isEmpty, text[at...].starts(with: "decltype".utf8), let open = text[at...].firstIndex(of: paren) {
                // A result type with brackets of its own.
                at = matching(text, open)
                continue
            }
            let end = matching(text, at)
            switch text[at] {
            case less:
                let inner = Array(text[(at + 1)..<max(at + 1, end - 1)])
                let isBlock = inner.starts(with: "impl ".utf8) && result.suffix(2).elementsEqual("::".utf8)
                if result.isEmpty || isBlock {
                    // <Type as Trait>::method and module::<impl Trait for Type>::method: the brackets are part of the path.
                    result += [less] + elideArguments(inner) + [greater]
                } else {
                    result += ellipsis
                }
                at = end
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                // {lambda(int)#1}, {closure#0}, [abi:cxx11]
                result += text[at..<end]
                at = end
            case paren:
                if text[at..<end].elementsEqual("(anonymous namespace)".utf8) {
                    result += text[at..<end]
                } else if !isScope(text, end) {
                    return result
                }
                at = end
            case space:
                // main(…) const::{lambda()#1}: the qualifier of a scope is not a result type.
                if text[at...].starts(with: " const::".utf8) {
                    at += " const".utf8.count
                } else if text[at...].starts(with: " <".utf8), !result.isEmpty {
                    // operator<< <char>: the space only keeps the brackets apart.
                    result.append(space)
                    at += 1
                } else {
                    result.removeAll(keepingCapacity: true)
                    at += 1
                }
            default:
                result.append(text[at])
                at += 1
            }
        }
        return result
    }

    // Inside a qualified path spaces are part of it ("A as B", "impl A for B"); only arguments are left out.
    private static func elideArguments(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            let end = text[at] == less ? matching(text, at) : at + 1
            if text[at] != less {
                result.append(text[at])
            } else if let before = result.last, isIdentifier(before) || before == UInt8(ascii: ":") {
                result += ellipsis
            } else {
                result += [less] + elideArguments(Array(text[(at + 1)..<max(at + 1, end - 1)])) + [greater]
            }
            at = end
        }
        return result
    }

    // Whether what ends at `at` names a scope of what follows.
    private static func isScope(_ text: [UInt8], _ at: Int) -> Bool {
        text[at...].starts(with: "::".utf8) || text[at...].starts(with: " const::".utf8)
    }

    // operator<, operator->, operator(), operator new[] and conversions keep their spelling.
    private static func operatorLength(_ text: [UInt8], _ at: Int) -> Int? {
        let keyword = Array("operator".utf8)
        guard text[at] == keyword[0], text[at...].starts(with: keyword), at == 0 || !isIdentifier(text[at - 1]) else {
            return nil
        }
        let rest = text[(at + keyword.count)...]
        guard let first = rest.first, !isIdentifier(first), first != UInt8(ascii: ":") else { return nil }
        for symbol in ["()", "<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "<", ">", "[]"]
        where rest.starts(with: symbol.utf8) {
            return keyword.count + symbol.utf8.count
        }
        guard first == space else { return keyword.count }
        return (rest.firstIndex(of: paren) ?? rest.endIndex) - at
    }

    static func isIdentifier(_ byte: UInt8) -> Bool {
        (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 95
            || byte > 127
    }

    /// The index after the bracket that closes the one at `start`; `start + 1` when there is no bracket at `start`, the
    /// end of the text when none closes it.
    static func matching(_ text: [UInt8], _ start: Int) -> Int {
        var depth = 0
        var at = start
        while at < text.count {
            if at > start, let length = operatorLength(text, at) {
                at += length
                continue
            }
            switch text[at] {
            case less, paren, UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            // The arrow of a function type.
            case greater where at > 0 && text[at - 1] == UInt8(ascii: "-"): break
            case greater, UInt8(ascii: ")"), UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            at += 1
            if depth <= 0 { return at }
        }
        return text.count
    }
}
