// SPDX-License-Identifier: Apache-2.0
//
// Stacks, their calls and what they did when, cut down to what fits a page. The stacks that matter by any measure are kept
// one by one; all others become one line, so that every sum in the page is still the whole sum.

internal import HeaplineAnalysis

/// How much of a history a page holds.
struct PageLimits {
    var stacks = 12_000
    var activityEntries = 500_000
    var nameBytes = 600

    /// Half as much of everything.
    var halved: PageLimits {
        PageLimits(
            stacks: max(stacks / 2, 50), activityEntries: max(activityEntries / 2, 1000),
            nameBytes: max(nameBytes / 2, 80))
    }
}

struct PageStacks {
    /// Indexes into the tree's sites, most important first.
    let kept: [Int]
    /// For each of the tree's sites, its row in the page; the row after the last kept one stands for all others.
    let row: [Int]
    /// How many stacks that last row stands for.
    var otherCount: Int { tree.sites.count - kept.count }

    private let tree: CallTree
    private let limits: PageLimits

    init(_ tree: CallTree, _ limits: PageLimits) {
        self.tree = tree
        self.limits = limits
        let ordered = Self.byImportance(tree)
        kept = Array(ordered.prefix(limits.stacks))
        var row = [Int](repeating: kept.count, count: tree.sites.count)
        for (index, site) in kept.enumerated() { row[site] = index }
        self.row = row
    }

    /// Sites by their largest share of any measure.
    private static func byImportance(_ tree: CallTree) -> [Int] {
        let measures: [Measure] = [.allocations, .bytes, .liveBlocks, .liveBytes, .peakBytes, .temporary]
        let totals = measures.map { measure in tree.sites.reduce(0.0) { $0 + Double(measure.value($1)) } }
        let scores = tree.sites.map { sums in
            zip(measures, totals).reduce(0.0) { best, item in
                item.1 > 0 ? max(best, Double(item.0.value(sums)) / item.1) : best
            }
        }
        return tree.sites.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    }

    /// The row of one of the history's sites.
    func row(ofSite site: Int) -> Int { row[tree.siteOf[site]] }

    // MARK: Calls

    /// Nodes, frames and strings of the kept stacks, and the stacks' own sums.
    func json() -> [(String, PageJSON)] {
        var strings: [String] = []
        var stringIndex: [String: Int] = [:]
        func string(_ text: String?) -> Int {
            guard let text else { return 0 }  // 0: none
            let cut = Self.cut(text, limits.nameBytes)
            if let known = stringIndex[cut] { return known }
            strings.append(cut)
            stringIndex[cut] = strings.count
            return strings.count
        }
        var frameIndex: [Int: Int] = [:]
        var frames = PackedIntegers()
        func frame(_ id: Int) -> Int {
            if let known = frameIndex[id] { return known }
            let frame = tree.frames[id]
            frames.add(string(frame.function))
            frames.add(string(frame.shortFunction))
            frames.add(string(frame.file))
            frames.add(frame.line ?? 0)
            frames.add(string(frame.module))
            let flags =
                (frame.inlined ? 1 : 0) | (StackTrimming.isAllocator(frame) ? 2 : 0)
                | (StackTrimming.isStart(frame) ? 4 : 0) | (frame.isNamed ? 8 : 0)
            frames.add(flags)
            frameIndex[id] = frameIndex.count
            return frameIndex.count - 1
        }
        var nodeIndex: [Int: Int] = [:]
        var nodes = PackedIntegers()
        func node(_ id: Int) -> Int {
            if id < CallTree.rootCount { return id }
            var path: [Int] = []
            var at = id
            while at >= CallTree.rootCount, nodeIndex[at] == nil {
                path.append(at)
                at = tree.nodes[at].parent
            }
            for id in path.reversed() {
                let parent = tree.nodes[id].parent
                nodes.add(parent < CallTree.rootCount ? parent : nodeIndex[parent] ?? 0)
                nodes.add(frame(tree.nodes[id].frame))
                nodeIndex[id] = nodeIndex.count + CallTree.rootCount
            }
            return nodeIndex[id] ?? 0
        }
        var sites = PackedIntegers()
        for index in kept {
            sites.add(node(tree.sites[index].node))
            for value in Self.columns(tree.sites[index]) { sites.add(value) }
        }
        if otherCount > 0 {
            var rest = [UInt64](repeating: 0, count: 8)
            for index in tree.sites.indices where row[index] == kept.count {
                for (column, value) in Self.columns(tree.sites[index]).enumerated() { rest[column] &+= value }
            }
            sites.add(0 as Int)
            for value in rest { sites.add(value) }
        }
        let ends = (0..<CallTree.rootCount).map { PageJSON.text(StackEnd(rawValue: $0)?.explanation ?? "unknown") }
        var members: [(String, PageJSON)] = [
            ("strings", .array(strings.map { .text($0) })), ("frames", frames.json), ("nodes", nodes.json),
            ("ends", .array(ends)), ("sites", sites.json), ("siteCount", PageJSON(tree.sites.count)),
            ("otherStacks", PageJSON(otherCount)),
        ]
        if tree.sites.contains(where: { $0.standardErrors != nil }) {
            members.append(("errors", .array(kept.map { Self.errors(tree.sites[$0]) })))
        }
        return members
    }

