// SPDX-License-Identifier: Apache-2.0
//
// Names in formats where a line's end or a separator ends a name. Readers of those know bytes, not characters, so this looks at
// Unicode scalars: a Character is also a semicolon with an accent, whose first byte a reader takes for the separator it is.

extension String {
    /// The text with a space in the place of what may end a line, and `others` replaced.
    func onOneLine(replacing others: [Unicode.Scalar: String] = [:]) -> String {
        replacing { scalar in
            switch scalar {
            case "\n"..."\r", "\u{85}", "\u{2028}", "\u{2029}": " "
            default: others[scalar]
            }
        }
    }

    /// The text with each scalar replaced for which there is a text.
    func replacing(_ replacement: (Unicode.Scalar) -> String?) -> String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if let text = replacement(scalar) { result += text.unicodeScalars } else { result.append(scalar) }
        }
        return String(result)
    }
}
