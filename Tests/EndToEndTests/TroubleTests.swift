// SPDX-License-Identifier: Apache-2.0
//
// What must never happen, tried: a kill at any moment, no room for buffers or trace, a program that cannot be traced,
// damaged files.

import Glibc
import HeaplineAnalysis
import Testing

@Suite(.serialized) struct TroubleTests {
    @Test func killedAtAnyMoment() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var state = seed | 1
        for _ in 0..<8 {
            try Harness.withDirectory { directory in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let trace = directory + "/t.heapline"
                // The victim is killed by a timer's default action after a random time, wherever it is then.
                let microseconds = 2000 + state >> 40 % 100_000
                let outcome = try Harness.run([
                    Harness.heapline, "run", "-q", "-o", trace, "--", "timeout", "-s", "KILL",
                    "0.\(String(1_000_000 + microseconds).dropFirst())", Harness.victim, "cross", "1000000000",
                ])
                #expect(outcome.signal == 9 || outcome.exitCode == 137)
                let history = try Trace.open(trace).history()
                #expect(history.totals.allocations - history.totals.frees == history.totals.liveBlocks)
                let lost = history.gaps.contains { if case .lost = $0.kind { true } else { false } }
                #expect(!lost, "\(history.gaps)")
                // At the moment of the kill each thread may be between its count and its record.
                for process in history.trace.processes {
                    let counts = try #require(process.counts)
                    let events = history.processTotals[process.id].allocations
                    #expect(counts.allocations >= events && counts.allocations <= events + 2)
                }
            }
        }
    }

    /// The program gets the bytes that were given, whether or not they are text.
    @Test func argumentsAreBytes() throws {
        try Harness.withDirectory { directory in
            let script = "'\(Harness.heapline)' run -q -o '\(directory)/t' -- printf %s \"$(printf 'a\\377b')\" | od -An -tx1"
            let outcome = try Harness.run(["/bin/sh", "-c", script])
            #expect(outcome.output.split(whereSeparator: \.isWhitespace) == ["61", "ff", "62"], "\(outcome.output) \(outcome.errors)")
            let variable =
                "V=\"$(printf 'c\\376')\" '\(Harness.heapline)' run -q -o '\(directory)/v' -- printenv V | od -An -tx1"
            let inherited = try Harness.run(["/bin/sh", "-c", variable])
            #expect(inherited.output.split(whereSeparator: \.isWhitespace) == ["63", "fe", "0a"], "\(inherited.output)")
        }
    }

    /// An answer that could not be written whole does not pass for one; files that were asked for are there all the same.
    @Test func standardOutputIsFull() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            _ = try Harness.run([Harness.heapline, "run", "-q", "-o", trace, "--", "true"])
            for command in [
                "report \(trace)", "report --json \(trace)", "diff \(trace) \(trace)", "diff --json \(trace) \(trace)",
                "check --max-peak 1G --junit \(directory)/junit.xml \(trace)", "export -f csv -o - \(trace)",
                "doctor -- true", "esp chips",
            ] {
                let outcome = try Harness.run(["/bin/sh", "-c", "'\(Harness.heapline)' \(command) > /dev/full"])
                #expect(outcome.exitCode == 1, "\(command)")
                #expect(outcome.errors.contains("standard output: cannot be written"), "\(command): \(outcome.errors)")
                let unread = try Harness.run(["/bin/sh", "-c", "'\(Harness.heapline)' \(command) | true"])
                #expect(unread.errors.isEmpty, "\(command): \(unread.errors)")
            }
            #expect(unsafe access(directory + "/junit.xml", F_OK) == 0)
        }
    }

    /// Programs whose malloc comes before the preloaded one: one that serves them itself, one that passes all on, and one that has
    /// no malloc but an address for it.
    static let mallocs = [
        (
            "own", [String](),
            """
            #include <stddef.h>
            static _Alignas(16) char memory[1 << 20];
            static size_t used;
            void *malloc(size_t n) { void *block = memory + used; used += (n + 15) & ~(size_t)15; return block; }
            void free(void *block) { (void)block; }
            int main(void) { free(malloc(10)); return 0; }
            """
        ),
        (
            "passing", ["-ldl"],
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stddef.h>
            void *malloc(size_t n) { return ((void *(*)(size_t))dlsym(RTLD_NEXT, "malloc"))(n); }
            void free(void *block) { ((void (*)(void *))dlsym(RTLD_NEXT, "free"))(block); }
            int main(void) { free(malloc(10)); return 0; }
            """
        ),
        (
            "address", ["-no-pie", "-fno-pic"],
            """
            #include <stdlib.h>
            void *(*volatile take)(size_t) = malloc;
            void (*volatile give)(void *) = free;
            int main(void) { give(take(10)); return 0; }
            """
        ),
    ]

    @Test(.enabled(if: SymbolsTests.clang != nil, "needs clang"), arguments: mallocs.map(\.0))
    func aMallocThatComesFirstIsTold(kind: String) throws {
        let (name, flags, source) = try #require(Self.mallocs.first { $0.0 == kind })
        try Harness.withDirectory { directory in
            try SymbolsTests.compile(source, as: "program", in: directory, flags)
            for mode in ["all", "count"] {
                let trace = directory + "/\(mode).heapline"
                let outcome = try Harness.run(
                    [Harness.heapline, "run", "-q", "--mode", mode, "-o", trace, "--", directory + "/program"])
                #expect(outcome.exitCode == 0, "\(outcome.errors)")
                let history = try Trace.open(trace).history()
                let told = history.gaps.contains { if case .problem(let text) = $0.kind { text.contains("own malloc") } else { false } }
                #expect(told == (name == "own"), "\(history.gaps)")
                // The program's one block, and none of the recorder's.
                #expect(history.totals.allocations == (name == "own" ? 0 : 1) && history.totals.liveBlocks == 0)
            }
        }
    }

    @Test func noRoomForBuffers() throws {
        guard getuid() == 0 else {
            print("SKIPPED: mounting a small file system needs root")
            return
        }
        try Harness.withDirectory { directory in
            let small = directory + "/small"
            let trace = directory + "/t.heapline"
            let mounted = try Harness.run(["sh", "-c", "mkdir \(small) && mount -t tmpfs -o size=1m tmpfs \(small)"])
            guard mounted.exitCode == 0 else {
                print("SKIPPED: no file system could be mounted: \(mounted.errors)")
                return
            }
            defer { _ = try? Harness.run(["umount", small]) }
            let outcome = try Harness.run(
                [Harness.heapline, "run", "-q", "-o", trace, "--", Harness.victim, "cross", "200000"],
                environment: ["HEAPLINE_TMPDIR=\(small)"])
            #expect(outcome.exitCode == 0, "the program runs on: \(outcome.errors)")
            let history = try Trace.open(trace).history()
            let counts = try #require(history.trace.processes[0].counts)
            #expect(history.eventCount + counts.lost.values.reduce(0, +) == counts.allocations + counts.frees)
        }
    }

    @Test func noRoomForTheTrace() throws {
        guard getuid() == 0 else {
            print("SKIPPED: mounting a small file system needs root")
            return
        }
        try Harness.withDirectory { directory in
            let small = directory + "/small"
            let mounted = try Harness.run(["sh", "-c", "mkdir \(small) && mount -t tmpfs -o size=256k tmpfs \(small)"])
            guard mounted.exitCode == 0 else {
                print("SKIPPED: no file system could be mounted: \(mounted.errors)")
                return
            }
            defer { _ = try? Harness.run(["umount", small]) }
            let trace = small + "/t.heapline"
            let outcome = try Harness.run([
                Harness.heapline, "run", "-q", "-o", trace, "--", Harness.victim, "cross", "1000000",
            ])
            #expect(outcome.exitCode == 0)
            #expect(outcome.errors.contains("No space left"))
            let history = try Trace.open(trace).history()
            let lost = history.gaps.contains { if case .lost = $0.kind { true } else { false } }
            #expect(lost, "the loss is in the trace: \(history.gaps)")
        }
    }

    @Test func tracesThatCannotBeWritten() throws {
        let outcome = try Harness.run([
            Harness.heapline, "run", "-q", "-o", "/nonexistent/t.heapline", "--", Harness.victim, "nothing",
        ])
        #expect(outcome.exitCode == 1)
        #expect(outcome.errors.contains("/nonexistent/t.heapline"))
        try Harness.withDirectory { directory in
            let trace = directory + "/t"
            #expect(try Harness.run([Harness.heapline, "run", "-q", "-o", trace, "--", "true"]).exitCode == 0)
            let again = try Harness.run([Harness.heapline, "run", "-q", "-o", trace, "--", "true"])
            #expect(again.exitCode == 1 && again.errors.contains("--force"))
        }
    }

    @Test func programsThatCannotBeStarted() throws {
        try Harness.withDirectory { directory in
            let missing = try Harness.run([Harness.heapline, "run", "-o", directory + "/t", "--", "./no-such-program"])
            #expect(missing.exitCode == 127 && missing.errors.contains("no-such-program"))
            let usage = try Harness.run([Harness.heapline, "run", "--depth", "1000", "--", "true"])
            #expect(usage.exitCode == 64 && usage.errors.contains("--depth"))
            #expect(try Harness.run([Harness.heapline, "run"]).exitCode == 64)
        }
    }

    @Test func doctorTellsProgramsApart() throws {
        guard Harness.which("gcc") != nil else {
            print("SKIPPED: gcc is not installed; doctor was not tested on its programs")
            return
        }
        try Harness.withDirectory { directory in
            func build(_ name: String, _ options: String, compiler: String = "gcc") throws -> String? {
                let path = directory + "/" + name
                let built = try Harness.run([
                    "sh", "-c", "echo 'int main(void){return 0;}' | \(compiler) \(options) -x c - -o \(path)",
                ])
                if built.exitCode != 0 { print("SKIPPED: \(compiler) \(options) does not work here") }
                return built.exitCode == 0 ? path : nil
            }
            for (options, compiler, word) in [
                ("-static", "gcc", "statically linked"), ("-m32", "gcc", "32-bit"), ("", "musl-gcc", "musl"),
                ("-fsanitize=address", "gcc", "sanitizer"),
            ] {
                guard Harness.which(compiler) != nil, let path = try build("p", options, compiler: compiler) else { continue }
                let doctor = try Harness.run([Harness.heapline, "doctor", "--", path])
                #expect(doctor.exitCode == 1)
                #expect(doctor.output.contains(word), "\(doctor.output)")
                #expect(doctor.output.contains("fix:"))
            }
            if let path = try build("s", "-static") {
                let run = try Harness.run([Harness.heapline, "run", "-o", directory + "/t", "--", path])
                #expect(run.exitCode == 0)
                #expect(run.errors.contains("nothing was recorded") && run.errors.contains("fix:"))
            }
            if let path = try build("ok", "") {
                #expect(try Harness.run([Harness.heapline, "doctor", "--", path]).exitCode == 0)
            }
            let sudo = try Harness.run([Harness.heapline, "doctor", "--", "env", "-i", "true"])
            #expect(sudo.exitCode == 1 && sudo.output.contains("env -i"))
        }
    }

    @Test func interruptOnceStillReports() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/t.heapline"
            // SIGINT to the process group, as a terminal sends it, once the recording has begun.
            let script =
                "set -m; HEAPLINE_TMPDIR=\(directory) \(Harness.heapline) run -o \(trace) -- \(Harness.victim) cross 1000000000 & until ls \(directory)/heapline-*/*.process >/dev/null 2>&1; do :; done; kill -INT -$!; wait $!; echo status $?"
            let outcome = try Harness.run(["bash", "-c", script])
            #expect(outcome.output.contains("status 130"), "\(outcome.output)")
            #expect(outcome.errors.contains("still alive"), "the report comes all the same: \(outcome.errors)")
        }
    }

    /// A program whose own malloc and free look for the next ones by dlsym: glibc's free of a pending error text would call
    /// them in turn, so no look-up of ours may fail on the way.
    @Test(.enabled(if: SymbolsTests.clang != nil, "needs clang"))
    func programsMayForwardMallocThemselves() throws {
        try Harness.withDirectory { directory in
            let program = """
                #define _GNU_SOURCE
                #include <dlfcn.h>
                #include <stdio.h>
                #include <stdlib.h>
                void *malloc(size_t size) {
                    static void *(*next)(size_t);
                    if (!next) next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
                    return next(size);
                }
                void free(void *block) {
                    static void (*next)(void *);
                    if (!next) next = (void (*)(void *))dlsym(RTLD_NEXT, "free");
                    next(block);
                }
                int main(void) {
                    for (int i = 0; i < 1000; i++) free(malloc(777));
                    puts(dlerror() ? "an error of somebody else's" : "no error");
                    return 0;
                }
                """
            try SymbolsTests.compile(program, as: "forwarding", in: directory, ["-ldl"])
            let (outcome, history) = try Harness.record([directory + "/forwarding"])
            #expect(outcome.exitCode == 0 && outcome.output == "no error\n", "\(outcome)")
            #expect(history.allocations(ofSize: 777) == 1000)
        }
    }
}
