// SPDX-License-Identifier: Apache-2.0
//
// Queries on small traces whose answers are known by construction, and sums that must add up on random ones.

import CHeaplineFormat
import HeaplineCollector
import HeaplineExport
import Testing

@testable import HeaplineAnalysis

@Suite struct QueriesTests {
    private func tree(_ history: History) throws -> CallTree {
        var symbols = SymbolizerOptions()
        symbols.tool = .none
        return try CallTree(history, symbols: symbols)
    }

    @Test(arguments: 0..<8) func everyRankingAddsUp(_ number: Int) throws {
        let seed = 0x9a41_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.processes[0].nodes = HistoryTests.parents
        script.events = BruteForce.events(&random, count: 500, stacks: 10, threads: 3, cores: 2)
        try script.withTrace { trace in
            let history = try trace.history()
            let tree = try tree(history)
            let totals = history.totals
            for (measure, whole) in [
                (Measure.allocations, totals.allocations), (.bytes, totals.bytesAllocated),
                (.liveBlocks, totals.liveBlocks), (.liveBytes, totals.liveBytes ?? 0), (.peakBytes, totals.peakBytes ?? 0),
                (.temporary, totals.temporaryAllocations ?? 0),
            ] {
                let order = tree.ranking(by: measure)
                let values = order.map { measure.value(tree.sites[$0]) }
                #expect(values.reduce(0, +) == whole, "seed \(seed), \(measure)")
                #expect(values == values.sorted(by: >), "seed \(seed), \(measure)")
            }
            let leaks = try Leaks(tree)
            #expect(leaks.groups.reduce(0) { $0 + $1.blocks } == totals.liveBlocks, "seed \(seed)")
            #expect(leaks.groups.reduce(0) { $0 + $1.bytes } == totals.liveBytes, "seed \(seed)")
        }
    }

    @Test func stacksThatReadTheSameAreOne() throws {
        var script = TraceScript()
        // Two processes with the same stack at different node ids.
        script.processes = [
            TraceScript.Process(pid: 1, nodes: [1, 16]), TraceScript.Process(pid: 2, nodes: [1, 16, 1]),
        ]
        script.events = [
            Event(process: 0, ticks: 1, kind: HL_KIND_ALLOC, address: 0x10, size: 5, stack: 17),
            Event(process: 1, ticks: 1, kind: HL_KIND_ALLOC, address: 0x10, size: 6, stack: 17),
            Event(process: 1, ticks: 2, kind: HL_KIND_ALLOC, address: 0x20, size: 7, stack: 18),
        ]
        for index in script.processes.indices {
            let module = hl_note_module()
            var fixed = module
            fixed.start = 0x1000
            fixed.end = 0x20000
            script.processes[index].notes = [(HL_NOTE_MODULE, 0, Payload.bytes(fixed) + Array("/no/such/library.so".utf8))]
        }
        try script.withTrace { trace in
            let tree = try tree(try trace.history())
            #expect(tree.sites.count == 2)
            #expect(tree.sites.map(\.bytes).sorted() == [7, 11])
            let frames = tree.frames(tree.sites[0].node)
            #expect(frames.count == 2)
            #expect(frames.allSatisfy { $0.module == "/no/such/library.so" })
            #expect(tree.end(tree.sites[0].node) == .complete)
            #expect(!tree.symbolProblems.isEmpty)
        }
    }

    @Test func leaksKnowAgeAndThread() throws {
        var script = TraceScript()
        script.processes[0].nodes = [1]
        script.processes[0].notes = [(HL_NOTE_THREAD, 0, Payload.thread(1, tid: 42, "worker"))]
        script.events = [
            Event(ticks: 100, kind: HL_KIND_ALLOC, address: 0x10, size: 5, stack: 16),
            Event(ticks: 200, kind: HL_KIND_ALLOC, address: 0x20, size: 6, stack: 16, thread: 1),
            Event(ticks: 300, kind: HL_KIND_ALLOC, address: 0x30, size: 7, stack: 16),
            Event(ticks: 400, kind: HL_KIND_FREE, address: 0x30, stack: 0),
        ]
        try script.withTrace { trace in
            let leaks = try Leaks(try tree(try trace.history()))
            let group = try #require(leaks.groups.first)
            #expect(leaks.groups.count == 1)
            #expect(group.blocks == 2 && group.bytes == 11)
            #expect(group.oldest == 100 && group.newest == 200)
            #expect(group.threads.map(\.index) == [0, 1])
            #expect(trace.processes[0].threadName(1) == "worker")
            #expect(!leaks.hasVerdicts)
        }
    }

