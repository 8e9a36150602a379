// SPDX-License-Identifier: Apache-2.0
//
// Modes, full policies, pausing and following, on the victim.

import HeaplineAnalysis
import Testing

@Suite(.serialized) struct ModesTests {
    @Test func countKeepsExactTotals() throws {
        let (_, counted) = try Harness.record([Harness.victim, "loop", "100000"], options: ["--mode", "count"])
        let (_, recorded) = try Harness.record([Harness.victim, "loop", "100000"])
        #expect(counted.totals.allocations == recorded.totals.allocations)
        #expect(counted.totals.frees == recorded.totals.frees)
        #expect(counted.totals.bytesAllocated == recorded.totals.bytesAllocated)
        #expect(counted.eventCount == 0)
    }

    /// Requests that fail, in the modes that count what cannot fail before it is done: held against the program's own count.
    @Test(arguments: ["count", "sample=1000000000", "all"], [[], ["inherited"]])
    func failuresAreNotAllocations(_ mode: String, _ limit: [String]) throws {
        let options = ["--mode", mode, "--depth", "0"]
        let (outcome, history) = try Harness.record([Harness.victim, "limited"] + limit, options: options)
        let (_, empty) = try Harness.record([Harness.victim, "nothing"], options: options)
        let counts = outcome.output.split(whereSeparator: \.isWhitespace).compactMap { UInt64($0) }
        try #require(outcome.exitCode == 0 && counts.count == 3, "\(outcome)")
        #expect(counts[0] > 3000 && counts[2] > 10, "the limit was met: \(counts)")
        let starts: UInt64 = limit.isEmpty ? 1 : 2  // one more for the program that it was before exec
        #expect(history.totals.allocations == starts * empty.totals.allocations + counts[0])
        #expect(history.totals.frees == starts * empty.totals.frees + counts[1])
        #expect(history.totals.failures == starts * empty.totals.failures + counts[2])
    }

    /// The whole family, counted ahead and watched: as recorded in mode all.
    @Test(arguments: ["count", "sample=1000000000"]) func familyIsCounted(_ mode: String) throws {
        let (_, counted) = try Harness.record([Harness.victim, "family"], options: ["--mode", mode])
        let (_, recorded) = try Harness.record([Harness.victim, "family"])
        #expect(counted.totals.allocations == recorded.totals.allocations)
        #expect(counted.totals.reallocations == recorded.totals.reallocations)
        #expect(counted.totals.frees == recorded.totals.frees)
        #expect(counted.totals.failures == recorded.totals.failures)
        #expect(counted.totals.bytesAllocated == recorded.totals.bytesAllocated)
    }

    /// The curve of resident memory of a run that is over in a fraction of a second: 20 readings a second or more.
    @Test func shortRunsHaveACurveOfResidentMemory() throws {
        let (_, history) = try Harness.record([Harness.victim, "leak", "400000", "300"])
        let process = try #require(history.trace.processes.last)
        try #require(history.duration > 70_000_000, "the run was too short to tell: \(history.duration) ns")
        #expect(UInt64(process.resident.count) * 50_000_000 >= history.duration, "\(process.resident.count) in \(history.duration) ns")
        let highest = process.resident.map(\.bytes).max() ?? 0
        #expect(highest * 2 > history.totals.peakBytes ?? 0, "\(highest)")
    }

    @Test func leaksKeepsWhatStays() throws {
        let (_, all) = try Harness.record([Harness.victim, "leak", "1000", "100"])
        let (_, leaks) = try Harness.record([Harness.victim, "leak", "1000", "100"], options: ["--mode", "leaks"])
        #expect(leaks.totals.liveBlocks == all.totals.liveBlocks)
        #expect(leaks.totals.liveBytes == all.totals.liveBytes)
        #expect(leaks.totals.allocations == all.totals.allocations)
        #expect(leaks.eventCount < all.eventCount)
        #expect(leaks.sites.allSatisfy { $0.peakBytes == 0 && $0.peakBlocks == 0 }, "who held the peak is not told by what stayed")
        #expect(all.sites.reduce(0) { $0 + $1.peakBytes } == all.totals.peakBytes)
    }

