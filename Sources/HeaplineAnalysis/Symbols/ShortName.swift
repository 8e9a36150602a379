// SPDX-License-Identifier: Apache-2.0
//
// Names for a line of text: template and generic arguments become <…>, parameter lists and result types go.
//
//     void std::vector<int, std::allocator<int> >::_M_realloc_insert<int const&>(…)   →   std::vector<…>::_M_realloc_insert<…>
//     <alloc::vec::Vec<u8> as core::clone::Clone>::clone                             →   <alloc::vec::Vec<…> as core::clone::Clone>::clone
//     Swift.Array.append(__owned A) -> ()                                            →   Swift.Array.append

/// Shortened forms of demangled names.
public enum ShortName {
    /// The name without arguments, parameters and result; two functions may share a short name.
    public static func of(_ name: String) -> String {
        let text = Array(name.utf8)
        guard text.contains(where: { $0 == paren || $0 == less || $0 == space }) else { return name }
        return String(decoding: shorten(text), as: UTF8.self)
    }

    private static let paren = UInt8(ascii: "(")
    private static let closing = UInt8(ascii: ")")
    private static let less = UInt8(ascii: "<")
    private static let greater = UInt8(ascii: ">")
    private static let space = UInt8(ascii: " ")
    private static let ellipsis = Array("<…>".utf8)

    private static func shorten(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        // Where the name itself begins in `result`: after a result type and the space behind it.
        var nameStart = 0
        var at = 0
        while at < text.count {
            if let length = operatorLength(text, at) {
                result += text[at..<(at + length)]
                at += length
                continue
            }
            let byte = text[at]
            switch byte {
            case less where opensQualifiedPath(result, from: nameStart):
                // <Type as Trait>::method: the brackets are part of the path; what is in them is shortened by itself.
                let end = matching(text, at)
                result.append(less)
                result += shortenQualified(Array(text[(at + 1)..<max(at + 1, end - 1)]))
                result.append(greater)
                at = end
            case less:
                result += ellipsis
                at = matching(text, at)
            case UInt8(ascii: "{"):
                // {lambda(int)#1}, {closure#0}: a name, kept with what is in it.
                let end = matching(text, at)
                result += text[at..<end]
                at = end
            case paren:
                let end = matching(text, at)
                let inner = text[at..<end]
                if inner.elementsEqual("(anonymous namespace)".utf8) || isFollowedByName(text, end) {
                    // A scope: (anonymous namespace)::f, or main()::{lambda()#1}, whose parameters go.
                    if inner.elementsEqual("(anonymous namespace)".utf8) { result += inner }
                    at = end
                } else {
                    // The parameters: the name is over, but for the mark of a clone and of Swift's closures.
                    if let clone = firstRange(of: Array(" [clone ".utf8), in: text, from: end) {
                        result += text[clone...]
                    } else if let within = firstRange(of: Array(" in ".utf8), in: text, from: end),
                        result.starts(with: "closure #".utf8)
                    {
                        result += Array(" in ".utf8) + shorten(Array(text[(within + 4)...]))
                    }
                    at = text.count
                }
            case space:
                let word = result[nameStart...]
                if word.elementsEqual("closure".utf8) || word.starts(with: "closure #".utf8) || isPhrase(text, at) {
                    result.append(space)
                } else {
                    // What came before was a result type.
                    result.removeAll(keepingCapacity: true)
                }
                at += 1
                if result.isEmpty { nameStart = 0 } else { nameStart = result.count }
            default:
                result.append(byte)
                at += 1
            }
        }
        while result.last == space { result.removeLast() }
        return result.isEmpty ? text : result
    }

    // "A as B" of Rust, each side shortened.
    private static func shortenQualified(_ text: [UInt8]) -> [UInt8] {
        let separator = Array(" as ".utf8)
        var depth = 0
        for at in text.indices {
            if text[at] == less { depth += 1 }
            if text[at] == greater, at == 0 || text[at - 1] != UInt8(ascii: "-") { depth -= 1 }
            if depth == 0, text[at...].starts(with: separator) {
                return elideArguments(Array(text[..<at])) + separator + elideArguments(Array(text[(at + 4)...]))
            }
        }
        return elideArguments(text)
    }

    private static func elideArguments(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            if text[at] == less, !result.isEmpty, result.last != space, result.last != UInt8(ascii: "&") {
                result += ellipsis
                at = matching(text, at)
            } else {
                result.append(text[at])
                at += 1
            }
        }
        return result
    }

    // Spaces that are not behind a result type: inside the phrases of Swift's and C++'s demanglers.
    private static func isPhrase(_ text: [UInt8], _ at: Int) -> Bool {
        let phrases = [
            " in ", " for ", " of ", " to ", " witness ", " getter", " #", " thunk", " [clone ", " accessor", " [inlined",
        ]
        if phrases.contains(where: { text[at...].starts(with: $0.utf8) }) { return true }
        let before = text[..<at]
        let starts = [
            "vtable", "VTT", "typeinfo", "typeinfo name", "guard variable", "non-virtual thunk", "virtual thunk",
            "covariant return thunk", "closure", "static", "protocol witness", "dispatch thunk", "merged", "type metadata",
            "generic specialization", "function signature specialization", "partial apply", "reabstraction thunk", "default argument",
            " in", " for", " of", " to", " thunk", "witness", "metadata", "property", "global initialization",
        ]
        return starts.contains { before.suffix($0.utf8.count).elementsEqual($0.utf8) }
    }

    // At the start of a name "<" can only be Rust's.
    private static func opensQualifiedPath(_ result: [UInt8], from nameStart: Int) -> Bool { result.count == nameStart }

    private static func isFollowedByName(_ text: [UInt8], _ at: Int) -> Bool {
        text[at...].starts(with: "::".utf8) || text[at...].starts(with: " const::".utf8)
    }

    // operator<, operator->, operator(), operator new, and the conversions keep their spelling.
    private static func operatorLength(_ text: [UInt8], _ at: Int) -> Int? {
        let keyword = Array("operator".utf8)
        guard text[at...].starts(with: keyword), at == 0 || !isIdentifier(text[at - 1]) else { return nil }
        let rest = text[(at + keyword.count)...]
        guard let first = rest.first, !isIdentifier(first) else { return nil }
        let symbols = ["()", "<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "<", ">"]
        for symbol in symbols where rest.starts(with: symbol.utf8) { return keyword.count + symbol.utf8.count }
        if first == space {
            // operator new[], operator bool: up to the parameters.
            let end = rest.firstIndex(of: paren) ?? rest.endIndex
            return end - at
        }
        return keyword.count
    }

    private static func isIdentifier(_ byte: UInt8) -> Bool {
        (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 95
    }

    // The index after the bracket that closes the one at `start`; the end of the text when none does.
    private static func matching(_ text: [UInt8], _ start: Int) -> Int {
        var depth = 0
        var at = start
        while at < text.count {
            if at > start, let length = operatorLength(text, at) {
                at += length
                continue
            }
            switch text[at] {
            case less, paren, UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case greater where at > 0 && text[at - 1] == UInt8(ascii: "-"): break
            case greater, closing, UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return at + 1 }
            default: break
            }
            at += 1
        }
        return text.count
    }

    private static func firstRange(of pattern: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        guard text.count - start >= pattern.count else { return nil }
        return (start...(text.count - pattern.count)).first { text[$0...].starts(with: pattern) }
    }
}