    @Test func verdictsComeFromTheDump() throws {
        var script = TraceScript()
        script.processes[0].notes = [
            (HL_NOTE_BLOCK, 900, Payload.bytes(hl_note_block(address: 0x10, first_word: 1, verdict: 1, reserved: 0))),
            (HL_NOTE_BLOCK, 900, Payload.bytes(hl_note_block(address: 0x20, first_word: 2, verdict: 3, reserved: 0))),
            (HL_NOTE_DUMP, 901, Array("exit".utf8)),
        ]
        script.events = [
            Event(ticks: 100, kind: HL_KIND_ALLOC, address: 0x10, size: 5),
            Event(ticks: 200, kind: HL_KIND_ALLOC, address: 0x20, size: 6),
        ]
        try script.withTrace { trace in
            let leaks = try Leaks(try tree(try trace.history()))
            #expect(leaks.verdicts[.unreachable] == Leaks.Sum(blocks: 1, bytes: 5))
            #expect(leaks.verdicts[.reachable] == Leaks.Sum(blocks: 1, bytes: 6))
        }
    }

    @Test func holesOfARegion() throws {
        var region = hl_note_region()
        region.start = 0x1000
        region.bytes = 0x1000
        var script = TraceScript()
        script.processes[0].notes = [(HL_NOTE_REGION, 0, Payload.bytes(region) + Array("DRAM".utf8))]
        script.events = [
            Event(ticks: 1, kind: HL_KIND_ALLOC, address: 0x1100, size: 0x100),
            Event(ticks: 2, kind: HL_KIND_ALLOC, address: 0x1200, size: 0x40),
            Event(ticks: 3, kind: HL_KIND_ALLOC, address: 0x1300, size: 0x10),
        ]
        let history = try script.withTrace { try $0.history() }
        let area = try #require(Fragmentation(history).areas.first)
        #expect(area.name == "DRAM")
        #expect(area.liveBytes == 0x150)
        #expect(area.holes == 3)
        #expect(area.holeBytes == 0x1000 - 0x150)
        #expect(area.largestHole == 0x1000 - 0x310)
        let pin = try #require(Fragmentation(history).pins.first)
        #expect(pin.block.address == 0x1300)
        #expect(pin.joined == 0xc0 + 0x10 + (0x1000 - 0x310))
    }

    @Test func distantBlocksAreDifferentAreas() throws {
        var script = TraceScript()
        script.events = [
            Event(ticks: 1, kind: HL_KIND_ALLOC, address: 0x5555_0000, size: 16),
            Event(ticks: 2, kind: HL_KIND_ALLOC, address: 0x5555_0020, size: 16),
            Event(ticks: 3, kind: HL_KIND_ALLOC, address: 0x7fff_0000_0000, size: 64),
        ]
        let history = try script.withTrace { try $0.history() }
        let areas = Fragmentation(history).areas
        #expect(areas.map(\.blocks) == [2, 1])
        #expect(areas.map(\.holeBytes) == [16, 0])
    }

    @Test func histogramClassesCoverAllValues() {
        for index in 1..<Histogram.classCount {
            #expect(Histogram.range(index).lowerBound == Histogram.range(index - 1).upperBound + 1)
        }
        #expect(Histogram.range(Histogram.classCount - 1).upperBound == .max)
        for value: UInt64 in [0, 1, 1023, 1024, 1025, 1 << 20, (1 << 20) + 1, .max] {
            #expect(Histogram.range(Histogram.index(value)).contains(value))
        }
    }

    @Test(arguments: [1, 1_000_000, 999_999_937, 2_999_999_999] as [UInt64]) func clocksInvert(hz: UInt64) {
        let seed = 0xc1_0000 + hz
        var random = SeededRandom(seed)
        let clock = Clock(hz: hz, offset: 12345)
        for _ in 0..<500 {
            let ticks = random.next() >> UInt64(8 + random.below(50))
            let time = clock.nanoseconds(ticks)
            guard time < .max else { continue }
            // The first tick not before `time` is this one, or an earlier one in the same nanosecond.
            let first = clock.ticks(atOrAfter: time)
            #expect(first <= ticks && clock.nanoseconds(first) == time || time == 12345 && first == 0, "seed \(seed), \(ticks)")
        }
    }

    @Test func allocatorsAndStartUpAreTrimmed() {
        func frame(_ function: String) -> SymbolFrame { SymbolFrame(function: function, module: "/bin/program") }
        let frames = [
            "operator new(unsigned long)", "std::__new_allocator<int>::allocate(unsigned long, void const*)", "Table::grow()",
            "malloc_wrapper", "main", "__libc_start_call_main", "_start",
        ].map(frame)
        #expect(StackTrimming.trim(frames).map(\.function) == ["Table::grow()", "malloc_wrapper", "main"])
        #expect(StackTrimming.trim([frame("malloc")]).map(\.function) == ["malloc"])
        #expect(StackTrimming.trim([]).isEmpty)
        // As the debug information of the C library has it.
        let thread = ["__GI___libc_malloc", "work", "start_thread", "__GI___clone3"].map(frame)
        #expect(StackTrimming.trim(thread).map(\.function) == ["work"])
    }
}
