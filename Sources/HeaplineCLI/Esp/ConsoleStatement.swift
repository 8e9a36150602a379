// SPDX-License-Identifier: Apache-2.0
//
// One line of the console: an optional name to assign to, a function, arguments. A corner of Lua, enough for what is
// typed at a prompt.
//
//     statement  = [name "="] expression
//     expression = term {"|" term | "+" term | "-" term | "*" term}      from left to right
//     term       = number | name ["(" [expression {"," expression}] ")"]
//     name       = letter or underscore, then letters, digits, underscores and dots

struct ConsoleStatement {
    indirect enum Expression {
        case number(Double)
        case name(String)
        case call(String, [Expression])
        case operation(Character, Expression, Expression)
    }

    /// The line is not a statement; the text says what was expected.
    struct Failure: Error { var text: String }

    var variable: String?
    var expression: Expression

    /// nil: an empty line or a comment.
    init?(_ line: String) throws(Failure) {
        var text = Substring(line)
        if let comment = Self.comment(in: text) { text = text[..<comment] }
        var reader = Reader(rest: text)
        reader.skipBlanks()
        // Documents write an ellipsis for what is left to the reader.
        if reader.rest.isEmpty || reader.rest.hasPrefix("...") { return nil }
        let start = reader
        if let name = reader.name(), reader.take("=") {
            variable = name
        } else {
            reader = start
        }
        expression = try reader.expression()
        _ = reader.take(";")
        if !reader.rest.isEmpty { throw Failure(text: "unexpected symbol near '\(reader.rest.prefix(10))'") }
    }

    private static func comment(in text: Substring) -> Substring.Index? {
        text.indices.first { text[$0...].hasPrefix("--") }
    }

    private struct Reader {
        var rest: Substring

        mutating func skipBlanks() {
            rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
        }

        mutating func take(_ symbol: Character) -> Bool {
            skipBlanks()
            guard rest.first == symbol else { return false }
            rest.removeFirst()
            skipBlanks()
            return true
        }

        mutating func name() -> String? {
            guard let first = rest.first, first.isLetter || first == "_" else { return nil }
            let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
            rest = rest.dropFirst(name.count)
            skipBlanks()
            return String(name)
        }

        mutating func expression() throws(Failure) -> Expression {
            var left = try term()
            while let symbol = rest.first, "|+-*".contains(symbol) {
                _ = take(symbol)
                left = .operation(symbol, left, try term())
            }
            return left
        }

        private mutating func term() throws(Failure) -> Expression {
            skipBlanks()
            if let name = name() {
                guard take("(") else { return .name(name) }
                var arguments: [Expression] = []
                if take(")") { return .call(name, arguments) }
                repeat { arguments.append(try expression()) } while take(",")
                guard take(")") else { throw Failure(text: "')' expected near '\(rest.prefix(10))'") }
                return .call(name, arguments)
            }
            return .number(try number())
        }

        private mutating func number() throws(Failure) -> Double {
            if rest.first == "\"" || rest.first == "'" {
                // Lua takes a number in quotes for a number.
                let quote = rest.removeFirst()
                let inside = rest.prefix { $0 != quote }
                rest = rest.dropFirst(inside.count + 1)
                skipBlanks()
                guard let value = Double(inside) else { throw Failure(text: "number expected, got string") }
                return value
            }
            let digits = rest.prefix { $0.isHexDigit || $0 == "x" || $0 == "X" || $0 == "." }
            let value = digits.hasPrefix("0x") ? UInt32(digits.dropFirst(2), radix: 16).map(Double.init) : Double(digits)
            guard let value else { throw Failure(text: "unexpected symbol near '\(rest.prefix(10))'") }
            rest = rest.dropFirst(digits.count)
            skipBlanks()
            return value
        }
    }
}
