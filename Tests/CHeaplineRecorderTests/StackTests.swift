// SPDX-License-Identifier: Apache-2.0
//
// Every stack that the memo gives is held against a full walk and against another unwinder, frame by frame.

import Testing

@Suite(.serialized) struct StackTests {
    static let victims = ["recursion", "jumps", "contexts", "signals", "threads", "assembly", "modules", "exceptions"]

    struct Build: CustomTestStringConvertible, Sendable {
        var c: String
        var cxx: String
        var flags: String
        var testDescription: String { "\(c) \(flags)" }
    }

    static func builds(_ c: String, _ cxx: String) -> [Build] {
        [
            "-O0", "-O1 -fno-omit-frame-pointer", "-O2", "-O2 -fno-omit-frame-pointer -mavx2", "-O3 -fomit-frame-pointer",
        ].map { Build(c: c, cxx: cxx, flags: $0) }
    }

    /// Runs all victims; each must have made captures, and all of them must be right.
    static func check(_ run: String, victims: [String] = victims, depths: [Int] = [64, 20, 1], seed: UInt32) {
        for depth in depths {
            let outcome = StackToolchain.shell("\(run) \(depth) \(seed) 10 \(victims.joined(separator: " "))")
            #expect(outcome.exitCode == 0, "depth \(depth), seed \(seed): \(outcome.output)")
            for victim in victims {
                #expect(
                    outcome.output.contains("\(victim): probes ") && !outcome.output.contains("\(victim): probes 0 "),
                    "\(victim), depth \(depth), seed \(seed): \(outcome.output)")
            }
        }
    }

    @Test(.enabled(if: StackToolchain.has("gcc") && StackToolchain.has("g++"), "needs gcc and g++"), arguments: builds("gcc", "g++"))
    func agreesWithTheRuntime(build: Build) { Self.agrees(build) }

    @Test(
        .enabled(if: StackToolchain.has("clang") && StackToolchain.has("clang++"), "needs clang and clang++"),
        arguments: builds("clang", "clang++"))
    func agreesWithTheRuntimeByClang(build: Build) { Self.agrees(build) }

    static func agrees(_ build: Build) {
        let seed = UInt32.random(in: 1...UInt32.max)
        print("seed \(seed)")
        StackToolchain.withDirectory { directory in
            let built = StackToolchain.build(in: directory, c: build.c, cxx: build.cxx, flags: build.flags)
            #expect(built.exitCode == 0, "\(built.output)")
            Self.check("VICTIM_LIBRARIES='\(directory)' '\(directory)/victim'", seed: seed)
        }
    }

    /// Threads that make the same nodes at once while the index grows get the same ids, and no forgotten id comes back. Under gcc,
    /// with the thread sanitizer as well.
    @Test func internsWhileTheIndexGrows() {
        let seed = UInt32.random(in: 1...UInt32.max)
        print("seed \(seed)")
        StackToolchain.withDirectory { directory in
            for compiler in ["clang -O2", "gcc -O2 -fsanitize=thread"] where StackToolchain.has(String(compiler.prefix { $0 != " " })) {
                let recorder = StackToolchain.package + "/Sources/CHeaplineRecorder"
                let outcome = StackToolchain.shell(
                    """
                    \(compiler) \(StackToolchain.warningsOff) \(StackToolchain.includes) '\(StackToolchain.victims)/interning.c' \
                    '\(recorder)/intern.c' '\(recorder)/stack_ids.c' '\(recorder)/stack_cache.c' -lpthread -o '\(directory)/interning' \
                    && for i in 1 2 3; do '\(directory)/interning' 4 50000 $((\(seed) + i)) || exit 1; done
                    """)
                #expect(outcome.exitCode == 0, "\(compiler): \(outcome.output)")
            }
        }
    }

    /// A library without .eh_frame, with and without the C library's start-up files (whose own it then has), and one of which
    /// objcopy took it away.
    @Test(
        .enabled(
            if: StackToolchain.has("gcc") && StackToolchain.has("g++") && StackToolchain.has("objcopy"),
            "needs gcc, g++ and objcopy"))
    func unwindsByDebugFrame() {
        let seed = UInt32.random(in: 1...UInt32.max)
        print("seed \(seed)")
        StackToolchain.withDirectory { directory in
            let built = StackToolchain.build(in: directory, c: "gcc", cxx: "g++", flags: "-O2")
            #expect(built.exitCode == 0, "\(built.output)")
            let bare = "-nostartfiles -Wl,--no-eh-frame-hdr,--no-ld-generated-unwind-info"
            let flags = "-g -shared -fPIC -fno-asynchronous-unwind-tables -fno-exceptions"
            let source = "\(StackToolchain.victims)/debug_frame_library.c"
            let variants = [
                "gcc -O2 \(bare) \(flags) \(source) -o debug_frame.so", "gcc -O2 \(flags) \(source) -o debug_frame.so",
                "gcc -O0 \(flags) \(source) -o debug_frame.so", "clang -O2 \(flags) \(source) -o debug_frame.so",
                "gcc -O2 -fno-omit-frame-pointer -gdwarf-4 \(flags) \(source) -o debug_frame.so",
                """
                gcc -O2 \(flags) -S \(source) -o library.s
                sed 's/\\.cfi_sections.*/.cfi_sections .eh_frame, .debug_frame/' library.s > both.s
                gcc -c both.s -o library.o; objdump -h library.o | grep -q eh_frame
                objcopy -R .eh_frame -R .rela.eh_frame library.o
                gcc -shared \(bare) library.o -o debug_frame.so
                """,
            ]
            for variant in variants {
                let library = StackToolchain.shell("set -e; cd '\(directory)'; rm -f debug_frame.so; \(variant)")
                #expect(library.exitCode == 0, "\(library.output)")
                let sections = StackToolchain.shell("objdump -h '\(directory)/debug_frame.so'").output
                #expect(sections.contains(".debug_frame"), "\(sections)")
                if variant.contains(bare) { #expect(!sections.contains(".eh_frame"), "\(sections)") }
                Self.check(
                    "VICTIM_LIBRARIES='\(directory)' '\(directory)/victim'", victims: ["debug_frame"], depths: [64, 3],
                    seed: seed)
            }
        }
    }

    /// A full table: stacks are cut and say so, what is left of them is right, and no node is made beyond the capacity.
    @Test func cutsWhenTheTableIsFull() {
        StackToolchain.withDirectory { directory in
            let built = StackToolchain.build(in: directory, c: "clang", cxx: "clang++", flags: "-O2")
            #expect(built.exitCode == 0, "\(built.output)")
            for nodes in [20, 300] {
                let outcome = StackToolchain.shell("VICTIM_NODES=\(nodes) '\(directory)/victim' 64 7 20 recursion exceptions threads")
                #expect(outcome.exitCode == 0, "\(outcome.output)")
                let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ") }
                #expect(lines.count == 3, "\(outcome.output)")
                for words in lines where words.count == 9 {
                    #expect((Int(words[6]) ?? 0) > 0 && (Int(words[8]) ?? .max) <= nodes, "\(outcome.output)")
                }
            }
        }
    }

    @Test(
        .enabled(
            if: StackToolchain.has("aarch64-linux-gnu-g++") && StackToolchain.has("qemu-aarch64"),
            "needs aarch64-linux-gnu-g++ and qemu-aarch64"),
        arguments: ["-O2", "-O0 -mbranch-protection=standard"]
    )
    func agreesOnAarch64(flags: String) {
        let seed = UInt32.random(in: 1...UInt32.max)
        print("seed \(seed)")
        StackToolchain.withDirectory { directory in
            let built = StackToolchain.build(
                in: directory, c: "aarch64-linux-gnu-gcc", cxx: "aarch64-linux-gnu-g++",
                flags: "-fasynchronous-unwind-tables \(flags)")
            #expect(built.exitCode == 0, "\(built.output)")
            Self.check(
                "VICTIM_LIBRARIES='\(directory)' qemu-aarch64 -L /usr/aarch64-linux-gnu '\(directory)/victim'", seed: seed)
        }
    }

    @Test(.enabled(if: StackToolchain.has("swiftc"), "needs swiftc"), arguments: ["-Onone", "-O"])
    func agreesInSwiftAsync(flags: String) {
        StackToolchain.withDirectory { directory in
            let sources =
                (StackToolchain.unwinder.map { "\(StackToolchain.package)/Sources/CHeaplineRecorder/\($0).c" }
                + ["\(StackToolchain.victims)/harness.c"]).joined(separator: " ")
            let built = StackToolchain.shell(
                """
                set -e; cd '\(directory)'
                clang -std=gnu17 -O2 -w \(StackToolchain.includes) -c \(sources)
                swiftc -parse-as-library \(flags) \(StackToolchain.victims)/async.swift *.o -o victim
                """)
            #expect(built.exitCode == 0, "\(built.output)")
            for depth in [64, 5] {
                let outcome = StackToolchain.shell("'\(directory)/victim' \(depth) 1 1")
                #expect(outcome.exitCode == 0 && outcome.output.contains("swift: probes "), "\(outcome.output)")
            }
        }
    }

    /// Programs, and at which malloc of each to stop.
    static let programs = [
        ("python3 -c 'import json; [json.loads(json.dumps(dict(a=[1] * i))) for i in range(500)]'", 301),
        ("\"$(gcc -print-prog-name=cc1)\" -quiet small.c -o /dev/null", 97),
        ("./victim 64 1 10 exceptions", 1),
        ("./allocations", 101),
    ]

    @Test(
        .enabled(
            if: ["gdb", "python3", "gcc", "g++", "swiftc"].allSatisfy(StackToolchain.has), "needs gdb, python3, gcc, g++ and swiftc"))
    func agreesWithGDB() {
        StackToolchain.withDirectory { directory in
            let sources = StackToolchain.unwinder.map { "\(StackToolchain.package)/Sources/CHeaplineRecorder/\($0).c" }
                .joined(separator: " ")
            let built = StackToolchain.build(in: directory, c: "gcc", cxx: "g++", flags: "-O2")
            #expect(built.exitCode == 0, "\(built.output)")
            let more = StackToolchain.shell(
                """
                set -e; cd '\(directory)'; echo 'int f(int x) { return x + 1; }' > small.c
                gcc -shared -fPIC -O2 -std=gnu17 \(StackToolchain.warningsOff) \(StackToolchain.includes) \
                    \(StackToolchain.victims)/gdb_library.c \(sources) -o stop.so
                swiftc -parse-as-library -O \(StackToolchain.victims)/allocations.swift -o allocations
                """)
            #expect(more.exitCode == 0, "\(more.output)")
            for (program, every) in Self.programs {
                // sys.executable: a python3 in the path may be a script.
                let outcome = StackToolchain.shell(
                    """
                    cd '\(directory)';
                    export PATH="$(dirname "$(python3 -c 'import sys; print(sys.executable)')"):$PATH"
                    gdb -batch -nx -ex 'set exec-wrapper env LD_PRELOAD=\(directory)/stop.so GDB_EVERY=\(every)' \
                        -x \(StackToolchain.victims)/compare.py --args \(program)
                    """)
                let line = outcome.output.split(separator: "\n").last { $0.hasPrefix("stops ") } ?? ""
                let words = line.split(separator: " ").map { Int($0) ?? -1 }
                #expect(words.count == 6, "\(program): \(outcome.output)")
                if words.count == 6 {
                    #expect(words[1] >= 5 && words[3] == 0 && words[5] * 2 <= words[1], "\(program): \(outcome.output)")
                }
            }
        }
    }
}
