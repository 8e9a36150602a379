// SPDX-License-Identifier: Apache-2.0
//
// The recorder as a linked library, from C11, C++17 and Swift, with and without the hooks, by itself and under
// `heapline run`. The programs' header comments give the counts; here they are read back from the traces.

import Glibc
import HeaplineAnalysis
import Testing

@Suite(.serialized) struct LinkedTests {
    static let backends = ["rseq", "cas"]

    /// Runs a linked program in a fresh directory, and checks that it left no session behind.
    func run<R>(_ program: String, _ arguments: (String) -> [String], _ body: (String, Harness.Outcome) throws -> R)
        throws -> R
    {
        try Harness.withDirectory { directory in
            let trace = directory + "/t"
            let sessions = directory + "/sessions"
            unsafe mkdir(sessions, 0o700)
            let outcome = try Harness.run(
                [Harness.products + "/" + program] + arguments(trace), environment: ["HEAPLINE_TMPDIR=\(sessions)"])
            #expect(outcome.exitCode == 0, "\(program) \(arguments("")): \(outcome.status) \(outcome.errors)")
            let isEmpty = unsafe rmdir(sessions) == 0
            #expect(isEmpty, "nothing of a discarded session stays")
            return try body(trace, outcome)
        }
    }

    func history(_ path: String) throws -> History { try Trace.open(path).history() }

    func functions(_ history: History, ofSize size: UInt64) throws -> [[String]] {
        let tree = try CallTree(history)
        return history.sites.filter { $0.bytes == size * $0.allocations }.map { site in
            tree.frames(tree.sites[tree.siteOf[site.id]].node).map(\.function)
        }
    }

    // MARK: Without hooks

    @Test(arguments: backends) func ownAllocatorWithoutHooks(_ backend: String) throws {
        try run("Linked", { [backend, $0] }) { path, _ in
            let history = try history(path)
            #expect(history.gaps.isEmpty, "\(history.gaps)")
            #expect(history.totals.allocations == 1003)
            #expect(history.totals.frees == 500)
            #expect(history.totals.bytesAllocated == 32_300)
            #expect(history.totals.failures == 1)
            #expect(history.totals.liveBlocks == 503)
            let worker = try #require(history.threads.first { $0.name == "worker" })
            #expect(worker.isTask && worker.allocations == 3 && worker.bytes == 300)
            #expect(history.trace.processes[0].notes.contains { $0.kind == .mark("done") })
            #expect(try functions(history, ofSize: 32).contains { $0.first == "take" && $0.contains("main") })
            let known = history.sites.first { $0.bytes == 300 }!
            #expect(history.trace.stack(known).frames.map(\.pc) == [0x1000, 0x2000, 0x3000])

            let counted = try self.history(path + ".counted")
            #expect(counted.totals.allocations == 1003 && counted.totals.frees == 500 && counted.eventCount == 0)
        }
    }

    // MARK: With hooks

    @Test(arguments: backends) func wholeProcess(_ backend: String) throws {
        try run("LinkedHooks", { ["whole", backend, $0] }) { path, _ in
            let history = try history(path)
            #expect(history.gaps.isEmpty, "\(history.gaps)")
            #expect(history.totals.allocations == 20_013)
            #expect(history.totals.frees == 20_003)
            #expect(history.totals.reallocations == 1)
            let loop = (0..<20_000).reduce(0) { $0 + 24 + $1 % 64 }
            #expect(history.totals.bytesAllocated == UInt64(loop + 1000 + 40 + 72 + 80))
            #expect(history.totals.liveBlocks == 10 && history.totals.liveBytes == 1000)
            #expect(try functions(history, ofSize: 100).first?.prefix(3) == ["linked_blocks", "linked_whole", "main"])
            // A hook is no frame of the stack that it records.
            #expect(try functions(history, ofSize: 40).allSatisfy { $0.first != "calloc" })
        }
    }

