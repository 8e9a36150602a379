// SPDX-License-Identifier: Apache-2.0
//
// The one-pass model against the brute-force one, on random runs through real trace files.

import CHeaplineFormat
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct HistoryTests {
    static let parents = [1, 16, 17, 17, 2, 19, 20, 16, 23, 24]

    @Test(arguments: 0..<24) func equalsBruteForce(_ number: Int) throws {
        let seed = 0x4ea9_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.chunkEvents = 1 + random.below(200)
        script.processes[0].nodes = Self.parents
        script.events = BruteForce.events(
            &random, count: 600, stacks: Self.parents.count, threads: 1 + random.below(6), cores: 1 + random.below(5))
        let truth = BruteForce(script.events)
        let history = try script.withTrace { try $0.history() }
        let comment = Comment(rawValue: "seed \(seed)")

        let totals = history.totals
        #expect(totals.allocations == truth.allocations, comment)
        #expect(totals.frees == truth.frees, comment)
        #expect(totals.reallocations == truth.reallocations, comment)
        #expect(totals.bytesAllocated == truth.bytes, comment)
        #expect(totals.failures == truth.failures, comment)
        #expect(totals.temporaryAllocations == truth.temporary, comment)
        #expect(totals.unknownFrees == truth.unknownFrees, comment)
        #expect(totals.impliedFrees >= truth.impliedFrees, comment)
        #expect(totals.peakBytes == truth.peakBytes, comment)
        #expect(totals.peakTime == truth.peakTicks, comment)
        #expect(totals.allocations - totals.frees == totals.liveBlocks, comment)
        #expect(history.eventCount == UInt64(script.events.count), comment)

        for site in history.sites {
            let stack = truth.stacks[site.stack] ?? BruteForce.StackSums()
            #expect(site.allocations == stack.allocations, comment)
            #expect(site.bytes == stack.bytes, comment)
            #expect(site.temporary == stack.temporary, comment)
            #expect(site.peakBytes == truth.peakByStack[site.stack]?.bytes ?? 0, comment)
            #expect(site.peakBlocks == truth.peakByStack[site.stack]?.blocks ?? 0, comment)
        }
        #expect(history.sites.reduce(0) { $0 + $1.allocations } == truth.allocations, comment)

        // Reallocations still under way at the end are put back, which may imply a free: compare what is certain.
        if totals.impliedFrees == truth.impliedFrees {
            #expect(totals.liveBytes == truth.liveBytes, comment)
            var sums: [Int: (blocks: UInt64, bytes: UInt64)] = [:]
            history.forEachLiveBlock { block in
                let stack = history.sites[block.site].stack
                sums[stack, default: (0, 0)].blocks += 1
                sums[stack, default: (0, 0)].bytes += block.size
            }
            #expect(sums.mapValues(\.bytes) == truth.liveByStack.mapValues(\.bytes), comment)
            #expect(sums.mapValues(\.blocks) == truth.liveByStack.mapValues(\.blocks), comment)
        }
        #expect(history.threads.reduce(0) { $0 + $1.allocations } == truth.allocations, comment)
        #expect(history.threads.reduce(0) { $0 + $1.liveBytes } == totals.liveBytes, comment)

        check(history.sizes, truth.sizes, comment)
        check(history.lifetimes, truth.lifetimes, comment)
    }

    /// A histogram against the values it was made of.
    private func check(_ histogram: Histogram, _ values: [UInt64], _ comment: Comment) {
        var expected: [ClosedRange<UInt64>: (count: UInt64, sum: UInt64)] = [:]
        for value in values {
            let range = Histogram.range(Histogram.index(value))
            #expect(range.contains(value), comment)
            expected[range, default: (0, 0)].count += 1
            expected[range, default: (0, 0)].sum += value
        }
        #expect(histogram.classes.count == expected.count, comment)
        for item in histogram.classes {
            #expect(item.count == expected[item.range]?.count, comment)
            #expect(item.sum == expected[item.range]?.sum, comment)
        }
    }

    /// From some 8,000 live blocks on, blocks are asked for ahead of their turn; nothing else may differ.
    @Test(arguments: 0..<8) func aLargeTableChangesNothing(_ number: Int) throws {
        let seed = 0x1a26_0000 + UInt64(number)
        var random = SeededRandom(seed)
        let comment = Comment(rawValue: "seed \(seed)")
        var script = TraceScript()
        script.chunkEvents = 300 + random.below(2000)
        script.processes[0].nodes = Self.parents + [1]
        script.events = BruteForce.events(&random, count: 3000, stacks: Self.parents.count, threads: 3, cores: 1)
        let alone = try script.withTrace { try $0.history() }
        // Others before, which stay: more blocks than make a table large.
        let others: UInt64 = 9000
        let own = 16 + Self.parents.count
        let before = (0..<others).map { index in
            Event(ticks: index / 10, kind: HL_KIND_ALLOC, address: 0x1_0000_0000 + index * 64, size: 100, stack: own, thread: 5)
        }
        script.events = before + script.events
        let among = try script.withTrace { try $0.history() }

        #expect(among.totals.allocations == alone.totals.allocations + others, comment)
        #expect(among.totals.frees == alone.totals.frees, comment)
        #expect(among.totals.unknownFrees == alone.totals.unknownFrees, comment)
        #expect(among.totals.impliedFrees == alone.totals.impliedFrees, comment)
        #expect(among.totals.reallocations == alone.totals.reallocations, comment)
        #expect(among.totals.temporaryAllocations == alone.totals.temporaryAllocations, comment)
        #expect(among.totals.peakBytes == alone.totals.peakBytes.map { $0 + others * 100 }, comment)
        #expect(among.totals.peakBlocks == alone.totals.peakBlocks.map { $0 + others }, comment)
        #expect(among.totals.peakTime == alone.totals.peakTime, comment)
        #expect(among.totals.liveBytes == alone.totals.liveBytes.map { $0 + others * 100 }, comment)
        #expect(among.lifetimes.classes == alone.lifetimes.classes, comment)
        func sums(_ history: History) -> [Int: [UInt64]] {
            var sums: [Int: [UInt64]] = [:]
            for site in history.sites where site.stack != own {
                sums[site.stack] = [
                    site.allocations, site.bytes, site.liveBlocks, site.liveBytes, site.peakBlocks, site.peakBytes, site.temporary,
                ]
            }
            return sums
        }
        #expect(sums(among) == sums(alone), comment)
        func threads(_ history: History) -> [[UInt64]] {
            history.threads.filter { $0.index < 3 }.map {
                [$0.allocations, $0.bytes, $0.frees, $0.foreignFrees, $0.temporary, $0.liveBlocks, $0.liveBytes]
            }
        }
        #expect(threads(among) == threads(alone), comment)
    }

    /// The class of a floating-point number is that of its whole part.
    @Test func wholePartsOfNumbers() {
        let seed: UInt64 = 0x40_15_01
        var random = SeededRandom(seed)
        var direct = Histogram.Counters()
        var wholes = Histogram.Counters()
        var values = [0, 0.5, 1, 1023, 1023.999, 1024, 1024.999, 1151.99, 1152, 0x1p52 - 1, 0x1p52, 0x1p53, 0x1p63]
        for _ in 0..<20_000 {
            values.append(Double(random.next() >> UInt64(random.below(64))) / Double(1 + random.below(1000)))
        }
        for value in values {
            direct.add(wholePartOf: value)
            wholes.add(UInt64(value))
        }
        #expect(direct.histogram().classes == wholes.histogram().classes, "seed \(seed)")
        #expect(direct.histogram().count == UInt64(values.count), "seed \(seed)")
    }

    @Test(arguments: 0..<8) func aliveAtAnyMoment(_ number: Int) throws {
        let seed = 0xa11e_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.chunkEvents = 50
        script.processes[0].nodes = Self.parents
        script.events = BruteForce.events(&random, count: 300, stacks: Self.parents.count, threads: 3, cores: 3)
        try script.withTrace { trace in
            for _ in 0..<12 {
                let until = script.events[random.below(script.events.count)].ticks + UInt64(random.below(2))
                let truth = BruteForce(script.events.filter { $0.ticks <= until })
                let history = try trace.history(upTo: until)
                #expect(history.totals.allocations == truth.allocations, "seed \(seed), until \(until)")
                if history.totals.impliedFrees == truth.impliedFrees {
                    #expect(history.totals.liveBytes == truth.liveBytes, "seed \(seed), until \(until)")
                }
            }
        }
    }

    @Test(arguments: 0..<8) func timelineHoldsEveryMaximum(_ number: Int) throws {
        let seed = 0x71e_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.processes[0].nodes = Self.parents
        script.events = BruteForce.events(&random, count: 2000, stacks: 4, threads: 2, cores: 2)
        let truth = BruteForce(script.events)
        let history = try script.withTrace { try $0.history() }
        let timeline = history.timeline
        let comment = Comment(rawValue: "seed \(seed)")
        #expect(timeline.buckets.count <= Timeline.limit + 1, comment)
        #expect(timeline.buckets.map(\.maxLiveBytes).max() == truth.peakBytes, comment)
        #expect(timeline.buckets.reduce(0) { $0 + $1.allocations } == truth.allocations, comment)
        #expect(timeline.buckets.reduce(0) { $0 + $1.bytesAllocated } == truth.bytes, comment)
        // The highest live bytes after any event of each span, and what the span began with.
        var expected = [UInt64](repeating: 0, count: timeline.buckets.count)
        var before: UInt64 = 0
        var next = 0
        for index in expected.indices {
            var highest = before
            let end = UInt64(index + 1) * timeline.width
            while next < truth.course.count, truth.course[next].ticks < end {
                highest = max(highest, truth.course[next].liveBytes)
                before = truth.course[next].liveBytes
                next += 1
            }
            expected[index] = highest
        }
        let different = zip(timeline.buckets, expected).count { $0.maxLiveBytes != $1 }
        #expect(different == 0, comment)
    }

    @Test func reallocationKeepsItsBlockUntilItEnds() throws {
        var script = TraceScript()
        script.events = [
            Event(ticks: 10, kind: HL_KIND_ALLOC, address: 0x100, size: 40),
            Event(ticks: 20, kind: HL_KIND_REALLOC_FREE, address: 0x100, stack: 0),
            // Another thread gets the old address before the reallocation is known to have ended.
            Event(core: 1, ticks: 30, kind: HL_KIND_ALLOC, address: 0x100, size: 7, thread: 1),
            Event(ticks: 40, kind: HL_KIND_REALLOC_ALLOC, address: 0x200, size: 80),
            Event(ticks: 50, kind: HL_KIND_REALLOC_FREE, address: 0x200, stack: 0),
            Event(ticks: 60, kind: HL_KIND_REALLOC_FAIL, address: 0x200, stack: 0),
        ]
        let history = try script.withTrace { try $0.history() }
        #expect(history.totals.allocations == 3)
        #expect(history.totals.frees == 1)
        #expect(history.totals.failures == 1)
        #expect(history.totals.liveBytes == 87)
        #expect(history.totals.impliedFrees == 0)
        #expect(history.totals.peakBytes == 87)
        var blocks: [UInt64: UInt64] = [:]
        history.forEachLiveBlock { blocks[$0.address] = $0.size }
        #expect(blocks == [0x100: 7, 0x200: 80])
        #expect(history.growth.count == 1)
        #expect(history.growth[0].moves == 1)
        #expect(history.growth[0].bytesMoved == 40)
        #expect(history.growth[0].bytesGrown == 40)
    }

    @Test func countsOfTheRecorderDecideCompleteness() throws {
        var counts = hl_counts()
        counts.final = 1
        counts.sums.allocations = 2
        counts.sums.frees = 1
        counts.sums.bytes = 30
        var script = TraceScript()
        script.processes[0].counts = counts
        script.events = [
            Event(ticks: 10, kind: HL_KIND_ALLOC, address: 0x100, size: 10),
            Event(ticks: 20, kind: HL_KIND_ALLOC, address: 0x200, size: 20),
            Event(ticks: 30, kind: HL_KIND_FREE, address: 0x100, stack: 0),
        ]
        #expect(try script.withTrace { try $0.history().isComplete })

        counts.sums.allocations = 3
        counts.lost.0 = 1
        script.processes[0].counts = counts
        let gaps = try script.withTrace { try $0.history().gaps }
        #expect(gaps.contains(Gap(process: 0, kind: .lost(.full, count: 1))))
        #expect(gaps.contains(Gap(process: 0, kind: .mismatch(what: "allocations", recorder: 3, events: 2))))

        script.isClosed = false
        #expect(try script.withTrace { try $0.history().gaps }.contains(Gap(process: nil, kind: .unfinished)))
    }

    @Test func leaksModeAddsWhatWasLeftOut() throws {
        var counts = hl_counts()
        counts.final = 1
        counts.sums.allocations = 1001
        counts.sums.frees = 1000
        counts.sums.bytes = 50_064
        counts.filtered = 2000
        counts.filtered_allocations = 1000
        counts.filtered_bytes = 50_000
        counts.filtered_peak_bytes = 900
        var script = TraceScript()
        script.processes[0].mode = HL_MODE_LEAKS
        script.processes[0].counts = counts
        script.events = [Event(ticks: 10, kind: HL_KIND_ALLOC, address: 0x100, size: 64)]
        let history = try script.withTrace { try $0.history() }
        #expect(history.isComplete)
        #expect(history.totals.allocations == 1001)
        #expect(history.totals.frees == 1000)
        #expect(history.totals.liveBlocks == 1)
        #expect(history.totals.liveBytes == 64)
        #expect(history.totals.peakBytes == 900)
        #expect(history.totals.temporaryAllocations == nil)
    }

    @Test func countModeHasTotalsOnly() throws {
        var counts = hl_counts()
        counts.final = 1
        counts.sums.allocations = 10
        counts.sums.frees = 4
        counts.sums.bytes = 500
        var script = TraceScript()
        script.processes[0].mode = HL_MODE_COUNT
        script.processes[0].counts = counts
        let history = try script.withTrace { try $0.history() }
        #expect(history.totals.allocations == 10)
        #expect(history.totals.liveBlocks == 6)
        #expect(history.totals.liveBytes == nil)
        #expect(history.totals.peakBytes == nil)
        #expect(history.isComplete)
    }
}
