// SPDX-License-Identifier: Apache-2.0
//
// massif's output (https://valgrind.org/docs/manual/ms-manual.html; the reader is ms_print of valgrind).
//
//   file     := "desc: " text  "cmd: " text  "time_unit: " ("i" | "ms" | "B")  snapshot*
//   snapshot := "#-----------" "snapshot=N" "#-----------" "time=T" "mem_heap_B=N" "mem_heap_extra_B=0" "mem_stacks_B=0"
//               "heap_tree=" ("empty" | ("detailed" | "peak") tree)
//   tree     := " "^depth "n" children ": " bytes " " place, then the children
//
// Trees begin at the allocator and lead outwards. Children of less than 1 % of the whole are one line, as massif itself
// does, so bytes of children add up to those of their parent. Two snapshots have a tree: the peak and the end.

internal import HeaplineAnalysis

struct MassifExport {
    private let export: Exporter
    private static let snapshotLimit = 200

    private struct Snapshot {
        var time: UInt64
        var bytes: UInt64
        var measure: Measure?
    }

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) {
        sink.append("desc: heapline\ncmd: \(export.command(of: export.processes.first))\ntime_unit: ms\n")
        for (index, snapshot) in snapshots().enumerated() {
            sink.append("#-----------\nsnapshot=\(index)\n#-----------\ntime=\(snapshot.time / 1_000_000)\n")
            sink.append("mem_heap_B=\(snapshot.bytes)\nmem_heap_extra_B=0\nmem_stacks_B=0\n")
            guard let measure = snapshot.measure, export.tree.hasStacks else {
                sink.append("heap_tree=empty\n")
                continue
            }
            sink.append("heap_tree=\(measure == .peakBytes ? "peak" : "detailed")\n")
            MassifTree(export, measure).write(total: snapshot.bytes, to: sink)
        }
    }

    /// In time order: the start, up to `snapshotLimit` ends of spans of the timeline, the peak, the end.
    private func snapshots() -> [Snapshot] {
        let history = export.history
        let timeline = history.timeline
        var result = [Snapshot(time: 0, bytes: 0)]
        let step = max(1, (timeline.buckets.count + Self.snapshotLimit - 1) / Self.snapshotLimit)
        for index in stride(from: step - 1, to: timeline.buckets.count, by: step) {
            let time = timeline.start + UInt64(index + 1) * timeline.width
            guard time < history.duration else { break }
            result.append(Snapshot(time: time, bytes: timeline.buckets[index].liveBytes))
        }
        if let time = history.totals.peakTime, let bytes = history.totals.peakBytes {
            let place = result.firstIndex { $0.time > time } ?? result.count
            result.insert(Snapshot(time: time, bytes: bytes, measure: .peakBytes), at: place)
        }
        result.append(Snapshot(time: history.duration, bytes: history.totals.liveBytes ?? 0, measure: .liveBytes))
        return result
    }
}

/// The live bytes of one moment by call, from the allocator outwards.
private struct MassifTree {
    private struct Node {
        var bytes: UInt64 = 0
        var ending: UInt64 = 0  // bytes of stacks that end here
        var children: [Int] = []
    }
    private var nodes = [Node()]
    private var names = [""]
    private var index: [Key: Int] = [:]

    private struct Key: Hashable {
        var parent: Int
        var name: String
    }

    init(_ export: Exporter, _ measure: Measure) {
        for sums in export.tree.sites {
            let bytes = measure.value(sums)
            guard bytes > 0 else { continue }
            nodes[0].bytes &+= bytes
            var at = 0
            var frames = export.frames(sums)[...]
            while frames.count > 1, let first = frames.first, StackTrimming.isAllocator(first) { frames.removeFirst() }
            for frame in frames {
                at = child(at, Self.place(frame))
                nodes[at].bytes &+= bytes
            }
            nodes[at].ending &+= bytes
        }
    }

    func write(total: UInt64, to sink: ExportSink) {
        write(0, depth: 0, threshold: total / 100, to: sink)
    }

    private mutating func child(_ parent: Int, _ name: String) -> Int {
        let key = Key(parent: parent, name: name)
        if let known = index[key] { return known }
        nodes.append(Node())
        names.append(name)
        index[key] = nodes.count - 1
        nodes[parent].children.append(nodes.count - 1)
        return nodes.count - 1
    }

    private func write(_ at: Int, depth: Int, threshold: UInt64, to sink: ExportSink) {
        let node = nodes[at]
        let indent = String(repeating: " ", count: depth)
        let large = node.children.filter { nodes[$0].bytes >= threshold }.sorted {
            nodes[$0].bytes != nodes[$1].bytes ? nodes[$0].bytes > nodes[$1].bytes : names[$0] < names[$1]
        }
        let small = node.children.filter { nodes[$0].bytes < threshold }
        let endsHere = !node.children.isEmpty && node.ending > 0
        let count = large.count + (small.isEmpty ? 0 : 1) + (endsHere ? 1 : 0)
        let name = at == 0 ? "(heap allocation functions) malloc/new/new[], --alloc-fns, etc." : names[at]
        sink.append("\(indent)n\(count): \(node.bytes) \(name)\n")
        for child in large { write(child, depth: depth + 1, threshold: threshold, to: sink) }
        if endsHere { sink.append("\(indent) n0: \(node.ending) 0x0: (the stack ends here)\n") }
        if !small.isEmpty {
            let bytes = small.reduce(UInt64(0)) { $0 &+ nodes[$1].bytes }
            let places = small.count == 1 ? "1 place" : "\(small.count) places, all"
            sink.append("\(indent) n0: \(bytes) in \(places) below massif's threshold (1.00%)\n")
        }
    }

    private static func place(_ frame: SymbolFrame) -> String {
        var text = "0x0: \(frame.function)"
        if let file = frame.file, let line = frame.line {
            text += " (\(file.split(separator: "/").last ?? ""):\(line))"
        } else if !frame.module.isEmpty {
            text += " (in \(frame.module))"
        }
        return text.onOneLine()
    }
}
