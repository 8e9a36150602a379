// SPDX-License-Identifier: Apache-2.0
//
// Real programs: their output and exit status are what they are without us, every event is there, and the totals
// reconcile. Programs that are not installed are skipped, loudly.

import HeaplineAnalysis
import Testing

@Suite(.serialized) struct ProgramsTests {
    /// A script for the shell, run in an empty directory with the program and our victim's sources at hand.
    static let programs: [(name: String, script: String)] = [
        ("python3", "python3 -c 'import json; print(len(json.dumps([{\"a\": i} for i in range(5000)])))'"),
        ("perl", "perl -e 'my %h; $h{$_} = $_ x 3 for 1..5000; print scalar(keys %h), qq(\\n)'"),
        (
            "sqlite3",
            "sqlite3 :memory: 'create table t(a); with recursive c(x) as (select 1 union all select x+1 from c where x<5000) insert into t select x from c; select sum(a) from t'"
        ),
        ("gcc", "echo 'int main(void){return 3;}' > a.c && gcc -O1 a.c -o a && { ./a; echo $?; }"),
        (
            "g++",
            "printf '#include <map>\\n#include <string>\\nint main(){std::map<int,std::string> m; for(int i=0;i<100;i++) m[i]=\"x\"; return m.size() != 100;}' > a.cpp && g++ -c a.cpp && echo compiled"
        ),
        ("git", "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git rev-list --count HEAD"),
        ("clang", "echo 'int f(int x){return x*2;}' > a.c && clang -O1 -c a.c && echo compiled"),
        ("swiftc", "echo 'print([1, 2, 3].map { $0 * 2 })' > a.swift && swiftc -frontend -typecheck a.swift && echo checked"),
        ("bash", "bash -c 'for i in 1 2 3; do x=$(echo $i | cat); echo $x; done; exit 5'"),
        ("java", "java -version 2>&1 | head -1"),
        ("node", "node -e 'let a = []; for (let i = 0; i < 1000; i++) a.push({i}); console.log(a.length)'"),
    ]

    @Test(arguments: programs.map(\.name)) func runsUnchanged(_ name: String) throws {
        guard Harness.which(name) != nil else {
            print("SKIPPED: \(name) is not installed; its recording was not tested")
            return
        }
        let script = Self.programs.first { $0.name == name }!.script
        let plain = try Harness.withDirectory { try Harness.run(["sh", "-c", "cd \($0) && \(script)"]) }
        try Harness.withDirectory { directory in
            let (traced, history) = try Harness.record(["sh", "-c", "cd \(directory) && \(script)"])
            #expect(traced.status == plain.status)
            #expect(traced.output == plain.output)
            #expect(traced.errors == plain.errors)
            #expect(history.totals.allocations - history.totals.frees == history.totals.liveBlocks)
            #expect(history.totals.allocations > 0)
            #expect(history.gaps.isEmpty, "\(history.gaps)")
        }
    }

    @Test func redisUnderLoad() throws {
        guard Harness.which("redis-server") != nil, Harness.which("redis-benchmark") != nil else {
            print("SKIPPED: redis is not installed; its recording was not tested")
            return
        }
        try Harness.withDirectory { directory in
            let socket = directory + "/redis.sock"
            let trace = directory + "/redis.heapline"
            let load =
                "until redis-cli -s \(socket) ping >/dev/null 2>&1; do :; done; redis-benchmark -s \(socket) -n 5000 -q -t set,get,lpush >/dev/null; redis-cli -s \(socket) dbsize; redis-cli -s \(socket) shutdown nosave"
            let outcome = try Harness.run([
                "sh", "-c",
                "\(Harness.heapline) run -q -o \(trace) -- redis-server --port 0 --unixsocket \(socket) --save '' --dir \(directory) >/dev/null & \(load); wait $!; echo status $?",
            ])
            #expect(outcome.output.hasSuffix("status 0\n"), "\(outcome.output) \(outcome.errors)")
            let history = try Trace.open(trace).history()
            #expect(history.gaps.isEmpty, "\(history.gaps)")
            #expect(history.totals.allocations > 15_000)
            #expect(history.totals.allocations - history.totals.frees == history.totals.liveBlocks)
        }
    }

    /// memcheck counts what the program asks of malloc. It does not see the loader's own requests before libc is there,
    /// and at the end it frees what libc keeps (switched off here); the rest must be equal.
    @Test func totalsEqualValgrinds() throws {
        guard Harness.which("valgrind") != nil, Harness.which("gcc") != nil else {
            print("SKIPPED: valgrind and gcc are not both installed; totals were not compared with memcheck's")
            return
        }
        try Harness.withDirectory { directory in
            // Built by gcc without debug information: memcheck cannot read that of newer compilers.
            let sources = #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Victim"
            let victim = directory + "/victim"
            let built = try Harness.run(["sh", "-c", "gcc -O1 -std=gnu17 -D_GNU_SOURCE \(sources)/*.c -o \(victim) -lpthread -ldl"])
            try #require(built.exitCode == 0, "\(built.errors)")
            try compare(victim)
        }
    }

    private func compare(_ victim: String) throws {
        for arguments in [["loop", "5000"], ["leak", "100", "32"], ["deep", "1000", "20"], ["dlopen", "10"]] {
            func grind(_ arguments: [String]) throws -> (allocations: UInt64, frees: UInt64, bytes: UInt64) {
                let outcome = try Harness.run(
                    ["valgrind", "--run-libc-freeres=no", "--run-cxx-freeres=no", victim] + arguments)
                // ==1== total heap usage: 1,002 allocs, 1,002 frees, 148,800 bytes allocated
                let line = try #require(outcome.errors.split(separator: "\n").first { $0.contains("total heap usage") })
                let numbers = line.split(separator: " ").compactMap { UInt64($0.filter { $0 != "," }) }
                try #require(numbers.count == 3, "\(line)")
                return (numbers[0], numbers[1], numbers[2])
            }
            let theirs = try grind(arguments), theirEmpty = try grind(["nothing"])
            let ours = try Harness.record([victim] + arguments).1.totals
            let ourEmpty = try Harness.record([victim, "nothing"]).1.totals
            #expect(ours.allocations - ourEmpty.allocations == theirs.allocations - theirEmpty.allocations)
            #expect(ours.frees - ourEmpty.frees == theirs.frees - theirEmpty.frees)
            #expect(ours.bytesAllocated - ourEmpty.bytesAllocated == theirs.bytes - theirEmpty.bytes)
            #expect(ourEmpty.allocations - theirEmpty.allocations < 10, "only what the loader asks for")
        }
    }
}