    @Test(arguments: backends) func steering(_ backend: String) throws {
        try run("LinkedHooks", { ["steer", backend, $0] }) { path, _ in
            let history = try history(path)
            #expect(history.gaps.allSatisfy { $0.kind == .paused }, "\(history.gaps)")
            #expect(history.allocations(ofSize: 40) == 100, "what was paused is left out")
            #expect(history.allocations(ofSize: 56) == 50)
            #expect(history.allocations(ofSize: 72) == 25)
            #expect(history.allocations(ofSize: 88) == 0, "an ignored thread is left out")
            #expect(history.allocations(ofSize: 104) == 7)
            let notes = history.trace.processes[0].notes.map(\.kind)
            #expect(notes == [.mark("one"), .pause, .resume, .mark("two")])
            func depth(_ size: UInt64) -> Int? {
                history.sites.first { $0.allocations > 1 && $0.bytes == size * $0.allocations }.map {
                    history.trace.stack($0).frames.count
                }
            }
            #expect(depth(40)! > 2 && depth(56) == 2 && depth(72) == 0)

            let running = try self.history(path + ".running")
            #expect(running.allocations(ofSize: 56) == 50 && running.allocations(ofSize: 72) == 0)
            #expect(running.gaps.allSatisfy { $0.kind == .paused }, "nobody else was at work: \(running.gaps)")
        }
    }

