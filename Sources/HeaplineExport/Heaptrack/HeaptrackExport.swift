// SPDX-License-Identifier: Apache-2.0
//
// heaptrack's interpreted text (https://github.com/KDE/heaptrack, AccumulatedTraceData::read), version 2 of its format.
// Numbers are hexadecimal without prefix; strings, instruction pointers, stack nodes and allocation kinds are numbered
// from 1 in order of appearance, allocation kinds from 0; 0 stands for none.
//
//   v VERSION FORMAT     X COMMAND            I PAGE-BYTES PAGES
//   s TEXT               a string
//   i PC MODULE (FUNCTION FILE LINE)*         a call: the innermost function, then those it was inlined into
//   t CALL PARENT        a stack node, inner calls with their caller as parent
//   a SIZE NODE          a kind of allocation
//   + KIND   - KIND      one allocated, one freed         c MILLISECONDS      R RESIDENT-PAGES
//
// Its reader takes reallocation as a free and an allocation, as we do, and counts as temporary what is freed by the very
// next event of the whole process; our count asks for the next allocation of the same thread, and is larger.

internal import HeaplineAnalysis
internal import HeaplineCollector

struct HeaptrackExport {
    private let export: Exporter

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) throws(TraceError) {
        let history = export.history
        var events = HeaptrackEvents(export.tree, residentSamples(), sink)
        // 1.4.0, as that reader is the one this is tested with.
        events.lines.append("v 10400 2\nX \(export.command(of: export.processes.first))\n")
        events.lines.append("I 1000 0\n")  // memory of the machine is not recorded
        try history.forEachBlockEvent { event in
            switch event {
            case .allocated(let block): events.add("+", block, at: block.time)
            case .freed(let block, let time): events.add("-", block, at: time)
            }
        }
        events.advance(history.duration)
        events.lines.flush()
    }

    private func residentSamples() -> [HeaptrackEvents.Resident] {
        guard let process = export.processes.first else { return [] }
        return process.resident.map { HeaptrackEvents.Resident(time: process.clock.nanoseconds($0.ticks), bytes: $0.bytes) }
    }

}

/// Writes a line for each event. Allocation kinds, of which there are few, are looked up for each.
private struct HeaptrackEvents: ~Copyable {
    var lines: ExportLines
    private let tree: CallTree
    private var names: HeaptrackNames
    private let resident: [Resident]
    private var nextResident = 0
    private var stamp: UInt64 = 0  // in milliseconds
    private var nextStep: UInt64  // before this time there is nothing to say but the event
    private var kinds: [Kind: UInt64] = [:]
    private var recent: [Recent]

    struct Resident {
        var time: UInt64
        var bytes: UInt64
    }
    private struct Kind: Hashable {
        var size: UInt64
        var site: Int
    }
    /// What was found last for sizes and sites that fall together.
    private struct Recent {
        var size: UInt64 = 0
        var site = -1  // of the history
        var index: UInt64 = 0
    }
    private static let recentBits: UInt64 = 12

    init(_ tree: CallTree, _ resident: [Resident], _ sink: ExportSink) {
        self.tree = tree
        self.resident = resident
        lines = ExportLines(sink)
        names = HeaptrackNames(tree)
        recent = Array(repeating: Recent(), count: 1 << Int(Self.recentBits))
        nextStep = min(resident.first?.time ?? .max, 1_000_000)
    }

    @inline(__always)
    mutating func add(_ sign: Unicode.Scalar, _ block: Block, at time: UInt64) {
        if time >= nextStep { advance(time) }
        let mixed = (block.size &* 31 &+ UInt64(truncatingIfNeeded: block.site)) &* 0x9e37_79b9_7f4a_7c15
        let slot = Int(truncatingIfNeeded: mixed >> (64 - Self.recentBits))
        let known = recent[slot]
        let index: UInt64
        if known.size == block.size, known.site == block.site {
            index = known.index
        } else {
            index = kind(block)
            recent[slot] = Recent(size: block.size, site: block.site, index: index)
        }
        lines.append(UInt8(ascii: sign), index)
    }

