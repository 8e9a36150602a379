// SPDX-License-Identifier: Apache-2.0
//
// A table with a row for each stack (RFC 4180, but lines end as on this system). The last column is the stack, outer to
// inner, as in folded stacks; before it, written alike, the stack that freed most of the blocks, if frees have stacks. A
// field is quoted when it holds a comma, a quote or a line's end.

internal import HeaplineAnalysis

struct CSVExport {
    private let export: Exporter

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) {
        sink.append(
            "allocations,bytes,live_blocks,live_bytes,peak_blocks,peak_bytes,temporary,reallocations,"
                + "function,file,line,module,freed_by,stack\n")
        let tree = export.tree
        let order = tree.sites.indices.sorted { a, b in
            tree.sites[a].bytes != tree.sites[b].bytes
                ? tree.sites[a].bytes > tree.sites[b].bytes : tree.precedes(tree.sites[a].node, tree.sites[b].node)
        }
        for index in order {
            let sums = tree.sites[index]
            let frames = export.frames(sums)
            let culprit = StackTrimming.culprit(frames) ?? frames[0]
            for measure in [
                Measure.allocations, .bytes, .liveBlocks, .liveBytes, .peakBlocks, .peakBytes, .temporary,
                .reallocations,
            ] {
                sink.append("\(measure.value(sums)),")
            }
            let freedBy = tree.freedBy[index]?.first.map { folded(tree.frames($0.node)) } ?? ""
            let columns = [
                culprit.function, culprit.file ?? "", culprit.line.map(String.init) ?? "", culprit.module, freedBy,
                folded(frames),
            ]
            sink.append(columns.map(Self.field).joined(separator: ",") + "\n")
        }
    }

    private func folded(_ frames: [SymbolFrame]) -> String {
        frames.reversed().map { FoldedExport.name($0.function) }.joined(separator: ";")
    }

    static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 44 || $0 == 34 || $0 == 10 || $0 == 13 }) else { return text }
        return "\"" + text.replacing { $0 == "\"" ? "\"\"" : nil } + "\""
    }
}
