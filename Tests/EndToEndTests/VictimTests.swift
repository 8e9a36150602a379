// SPDX-License-Identifier: Apache-2.0
//
// The victim's counts are known by construction; a trace must show exactly these, with both backends and with and
// without stacks. What the C library and the Swift runtime allocate at their start is measured once with `nothing`.

import HeaplineAnalysis
import Testing

@Suite(.serialized) struct VictimTests {
    static let variants = [
        ["--backend", "rseq", "--depth", "0"], ["--backend", "rseq", "--depth", "32"],
        ["--backend", "cas", "--depth", "0"], ["--backend", "cas", "--depth", "32"],
    ]

    /// What the empty program does; the same each time.
    static func nothing(_ variant: [String]) throws -> History {
        try Harness.record([Harness.victim, "nothing"], options: variant).1
    }

    /// Records a behaviour, checks the invariants of every trace, and returns it.
    @discardableResult
    func record(_ arguments: [String], _ variant: [String], exitCode: Int32? = 0, processes: Int = 1) throws -> History {
        let (outcome, history) = try Harness.record([Harness.victim] + arguments, options: variant)
        #expect(outcome.exitCode == exitCode, "\(arguments) under \(variant): \(outcome.errors)")
        #expect(outcome.output.isEmpty && outcome.errors.isEmpty, "the program's streams stay its own")
        #expect(history.trace.processes.count == processes)
        #expect(history.gaps.isEmpty, "\(arguments) under \(variant): \(history.gaps)")
        #expect(history.totals.allocations - history.totals.frees == history.totals.liveBlocks)
        return history
    }

    @Test(arguments: variants) func loop(_ variant: [String]) throws {
        let history = try record(["loop", "100000"], variant), empty = try Self.nothing(variant)
        #expect(history.totals.allocations == empty.totals.allocations + 100_000)
        #expect(history.totals.frees == empty.totals.frees + 100_000)
        #expect(history.totals.liveBlocks == empty.totals.liveBlocks)
        let bytes = (0..<100_000).reduce(0) { $0 + 24 + $1 % 64 }
        #expect(history.totals.bytesAllocated == empty.totals.bytesAllocated + UInt64(bytes))
        #expect(history.totals.temporaryAllocations! >= 100_000)
    }

    @Test(arguments: variants) func everyFunctionOfTheFamily(_ variant: [String]) throws {
        let history = try record(["family"], variant), empty = try Self.nothing(variant)
        #expect(history.totals.allocations == empty.totals.allocations + 13)
        #expect(history.totals.reallocations == empty.totals.reallocations + 3)
        #expect(history.totals.frees == empty.totals.frees + 13)
        #expect(history.totals.failures == empty.totals.failures + 2)
        #expect(history.totals.bytesAllocated == empty.totals.bytesAllocated + 4057)
    }

    @Test(arguments: variants) func leaks(_ variant: [String]) throws {
        let history = try record(["leak", "10", "100"], variant), empty = try Self.nothing(variant)
        #expect(history.totals.liveBlocks == empty.totals.liveBlocks + 10)
        #expect(history.totals.liveBytes == empty.totals.liveBytes! + 1000)
    }

    @Test(arguments: variants) func twoHundredThreads(_ variant: [String]) throws {
        let history = try record(["threads", "200", "100"], variant), empty = try Self.nothing(variant)
        #expect(history.allocations(ofSize: 32) == empty.allocations(ofSize: 32) + 20_000)
        #expect(history.threads.count >= 201)
        #expect(history.threads.filter { $0.allocations >= 100 && $0.name == "Victim" }.count >= 200)
    }

    @Test(arguments: variants) func freesFromAnotherThread(_ variant: [String]) throws {
        let history = try record(["cross", "100000"], variant)
        #expect(history.allocations(ofSize: 48) >= 100_000)
        #expect(history.threads.map(\.foreignFrees).max()! >= 100_000)
        #expect(history.totals.impliedFrees == 0)
    }