    @Test(arguments: backends) func twoRecordingsWithThreadsAlive(_ backend: String) throws {
        try run("LinkedHooks", { ["twice", backend, $0] }) { path, _ in
            let first = try history(path + ".1")
            let second = try history(path + ".2")
            #expect(first.gaps.isEmpty && second.gaps.isEmpty, "\(first.gaps) \(second.gaps)")
            #expect(first.allocations(ofSize: 32) == 4000 && first.totals.frees >= 4000)
            #expect(second.allocations(ofSize: 48) == 2100)
            #expect(second.allocations(ofSize: 40) == 0 && second.allocations(ofSize: 32) == 0)
            #expect(first.threads.filter { $0.allocations == 1000 }.count == 4)
            #expect(second.threads.filter { $0.allocations == 700 }.count == 3)
            let site = try #require(
                second.sites.first { $0.allocations == 2100 }, "the first event of each thread has its stack")
            #expect(second.trace.stack(site).frames.count > 2)
        }
    }

    @Test(arguments: backends) func recordingsAddUpWhileThreadsGoOn(_ backend: String) throws {
        try run("LinkedHooks", { ["busy", backend, $0] }) { path, _ in
            for number in 1...8 {
                let history = try history("\(path).\(number)")
                #expect(history.gaps.isEmpty, "recording \(number): \(history.gaps)")
                #expect(history.allocations(ofSize: 48) == 10_000)
            }
        }
    }

    @Test(arguments: backends) func forkWhileRecording(_ backend: String) throws {
        try run("LinkedHooks", { ["fork", backend, $0] }) { path, _ in
            let parent = try history(path)
            let child = try history(path + ".child")
            #expect(parent.gaps.isEmpty && child.gaps.isEmpty, "\(parent.gaps) \(child.gaps)")
            #expect(parent.allocations(ofSize: 40) == 13 && parent.trace.processes.count == 1)
            #expect(child.totals.allocations == 5 && child.allocations(ofSize: 48) == 5)
            #expect(child.trace.processes[0].pid != parent.trace.processes[0].pid)
        }
    }

    @Test(arguments: backends) func flightRecorder(_ backend: String) throws {
        try run("LinkedHooks", { ["overwrite", backend, $0] }) { path, _ in
            let history = try history(path)
            let counts = try #require(history.trace.processes[0].counts)
            #expect(counts.allocations == 100_000 && counts.frees == 100_000)
            #expect(history.eventCount > 10_000 && history.eventCount <= 32_768)
            #expect(history.eventCount + counts.lostTotal == 200_000)
        }
    }

    @Test func cxx17() throws {
        try run("LinkedCXX", { [$0] }) { path, _ in
            let history = try history(path)
            #expect(history.gaps.isEmpty)
            #expect(history.totals.allocations == 105 && history.totals.frees == 52)
            #expect(history.totals.bytesAllocated == 20_000 + 3000 + 200 + 256)
            #expect(history.totals.liveBytes == 13_000)
        }
    }

    // MARK: Under the preloaded library

    @Test(arguments: backends) func oneRecorderNotTwo(_ backend: String) throws {
        let (outcome, history) = try Harness.record(
            [Harness.products + "/LinkedHooks", "under", backend, "unused"], options: ["--backend", backend])
        #expect(outcome.exitCode == 0)
        #expect(history.trace.processes.count == 1)
        #expect(history.allocations(ofSize: 72) == 1001, "each block once, and none while paused")
        #expect(history.allocations(ofSize: 1000) == 1, "what the linked copy was given")
        #expect(history.trace.processes[0].notes.map(\.kind).contains(.mark("linked")))
        #expect(history.gaps.allSatisfy { $0.kind == .paused }, "\(history.gaps)")
    }

    @Test func swiftUnderRun() throws {
        let (outcome, history) = try Harness.record([Harness.products + "/LinkedSwift", "nested"])
        #expect(outcome.output == "hooks true\nnested alreadyRunning\n")
        #expect(history.gaps.isEmpty, "\(history.gaps)")
        #expect(history.allocations(ofSize: 520) >= 123)
        #expect(history.trace.processes[0].notes.map(\.kind).contains(.mark("from inside")))
    }

    // MARK: Swift

    /// What the program printed, by name.
    func values(_ arguments: [String]) throws -> [String: String] {
        try run("LinkedSwift", { _ in arguments }) { _, outcome in
            var values: [String: String] = [:]
            for line in outcome.output.split(separator: "\n") {
                let parts = line.split(separator: " ", maxSplits: 1)
                values[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
            }
            return values
        }
    }

    @Test func recordsAClosure() throws {
        let values = try values(["record"])
        for round in 1...3 {
            #expect(values["record\(round).allocations"] == "\(1000 * round + 7)")
            #expect(values["record\(round).frees"] == "\(1000 * round)")
            #expect(values["record\(round).bytes"] == "\(40_000 * round + 700)")
            #expect(values["record\(round).gaps"] == "0" && values["record\(round).named"] == "true")
        }
    }

    @Test func recordsAnAsynchronousClosure() throws {
        let values = try values(["async"])
        #expect(Int(values["async.allocations"] ?? "")! >= 1000)
        #expect(values["async.gaps"] == "0" && values["async.named"] == "true")
    }

    @Test func recordsLongerThanItsBuffers() throws {
        let values = try values(["long"])
        #expect(values["long.own"] == "100000")
        #expect(values["long.gaps"] == "0", "\(values)")
    }

    @Test func errorsAreTyped() throws {
        let values = try values(["errors"])
        #expect(values["errors.body"] == "body true")
        #expect(values["errors.depth"] == "argument")
        #expect(values["errors.stop"] == "notRunning")
        #expect(values["errors.trace"] == "trace")
        #expect(values["errors.nested"] == "alreadyRunning")
        #expect(values["errors.outer"] == "true")
    }

    @Test func everyMode() throws {
        let values = try values(["modes"])
        for mode in ["count", "leaks", "sample", "all"] {
            #expect(values["\(mode).allocations"] == "5009" && values["\(mode).frees"] == "5000", "\(mode)")
            #expect(values["\(mode).bytes"] == "200900" && values["\(mode).mode"] == mode)
            #expect(values["\(mode).gaps"] == "0")
        }
    }

    @Test func stepByStep() throws {
        try Harness.withDirectory { directory in
            let values = try values(["steps", directory + "/steps"])
            #expect(Int(values["steps.counted"] ?? "")! >= 15)
            let history = try history(directory + "/steps")
            #expect(history.allocations(ofSize: 56) == 5 && history.allocations(ofSize: 72) == 0)
            #expect(history.trace.processes[0].notes.map(\.kind) == [.pause, .resume, .mark("middle")])
        }
    }
}
