// SPDX-License-Identifier: Apache-2.0
//
// A running victim is steered from outside. It waits for the end of its input, a pipe that the test's shell holds open; its process file in a
// session directory of the test's own says when it is there. Waiting is for events, with a limit of tries.

import Glibc
import HeaplineAnalysis
import Testing

@Suite(.serialized) struct ControlTests {
    /// Runs `steps` in a shell while `Victim reachable wait` is recorded: $H is the command, $P the victim's pid, $S the session.
    private func steer(
        _ steps: String, end: String = "exec 9>&-", options: String = "", _ body: (Harness.Outcome, Trace) throws -> Void
    ) throws {
        try Harness.withDirectory { directory in
            let script = """
                cd \(directory); mkdir s; mkfifo pipe; H=\(Harness.heapline)
                HEAPLINE_TMPDIR=\(directory)/s $H run -q \(options) -o t.heapline -- \(Harness.victim) reachable wait < pipe & R=$!
                exec 9>pipe
                for i in $(seq 20000); do S=$(echo s/*); P=$(ls $S 2>/dev/null | sed -n 's/^\\([0-9]*\\)-.*process$/\\1/p'); [ -n "$P" ] && break; done
                for i in $(seq 2000); do grep -q ' pipe_read\\| anon_pipe' /proc/$P/wchan 2>/dev/null && break; \
                [ "$($H control $P summary 2>/dev/null | sed 's/.*, \\([0-9]*\\) alive.*/\\1/')" -ge 30 ] 2>/dev/null && break; done
                \(steps)
                \(end)
                wait $R; echo status $?
                """
            let outcome = try Harness.run(["bash", "-c", script])
            try body(outcome, try Trace.open(directory + "/t.heapline"))
        }
    }

    @Test func everyCommand() throws {
        let steps = """
            $H control $P summary; $H control $P pause; $H control $P resume; $H control $P mark half way there
            $H control $P depth 4; $H control $P start; $H control $S summary
            """
        try steer(steps) { outcome, trace in
            #expect(outcome.errors.isEmpty, "\(outcome.errors)")
            for word in ["mode all", " alive", "paused", "recording", "marked", "depth 4", "status 0"] {
                #expect(outcome.output.contains(word), "\(word) in \(outcome.output)")
            }
            let notes = trace.processes[0].notes.map(\.kind)
            #expect(notes.contains(.mark("half way there")) && notes.contains(.pause) && notes.contains(.resume))
            let history = try trace.history()
            #expect(history.allocations(ofSize: 1488) == 0 || history.totals.liveBlocks >= 137)
            // Depth 4 since: of the last blocks' stacks no more frames were taken.
            history.forEachLiveBlock { block in
                if block.size == 1488 { #expect(trace.stack(history.sites[block.site]).frames.count <= 4) }
            }
        }
    }

    @Test func stopEndsTheRecordingOnly() throws {
        try steer("$H control $P stop; $H control $P mark too late") { outcome, trace in
            #expect(outcome.output.contains("stopped") && outcome.output.contains("status 0"))
            #expect(outcome.errors.contains("has been stopped"))
            var late = 0
            try trace.history().forEachLiveBlock { if $0.size == 1488 { late += 1 } }
            #expect(late == 0)
        }
    }

    @Test func dumpThenKill() throws {
        try steer("$H control $P dump", end: "kill -9 $P") { outcome, trace in
            #expect(outcome.output.contains("dumped"), "\(outcome.output)\(outcome.errors)")
            let history = try trace.history()
            let verdicts = try Verdicts(history)
            guard case .searched(_, let isAtEnd, _, _)? = verdicts.examined[0] else {
                Issue.record("\(verdicts.examined)")
                return
            }
            #expect(!isAtEnd)
            var sums: [UInt64: [DumpedBlock.Verdict: Int]] = [:]
            history.forEachLiveBlock { block in
                guard 1000...1480 ~= block.size else { return }
                sums[block.size, default: [:]][verdicts.verdict(block) ?? .unknown, default: 0] += 1
            }
            #expect(sums == VerdictTests.always)
        }
    }

    @Test func blocksMadeAfterADumpAreNotExamined() throws {
        // The process takes no image at its end: the recording is stopped by then.
        try steer(
            "$H control $P dump", options: "--mode all",
            { outcome, trace in
                #expect(outcome.output.contains("status 0"))
                let history = try trace.history()
                let verdicts = try Verdicts(history)
                guard case .searched(let time, let isAtEnd, _, _)? = verdicts.examined[0] else {
                    Issue.record("\(verdicts.examined)")
                    return
                }
                #expect(isAtEnd, "the last dump counts")
                history.forEachLiveBlock { block in
                    if block.size == 1488 {
                        #expect(block.time <= time)
                        #expect(verdicts.verdict(block) == .reachable)
                    }
                }
            })
    }

    @Test func snapshotsOfAFlightRecorder() throws {
        let steps =
            "$H control $P snapshot $PWD/snap.heapline; $H control $P snapshot $PWD/snap.heapline; $H report --json snap.heapline | head -c 60"
        try steer(steps, options: "--on-full overwrite") { outcome, _ in
            #expect(outcome.output.contains("written"), "\(outcome.output)\(outcome.errors)")
            #expect(outcome.errors.contains("exists already"))
            #expect(outcome.output.contains("heapline.report"))
        }
    }

    @Test func whatCannotBeDoneIsSaid() throws {
        let steps = """
            $H control $P depth 200; $H control $P depth none; $H control $P mark; $H control $P pause now
            $H control $P snapshot x; $H control $P jump; $H control $$ dump
            printf 'mark by console\\nquit\\n' | $H console $P; printf 'jump\\n' | $H console $S; echo console $?
            """
        try steer(steps) { outcome, trace in
            for words in [
                "was started with fewer frames", "not none", "mark takes a text", "pause takes nothing more", "can be read while it grows",
                "there is no command jump", "is not being recorded",
            ] { #expect(outcome.errors.contains(words), "\(words) in \(outcome.errors)") }
            #expect(outcome.output.contains("console 1") && outcome.output.contains("status 0"))
            #expect(trace.processes[0].notes.map(\.kind).contains(.mark("by console")))
        }
        let none = try Harness.run([Harness.heapline, "control", "4194303", "dump"])
        #expect(none.exitCode == 1 && none.errors.contains("there is no process 4194303"))
        let folder = try Harness.run([Harness.heapline, "control", "/nonexistent", "dump"])
        #expect(folder.exitCode == 1 && folder.errors.contains("neither a process id nor a session directory"))
        #expect(try Harness.run([Harness.heapline, "control", "1"]).exitCode == 64)
    }
}
