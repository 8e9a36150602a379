// SPDX-License-Identifier: Apache-2.0
//
// Charts as SVG: one drawing to be looked at in a light or a dark page, with no script and no font of its own.

internal import Foundation

/// Something drawn, in user units.
struct Drawing {
    var width: Double
    var height: Double
    private var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    static func place(_ value: Double) -> String { String(format: "%.1f", value) }

    static func escape(_ text: String) -> String {
        text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    }

    mutating func text(_ text: String, x: Double, y: Double, anchor: String = "start", style: String = "t") {
        body += "<text class=\"\(style)\" x=\"\(Self.place(x))\" y=\"\(Self.place(y))\" text-anchor=\"\(anchor)\">\(Self.escape(text))</text>\n"
    }

    mutating func box(x: Double, y: Double, width: Double, height: Double, style: String) {
        body += "<rect class=\"\(style)\" x=\"\(Self.place(x))\" y=\"\(Self.place(y))\" width=\"\(Self.place(width))\" height=\"\(Self.place(height))\"/>\n"
    }

    mutating func line(_ points: [(x: Double, y: Double)], style: String) {
        let places = points.map { "\(Self.place($0.x)),\(Self.place($0.y))" }.joined(separator: " ")
        body += "<polyline class=\"\(style)\" points=\"\(places)\"/>\n"
    }

    mutating func dot(x: Double, y: Double, style: String) {
        body += "<circle class=\"\(style)\" cx=\"\(Self.place(x))\" cy=\"\(Self.place(y))\" r=\"2.5\"/>\n"
    }

    /// Okabe and Ito's colours, told apart by everybody.
    static let colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7f7f7f"]

    var svg: String {
        var styles = ".t{font:11px sans-serif;fill:#222}.h{font:bold 13px sans-serif;fill:#222}.g{stroke:#ccc;fill:none;stroke-width:0.5}"
        styles += ".w{stroke:#222;fill:none;stroke-width:1}.b{fill:#fff}"
        for (index, colour) in Self.colours.enumerated() {
            styles += ".f\(index){fill:\(colour)}.l\(index){stroke:\(colour);fill:none;stroke-width:1.5}"
        }
        styles += "@media(prefers-color-scheme:dark){.t,.h{fill:#ddd}.g{stroke:#444}.w{stroke:#ddd}.b{fill:#16181c}}"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.place(width)) \(Self.place(height))" width="\(Self.place(width))" \
            height="\(Self.place(height))" role="img">
            <style>\(styles)</style>
            <rect class="b" width="100%" height="100%"/>
            \(body)</svg>

            """
    }
}

/// A logarithmic scale from one power of ten to another.
struct LogScale {
    var low: Double
    var high: Double
    var from: Double
    var to: Double

    init(_ values: [Double], from: Double, to: Double) {
        low = pow(10, floor(log10(values.min() ?? 1)))
        high = pow(10, ceil(log10(max(values.max() ?? 10, low * 10))))
        self.from = from
        self.to = to
    }

    func callAsFunction(_ value: Double) -> Double {
        from + (to - from) * (log10(min(max(value, low), high)) - log10(low)) / (log10(high) - log10(low))
    }

    var ticks: [Double] {
        let first = Int(log10(low).rounded()), last = Int(log10(high).rounded())
        return (first...max(first, last)).map { pow(10, Double($0)) }
    }

    static func label(_ tick: Double) -> String {
        tick >= 1e9 ? "\(Int(tick / 1e9))G" : tick >= 1e6 ? "\(Int(tick / 1e6))M" : tick >= 1e3 ? "\(Int(tick / 1e3))k" : tick >= 1 || tick == 0 ? "\(Int(tick))" : "\(tick)"
    }
}

extension Results {
    /// Added wall time per event of each tracer, one panel for each workload, whiskers for the confidence interval.
    var plot: String {
        let names = cells.reduce(into: [String]()) { if !$0.contains($1.workload) { $0.append($1.workload) } }
        let kept = cells.filter { $0.addedWall != nil && ($0.allocator == .system || $0.group == .peer) }
        let barHeight = 13.0, left = 170.0, panelWidth = 560.0
        let heights = names.map { name in Double(kept.filter { $0.workload == name }.count) * barHeight + 52 }
        let columns = 2
        let perColumn = (names.count + columns - 1) / columns
        let tallest = (0..<columns).map { heights.dropFirst($0 * perColumn).prefix(perColumn).reduce(0, +) }.max() ?? 0
        var drawing = Drawing(width: panelWidth * Double(columns) + 20, height: tallest + 60)
        drawing.text("Nanoseconds of wall time added per event (logarithmic; less is better)", x: 12, y: 22, style: "h")
        drawing.text(
            "\(machine.processor), \(machine.cores) cores, \(date); \(rounds) rounds; blue: heapline. Lines: where the median lies with 95 % confidence; \"<\": not told apart from 0; \"~\": fewer than four runs",
            x: 12, y: 38)
        let scale = LogScale([0.1, kept.compactMap { $0.addedWall?.median }.max() ?? 1000], from: left, to: panelWidth - 60)
        for (index, name) in names.enumerated() {
            let column = index / perColumn
            let x = Double(column) * panelWidth
            var y = 52 + heights[(column * perColumn)..<index].reduce(0, +)
            drawing.text(name, x: x + 12, y: y + 14, style: "h")
            y += 20
            let rows = kept.filter { $0.workload == name }
            let bottom = y + Double(rows.count) * barHeight
            for tick in scale.ticks {
                drawing.line([(x + scale(tick), y), (x + scale(tick), bottom)], style: "g")
                drawing.text(LogScale.label(tick), x: x + scale(tick), y: bottom + 12, anchor: "middle")
            }
            for cell in rows {
                guard let added = cell.addedWall else { continue }
                let colour = cell.group == .heapline ? 0 : 1
                drawing.text(cell.tracer, x: x + left - 6, y: y + 10, anchor: "end")
                if !added.isNoise {
                    drawing.box(x: x + left, y: y + 2, width: max(0, scale(added.median) - left), height: barHeight - 4, style: "f\(colour)")
                }
                if !added.isRough {
                    drawing.line([(x + scale(added.low), y + barHeight / 2), (x + scale(added.high), y + barHeight / 2)], style: "w")
                }
                let end = added.isRough ? added.median : max(added.high, added.median)
                drawing.text(Table.brief(added), x: x + scale(end) + 4, y: y + 10)
                y += barHeight
            }
        }
        return drawing.svg
    }
}
