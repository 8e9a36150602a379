// SPDX-License-Identifier: Apache-2.0
//
// `--free-stacks`: who freed what, with counts known by construction.

import Glibc
import HeaplineAnalysis
import Testing

@Suite struct FreeStacksTests {
    /// 30 blocks of `make`: 20 freed by `drop`, 7 by `sweep` in another thread, 3 never.
    static let program = """
        #include <pthread.h>
        #include <stdlib.h>
        #define NOINLINE __attribute__((noinline))
        static void *blocks[30];
        NOINLINE void make(int i) { blocks[i] = malloc(1001); __asm__ volatile("" ::: "memory"); }
        NOINLINE void drop(int i) { free(blocks[i]); __asm__ volatile("" ::: "memory"); }
        NOINLINE void *sweep(void *unused) {
            for (int i = 20; i < 27; i++) free(blocks[i]);
            return unused;
        }
        int main(void) {
            for (int i = 0; i < 30; i++) make(i);
            for (int i = 0; i < 20; i++) drop(i);
            pthread_t thread;
            pthread_create(&thread, 0, sweep, 0);
            pthread_join(thread, 0);
        }
        """

    @Test(.enabled(if: SymbolsTests.clang != nil, "needs clang"), arguments: ["all", "sample=1"])
    func tellsWhoFreed(mode: String) throws {
        try Harness.withDirectory { directory in
            try SymbolsTests.compile(Self.program, as: "program", in: directory, ["-lpthread"])
            let trace = try SymbolsTests.record(directory, ["--free-stacks", "--mode", mode])
            let tree = try CallTree(try Trace.open(trace).history())
            let site = try #require(tree.sites.firstIndex { tree.frames($0.node).first?.function == "make" })
            #expect(tree.sites[site].allocations == 30 && tree.sites[site].liveBlocks == 3)
            let freed = tree.freedBy[site] ?? []
            #expect(freed.map(\.blocks) == [20, 7] && freed.map(\.bytes) == [20020, 7007])
            #expect(freed.map { tree.frames($0.node).first?.function } == ["drop", "sweep"])
            #expect(freed.map { tree.frames($0.node).contains { $0.function == "main" } } == [true, false])

            for view in ["sites", "leaks"] {
                let text = try SymbolsTests.report(trace, ["--view", view])
                #expect(text.contains("20 freed by drop (program.c:6) ← main"), "\(text)")
                #expect(text.contains("7 freed by sweep (program.c:8)"), "\(text)")
            }
            let json = try SymbolsTests.report(trace)
            #expect(json.contains("\"freedBy\"") && json.contains("\"drop\""))
            func export(_ format: String) throws -> [Substring] {
                let outcome = try Harness.run([Harness.heapline, "export", "-f", format, "-o", "-", trace])
                return outcome.output.split(separator: "\n")
            }
            let csv = try export("csv")
            #expect(csv.first?.contains(",freed_by,") == true)
            #expect(csv.contains { $0.contains(",make,") && $0.contains("main;drop,") }, "\(csv)")
            let lines = try export("jsonl").filter { $0.contains("\"freedBy\"") && $0.contains("\"sweep\"") }
            #expect(lines.count == 1 && lines[0].contains("\"make\""), "\(lines)")
        }
    }

    @Test(.enabled(if: SymbolsTests.clang != nil, "needs clang")) func saysNothingUnlessAsked() throws {
        try Harness.withDirectory { directory in
            try SymbolsTests.compile(Self.program, as: "program", in: directory, ["-lpthread"])
            let trace = try SymbolsTests.record(directory)
            #expect(try Trace.open(trace).history().releases.isEmpty)
            #expect(!(try SymbolsTests.report(trace)).contains("freedBy"))
        }
    }
}
