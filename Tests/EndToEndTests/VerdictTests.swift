// SPDX-License-Identifier: Apache-2.0
//
// Verdicts on blocks of the victim, known by construction (Tests/Victim/reachable.c): by size, how many have which.

import Glibc
import HeaplineAnalysis
import Testing

@Suite(.serialized) struct VerdictTests {
    typealias Verdict = DumpedBlock.Verdict

    /// What every run has, by size.
    static let always: [UInt64: [Verdict: Int]] = [
        1008: [.unreachable: 3], 1040: [.unreachable: 1, .indirect: 9], 1072: [.unreachable: 1, .indirect: 3],
        1104: [.reachable: 2], 1136: [.reachable: 1], 1168: [.reachable: 1], 1200: [.reachable: 1], 1232: [.reachable: 1],
        1264: [.reachable: 5],
    ]

    private func record(_ how: String, _ options: [String] = []) throws -> (Harness.Outcome, Report) {
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            let outcome = try Harness.run(
                [Harness.heapline, "run", "-q", "-o", trace] + options + ["--", Harness.victim, "reachable", how])
            let history = try Trace.open(trace).history()
            return (outcome, Report(history: history, verdicts: try Verdicts(history)))
        }
    }
    private struct Report {
        var history: History
        var verdicts: Verdicts

        /// By size, of blocks of the victim's (1,000 to 1,500 bytes) in one process.
        func bySize(_ process: Int = 0) -> [UInt64: [Verdict: Int]] {
            var sums: [UInt64: [Verdict: Int]] = [:]
            history.forEachLiveBlock { block in
                guard block.process == process, 1000...1500 ~= block.size, let verdict = verdicts.verdict(block) else { return }
                sums[block.size, default: [:]][verdict, default: 0] += 1
            }
            return sums
        }
    }

    @Test(arguments: ["return", "_exit"]) func known(_ how: String) throws {
        let (outcome, report) = try record(how)
        #expect(outcome.exitCode == 0 && outcome.output.isEmpty && outcome.errors.isEmpty)
        #expect(report.bySize() == Self.always)
        guard case .searched(_, let isAtEnd, 0, 0)? = report.verdicts.examined[0] else {
            Issue.record("\(report.verdicts.examined)")
            return
        }
        #expect(isAtEnd)
    }

    // Another allocator's lists lie in mappings of its own, which are taken for the program's: a lost block may seem reachable, but no
    // block that is reachable seems lost.
    @Test func otherAllocatorsLeadToNoFalseLeaks() throws {
        guard unsafe access("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", R_OK) == 0 else {
            print("SKIPPED: jemalloc is not installed")
            return
        }
        let (outcome, report) = try record("return", ["--allocator", "jemalloc"])
        #expect(outcome.exitCode == 0)
        let found = report.bySize()
        #expect(found[1040] == Self.always[1040] && found[1072] == Self.always[1072])
        for (size, expected) in Self.always where expected[.reachable] != nil { #expect(found[size] == expected) }
    }

    @Test func modeLeaksToo() throws {
        let (_, report) = try record("return", ["--mode", "leaks"])
        #expect(report.bySize() == Self.always)
    }

    @Test func threadsThatStillRun() throws {
        let (outcome, report) = try record("threads")
        #expect(outcome.exitCode == 0, "the sleeping thread was not woken")
        var expected = Self.always
        for size: UInt64 in [1296, 1328, 1360, 1392] { expected[size] = [.reachable: 1] }
        #expect(report.bySize() == expected)
        guard case .searched(_, _, let asleep, let silent)? = report.verdicts.examined[0] else {
            Issue.record("not searched")
            return
        }
        #expect(silent == 0 && asleep <= 1)
    }

    @Test func stacksOfEndedThreadsDoNotCount() throws {
        let (_, report) = try record("ended")
        var expected = Self.always
        #if arch(x86_64)
            expected[1424] = [.unreachable: 1]
        #else
            expected[1424] = report.bySize()[1424]
        #endif
        #expect(report.bySize() == expected)
    }

    @Test func childrenHaveTheirOwn() throws {
        let (_, report) = try record("fork")
        #expect(report.history.trace.processes.count == 2)
        #expect(report.bySize() == Self.always)
        #expect(report.bySize(1) == [1456: [.unreachable: 1]])
    }

    @Test func killedProgramsHaveNone() throws {
        let (outcome, report) = try record("kill")
        #expect(outcome.signal == SIGABRT)
        #expect(report.verdicts.isEmpty && report.verdicts.examined[0] == .no)
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            _ = try Harness.run([Harness.heapline, "run", "-q", "-o", trace, "--", Harness.victim, "reachable", "kill"])
            let text = try Harness.run([Harness.heapline, "report", "--view", "leaks", trace])
            #expect(text.exitCode == 0, "\(text.errors)")
            #expect(text.output.contains("what is still reachable is not known: the program was killed"))
        }
    }

    @Test(arguments: [["--no-verdicts"], ["--mode", "count"], ["--mode", "sample"]]) func switchedOff(_ options: [String]) throws {
        let (outcome, report) = try record("return", options)
        #expect(outcome.exitCode == 0)
        #expect(report.verdicts.isEmpty)
    }

    @Test func tooMuchMemoryIsSaid() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            _ = try Harness.run(
                [
                    "env", "LD_PRELOAD=\(Harness.preload)", "HEAPLINE_OUTPUT=\(trace)", "HEAPLINE_COLLECTOR=\(Harness.heapline)",
                    "HEAPLINE_VERDICTS=4096", Harness.victim, "reachable",
                ])
            // The collector of a program that was preloaded by hand ends on its own a little later.
            var history: History?
            for _ in 0..<2000 {
                if let trace = try? Trace.open(trace), trace.state == .complete { history = try trace.history() }
                if history != nil { break }
                sched_yield()
                _ = try Harness.run(["true"])
            }
            let verdicts = try Verdicts(try #require(history))
            guard case .failed(let why)? = verdicts.examined[0] else {
                Issue.record("\(verdicts.examined)")
                return
            }
            #expect(why.contains("more than a search may take"))
        }
    }

    @Test func checkCountsWhatNothingLeadsTo() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            _ = try Harness.run([Harness.heapline, "run", "-q", "-o", trace, "--", Harness.victim, "reachable"])
            // Three, a list of ten and a ring of four are lost, and the block that the victim's constructor made.
            let lost = 3 * 1008 + 10 * 1040 + 4 * 1072 + 88
            let passed = try Harness.run([Harness.heapline, "check", trace, "--max-leaked", "\(lost)"])
            #expect(passed.exitCode == 0, "\(passed.output)\(passed.errors)")
            let failed = try Harness.run([Harness.heapline, "check", trace, "--max-leaked", "\(lost - 1)"])
            #expect(failed.exitCode == 2)
            let json = try Harness.run([Harness.heapline, "report", "--json", trace])
            #expect(json.output.contains("\"unreachable\"") && json.output.contains("\"searches\""))
        }
    }

    @Test(arguments: [
        ["python3", "-c", "pass"], ["perl", "-e", "print 1"], ["sqlite3", ":memory:", "select 1;"], ["git", "--version"],
    ]) func realProgramsEndAsBefore(_ program: [String]) throws {
        guard let path = Harness.which(program[0]) else {
            print("SKIPPED: \(program[0]) is not installed")
            return
        }
        let plain = try Harness.run([path] + program.dropFirst())
        let (outcome, history) = try Harness.record([path] + Array(program.dropFirst()))
        #expect(outcome.status == plain.status && outcome.output == plain.output && outcome.errors == plain.errors)
        #expect(!(try Verdicts(history).isEmpty))
    }
}
