// SPDX-License-Identifier: Apache-2.0
//
// Running llvm-symbolizer, and living with one that is missing, fails, dies or hangs.

import Glibc
import Testing

@testable import HeaplineAnalysis

@Suite("Line symbolizer")
struct LineSymbolizerTests {
    @Test("Output in pieces of any size gives the same frames", arguments: 1...20)
    func parsing(seed: UInt64) {
        var random = SeededRandom(seed)
        let output = Array(
            """
            inner
            /src/a:b.c:12:3
            outer
            /src/x.c:0:0

            ??
            ??:0:0

            made
            /<compiler-generated>:0:0


            """.utf8)
        var parser = LineSymbolizer.Parser(expected: 3)
        var at = 0
        while at < output.count {
            let end = min(output.count, at + Int.random(in: 1...9, using: &random))
            parser.consume(Array(output[at..<end]))
            at = end
        }
        #expect(parser.answers.map(\.count) == [2, 1, 1], "seed \(seed)")
        let first = parser.answers[0]
        #expect(first[0].function == "inner" && first[0].file == "/src/a:b.c" && first[0].line == 12)
        #expect(first[1].function == "outer" && first[1].file == "/src/x.c" && first[1].line == nil)
        #expect(parser.answers[1][0].function == nil && parser.answers[1][0].file == nil)
        #expect(parser.answers[2][0].function == "made" && parser.answers[2][0].file == nil)
    }

    static func process(_ script: String, silence: Int = 30) -> ChildProcess {
        ChildProcess(
            path: "/bin/sh", arguments: ["-c", script], environment: SymbolizerOptions().childEnvironment,
            silenceLimitSeconds: silence)
    }

    @Test("Megabytes go through a program that answers while it is being asked")
    func noDeadlock() {
        let input = (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var output: [UInt8] = []
        #expect(Self.process("exec cat").run(input: input) { output += $0 } == nil)
        #expect(output == input)
    }

    @Test("A program that does not read its input, fails, dies, hangs or is not there is told")
    func failures() {
        let input = [UInt8](repeating: 65, count: 1_000_000)
        #expect(Self.process("exit 0").run(input: input) { _ in } == nil)
        #expect(
            Self.process("echo bad file >&2; exit 3").run(input: input) { _ in }
                == .exited(status: 3, message: "bad file"))
        #expect(Self.process("kill -9 $$").run(input: input) { _ in } == .signalled(9))
        #expect(Self.process("exec tail -f /dev/null", silence: 1).run(input: []) { _ in } == .silent(seconds: 1))
        var missing = Self.process("")
        missing.path = "/nonexistent/program"
        #expect(missing.run(input: []) { _ in } == .notStarted("No such file or directory"))
    }

    @Test("Its memory is limited before it is asked anything")
    func memoryLimit() {
        var process = Self.process("read line; ulimit -v")
        process.memoryLimit = 1 << 30
        var output: [UInt8] = []
        #expect(process.run(input: Array("0x1\n".utf8)) { output += $0 } == nil)
        #expect(String(decoding: output, as: UTF8.self) == "1048576\n")
    }

    /// A stand-in for llvm-symbolizer.
    static func tool(_ fixture: CompiledFixture, _ script: String) throws -> LineSymbolizer {
        try fixture.write("tool", "#!/bin/sh\n\(script)\n")
        #expect(unsafe chmod(fixture.path("tool"), 0o755) == 0)
        return LineSymbolizer(
            tool: fixture.path("tool"), environment: SymbolizerOptions().childEnvironment, memoryLimit: 0,
            silenceLimitSeconds: 20)
    }

    @Test("One that dies on some address is continued behind it")
    func continued() throws {
        let fixture = try CompiledFixture()
        let tool = try Self.tool(
            fixture,
            """
            while read address; do
                test "$address" = 0x3 && kill -9 $$
                printf 'f%s\\n/a.c:1:1\\n\\n' "$address"
            done
            """)
        let (frames, failure) = tool.frames(in: "/x", addresses: [1, 2, 3, 4, 5])
        #expect(frames.map { $0.first?.function } == ["f0x1", "f0x2", nil, "f0x4", "f0x5"])
        #expect(failure == .signalled(9))
    }

