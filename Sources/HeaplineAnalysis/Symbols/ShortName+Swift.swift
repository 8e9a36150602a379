// SPDX-License-Identifier: Apache-2.0
//
// Short forms of Swift's demangled names. See ShortName.swift.
//
//     closure #1 (Swift.Int) -> Swift.Int in main.f(x: Swift.Int) -> ()   →   closure #1 in main.f
//     generic specialization <Swift.Int> of Swift.Array.append(A) -> ()   →   Swift.Array.append
//     main.Tree.(Node in _0F3A…).depth.getter : Swift.Int                 →   main.Tree.Node.depth.getter

extension ShortName {
    /// Whether a name is Swift's: only there do dots join identifiers outside of brackets.
    static func isSwift(_ text: [UInt8]) -> Bool {
        if text.starts(with: closure) || text.indices.contains(where: { text[$0...].starts(with: thunk) }) { return true }
        if text.first == paren, text.indices.contains(where: { text[$0...].starts(with: part) }) { return true }
        var at = 0
        while at < text.count {
            let byte = text[at]
            if byte == UInt8(ascii: ".") { return at > 0 && (isIdentifier(text[at - 1]) || text[at - 1] == greater) }
            if byte == UInt8(ascii: ":"), at + 1 < text.count, text[at + 1] == byte { return false }
            at = byte == paren || byte == less ? matching(text, at) : at + 1
        }
        return false
    }

    // What Swift's names have without a dot: of the program's own closures, parts of async functions, and thunks.
    private static let closure = Array("closure #".utf8)
    private static let part = Array(" partial function for ".utf8)
    private static let thunk = Array("reabstraction thunk helper".utf8)

    static func shortenSwift(_ text: [UInt8]) -> [UInt8] {
        // "(3) await resume partial function for f": a part of an async function.
        if text.first == paren, let at = text.indices.first(where: { text[$0...].starts(with: part) }) {
            return shortenSwift(Array(text[(at + part.count)...]))
        }
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            let rest = text[at...]
            // What it converts from and to are types.
            if result.isEmpty, rest.starts(with: thunk) { return thunk }
            switch text[at] {
            case UInt8(ascii: ".") where at + 1 < text.count && isOperator(text[at + 1]):
                // An operator function: its name may look like a bracket.
                let end = rest.firstIndex(of: space) ?? text.count
                result += text[at..<end]
                at = end
            case paren:
                let end = matching(text, at)
                let inner = text[(at + 1)..<max(at + 1, end - 1)]
                if inner.starts(with: "extension in ".utf8) {
                    at = end < text.count && text[end] == UInt8(ascii: ":") ? end + 1 : end
                } else if let name = privateName(inner) {
                    result += name
                    at = end
                } else {
                    at = endOfSignature(text, end)
                }
            case less:
                at = matching(text, at)
                // Every specialization of a function is that function to a reader.
                if result.suffix(15).elementsEqual("specialization ".utf8), text[at...].starts(with: " of ".utf8) {
                    result.removeAll(keepingCapacity: true)
                    at += 4
                }
            case UInt8(ascii: "@"):
                at = min((rest.firstIndex(of: space) ?? text.count) + 1, text.count)
            case space where rest.starts(with: " : ".utf8) || rest.starts(with: " -> ".utf8):
                at = endOfSignature(text, at)
            case space where rest.starts(with: " in conformance ".utf8):
                at = text.count
            case space:
                let word = [" infix", " prefix", " postfix", " async", " throws"].first { rest.starts(with: $0.utf8) }
                if let word {
                    at += word.utf8.count
                } else {
                    if result.last != space { result.append(space) }
                    at += 1
                }
            default:
                result.append(text[at])
                at += 1
            }
        }
        while result.last == space { result.removeLast() }
        return result
    }

    // (Name in _0F3A…): a private declaration and the hash of its file.
    private static func privateName(_ inner: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let blank = inner.firstIndex(of: space), inner[blank...].starts(with: " in ".utf8) else { return nil }
        let file = inner[(blank + 4)...]
        guard let first = file.first, first == UInt8(ascii: "_") || first == UInt8(ascii: "$") else { return nil }
        return file.contains(space) ? nil : inner[..<blank]
    }

    // Effects and result go on to the end, or to the " in " before the function around a closure.
    private static func endOfSignature(_ text: [UInt8], _ start: Int) -> Int {
        var at = start
        while at < text.count {
            if text[at...].starts(with: " in ".utf8) { return at }
            at = text[at] == paren || text[at] == less || text[at] == UInt8(ascii: "[") ? matching(text, at) : at + 1
        }
        return at
    }

    private static func isOperator(_ byte: UInt8) -> Bool { "=<>+-*/%&|^!~?".utf8.contains(byte) }
}
