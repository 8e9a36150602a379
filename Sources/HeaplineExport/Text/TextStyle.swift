// SPDX-License-Identifier: Apache-2.0
//
// What a text looks like: colour or not, how wide, which numbers. Colour is the caller's decision: on a terminal, and not
// when NO_COLOR is set.

/// The look of a text report.
public struct TextStyle: Sendable {
    public var colour: Bool
    public var units: Units
    /// Show the frames of the allocator and the start-up code too.
    public var allFrames: Bool
    /// Most rows of a list; nil for the view's own choice.
    public var limit: Int?
    /// Columns of the terminal; nil where lines may be as long as they are.
    public var width: Int?

    public init(
        colour: Bool = false, exactBytes: Bool = false, allFrames: Bool = false, limit: Int? = nil, width: Int? = nil
    ) {
        self.colour = colour
        units = Units(exactBytes: exactBytes)
        self.allFrames = allFrames
        self.limit = limit
        self.width = width
    }

    /// A bar of at most 40 columns, shorter where the terminal has no room for it beside so many columns.
    func bar(_ value: UInt64, of most: UInt64, beside columns: Int) -> String {
        let room = min(40, max(8, (width ?? .max) - columns))
        return String(repeating: "█", count: most == 0 ? 0 : Int(Double(value) / Double(most) * Double(room)))
    }

    /// Lines as text, each ended by a newline.
    func text(_ lines: [String]) -> String { lines.map { printable($0) + "\n" }.joined() }

    /// A line with a question mark for each control character but ours, as ls shows names: names of programs and threads may hold any, and would
    /// break lines or command the terminal.
    private func printable(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return line }
        let own = colour ? ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[33m"] : []
        var result = ""
        var rest = line.unicodeScalars[...]
        while let scalar = rest.first {
            if scalar == "\u{1b}", let sequence = own.first(where: { rest.starts(with: $0.unicodeScalars) }) {
                result += sequence
                rest = rest.dropFirst(sequence.unicodeScalars.count)
                continue
            }
            result.unicodeScalars.append(scalar.properties.generalCategory == .control ? "?" : scalar)
            rest = rest.dropFirst()
        }
        return result
    }

    func bold(_ text: String) -> String { colour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    func dim(_ text: String) -> String { colour ? "\u{1b}[2m\(text)\u{1b}[0m" : text }
    func warn(_ text: String) -> String { colour ? "\u{1b}[33m\(text)\u{1b}[0m" : text }
    func good(_ text: String) -> String { colour ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
}

/// Rows with aligned columns; numbers to the right, the last column as it is.
struct TextTable {
    private var rows: [[String]] = []
    private let header: [String]
    private let left: Set<Int>

    /// - Parameter left: columns aligned to the left; the last always is.
    init(_ header: [String], left: Set<Int> = []) {
        self.header = header
        self.left = left
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    var isEmpty: Bool { rows.isEmpty }

    func lines(_ style: TextStyle) -> [String] {
        let all = [header] + rows
        let columns = header.count
        let widths = (0..<columns).map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.enumerated().map { index, row in
            var line = " "
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                let isLast = column == columns - 1
                line += " " + (isLast ? cell : left.contains(column) ? cell + padding : padding + cell)
                if !isLast { line += " " }
            }
            return index == 0 ? style.dim(line) : line
        }
    }
}
