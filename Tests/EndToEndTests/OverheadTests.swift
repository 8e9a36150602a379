// SPDX-License-Identifier: Apache-2.0
//
// Events timed while programs run: that some are, that being timed changes nothing of what is recorded, and what a person is told.

import HeaplineAnalysis
import Testing

@Suite(.serialized) struct OverheadTests {
    /// One change of a segment (2,046 events) in 16 has eight events timed; and so has one in 64 of the first 2,048.
    @Test(arguments: ["rseq", "cas"]) func `events are timed, and recorded as ever`(_ backend: String) throws {
        let (_, history) = try Harness.record([Harness.victim, "loop", "600000"], options: ["--backend", backend])
        #expect(history.gaps.isEmpty)
        #expect(history.allocations(ofSize: 24) >= 600_000 / 64)
        let told = try #require(history.trace.processes[0].overhead)
        let later = told.laterAllocations.timed + told.laterFrees.timed
        let segments = history.eventCount / 2046
        #expect((segments * 4 / 10...segments / 2 + 8).contains(later), "\(later) events timed in \(segments) segments")
        // Neither kind is preferred: of some 290, within five standard deviations of the half.
        #expect(abs(Double(told.laterAllocations.timed) - Double(later) / 2) < 2.5 * Double(later).squareRoot())
        let early = told.earlyAllocations.events + told.earlyFrees.events
        #expect((2000...2048).contains(early), "\(early)")
        #expect((12...64).contains(told.earlyAllocations.timed + told.earlyFrees.timed))
        #expect(told.emptyTicks > 0 && told.ownTicks > 0)
        let processor = try #require(told.processorNanoseconds)
        #expect(processor > 0 && processor < 60_000_000_000)
        let overhead = Overhead(history)
        let cost = try #require(overhead.allocationNanoseconds)
        #expect(overhead.absence == nil && cost > 1 && cost < 20_000, "\(cost) ns an allocation")
    }

    /// Every one of the first events goes the way on which one in 64 is timed: all functions, failures, reallocations.
    @Test func `counts stay exact on the way of timed events`() throws {
        let (outcome, history) = try Harness.record([Harness.victim, "family"])
        let (_, nothing) = try Harness.record([Harness.victim, "nothing"])
        #expect(outcome.exitCode == 0)
        let counts = try #require(history.trace.processes[0].counts)
        let before = try #require(nothing.trace.processes[0].counts)
        #expect(counts.allocations == before.allocations + 13 && counts.frees == before.frees + 13)
        #expect(counts.reallocations == before.reallocations + 3 && counts.failures == before.failures + 2)
        #expect(counts.bytesAllocated == before.bytesAllocated + 4057 && history.gaps.isEmpty)
        let told = try #require(history.trace.processes[0].overhead)
        #expect(told.earlyAllocations.events == counts.allocations, "failures are not timed")
        #expect(told.earlyFrees.events == counts.frees + 1, "that of the failed realloc was taken back")
    }

    @Test func `threads, forks and images each tell`() throws {
        let (_, cross) = try Harness.record([Harness.victim, "cross", "300000"])
        #expect(cross.gaps.isEmpty)
        let told = try #require(cross.trace.processes[0].overhead)
        #expect(told.laterAllocations.timed + told.laterFrees.timed > 100, "\(told)")
        let (_, shell) = try Harness.record(["/bin/sh", "-c", "\(Harness.victim) loop 5000; \(Harness.victim) loop 5000; true"])
        let victims = shell.trace.processes.filter { $0.name == "Victim" }
        #expect(victims.count == 2)
        for process in victims {
            #expect((process.overhead?.earlyAllocations.timed ?? 0) > 0 && process.overhead?.processorNanoseconds != nil)
        }
    }

    @Test(arguments: ["count", "sample", "leaks"]) func `modes that count say so`(_ mode: String) throws {
        let (_, history) = try Harness.record([Harness.victim, "loop", "50000"], options: ["--mode", mode])
        let overhead = Overhead(history)
        #expect(overhead.absence == (mode == "leaks" ? nil : .counted))
        #expect(history.gaps.isEmpty && history.totals.allocations >= 50_000)
        let told = try #require(history.trace.processes[0].overhead)
        #expect(told.processorNanoseconds != nil && told.collectorNanoseconds > 0)
    }

    /// Nothing of the process is left to ask once it was killed.
    @Test func `a killed program's processor time is known, too`() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/trace.heapline"
            let outcome = try Harness.run([
                Harness.heapline, "run", "-q", "-o", trace, "--", "/bin/sh", "-c", "\(Harness.victim) loop 3000000; kill -9 $$",
            ])
            #expect(outcome.signal == 9 || outcome.exitCode == 137)
            let history = try Trace.open(trace).history()
            let victim = try #require(history.trace.processes.first { $0.name == "Victim" }?.overhead)
            #expect(try #require(victim.processorNanoseconds) > 1_000_000)
            let text = try Harness.run([Harness.heapline, "report", trace]).output
            let line = try #require(text.split(separator: "\n").first { $0.contains("  overhead ") })
            #expect(line.contains("≈ ") && line.contains("an allocation") && line.contains(" timed)"), "\(line)")
        }
    }
}
