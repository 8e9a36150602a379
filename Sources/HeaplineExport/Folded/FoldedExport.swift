// SPDX-License-Identifier: Apache-2.0
//
// Folded stacks, as flamegraph.pl reads them (https://github.com/brendangregg/FlameGraph):
//
//   line := frame (";" frame)* " " weight          frames outer to inner
//
// A name must not contain ";" or a line's end. Lines are sorted, so that two files can be compared by line.

internal import HeaplineAnalysis

struct FoldedExport {
    private let export: Exporter
    private let measure: Measure

    init(_ export: Exporter, _ measure: Measure) {
        self.export = export
        self.measure = measure
    }

    func write(to sink: ExportSink) {
        var weights: [String: UInt64] = [:]
        for sums in export.tree.sites {
            let value = measure.value(sums)
            guard value > 0 else { continue }
            // Stacks that differ in their lines alone are one here.
            let stack = export.frames(sums).reversed().map { Self.name($0.function) }.joined(separator: ";")
            weights[stack, default: 0] &+= value
        }
        for (stack, weight) in weights.sorted(by: { $0.key < $1.key }) { sink.append("\(stack) \(weight)\n") }
    }

    static func name(_ function: String) -> String {
        guard function.utf8.contains(where: { $0 == UInt8(ascii: ";") || $0 < 32 || $0 >= 128 }) else { return function }
        return function.onOneLine(replacing: [";": ":", "\t": " "])
    }
}
