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
        var names = HeaptrackNames(export.tree, sink)
        // 1.4.0, as that reader is the one this is tested with.
        sink.append("v 10400 2\nX \(Self.line(export.command(of: export.processes.first)))\n")
        sink.append("I 1000 0\n")  // memory of the machine is not recorded
        let resident = residentSamples()
        var nextResident = 0
        var kinds: [Kind: UInt64] = [:]
        var stamp: UInt64 = 0
        func advance(_ nanoseconds: UInt64) {
            while nextResident < resident.count, resident[nextResident].time <= nanoseconds {
                step(resident[nextResident].time)
                sink.append("R ")
                sink.hex(resident[nextResident].bytes / 4096)
                sink.append("\n")
                nextResident += 1
            }
            step(nanoseconds)
        }
        func step(_ nanoseconds: UInt64) {
            let milliseconds = nanoseconds / 1_000_000
            guard milliseconds > stamp else { return }
            stamp = milliseconds
            sink.append("c ")
            sink.hex(stamp)
            sink.append("\n")
        }
        func kind(_ block: Block) -> UInt64 {
            let key = Kind(size: block.size, site: export.tree.siteOf[block.site])
            if let known = kinds[key] { return known }
            let node = names.node(export.tree.sites[key.site].node)
            let index = UInt64(kinds.count)
            kinds[key] = index
            sink.append("a ")
            sink.hex(key.size)
            sink.append(" ")
            sink.hex(node)
            sink.append("\n")
            return index
        }
        try history.forEachBlockEvent { event in
            switch event {
            case .allocated(let block):
                advance(block.time)
                let index = kind(block)
                sink.append("+ ")
                sink.hex(index)
            case .freed(let block, let time):
                advance(time)
                let index = kind(block)
                sink.append("- ")
                sink.hex(index)
            }
            sink.append("\n")
        }
        advance(history.duration)
    }

    private struct Kind: Hashable {
        var size: UInt64
        var site: Int
    }

    private func residentSamples() -> [(time: UInt64, bytes: UInt64)] {
        guard let process = export.processes.first else { return [] }
        return process.resident.map { (process.clock.nanoseconds($0.ticks), $0.bytes) }
    }

    static func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }
}

/// Numbers strings, calls and stack nodes as they are first needed.
private struct HeaptrackNames {
    private let tree: CallTree
    private let sink: ExportSink
    private var strings: [String: UInt64] = [:]
    private var calls: [[Int]: UInt64] = [:]
    private var nodes: [Int: UInt64] = [:]  // by the call tree's node
    private var nodeCount: UInt64 = 0

    init(_ tree: CallTree, _ sink: ExportSink) {
        self.tree = tree
        self.sink = sink
    }

    /// The number of a stack's innermost node.
    mutating func node(_ start: Int) -> UInt64 {
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
            return add(start, call([-1 - start], [frame]), 0)
        }
        for step in path.reversed() {
            parent = add(step.node, call(step.frames, step.frames.map { tree.frames[$0] }), parent)
        }
        return parent
    }

    private mutating func add(_ node: Int, _ call: UInt64, _ parent: UInt64) -> UInt64 {
        nodeCount += 1
        nodes[node] = nodeCount
        sink.append("t ")
        sink.hex(call)
        sink.append(" ")
        sink.hex(parent)
        sink.append("\n")
        return nodeCount
    }

    /// `frames` are inner to outer, as heaptrack wants them: the innermost inlined function is the call itself.
    private mutating func call(_ key: [Int], _ frames: [SymbolFrame]) -> UInt64 {
        if let known = calls[key] { return known }
        let module = string(frames.last?.module ?? "")
        let parts = frames.map { frame in
            (string(frame.function), string(frame.file ?? ""), UInt64(max(frame.line ?? 0, 0)))
        }
        let index = UInt64(calls.count + 1)
        calls[key] = index
        sink.append("i ")
        sink.hex(index)  // calls were merged by name: any number that is one call's alone
        sink.append(" ")
        sink.hex(module)
        for part in parts {
            for value in [part.0, part.1, part.2] {
                sink.append(" ")
                sink.hex(value)
            }
        }
        sink.append("\n")
        return index
    }

    private mutating func string(_ text: String) -> UInt64 {
        guard !text.isEmpty else { return 0 }
        if let known = strings[text] { return known }
        let index = UInt64(strings.count + 1)
        strings[text] = index
        sink.append("s \(HeaptrackExport.line(text))\n")
        return index
    }
}