    /// Time goes on: resident memory and milliseconds that were passed.
    mutating func advance(_ nanoseconds: UInt64) {
        while nextResident < resident.count, resident[nextResident].time <= nanoseconds {
            step(resident[nextResident].time)
            lines.append(UInt8(ascii: "R"), resident[nextResident].bytes / 4096)
            nextResident += 1
        }
        step(nanoseconds)
        nextStep = min(nextResident < resident.count ? resident[nextResident].time : .max, (stamp + 1) * 1_000_000)
    }

    private mutating func step(_ nanoseconds: UInt64) {
        let milliseconds = nanoseconds / 1_000_000
        guard milliseconds > stamp else { return }
        stamp = milliseconds
        lines.append(UInt8(ascii: "c"), stamp)
    }

    @inline(never)
    private mutating func kind(_ block: Block) -> UInt64 {
        let key = Kind(size: block.size, site: tree.siteOf[block.site])
        if let known = kinds[key] { return known }
        let node = names.node(tree.sites[key.site].node, &lines)
        let index = UInt64(kinds.count)
        kinds[key] = index
        lines.append(UInt8(ascii: "a"), key.size, node)
        return index
    }
}

/// Numbers strings, calls and stack nodes as they are first needed.
private struct HeaptrackNames {
    private let tree: CallTree
    private var strings: [String: UInt64] = [:]
    private var calls: [[Int]: UInt64] = [:]
    private var nodes: [Int: UInt64] = [:]  // by the call tree's node
    private var nodeCount: UInt64 = 0

    init(_ tree: CallTree) { self.tree = tree }

    /// The number of a stack's innermost node.
    mutating func node(_ start: Int, _ lines: inout ExportLines) -> UInt64 {
        // Calls outwards until one that is numbered; a call is a function with what was inlined into it.
        var path: [(node: Int, frames: [Int])] = []
        var group: [Int] = []
        var first = start
        var at = start
        var parent: UInt64 = 0
        while at >= CallTree.rootCount {
            if group.isEmpty {
                first = at
                if let known = nodes[at] {
                    parent = known
                    break
                }
            }
            let index = tree.nodes[at].frame
            group.append(index)
            at = tree.nodes[at].parent
            if tree.frames[index].inlined && at >= CallTree.rootCount { continue }
            path.append((first, group))
            group.removeAll(keepingCapacity: true)
        }
        if start < CallTree.rootCount {
            if let known = nodes[start] { return known }
            let frame = SymbolFrame(function: "[\(tree.end(start).explanation)]", module: "")
            return add(start, call([-1 - start], [frame], &lines), 0, &lines)
        }
        for step in path.reversed() {
            parent = add(step.node, call(step.frames, step.frames.map { tree.frames[$0] }, &lines), parent, &lines)
        }
        return parent
    }

    private mutating func add(_ node: Int, _ call: UInt64, _ parent: UInt64, _ lines: inout ExportLines) -> UInt64 {
        nodeCount += 1
        nodes[node] = nodeCount
        lines.append(UInt8(ascii: "t"), call, parent)
        return nodeCount
    }

    /// `frames` are inner to outer, as heaptrack wants them: the innermost inlined function is the call itself.
    private mutating func call(_ key: [Int], _ frames: [SymbolFrame], _ lines: inout ExportLines) -> UInt64 {
        if let known = calls[key] { return known }
        let module = string(frames.last?.module ?? "", &lines)
        var parts: [UInt64] = []
        for frame in frames {
            parts += [string(frame.function, &lines), string(frame.file ?? "", &lines), UInt64(max(frame.line ?? 0, 0))]
        }
        let index = UInt64(calls.count + 1)
        calls[key] = index
        // Calls were merged by name: any number that is one call's alone is its address.
        lines.append("i \(String(index, radix: 16)) \(String(module, radix: 16))")
        for part in parts { lines.append(" \(String(part, radix: 16))") }
        lines.append("\n")
        return index
    }

    private mutating func string(_ text: String, _ lines: inout ExportLines) -> UInt64 {
        guard !text.isEmpty else { return 0 }
        if let known = strings[text] { return known }
        let index = UInt64(strings.count + 1)
        strings[text] = index
        lines.append("s \(text.onOneLine())\n")
        return index
    }
}
