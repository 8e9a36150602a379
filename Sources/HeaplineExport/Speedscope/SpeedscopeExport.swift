// SPDX-License-Identifier: Apache-2.0
//
// speedscope (https://www.speedscope.app/file-format-schema.json): shared frames, and a sampled profile for each measure.
//
//   file    := {"$schema", "shared": {"frames": [{"name", "file"?, "line"?}]}, "profiles": [profile*], "name", "exporter"}
//   profile := {"type": "sampled", "name", "unit": "bytes" | "none", "startValue", "endValue",
//               "samples": [[frame index, outer to inner]*], "weights": [number*]}

internal import HeaplineAnalysis

struct SpeedscopeExport {
    private let export: Exporter

    static let profiles: [(name: String, unit: String, measure: Measure)] = [
        ("allocated bytes", "bytes", .bytes),
        ("allocations", "none", .allocations),
        ("bytes at the peak", "bytes", .peakBytes),
        ("live bytes at the end", "bytes", .liveBytes),
        ("live blocks at the end", "none", .liveBlocks),
        ("temporary allocations", "none", .temporary),
    ]

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) {
        let tree = export.tree
        var json = JSONText(sink)
        // Stacks without frames get one of their own behind those of the tree.
        var ends: [Int] = []
        for sums in tree.sites where sums.node < CallTree.rootCount && !ends.contains(sums.node) { ends.append(sums.node) }
        json.beginObject()
        json.field("$schema", "https://www.speedscope.app/file-format-schema.json")
        json.key("shared")
        json.beginObject()
        json.key("frames")
        json.beginArray()
        for frame in tree.frames + ends.map({ SymbolFrame(function: export.noStack($0), module: "") }) {
            json.newline()
            json.beginObject()
            json.field("name", frame.function)
            if let file = frame.file { json.field("file", file) }
            if let line = frame.line { json.field("line", line) }
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.key("profiles")
        json.beginArray()
        for profile in Self.profiles {
            let sites = tree.sites.filter { profile.measure.value($0) > 0 }
            guard !sites.isEmpty else { continue }
            json.newline()
            json.beginObject()
            json.field("type", "sampled")
            json.field("name", profile.name)
            json.field("unit", profile.unit)
            json.field("startValue", 0)
            json.field("endValue", sites.reduce(UInt64(0)) { $0 &+ profile.measure.value($1) })
            json.key("samples")
            json.beginArray()
            for sums in sites {
                json.newline()
                json.beginArray()
                for index in path(sums.node, ends) { json.value(index) }
                json.endArray()
            }
            json.endArray()
            json.key("weights")
            json.beginArray()
            for sums in sites { json.value(profile.measure.value(sums)) }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        json.field("name", export.command(of: export.processes.first))
        json.field("exporter", "heapline")
        json.endObject()
        json.newline()
    }

    /// Frame indexes from outer to inner.
    private func path(_ node: Int, _ ends: [Int]) -> [Int] {
        let tree = export.tree
        if node < CallTree.rootCount { return [tree.frames.count + (ends.firstIndex(of: node) ?? 0)] }
        var result: [Int] = []
        var at = node
        while at >= CallTree.rootCount {
            result.append(tree.nodes[at].frame)
            at = tree.nodes[at].parent
        }
        return result.reversed()
    }
}
