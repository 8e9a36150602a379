// SPDX-License-Identifier: Apache-2.0
//
// Stacks in the order of what they did most of: hot sites by allocations and bytes, owners of the peak, temporary
// allocations. Order is total, so that two runs of a report read the same: ties go by name.

/// What stacks can be ranked by.
public enum Measure: String, Sendable, Hashable, CaseIterable {
    case allocations
    case bytes
    case liveBlocks
    case liveBytes
    case peakBlocks
    case peakBytes
    case temporary
    case reallocations

    /// The value for one stack.
    public func value(_ sums: CallTree.StackSums) -> UInt64 {
        switch self {
        case .allocations: sums.allocations
        case .bytes: sums.bytes
        case .liveBlocks: sums.liveBlocks
        case .liveBytes: sums.liveBytes
        case .peakBlocks: sums.peakBlocks
        case .peakBytes: sums.peakBytes
        case .temporary: sums.temporary
        case .reallocations: sums.reallocations
        }
    }
}

extension CallTree {
    /// Indexes into ``sites`` of the stacks that have any of `measure`, most first.
    public func ranking(by measure: Measure, then second: Measure? = nil, limit: Int = .max) -> [Int] {
        let chosen = sites.indices.filter { measure.value(sites[$0]) > 0 }
        func isBefore(_ a: Int, _ b: Int) -> Bool {
            let (x, y) = (measure.value(sites[a]), measure.value(sites[b]))
            if x != y { return x > y }
            if let second {
                let (x, y) = (second.value(sites[a]), second.value(sites[b]))
                if x != y { return x > y }
            }
            return precedes(sites[a].node, sites[b].node)
        }
        guard limit < chosen.count / 8 else { return Array(chosen.sorted(by: isBefore).prefix(limit)) }
        // A few of many: each is compared with the last of the best so far, which settles most of them.
        var best: [Int] = []
        for site in chosen {
            if best.count == limit {
                guard let last = best.last, isBefore(site, last) else { continue }
                best.removeLast()
            }
            var low = 0
            var high = best.count
            while low < high {
                let middle = (low + high) / 2
                if isBefore(best[middle], site) { low = middle + 1 } else { high = middle }
            }
            best.insert(site, at: low)
        }
        return best
    }

    /// A total order of stacks by the names of their calls, inner to outer.
    public func precedes(_ a: Int, _ b: Int) -> Bool {
        var (x, y) = (a, b)
        while x != y, x >= Self.rootCount, y >= Self.rootCount {
            if nodes[x].frame != nodes[y].frame { return precedes(frames[nodes[x].frame], frames[nodes[y].frame]) }
            (x, y) = (nodes[x].parent, nodes[y].parent)
        }
        // The same calls so far: the one that ends here comes first, and of two that end, the one with the smaller root.
        let (xEnds, yEnds) = (x < Self.rootCount, y < Self.rootCount)
        return xEnds == yEnds ? x < y : xEnds
    }

    private func precedes(_ p: SymbolFrame, _ q: SymbolFrame) -> Bool {
        if p.function != q.function { return p.function < q.function }
        if p.module != q.module { return p.module < q.module }
        if p.file != q.file { return (p.file ?? "") < (q.file ?? "") }
        if p.line != q.line { return (p.line ?? 0) < (q.line ?? 0) }
        return p.inlined && !q.inlined
    }
}