    /// Eight columns, in the order in which data.js reads them.
    private static func columns(_ sums: CallTree.StackSums) -> [UInt64] {
        [
            sums.allocations, sums.bytes, sums.liveBlocks, sums.liveBytes, sums.peakBlocks, sums.peakBytes,
            sums.temporary, sums.reallocations,
        ]
    }

    private static func errors(_ sums: CallTree.StackSums) -> PageJSON {
        guard let errors = sums.standardErrors else { return .null }
        return .array([
            .number(errors.allocations.rounded()), .number(errors.bytes.rounded()),
            .number(errors.liveBlocks.rounded()), .number(errors.liveBytes.rounded()),
        ])
    }

    /// Long template names keep both ends.
    private static func cut(_ text: String, _ limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        return "\(text.prefix(limit * 2 / 3)) … \(text.suffix(limit / 3 - 4))"
    }

    // MARK: Activity

    /// What the kept stacks did in each span, as far as the limit goes, and what all together did.
    func activity() -> PageJSON {
        guard let activity = tree.history.activity, !activity.spans.isEmpty else { return .null }
        // Rows beyond `exact` are added up: those rows have many entries each only when there are many rows.
        var perRow = [Int](repeating: 0, count: kept.count + 1)
        for span in activity.spans {
            for entry in span { perRow[row[tree.siteOf[entry.site]]] += 1 }
        }
        var exact = 0
        var entries = 0
        while exact < kept.count, entries + perRow[exact] <= limits.activityEntries {
            entries += perRow[exact]
            exact += 1
        }
        var packed = PackedIntegers()
        for span in activity.spans {
            var sums: [Int: Activity.Entry] = [:]
            for entry in span {
                let row = min(row[tree.siteOf[entry.site]], exact)
                if var sum = sums[row] {
                    sum.allocations &+= entry.allocations
                    sum.bytes &+= entry.bytes
                    sum.temporary &+= entry.temporary
                    sum.liveBlocks &+= entry.liveBlocks
                    sum.liveBytes &+= entry.liveBytes
                    sums[row] = sum
                } else {
                    sums[row] = entry
                }
            }
            packed.add(sums.count)
            var last = 0
            for (row, entry) in sums.sorted(by: { $0.key < $1.key }) {
                packed.add(row - last)
                last = row
                packed.add(entry.allocations)
                packed.add(entry.bytes)
                packed.add(entry.temporary)
                packed.addSigned(entry.liveBlocks)
                packed.addSigned(entry.liveBytes)
            }
        }
        return .object([
            ("width", .unsigned(activity.width)), ("spans", PageJSON(activity.spans.count)),
            ("exactStacks", PageJSON(exact)), ("entries", packed.json), ("births", births(activity, exact)),
            ("sizes", Self.octaves(activity.shapes.map(\.sizes))), ("lifetimes", Self.octaves(activity.shapes.map(\.lifetimes))),
        ])
    }

    /// For each span: how many powers of two follow, and of each its step from the last, the count and the sum.
    private static func octaves(_ spans: [Octaves]) -> PageJSON {
        var packed = PackedIntegers()
        for span in spans {
            let used = span.counts.indices.filter { span.counts[$0] > 0 || span.sums[$0] > 0 }
            packed.add(used.count)
            var last = 0
            for index in used {
                packed.add(index - last)
                last = index
                packed.add(span.counts[index])
                packed.add(span.sums[index])
            }
        }
        return packed.json
    }

    /// When the blocks that are still alive were allocated: by span, then by row.
    private func births(_ activity: Activity, _ exact: Int) -> PageJSON {
        let isSampled = tree.history.trace.processes.contains { $0.mode == .sample }
        if isSampled { return .null }  // recorded blocks stand for others of other ages
        var sums = [[Int: (blocks: UInt64, bytes: UInt64)]](repeating: [:], count: activity.spans.count)
        tree.history.forEachLiveBlock { block in
            let span = min(Int(clamping: block.time / activity.width), activity.spans.count - 1)
            let row = min(row[tree.siteOf[block.site]], exact)
            let sum = sums[span][row] ?? (0, 0)
            sums[span][row] = (sum.blocks + 1, sum.bytes &+ block.size)
        }
        var packed = PackedIntegers()
        for span in sums {
            packed.add(span.count)
            var last = 0
            for (row, sum) in span.sorted(by: { $0.key < $1.key }) {
                packed.add(row - last)
                last = row
                packed.add(sum.blocks)
                packed.add(sum.bytes)
            }
        }
        return packed.json
    }
}
