// SPDX-License-Identifier: Apache-2.0
//
// Diffs of random traces: changes add up, names match stacks whose addresses moved, and what is said of a stack is so.

import CHeaplineFormat
import Foundation
import Testing

@testable import HeaplineAnalysis
@testable import HeaplineExport

@Suite struct DiffTests {
    @Test(arguments: TotalsTests.seeds) func changesAddUp(_ seed: UInt64) throws {
        let old = try SyntheticTrace.random(seed).tree()
        let new = try SyntheticTrace.random(seed &+ 99, events: 700).tree()
        let diff = TraceDiff(old: old, new: new)
        let (before, after) = (try TotalsTests.expected(old), try TotalsTests.expected(new))
        for measure in Measure.allCases {
            let change = diff.stacks.reduce(Int64(0)) {
                $0 + Int64($1.pair(measure).new) - Int64($1.pair(measure).old)
            }
            #expect(change == Int64(after[measure] ?? 0) - Int64(before[measure] ?? 0), "seed \(seed) \(measure)")
            let ranked = diff.ranking(by: measure).map { $0.pair(measure).distance }
            #expect(ranked == ranked.sorted(by: >) && !ranked.contains(0))
        }
        for stack in diff.stacks {
            #expect(stack.isChanged)
            let pair = stack.pair(.allocations)
            #expect((stack.change == .new) == (pair.old == 0 && pair.new > 0))
            #expect((stack.change == .gone) == (pair.new == 0 && pair.old > 0))
        }
        #expect(diff.stacks.map(\.signature) == diff.stacks.map(\.signature).sorted())
    }

    @Test(arguments: TotalsTests.seeds) func addressesDoNotCount(_ seed: UInt64) throws {
        let old = try SyntheticTrace.random(seed, base: 0x40_0000).tree()
        let new = try SyntheticTrace.random(seed, base: 0x7f55_0000_0000).tree()
        let diff = TraceDiff(old: old, new: new)
        #expect(diff.stacks.isEmpty, "seed \(seed)")
        #expect(diff.unchanged > 0)
        #expect(diff.text().contains("No stack changed."))
    }

    @Test func saysWhatBecameOfAStack() throws {
        func program(_ build: (SyntheticTrace, Int, Int, Int) -> Void) throws -> CallTree {
            let source = SyntheticTrace()
            _ = source.addProcess()
            func call(_ name: String, _ pc: UInt64) -> Int {
                source.addCall(0, pc: pc, parent: 1, EmbeddedFrame(function: name, file: "/src/a.c", line: 7, module: "/app"))
            }
            build(source, call("grows()", 1), call("leaves()", 2), call("comes()", 3))
            return try source.tree()
        }
        let old = try program { source, grows, leaves, _ in
            source.add(HL_KIND_ALLOC, ticks: 1, address: 16, size: 100, stack: grows)
            source.add(HL_KIND_ALLOC, ticks: 2, address: 32, size: 50, stack: leaves)
        }
        let new = try program { source, grows, _, comes in
            source.add(HL_KIND_ALLOC, ticks: 1, address: 16, size: 300, stack: grows)
            source.add(HL_KIND_ALLOC, ticks: 2, address: 32, size: 5, stack: comes)
        }
        let diff = TraceDiff(old: old, new: new)
        let changes = Dictionary(uniqueKeysWithValues: diff.stacks.map { ($0.signature.functions[0], $0.change) })
        #expect(changes == ["grows": .grown, "leaves": .gone, "comes": .new])
        #expect(diff.ranking(by: .liveBytes).map { $0.signature.functions[0] } == ["grows", "leaves", "comes"])
        let text = diff.text(TextStyle(exactBytes: true))
        #expect(text.contains("+200 B  grown  100 B → 300 B"))
        #expect(text.contains("-50 B  gone"))
        #expect(text.contains("comes (a.c:7)"))

        var bytes: [UInt8] = []
        let box = Box()
        diff.json(oldPath: "a", newPath: "b") { box.bytes += $0 }
        bytes = box.bytes
        let file = try JSON.object(bytes)
        #expect(try file.text("schema") == "heapline.diff")
        #expect(try file.object("totals").object("liveBytes").number("new") == 305)
        let first = try #require(try file.objects("stacks").first { try $0.text("change") == "grown" })
        #expect(try first.object("liveBytes").number("old") == 100)
        #expect(first["allocations"] == nil)
    }

