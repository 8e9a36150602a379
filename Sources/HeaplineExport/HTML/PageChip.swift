// SPDX-License-Identifier: Apache-2.0
//
// What a page shows of an emulated chip beyond what it shows of every program: its regions over time, and its events one by
// one, as such recordings are short.

internal import HeaplineAnalysis
internal import HeaplineCollector

struct PageChip {
    static let eventLimit = 20_000
    static let spanLimit = 60_000

    let history: History
    let stacks: PageStacks
    let timeline: CoreTimeline?

    /// Members for the page; none for other sources.
    func json() throws(TraceError) -> [(String, PageJSON)] {
        let isChip = history.trace.processes.contains { $0.source == .esp || !$0.regions.isEmpty }
        guard isChip else { return [] }
        var members: [(String, PageJSON)] = [("events", try events())]
        if let timeline { members.append(("cores", cores(timeline))) }
        if let map = try HeapMap(history) { members.append(("heapMap", heapMap(map))) }
        return members
    }

    private func heapMap(_ map: HeapMap) -> PageJSON {
        let regions = map.regions.map { region in
            var fill = PackedIntegers()
            // Runs of equal pieces: value, length.
            for span in region.fill {
                var index = 0
                while index < span.count {
                    var end = index + 1
                    while end < span.count, span[end] == span[index] { end += 1 }
                    fill.add(Int(span[index]))
                    fill.add(end - index)
                    index = end
                }
            }
            func column(_ values: [UInt64]) -> PageJSON {
                var packed = PackedIntegers()
                for value in values { packed.add(value) }
                return packed.json
            }
            return PageJSON.object([
                ("process", PageJSON(region.process)), ("name", .text(region.name)), ("start", .unsigned(region.start)),
                ("bytes", .unsigned(region.bytes)), ("fill", fill.json), ("liveBytes", column(region.liveBytes)),
                ("blocks", column(region.blocks)), ("largestHole", column(region.largestHole)),
            ])
        }
        return .object([
            ("width", .unsigned(map.width)), ("spans", PageJSON(map.spans)), ("cells", PageJSON(HeapMap.cells)),
            ("regions", .array(regions)),
        ])
    }

    /// What ran on the cores: time, core, length, kind, process and thread of each span; and sums by context.
    private func cores(_ timeline: CoreTimeline) -> PageJSON {
        var packed = PackedIntegers()
        var last: UInt64 = 0
        let kept = timeline.spans.prefix(Self.spanLimit)
        for span in kept {
            packed.addSigned(Int64(bitPattern: span.start &- last))
            last = span.start
            packed.add(span.core)
            packed.add(span.end - span.start)
            packed.add(span.activity.rawValue)
            packed.add(span.process)
            packed.add(span.thread)
        }
        let contexts = timeline.contexts.map { context in
            PageJSON.object([
                ("process", PageJSON(context.process)), ("thread", PageJSON(context.thread)),
                ("kind", PageJSON(context.activity.rawValue)), ("runs", .unsigned(context.runs)),
                ("time", .unsigned(context.time)), ("longest", .unsigned(context.longest)),
                ("byCore", .array(context.timeByCore.map { .unsigned($0) })),
            ])
        }
        return .object([
            ("count", PageJSON(timeline.cores)), ("total", .unsigned(timeline.spanCount)), ("spans", packed.json),
            ("contexts", .array(contexts)),
        ])
    }

    /// The first events: time, 0 for a block's begin or 1 for its end, process, thread, address, size, row of the stack.
    private func events() throws(TraceError) -> PageJSON {
        var packed = PackedIntegers()
        var total = 0
        var last: UInt64 = 0
        func add(_ block: Block, _ time: UInt64, _ kind: Int) {
            total += 1
            guard total <= Self.eventLimit else { return }
            packed.addSigned(Int64(bitPattern: time &- last))
            last = time
            packed.add(kind)
            packed.add(block.process)
            packed.add(block.thread)
            packed.add(block.address)
            packed.add(block.size)
            packed.add(stacks.row(ofSite: block.site))
        }
        try history.forEachBlockEvent { event in
            switch event {
            case .allocated(let block): add(block, block.time, 0)
            case .freed(let block, let time): add(block, time, 1)
            }
        }
        return .object([("total", PageJSON(total)), ("packed", packed.json), ("names", names)])
    }

    /// Names of threads by process and index.
    private var names: PageJSON {
        .array(
            history.trace.processes.map { process in
                .array(process.threads.indices.map { .text(process.threadName($0)) })
            })
    }
}