    @Test func samplesAreUnbiased() throws {
        // 200,000 blocks of 55.5 bytes on average, sampled each 512 bytes: 21,700 samples, relative error below 1 %.
        let (_, history) = try Harness.record([Harness.victim, "loop", "200000"], options: ["--mode", "sample=512"])
        let bytes = Double((0..<200_000).reduce(0) { $0 + 24 + $1 % 64 })
        let estimate = Double(history.sites.reduce(0) { $0 + $1.bytes })
        #expect(abs(estimate - bytes) / bytes < 0.05, "estimated \(estimate) of \(bytes)")
    }

    @Test(arguments: ["rseq", "cas"]) func dropCountsItsLosses(_ backend: String) throws {
        let (_, history) = try Harness.record(
            [Harness.victim, "loop", "2000000"],
            options: ["--on-full", "drop", "--buffer", "384K", "--backend", backend, "--depth", "0"])
        let lost = history.trace.processes[0].counts!.lost.values.reduce(0, +)
        let events = history.eventCount + lost
        let counts = history.trace.processes[0].counts!
        #expect(events == counts.allocations + counts.frees, "every event is recorded or counted as lost")
    }

    @Test func overwriteKeepsTheNewest() throws {
        let (_, history) = try Harness.record(
            [Harness.victim, "loop", "1000000"], options: ["--on-full", "overwrite", "--buffer", "1M", "--depth", "0"])
        #expect(history.eventCount > 10_000 && history.eventCount < 40_000)
        let counts = history.trace.processes[0].counts!
        let lost = counts.lost.values.reduce(0, +)
        #expect(history.eventCount + lost == counts.allocations + counts.frees)
    }

    @Test func blockLosesNothingInSmallBuffers() throws {
        let (_, history) = try Harness.record(
            [Harness.victim, "cross", "300000"], options: ["--buffer", "384K", "--depth", "0"])
        #expect(history.gaps.isEmpty)
        #expect(history.allocations(ofSize: 48) >= 300_000)
    }

    @Test func pausedRecordsNothing() throws {
        let (_, history) = try Harness.record([Harness.victim, "loop", "1000"], options: ["--paused"])
        #expect(history.eventCount == 0)
    }

    @Test func noFollowLeavesChildrenAlone() throws {
        let (outcome, history) = try Harness.record([Harness.victim, "fork", "10", "3"], options: ["--no-follow"])
        #expect(outcome.exitCode == 0)
        #expect(history.trace.processes.count == 1)
    }

    @Test func separateFilesForProcesses() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            let outcome = try Harness.run(
                [Harness.heapline, "run", "-q", "--separate", "-o", trace, "--", Harness.victim, "fork", "10", "3"])
            #expect(outcome.exitCode == 0)
            let names = try Harness.run(["ls", directory]).output.split(separator: "\n").map(String.init)
            #expect(names.count == 4)
            let blocks = try names.reduce(0) { try $0 + Trace.open(directory + "/" + $1).history().allocations(ofSize: 40) }
            let empty = try VictimTests.nothing([])
            #expect(blocks == 70 + empty.allocations(ofSize: 40))
        }
    }

    @Test func preloadedByHandCollectsItself() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/hand.heapline"
            let outcome = try Harness.run(
                [Harness.victim, "loop", "1000"],
                environment: ["LD_PRELOAD=\(Harness.preload)", "HEAPLINE_OUTPUT=\(trace)", "HEAPLINE_DEPTH=4"])
            #expect(outcome.exitCode == 0 && outcome.errors.isEmpty)
            // The collector ends by itself, shortly after the program: it has closed the file when the end is there.
            var history: History?
            for _ in 0..<100_000 where history == nil {
                if let opened = try? Trace.open(trace), opened.state == .complete { history = try opened.history() }
            }
            #expect(try #require(history).totals.allocations >= 1000)
        }
    }

    @Test func switchedOffDoesNothing() throws {
        let outcome = try Harness.run(
            [Harness.victim, "loop", "1000"], environment: ["LD_PRELOAD=\(Harness.preload)", "HEAPLINE=0"])
        #expect(outcome.exitCode == 0 && outcome.errors.isEmpty && outcome.output.isEmpty)
    }

    /// After the program's end the collector takes what is left and reduces the memory image. All that it writes then is of the moment when
    /// it saw the end, or its work would look like the program's time.
    @Test func theCollectorsWorkIsNotTheProgramsTime() throws {
        let (outcome, history) = try Harness.record([Harness.victim, "leak", "100000"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let process = history.trace.processes[0]
        let end = try #require(process.ending).ticks
        #expect(process.counts?.ticks == end && process.lastKnownTicks == end)
        #expect(history.duration == process.clock.nanoseconds(end))
    }
}
