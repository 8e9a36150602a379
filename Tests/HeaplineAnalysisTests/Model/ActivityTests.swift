// SPDX-License-Identifier: Apache-2.0
//
// Activity and heap maps against histories that stop where a span ends: a slow way to the same numbers.

import CHeaplineFormat
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct ActivityTests {
    private func script(_ seed: UInt64, stretch: UInt64) -> TraceScript {
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.processes[0].nodes = HistoryTests.parents
        script.events = BruteForce.events(&random, count: 400, stacks: 10, threads: 3, cores: 2)
        for index in script.events.indices { script.events[index].ticks *= stretch }
        return script
    }

    // The trace does not say how long it lasts, so spans begin narrow; the longer stretches make them merge again and again.
    @Test(arguments: [0, 1, 2, 3], [700, 60_000, 3_000_000] as [UInt64])
    func `spans add up to sites, and to every earlier moment`(number: Int, stretch: UInt64) throws {
        let seed = 0xac71_0000 + UInt64(number)
        try script(seed, stretch: stretch).withTrace { trace in
            let history = try trace.history(HistoryOptions(activity: true))
            let activity = try #require(history.activity)
            let none = Activity.Entry(site: 0, allocations: 0, bytes: 0, temporary: 0, liveBlocks: 0, liveBytes: 0)
            var sums = [Activity.Entry](repeating: none, count: history.sites.count)
            for span in activity.spans {
                #expect(zip(span, span.dropFirst()).allSatisfy { $0.site < $1.site }, "seed \(seed)")
                for entry in span {
                    sums[entry.site].allocations += entry.allocations
                    sums[entry.site].bytes += entry.bytes
                    sums[entry.site].temporary += entry.temporary
                    sums[entry.site].liveBlocks += entry.liveBlocks
                    sums[entry.site].liveBytes += entry.liveBytes
                }
            }
            for site in history.sites {
                #expect(sums[site.id].allocations == site.allocations, "seed \(seed)")
                #expect(sums[site.id].bytes == site.bytes, "seed \(seed)")
                #expect(sums[site.id].temporary == site.temporary, "seed \(seed)")
                #expect(sums[site.id].liveBlocks == Int64(site.liveBlocks), "seed \(seed)")
                #expect(sums[site.id].liveBytes == Int64(site.liveBytes), "seed \(seed)")
            }
            #expect(activity.shapes.count == activity.spans.count)
            func shape(_ count: Int) -> Activity.Shape { activity.shapes[..<count].reduce(Activity.Shape(), +) }
            expect(shape(activity.spans.count), isOf: history, seed)
            for count in stride(from: 1, to: activity.spans.count, by: max(1, activity.spans.count / 12)) {
                let entries = activity.spans[..<count].joined()
                let then = try trace.history(upTo: UInt64(count) * activity.width - 1)
                #expect(
                    entries.reduce(0) { $0 + $1.allocations } == then.totals.allocations, "seed \(seed), span \(count)")
                #expect(
                    entries.reduce(0) { $0 + $1.bytes } == then.totals.bytesAllocated, "seed \(seed), span \(count)")
                expect(shape(count), isOf: then, seed)
            }
        }
    }

    private func expect(_ shape: Activity.Shape, isOf history: History, _ seed: UInt64) {
        for (octaves, histogram) in [(shape.sizes, history.sizes), (shape.lifetimes, history.lifetimes)] {
            let rows = histogram.octaves
            let used = octaves.counts.indices.filter { octaves.counts[$0] > 0 }
            #expect(used.map { octaves.counts[$0] } == rows.map(\.count), "seed \(seed)")
            #expect(used.map { octaves.sums[$0] } == rows.map(\.sum), "seed \(seed)")
            #expect(used == rows.map { 64 - $0.range.lowerBound.leadingZeroBitCount }, "seed \(seed)")
        }
    }

    @Test func `without being asked, nothing is kept`() throws {
        try script(0xac71_0100, stretch: 1).withTrace { trace in
            let history = try trace.history()
            #expect(history.activity == nil)
        }
    }

    @Test(arguments: 0..<4) func `a heap map is what was alive then`(number: Int) throws {
        let seed = 0x3ea9_0000 + UInt64(number)
        var script = script(seed, stretch: 1000)
        let (start, bytes): (UInt64, UInt64) = (0x5000_0000, 4000)
        script.processes[0].notes = [
            (
                HL_NOTE_REGION, 0,
                Payload.bytes(hl_note_region(start: start, bytes: bytes, capabilities: 0, reserved: 0))
                    + Array("DRAM".utf8)
            )
        ]
        try script.withTrace { trace in
            let made = try HeapMap(try trace.history(), spans: 20)
            let map = try #require(made)
            let region = try #require(map.regions.first)
            #expect(region.fill.count == 20)
            for span in 0..<20 {
                let then = try trace.history(upTo: UInt64(span + 1) * map.width - 1)
                var used = [Bool](repeating: false, count: Int(bytes))
                var (sum, count): (UInt64, UInt64) = (0, 0)
                then.forEachLiveBlock { block in
                    guard block.address >= start, block.address < start + bytes else { return }
                    sum += block.size
                    count += 1
                    let from = Int(block.address - start)
                    for place in from..<min(Int(bytes), from + Int(block.size)) { used[place] = true }
                }
                #expect(region.liveBytes[span] == sum, "seed \(seed), span \(span)")
                #expect(region.blocks[span] == count, "seed \(seed), span \(span)")
                let hole = used.split(separator: true).map(\.count).max() ?? 0
                #expect(region.largestHole[span] == UInt64(hole), "seed \(seed), span \(span)")
                for cell in 0..<HeapMap.cells {
                    let piece = used[(cell * Int(bytes) / HeapMap.cells)..<((cell + 1) * Int(bytes) / HeapMap.cells)]
                    #expect(
                        (region.fill[span][cell] > 0) == piece.contains(true),
                        "seed \(seed), span \(span), cell \(cell)")
                }
            }
        }
    }
}
