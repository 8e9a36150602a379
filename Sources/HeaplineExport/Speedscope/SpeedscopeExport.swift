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
        var json = JSONWriter { sink.append($0) }
        // Stacks without frames get one of their own behind those of the tree.
        var ends: [Int] = []
        for sums in tree.sites where sums.node < CallTree.rootCount && !ends.contains(sums.node) {
            ends.append(sums.node)
        }
        json.object { json in
            json.member("$schema", "https://www.speedscope.app/file-format-schema.json")
            json.object("shared") { json in
                json.array("frames") { json in
                    for frame in tree.frames + ends.map({ SymbolFrame(function: export.noStack($0), module: "") }) {
                        json.object { json in
                            json.member("name", frame.function)
                            if let file = frame.file { json.member("file", file) }
                            if let line = frame.line { json.member("line", line) }
                        }
                    }
                }
            }
            json.array("profiles") { json in
                for profile in Self.profiles {
                    let sites = tree.sites.filter { profile.measure.value($0) > 0 }
                    guard !sites.isEmpty else { continue }
                    json.object { json in
                        json.member("type", "sampled")
                        json.member("name", profile.name)
                        json.member("unit", profile.unit)
                        json.member("startValue", 0)
                        json.member("endValue", sites.reduce(UInt64(0)) { $0 &+ profile.measure.value($1) })
                        json.array("samples") { json in
                            for sums in sites {
                                json.array { json in
                                    for index in path(sums.node, ends) { json.value(index) }
                                }
                            }
                        }
                        json.array("weights") { json in
                            for sums in sites { json.value(profile.measure.value(sums)) }
                        }
                    }
                }
            }
            json.member("name", export.command(of: export.processes.first))
            json.member("exporter", "heapline")
        }
        json.finish()
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