    @Test(arguments: variants) func forkWithoutExec(_ variant: [String]) throws {
        let history = try record(["fork", "10", "3"], variant, processes: 4), empty = try Self.nothing(variant)
        #expect(history.allocations(ofSize: 40) == empty.allocations(ofSize: 40) + 70)
        #expect(Set(history.trace.processes.map(\.pid)).count == 4)
        for process in history.trace.processes.dropFirst() {
            #expect(history.trace.processes.contains { $0.pid == process.parentPid })
        }
    }

    @Test(arguments: variants) func vforkAndExec(_ variant: [String]) throws {
        let history = try record(["vfork", "10"], variant, processes: 2), empty = try Self.nothing(variant)
        #expect(history.allocations(ofSize: 40) == 2 * empty.allocations(ofSize: 40) + 20)
    }

    @Test(arguments: variants) func execChain(_ variant: [String]) throws {
        let history = try record(["exec", "10", "3"], variant, processes: 4), empty = try Self.nothing(variant)
        #expect(history.allocations(ofSize: 40) == 4 * empty.allocations(ofSize: 40) + 40)
        #expect(Set(history.trace.processes.map(\.pid)).count == 1)
    }

    @Test(arguments: variants) func handlersThatAllocate(_ variant: [String]) throws {
        let history = try record(["signals", "1000"], variant), empty = try Self.nothing(variant)
        #expect(history.allocations(ofSize: 56) == empty.allocations(ofSize: 56) + 1000)
        #expect(history.allocations(ofSize: 72) == empty.allocations(ofSize: 72) + 1000)
    }

    @Test(arguments: variants) func interruptedAnywhere(_ variant: [String]) throws {
        let history = try record(["interrupted", "500000"], variant), empty = try Self.nothing(variant)
        #expect(history.totals.allocations == empty.totals.allocations + 500_000)
        #expect(history.totals.frees == empty.totals.frees + 500_000)
    }

    @Test(arguments: variants) func constructorsAndDestructors(_ variant: [String]) throws {
        let history = try record(["destructors"], variant), empty = try Self.nothing(variant)
        // `empty` has the constructor's already; then atexit, the destructor function and four rounds of the key's.
        #expect(history.allocations(ofSize: 88) == empty.allocations(ofSize: 88) + 6)
    }

    @Test(arguments: variants) func librariesComeAndGo(_ variant: [String]) throws {
        let history = try record(["dlopen", "50"], variant), empty = try Self.nothing(variant)
        #expect(history.allocations(ofSize: 104) == empty.allocations(ofSize: 104) + 50)
        #expect(history.trace.processes[0].modules.filter { $0.path.contains("libanl") }.count == 25)
    }

    @Test(arguments: variants) func killedLosesNothing(_ variant: [String]) throws {
        let (outcome, history) = try Harness.record([Harness.victim, "killed", "5000"], options: variant)
        #expect(outcome.signal == 9, "the command ends as the program did")
        #expect(history.allocations(ofSize: 16) >= 5000)
        #expect(history.gaps.isEmpty)
    }

    @Test(arguments: [("return", 7), ("exit", 7), ("_exit", 7), ("quick_exit", 7), ("thread", 7), ("abort", -6), ("signal", -10)])
    func everyWayToEnd(_ how: String, _ expected: Int32) throws {
        let (outcome, history) = try Harness.record([Harness.victim, "exits", how])
        if expected < 0 { #expect(outcome.signal == -expected) } else { #expect(outcome.exitCode == expected) }
        #expect(
            history.trace.processes[0].ending?.reason
                == (expected < 0 ? .killed(signal: Int(-expected)) : .exited(status: Int(expected))))
        let empty = try Self.nothing([])
        #expect(history.allocations(ofSize: 16) == empty.allocations(ofSize: 16) + 5)
    }
}
