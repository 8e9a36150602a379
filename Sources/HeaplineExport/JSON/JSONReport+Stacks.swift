// SPDX-License-Identifier: Apache-2.0
//
// Stacks and what refers to them by their index, for the JSON report; see JSONReport.swift.

internal import HeaplineAnalysis

extension Report {
    func stacks(_ json: inout JSONWriter, limit: Int, hasRest: Bool) {
        // Most allocations first; stacks whose allocations were rounded to none by sampling come last.
        var order = tree.ranking(by: .allocations, then: .bytes)
        let ranked = Set(order)
        order += tree.sites.indices.filter { !ranked.contains($0) }
        let others = hasRest ? order.dropFirst(limit) : []
        order = Array(order.prefix(limit))
        var place: [Int: Int] = [:]
        for (index, site) in order.enumerated() { place[site] = index }
        for site in others { place[site] = order.count }

        // Frames repeat in nearly every stack: each is encoded once.
        let frames = tree.frames.map { frame in JSONWriter.encoded { $0.object { $0.members(of: frame) } } }
        json.array("sites") { json in
            for index in order { json.object { json in self.site(&json, index, frames) } }
            if !others.isEmpty {
                json.object { json in
                    json.array("stack") { _ in }
                    json.member("stackEnd", "others")
                    self.sums(&json, tree.sum(of: others))
                }
            }
        }
        if !others.isEmpty {
            json.object("otherStacks") { json in
                json.member("site", order.count)
                json.member("stacks", others.count)
            }
        }
        json.objects("leaks", leaks.groups.filter { place[$0.site] != nil }) { json, group in
            json.member("site", place[group.site])
            leak(&json, group)
        }
        json.object("verdicts") { json in verdicts(&json, leaks.verdicts) }
        json.objects("searches", leaks.examined.sorted { $0.key < $1.key }) { json, item in search(&json, item.key, item.value) }
        json.object("replacedByExec") { json in
            json.member("blocks", leaks.replaced.blocks)
            json.member("bytes", leaks.replaced.bytes)
        }
        json.objects("peak", tree.ranking(by: .peakBytes, then: .peakBlocks).filter { place[$0] != nil }) { json, index in
            json.member("site", place[index])
            json.member("blocks", tree.sites[index].peakBlocks)
            json.member("bytes", tree.sites[index].peakBytes)
        }
        json.objects("growth", growth.filter { place[$0.site] != nil }) { json, group in
            json.member("site", place[group.site])
            json.member("reallocations", group.reallocations)
            json.member("moves", group.moves)
            json.member("bytesMoved", group.bytesMoved)
            json.member("bytesGrown", group.bytesGrown)
            json.member("longestChain", group.longestChain)
        }
    }

    private func stack(_ json: inout JSONWriter, _ node: Int, _ frames: [[UInt8]]) {
        json.array("stack") { json in
            tree.forEachFrame(node) { json.value(encoded: frames[$0]) }
        }
        json.member("stackEnd", "\(tree.end(node))")
    }

    private func site(_ json: inout JSONWriter, _ index: Int, _ frames: [[UInt8]]) {
        let sums = tree.sites[index]
        stack(&json, sums.node, frames)
        self.sums(&json, sums)
        guard let freedBy = tree.freedBy[index] else { return }
        json.objects("freedBy", freedBy) { json, freed in
            json.member("blocks", freed.blocks)
            json.member("bytes", freed.bytes)
            stack(&json, freed.node, frames)
        }
    }

    private func sums(_ json: inout JSONWriter, _ sums: CallTree.StackSums) {
        json.member("allocations", sums.allocations)
        json.member("bytes", sums.bytes)
        json.member("liveBlocks", sums.liveBlocks)
        json.member("liveBytes", sums.liveBytes)
        json.member("peakBlocks", sums.peakBlocks)
        json.member("peakBytes", sums.peakBytes)
        json.member("temporary", sums.temporary)
        json.member("reallocations", sums.reallocations)
        guard let errors = sums.standardErrors else { return }
        json.object("standardErrors") { json in
            json.member("allocations", errors.allocations)
            json.member("bytes", errors.bytes)
            json.member("liveBlocks", errors.liveBlocks)
            json.member("liveBytes", errors.liveBytes)
        }
    }

    private func leak(_ json: inout JSONWriter, _ group: Leaks.Group) {
        json.member("blocks", group.blocks)
        json.member("bytes", group.bytes)
        json.member("oldestNanoseconds", group.oldest)
        json.member("newestNanoseconds", group.newest)
        json.objects("threads", group.threads) { json, thread in
            json.member("process", thread.process)
            json.member("index", thread.index)
            json.member("name", trace.processes[thread.process].threadName(thread.index))
        }
        json.member("owner", group.owner)
        json.member("suppression", group.suppression)
        guard !group.verdicts.isEmpty else { return }
        json.object("verdicts") { json in verdicts(&json, group.verdicts) }
    }

    private func verdicts(_ json: inout JSONWriter, _ sums: [DumpedBlock.Verdict: Leaks.Sum]) {
        for (verdict, sum) in sums.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            json.object("\(verdict)") { json in
                json.member("blocks", sum.blocks)
                json.member("bytes", sum.bytes)
            }
        }
    }

    private func search(_ json: inout JSONWriter, _ process: Int, _ examined: Verdicts.Examined) {
        json.member("process", process)
        switch examined {
        case .searched(let time, let isAtEnd, let asleep, let silent):
            json.member("state", "searched")
            json.member("nanoseconds", time)
            json.member("atEnd", isAtEnd)
            json.member("asleepThreads", asleep)
            json.member("silentThreads", silent)
        case .failed(let why):
            json.member("state", "failed")
            json.member("why", why)
        case .no: json.member("state", "no")
        }
    }
}