    /// What only one of two recordings holds did not come or go.
    @Test(arguments: [RecordingMode.leaks, .count, .sample]) func modesThatTellLessAreComparedByLess(_ mode: RecordingMode) throws {
        func program(_ mode: RecordingMode) throws -> CallTree {
            let source = SyntheticTrace()
            _ = source.addProcess(mode: mode)
            if mode == .sample { source.processes[0].sampleBytes = 1 }
            func call(_ name: String, _ pc: UInt64) -> Int {
                source.addCall(0, pc: pc, parent: 1, EmbeddedFrame(function: name, file: "/src/a.c", line: 7, module: "/app"))
            }
            let (stays, goes) = (call("stays", 1), call("goes", 2))
            guard mode != .count else { return try source.tree() }
            source.add(HL_KIND_ALLOC, ticks: 1, address: 16, size: 100, stack: stays)
            guard mode != .leaks else { return try source.tree() }
            source.add(HL_KIND_ALLOC, ticks: 2, address: 32, size: 50, stack: goes)
            source.add(HL_KIND_FREE, ticks: 3, address: 32)
            return try source.tree()
        }
        let diff = TraceDiff(old: try program(.all), new: try program(mode))
        #expect(diff.notes.count == 1 && diff.notes[0].contains("mode \(mode.rawValue)") && diff.notes[0].contains("new"))
        #expect(!diff.stacks.contains { $0.change == .new || $0.change == .gone })
        switch mode {
        case .leaks: #expect(diff.stacks.isEmpty && diff.unchanged == 1 && Set(diff.measures) == [.liveBlocks, .liveBytes])
        case .count: #expect(diff.measures.isEmpty && !diff.text().contains("No stack changed"))
        default: #expect(diff.measures == Measure.allCases)
        }
        #expect(diff.text().contains(diff.notes[0]))
        #expect(TraceDiff(old: try program(.all), new: try program(.all)).notes.isEmpty)
    }

    /// A trace written in heaptrack's format has the same stacks and sums, and what that format has no place for did not go away.
    @Test func whatHeaptrackDoesNotTellIsNotCompared() throws {
        let source = SyntheticTrace.random(5)
        source.kind = .svdat
        let tree = try source.tree()
        try Scratch.with { directory in
            try Scratch.write(try Exporter(tree).bytes(.heaptrack), directory + "/trace")
            let back = try CallTree(try Trace.open(directory + "/trace").history())
            let diff = TraceDiff(old: tree, new: back)
            #expect(tree.history.totals.reallocations > 0)
            #expect(diff.stacks.isEmpty && diff.unchanged > 0)
            #expect(!diff.measures.contains(.temporary) && !diff.measures.contains(.reallocations) && diff.measures.contains(.peakBytes))
            let total = try #require(diff.totals.first { $0.name == "reallocations" })
            #expect(total.old == tree.history.totals.reallocations && total.new == nil)
            #expect(diff.notes.contains { $0.contains("the new recording is heaptrack's") })
        }
    }

    @Test func stacksAreNotComparedWithNone() throws {
        func program(depth: Int) throws -> CallTree {
            let source = SyntheticTrace()
            _ = source.addProcess(depth: depth)
            let call = source.addCall(0, pc: 1, parent: 1, EmbeddedFrame(function: "f", file: nil, line: nil, module: "/lib/a.so"))
            source.add(HL_KIND_ALLOC, ticks: 1, address: 16, size: 100, stack: depth == 0 ? 0 : call)
            return try source.tree()
        }
        let diff = TraceDiff(old: try program(depth: 0), new: try program(depth: 9))
        #expect(diff.stacks.isEmpty && diff.measures.isEmpty)
        #expect(diff.notes.count == 1 && diff.notes[0].contains("old") && diff.notes[0].contains("--depth"))
        #expect(TraceDiff(old: try program(depth: 0), new: try program(depth: 0)).unchanged == 1)
    }

    private final class Box: @unchecked Sendable { var bytes: [UInt8] = [] }
}