    @Test("One that dies for want of memory is started again where it stopped")
    func restarted() throws {
        let fixture = try CompiledFixture()
        let tool = try Self.tool(
            fixture,
            """
            for count in 1 2; do
                read address || exit 0
                printf 'f%s\\n/a.c:1:1\\n\\n' "$address"
            done
            read more && kill -9 $$
            exit 0
            """)
        let (frames, failure) = tool.frames(in: "/x", addresses: [1, 2, 3, 4, 5])
        #expect(frames.map { $0.first?.function } == ["f0x1", "f0x2", "f0x3", "f0x4", "f0x5"])
        #expect(failure == nil)
    }

    @Test("One that answers nothing is not asked again")
    func failing() throws {
        let fixture = try CompiledFixture()
        let tool = try Self.tool(fixture, "echo x >> '\(fixture.path("runs"))'; echo cannot read >&2; exit 1")
        let (frames, failure) = tool.frames(in: "/x", addresses: [1, 2, 3])
        #expect(frames.map(\.count) == [0, 0, 0])
        #expect(failure == .exited(status: 1, message: "cannot read"))
        #expect(try fixture.bytes("runs").count == 2)
    }

    @Test(
        "One run serves all addresses of a module, and none a module asked for again",
        .enabled(if: SymbolizerTests.canReadLines, "needs clang and llvm-symbolizer"))
    func oneRun() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-g", "-Wl,--build-id"], output: "calls")
        let calls = try fixture.calls(of: path)
        _ = try Self.tool(fixture, "echo x >> '\(fixture.path("runs"))'; exec '\(CompiledFixture.symbolizer!)' \"$@\"")
        var options = SymbolizerOptions()
        options.tool = .path(fixture.path("tool"))
        let symbolizer = Symbolizer(options: options)
        let module = try SymbolizerTests.module(path)
        SymbolizerTests.expectAll(symbolizer, module, calls)
        SymbolizerTests.expectAll(symbolizer, module, calls)
        #expect(try fixture.bytes("runs").count == 2)
    }

    @Test("Without a working one there are names and a remedy", .enabled(if: SymbolizerTests.canCompile, "needs clang"))
    func fallback() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-g", "-Wl,--build-id"], output: "calls")
        let calls = try fixture.calls(of: path)
        let module = try SymbolizerTests.module(path)
        var options = SymbolizerOptions()
        let expected: [(SymbolizerOptions.Tool, [SymbolProblem]?)] = [
            (.none, nil), (.path("/nonexistent"), [.symbolizerMissing(path: path)]),
            (.path("/bin/false"), [.symbolizerFailed(path: path, reason: "exit status 1")]),
            (.path("/bin/true"), [.symbolizerFailed(path: path, reason: "it ended before all answers")]),
        ]
        for (tool, problems) in expected {
            options.tool = tool
            let symbolizer = Symbolizer(options: options)
            let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
            #expect(SymbolizerTests.functions(stacks) == [["hidden"], ["outer"], ["main"]])
            #expect(symbolizer.problems[module] == problems)
        }
    }

    @Test("The tool is taken from the environment, then from PATH, the newest version last")
    func choice() throws {
        let fixture = try CompiledFixture()
        func add(_ name: String) throws {
            try fixture.write(name, "#!/bin/sh\n")
            #expect(unsafe chmod(fixture.path(name), 0o755) == 0)
        }
        var tools = SymbolizerTool(environment: ["PATH": "/nonexistent:\(fixture.directory)"])
        #expect(tools.symbolizer() == nil)
        for name in ["llvm-symbolizer-9", "llvm-symbolizer-14", "llvm-symbolizer-x"] { try add(name) }
        #expect(tools.symbolizer() == fixture.path("llvm-symbolizer-14"))
        try add("llvm-symbolizer")
        #expect(tools.symbolizer() == fixture.path("llvm-symbolizer"))
        try add("mine")
        tools.environment["LLVM_SYMBOLIZER"] = fixture.path("mine")
        #expect(tools.symbolizer() == fixture.path("mine"))
        tools.environment["HEAPLINE_SYMBOLIZER"] = "llvm-symbolizer-9"
        #expect(tools.symbolizer() == fixture.path("llvm-symbolizer-9"))
        // One that is not there is not an answer.
        tools.environment["HEAPLINE_SYMBOLIZER"] = "/nonexistent/tool"
        #expect(tools.symbolizer() == fixture.path("mine"))
    }
}
