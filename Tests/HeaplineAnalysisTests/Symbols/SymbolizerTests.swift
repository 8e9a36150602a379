// SPDX-License-Identifier: Apache-2.0
//
// From compiled programs back to the functions and lines their calls are in, and what is said when that cannot be done.

import Glibc
import Testing

@testable import HeaplineAnalysis

@Suite("Symbolizer")
struct SymbolizerTests {
    static let canCompile = CompiledFixture.clang != nil
    static let canReadLines = canCompile && CompiledFixture.symbolizer != nil
    static let canCopy = canReadLines && CompiledFixture.objcopy != nil

    static func module(_ path: String) throws -> ModuleImage {
        ModuleImage(path: path, buildID: try ELFFile(ByteStore(mapping: path)).buildID)
    }

    static func functions(_ stacks: [[SymbolFrame]]) -> [[String]] { stacks.map { $0.map(\.function) } }

    /// The three calls of `CompiledFixture.program` with all there is to know about them.
    static func expectAll(_ symbolizer: Symbolizer, _ module: ModuleImage, _ calls: [CompiledFixture.Call]) {
        #expect(calls.map(\.function) == ["hidden", "innermost", "main"])
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        for (call, frames) in zip(calls, stacks) {
            #expect(frames.first?.function == call.function)
            #expect(frames.first?.line == call.line)
            #expect(frames.first?.file?.hasSuffix("/calls.c") == true)
        }
        #expect(functions(stacks) == [["hidden"], ["innermost", "middle", "outer"], ["main"]])
        #expect(stacks.map { $0.map(\.inlined) } == [[false], [true, true, false], [false]])
        #expect(symbolizer.problems.isEmpty)
    }

    @Test(
        "A program with -g gives back function, file, line and inlined callers",
        .enabled(if: canReadLines, "needs clang and llvm-symbolizer"),
        arguments: [["-g"], ["-g1"], ["-g", "-gz"], ["-gdwarf-4"], ["-g", "-fno-pie", "-no-pie"]])
    func debugInformation(flags: [String]) throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-Wl,--build-id"] + flags, output: "calls")
        var module = try Self.module(path)
        #expect(!module.buildID.isEmpty)
        var calls = try fixture.calls(of: path)
        if flags.contains("-no-pie") {
            // The program prints distances from its start, which is not at 0 here.
            let start = try #require(
                ELFFile(ByteStore(mapping: path)).segments.filter { $0.type == 1 }.map(\.address).min())
            for index in calls.indices { calls[index].address += start }
            module.loadBias = 0
        }
        Self.expectAll(Symbolizer(), module, calls)
    }

    @Test(
        "Without debug information functions are named from the symbol table", .enabled(if: canCompile, "needs clang"))
    func symbolTable() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(CompiledFixture.program, "calls.c", ["-O1", "-Wl,--build-id"], output: "calls")
        let calls = try fixture.calls(of: path)
        let symbolizer = Symbolizer()
        let module = try Self.module(path)
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        #expect(Self.functions(stacks) == [["hidden"], ["outer"], ["main"]])
        #expect(stacks.allSatisfy { $0[0].line == nil && $0[0].file == nil && !$0[0].inlined })
        #expect(symbolizer.problems[module] == [.noDebugInfo(path: path, package: nil)])
    }

    @Test(
        "A stripped program keeps its exported names and one name per nameless function",
        .enabled(if: canCopy, "needs clang, llvm-symbolizer and objcopy"))
    func stripped() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-Wl,--build-id", "-rdynamic"], output: "calls")
        let calls = try fixture.calls(of: path)
        try fixture.run(CompiledFixture.objcopy!, ["--strip-all", path])
        let symbolizer = Symbolizer()
        let module = try Self.module(path)
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        #expect(Self.functions(Array(stacks[1...])) == [["outer"], ["main"]])
        let hidden = stacks[0][0]
        #expect(!hidden.isNamed)
        // Another address in the same function has the same name.
        let other = symbolizer.symbolize(module: module, addresses: [calls[0].address - 2], kind: .instruction)
        #expect(other[0][0].function == hidden.function)
        #expect(symbolizer.problems[module] == [.stripped(path: path, package: nil)])
    }

    @Test(
        "A separate debug file is found by its link, in each of its places, and refused when it is another's",
        .enabled(if: canCopy, "needs clang, llvm-symbolizer and objcopy"))
    func debugLink() throws {
        let fixture = try CompiledFixture()
        let objcopy = CompiledFixture.objcopy!
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-g", "-Wl,--build-id=none"], output: "calls")
        let calls = try fixture.calls(of: path)
        let debug = fixture.path("calls.debug")
        try fixture.run(objcopy, ["--only-keep-debug", path, debug])
        try fixture.run(objcopy, ["--strip-all", "--add-gnu-debuglink=\(debug)", path])
        let module = try Self.module(path)
        #expect(module.buildID.isEmpty)
        var options = SymbolizerOptions()
        options.debugDirectories = [fixture.path("global")]
        Self.expectAll(Symbolizer(options: options), module, calls)

        let places = ["\(fixture.directory)/.debug", "\(fixture.path("global"))\(fixture.directory)"]
        var at = debug
        for place in places {
            try fixture.run("/bin/mkdir", ["-p", place])
            try fixture.run("/bin/mv", [at, place])
            at = "\(place)/calls.debug"
            Self.expectAll(Symbolizer(options: options), module, calls)
        }

        let content = try ByteStore(mapping: at)
        var changed = try #require(content.bytes(at: 0, count: content.count))
        changed[changed.count / 2] ^= 1
        try fixture.write("calls.debug", changed)
        try fixture.run("/bin/rm", [at])
        let symbolizer = Symbolizer(options: options)
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        #expect(stacks.allSatisfy { $0.count == 1 && $0[0].line == nil })
        #expect(symbolizer.problems[module]?.first == .debugFileMismatch(path: path, debugFile: debug))
    }

    @Test(
        "Code without lines, as the start-up code is, does not make a whole program one without",
        .enabled(if: canReadLines, "needs clang and llvm-symbolizer"))
    func someWithoutLines() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(CompiledFixture.program, "calls.c", ["-O1", "-g"], output: "calls")
        let calls = try fixture.calls(of: path)
        let module = try Self.module(path)
        let symbolizer = Symbolizer()
        _ = symbolizer.symbolize(module: module, addresses: [1])
        #expect(symbolizer.problems[module] == [.noDebugInfo(path: path, package: nil)])
        Self.expectAll(symbolizer, module, calls)
        _ = symbolizer.symbolize(module: module, addresses: [2])
        #expect(symbolizer.problems[module] ?? [] == [])
    }

    /// A stripped program, what its calls are called, and its debug file, whose place depends on the build-id in hexadecimal.
    private static func separated(
        _ fixture: CompiledFixture, place: (String) -> String
    ) throws -> (path: String, calls: [CompiledFixture.Call], module: ModuleImage, debug: String) {
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-g", "-Wl,--build-id"], output: "calls")
        let calls = try fixture.calls(of: path)
        let module = try module(path)
        let debug = fixture.path(place(SymbolProblem.hex(module.buildID)))
        try fixture.run("/bin/mkdir", ["-p", String(debug[..<debug.lastIndex(of: "/")!])])
        try fixture.run(CompiledFixture.objcopy!, ["--only-keep-debug", path, debug])
        try fixture.run(CompiledFixture.objcopy!, ["--strip-all", path])
        return (path, calls, module, debug)
    }

    @Test(
        "A separate debug file is found by build-id, even when the program itself is gone",
        .enabled(if: canCopy, "needs clang, llvm-symbolizer and objcopy"))
    func buildID() throws {
        let fixture = try CompiledFixture()
        let (path, calls, module, debug) = try Self.separated(fixture) { "debug/.build-id/\($0.prefix(2))/\($0.dropFirst(2)).debug" }
        var options = SymbolizerOptions()
        options.debugDirectories = [fixture.path("debug")]
        Self.expectAll(Symbolizer(options: options), module, calls)
        try fixture.run("/bin/rm", [path])
        Self.expectAll(Symbolizer(options: options), module, calls)

        // Another build's file under the right name is not used.
        let other = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O0", "-g", "-Wl,--build-id"], output: "other")
        try fixture.run("/bin/mv", [other, debug])
        let symbolizer = Symbolizer(options: options)
        #expect(!symbolizer.symbolize(module: module, addresses: [calls[0].address])[0][0].isNamed)
        #expect(
            symbolizer.problems[module]
                == [.fileMissing(path: path), .debugFileMismatch(path: path, debugFile: debug)])
    }

    @Test(
        "Debug files of the same build that came after symbols were embedded are used, others are not",
        .enabled(if: canCopy, "needs clang, llvm-symbolizer and objcopy"))
    func betterThanEmbedded() throws {
        let fixture = try CompiledFixture()
        let (_, calls, module, _) = try Self.separated(fixture) { "debug/.build-id/\($0.prefix(2))/\($0.dropFirst(2)).debug" }
        let addresses = calls.map(\.address)
        let poor = Symbolizer()
        let frames = poor.symbolize(module: module, addresses: addresses)
        let problems = try #require(poor.problems[module])
        var embedded = EmbeddedSymbols()
        embedded.add(module: module, addresses: addresses, frames: frames, problems: problems)

        let same = Symbolizer(embedded: embedded)
        #expect(same.symbolize(module: module, addresses: addresses) == frames)
        #expect(same.problems[module]?.map(\.summary) == problems.map(\.summary))
        var options = SymbolizerOptions()
        options.debugDirectories = [fixture.path("debug")]
        Self.expectAll(Symbolizer(options: options, embedded: embedded), module, calls)
        // What was whole when it was embedded is not looked for.
        var whole = EmbeddedSymbols()
        whole.add(module: module, addresses: addresses, frames: frames)
        #expect(Symbolizer(options: options, embedded: whole).symbolize(module: module, addresses: addresses) == frames)
    }

    @Test(
        "A program changed since the recording is told and its symbols are not used",
        .enabled(if: canReadLines, "needs clang and llvm-symbolizer"))
    func changed() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(
            CompiledFixture.program, "calls.c", ["-O1", "-g", "-Wl,--build-id"], output: "calls")
        let calls = try fixture.calls(of: path)
        let module = try Self.module(path)
        var unidentified = module
        unidentified.buildID = []
        unidentified.fileIdentity = DebugFileSearch.identity(of: path)
        let source = "int padding(int x) { return x * 3; }\n" + CompiledFixture.program
        try fixture.compile(source, "calls.c", ["-O1", "-g", "-Wl,--build-id"], output: "calls")
        let found = try Self.module(path).buildID
        #expect(found != module.buildID)
        for module in [module, unidentified] {
            let symbolizer = Symbolizer()
            let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
            #expect(stacks.allSatisfy { $0.count == 1 && !$0[0].isNamed && $0[0].line == nil })
            #expect(symbolizer.problems[module] == [.changed(path: path, recorded: module.buildID, found: found)])
        }
        // With neither build-id nor identity, the time of the file tells.
        unidentified.fileIdentity = nil
        let modified = try #require(DebugFileSearch.identity(of: path)).modified
        for (end, problems): (UInt64, [SymbolProblem]?) in [
            (modified - 1, [SymbolProblem.changed(path: path, recorded: [], found: found)]), (modified, nil),
        ] {
            var options = SymbolizerOptions()
            options.recordingEnd = end
            let symbolizer = Symbolizer(options: options)
            _ = symbolizer.symbolize(module: unidentified, addresses: calls.map(\.address))
            #expect(symbolizer.problems[unidentified] == problems)
        }
        // Embedded symbols need no file.
        var embedded = EmbeddedSymbols()
        let frame = SymbolFrame(function: "kept", file: "calls.c", line: 7, module: path)
        embedded.add(module: module, addresses: [calls[0].address], frames: [[frame]])
        let symbolizer = Symbolizer(embedded: embedded)
        #expect(symbolizer.symbolize(module: module, addresses: [calls[0].address]) == [[frame]])
        #expect(symbolizer.problems.isEmpty)
    }

    @Test(
        "C++ names are demangled and lines come with them",
        .enabled(if: canReadLines && DemanglerTests.hasCxx, "needs clang, llvm-symbolizer and a C++ runtime"))
    func cxx() throws {
        let fixture = try CompiledFixture()
        let source =
            CompiledFixture.functions + """
                namespace space {
                template <typename T> struct Box {
                    __attribute__((noinline)) void fill(T value) { HERE; __asm__ volatile("" ::: "memory"); }
                };
                }
                int main() { space::Box<int>().fill(1); }

                """
        let path = try fixture.compile(source, "calls.cpp", ["-O1", "-g", "-Wl,--build-id"], output: "calls")
        let call = try #require(try fixture.calls(of: path).first)
        let frames = Symbolizer().symbolize(module: try Self.module(path), addresses: [call.address])[0]
        #expect(frames.first?.function == "space::Box<int>::fill(int)")
        #expect(frames.first?.shortFunction == "space::Box<…>::fill")
        #expect(frames.first?.line == call.line)
    }

    @Test(
        "Swift names are demangled",
        .enabled(if: CompiledFixture.swiftc != nil && canReadLines, "needs swiftc and llvm-symbolizer"))
    func swift() throws {
        let fixture = try CompiledFixture()
        try fixture.write(
            "calls.swift",
            """
            struct Tree { @inline(never) func grow(by amount: Int) -> [Int] { Array(repeating: amount, count: amount) } }
            print(Tree().grow(by: CommandLine.arguments.count).count)

            """)
        let path = fixture.path("calls")
        try fixture.run(
            CompiledFixture.swiftc!,
            ["-g", "-Onone", "-module-name", "forest", fixture.path("calls.swift"), "-o", path])
        let file = try ELFFile(ByteStore(mapping: path))
        let table = try #require(file.sections.first { $0.type == 2 })
        let addresses = Self.symbolAddresses(file, table) { Demangler.demangle($0).hasPrefix("forest.Tree.grow(by:") }
        let address = try #require(addresses.first)
        let frames = Symbolizer().symbolize(module: try Self.module(path), addresses: [address], kind: .instruction)[0]
        #expect(frames.last?.function == "forest.Tree.grow(by: Swift.Int) -> Swift.Array<Swift.Int>")
        #expect(frames.last?.shortFunction == "forest.Tree.grow")
        #expect(frames.last?.line == 1)
        #expect(frames.last?.file == fixture.path("calls.swift"))
    }

    @Test(
        "Rust names of both manglings are demangled", .enabled(if: CompiledFixture.rustc != nil, "needs a rustc that runs"),
        arguments: ["legacy", "v0"])
    func rust(mangling: String) throws {
        let fixture = try CompiledFixture()
        try fixture.write(
            "calls.rs",
            """
            trait Grow { fn grow(&self) -> Vec<u8>; }
            struct Tree<T>(T);
            impl<T: Clone> Grow for Tree<T> { #[inline(never)] fn grow(&self) -> Vec<u8> { vec![1; 10] } }
            fn main() { println!("{}", Tree(1u8).grow().len()); }

            """)
        let path = fixture.path("calls")
        // The older mangling has become an unstable option, which this variable allows.
        try fixture.run(
            CompiledFixture.rustc!,
            [
                "-Zunstable-options", "-Csymbol-mangling-version=\(mangling)", "-g", "--crate-name", "forest",
                fixture.path("calls.rs"), "-o", path,
            ], environment: ["RUSTC_BOOTSTRAP": "1"])
        let file = try ELFFile(ByteStore(mapping: path))
        let table = try #require(file.sections.first { $0.type == 2 })
        let name =
            mangling == "v0" ? "<forest::Tree<u8> as forest::Grow>::grow" : "<forest::Tree<T> as forest::Grow>::grow"
        let address = try #require(Self.symbolAddresses(file, table) { Demangler.demangle($0) == name }.first)
        let frames = Symbolizer().symbolize(module: try Self.module(path), addresses: [address], kind: .instruction)[0]
        #expect(frames.last?.function == name)
        if CompiledFixture.symbolizer != nil { #expect(frames.last?.line == 3) }
    }

    static func symbolAddresses(_ file: ELFFile, _ table: ELFFile.Section, _ matches: (String) -> Bool) -> [UInt64] {
        let strings = file.sections[Int(table.link)]
        return stride(from: Int(table.offset), to: Int(table.offset + table.size), by: 24).compactMap { at in
            let name = Int(file.store.integer(at: at, as: UInt32.self)!) + Int(strings.offset)
            guard let text = file.store.string(at: name, end: Int(strings.offset + strings.size)), matches(text) else {
                return nil
            }
            return file.store.integer(at: at + 8, as: UInt64.self)
        }
    }

    @Test("An address has the same answer alone, in any company and in any order", arguments: 1...4)
    func deterministic(seed: UInt64) throws {
        var random = SeededRandom(seed)
        var options = SymbolizerOptions()
        options.tool = .none
        // This test program: some ten thousand functions.
        let path = SymbolizerTool.resolved("/proc/self/exe")
        let module = try Self.module(path)
        let text = try #require(ELFFile(ByteStore(mapping: path)).section(named: ".text"))
        let addresses = (0..<400).map { _ in
            UInt64.random(in: text.address..<(text.address + text.size), using: &random)
        }
        let expected = Symbolizer(options: options).symbolize(module: module, addresses: addresses)
        #expect(expected.allSatisfy { $0.count == 1 })
        let reordered = Symbolizer(options: options)
        let order = addresses.indices.shuffled(using: &random)
        for part in stride(from: 0, to: order.count, by: 100) {
            let indices = order[part..<min(part + 100, order.count)]
            let stacks = reordered.symbolize(module: module, addresses: indices.map { addresses[$0] })
            #expect(stacks == indices.map { expected[$0] }, "seed \(seed)")
        }
    }

    @Test("The package with a file's debug symbols is named, wherever packages list the file")
    func packages() throws {
        let fixture = try CompiledFixture()
        try fixture.run("/bin/mkdir", ["-p", fixture.path("var/lib/dpkg/info")])
        try fixture.write("var/lib/dpkg/info/libz1:amd64.list", "/.\n/lib\n/lib/libz.so.1\n")
        try fixture.write("var/lib/dpkg/info/libc6:amd64.list", "/.\n/usr/lib/libc.so.6\n")
        try fixture.write("var/lib/dpkg/info/tool.list", "/.\n/usr/bin/tool\n/usr/bin/tool-extra\n")
        try fixture.write("var/lib/dpkg/info/tool.md5sums", "/usr/bin/too\n")
        let packages = DistributionPackages(sysroot: fixture.directory)
        let expected = [
            ("/usr/lib/libz.so.1", "libz1-dbgsym"), ("/lib/libz.so.1", "libz1-dbgsym"), ("/lib/libc.so.6", "libc6-dbg"),
            ("/usr/bin/tool", "tool-dbgsym"), ("/usr/bin/too", nil), ("/home/me/tool", nil),
        ]
        for (path, package) in expected { #expect(packages.debugPackage(for: fixture.directory + path) == package) }
    }

    @Test("What has no file is named as far as it can be, and said")
    func notFiles() throws {
        let fixture = try CompiledFixture()
        let missing = ModuleImage(path: fixture.path("missing.so"), buildID: [1, 2])
        let anonymous = ModuleImage(path: "[heap]")
        let damaged = ModuleImage(path: fixture.path("damaged.so"))
        try fixture.write("damaged.so", Array(ELFFileTests.example.build().prefix(100)))
        let foreign = ModuleImage(path: "[vdso]", buildID: [9, 9])
        let symbolizer = Symbolizer()
        for module in [missing, anonymous, damaged, foreign] {
            #expect(Self.functions(symbolizer.symbolize(module: module, addresses: [0x1235])) == [["0x1234"]])
        }
        #expect(symbolizer.problems[missing] == [.fileMissing(path: missing.path)])
        #expect(symbolizer.problems[anonymous] == [.notAFile(name: "[heap]")])
        #expect(symbolizer.problems[foreign] == [.foreignVDSO])
        guard case .unreadable(damaged.path, let reason)? = symbolizer.problems[damaged]?.first else {
            Issue.record("a damaged file must be told: \(symbolizer.problems[damaged] ?? [])")
            return
        }
        #expect(reason.contains("offset 40"))
        #expect(symbolizer.symbolizedModules == [missing, anonymous, damaged, foreign])
        for problem in symbolizer.problems.values.joined() {
            #expect(!problem.summary.isEmpty && !problem.remedy.isEmpty)
        }
    }

    @Test(
        "The running kernel's vDSO has names", .enabled(if: KernelVDSO.mappedRange() != nil, "this kernel maps no vDSO")
    )
    func vdso() throws {
        let file = try ELFFile(ByteStore(KernelVDSO.copy(#require(KernelVDSO.mappedRange()))))
        let table = try #require(file.sections.first { $0.type == 11 })
        let name = file.machine == 62 ? "__vdso_clock_gettime" : "__kernel_clock_gettime"
        let address = try #require(Self.symbolAddresses(file, table) { $0 == name }.first)
        let module = ModuleImage(path: "[vdso]", buildID: file.buildID)
        let frames = Symbolizer().symbolize(module: module, addresses: [address], kind: .instruction)[0]
        #expect(frames.first?.function.hasSuffix("clock_gettime") == true)
    }

    @Test("Code made at run time is named by its perf map, the newest line first")
    func perfMap() throws {
        let fixture = try CompiledFixture()
        try fixture.run("/bin/mkdir", ["-p", fixture.path("tmp")])
        try fixture.write(
            "tmp/perf-77.map",
            """
            7f0000001000 100 py::old:/a.py
            7f0000002000 80 LazyCompile:*f /x y.js:1
            nonsense
            ffffffffffffffff 10 wraps
            7f0000001040 20 py::new:/b.py
            """)
        var options = SymbolizerOptions()
        options.sysroot = fixture.directory
        let module = ModuleImage.runtimeCode(processID: 77)
        let symbolizer = Symbolizer(options: options)
        let base: UInt64 = 0x7f00_0000_0000
        let stacks = symbolizer.symbolize(
            module: module, addresses: [0x1000, 0x1050, 0x105f, 0x1060, 0x10ff, 0x1100, 0x2001].map { base + $0 },
            kind: .instruction)
        #expect(
            Self.functions(stacks).map { $0[0] } == [
                "py::old:/a.py", "py::new:/b.py", "py::new:/b.py", "py::old:/a.py", "py::old:/a.py", "0x7f0000001100",
                "LazyCompile:*f /x y.js:1",
            ])
        #expect(symbolizer.problems.isEmpty)
        let other = ModuleImage.runtimeCode(processID: 78)
        _ = symbolizer.symbolize(module: other, addresses: [1])
        #expect(symbolizer.problems[other] == [.noPerfMap(path: fixture.directory + "/tmp/perf-78.map")])
    }

    @Test(
        "debuginfod is asked only when allowed",
        .enabled(
            if: canCopy && CompiledFixture.tools.inPath("curl") != nil
                && CompiledFixture.tools.inPath("debuginfod-find") == nil,
            "needs clang, llvm-symbolizer, objcopy, curl, and no debuginfod-find"))
    func debuginfod() throws {
        let fixture = try CompiledFixture()
        let (path, calls, module, _) = try Self.separated(fixture) { "server/buildid/\($0)/debuginfo" }
        var options = SymbolizerOptions()
        options.environment["DEBUGINFOD_URLS"] = "file://\(fixture.path("nothing")) file://\(fixture.path("server"))"
        options.environment["DEBUGINFOD_CACHE_PATH"] = fixture.path("cache/deep")
        let offline = Symbolizer(options: options)
        #expect(offline.symbolize(module: module, addresses: [calls[0].address])[0][0].line == nil)
        #expect(offline.problems[module] == [.stripped(path: path, package: nil)])
        #expect(SymbolizerTool.entries(of: fixture.path("cache")).isEmpty)

        options.allowDebuginfod = true
        Self.expectAll(Symbolizer(options: options), module, calls)
        // The second time it comes from the cache.
        options.environment["DEBUGINFOD_URLS"] = "file://\(fixture.path("nothing"))"
        Self.expectAll(Symbolizer(options: options), module, calls)
        options.environment["DEBUGINFOD_CACHE_PATH"] = fixture.path("empty")
        let failing = Symbolizer(options: options)
        _ = failing.symbolize(module: module, addresses: [calls[0].address])
        guard case .debuginfod? = failing.problems[module]?.first else {
            Issue.record("the server's failure must be told: \(failing.problems)")
            return
        }
    }

    @Test(
        "Compressed symbols in .gnu_debugdata give the names of stripped functions",
        .enabled(
            if: canCopy && CompiledFixture.tools.inPath("xz") != nil, "needs clang, llvm-symbolizer, objcopy and xz"))
    func compressedSymbols() throws {
        let fixture = try CompiledFixture()
        let objcopy = CompiledFixture.objcopy!
        let path = try fixture.compile(CompiledFixture.program, "calls.c", ["-O1", "-Wl,--build-id"], output: "calls")
        let calls = try fixture.calls(of: path)
        let mini = fixture.path("mini")
        try fixture.run(objcopy, ["--only-keep-debug", path, mini])
        try fixture.run(CompiledFixture.tools.inPath("xz")!, ["-k", mini])
        try fixture.run(objcopy, ["--strip-all", path])
        try fixture.run(objcopy, ["--add-section=.gnu_debugdata=\(mini).xz", path])
        let module = try Self.module(path)
        let symbolizer = Symbolizer()
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        if (try? XZ.decompress(fixture.bytes("mini.xz"))) == nil {
            #expect(
                symbolizer.problems[module]?.first
                    == .compressedSymbols(path: path, reason: "liblzma.so.5 was not found"))
        } else {
            #expect(Self.functions(stacks) == [["hidden"], ["outer"], ["main"]])
            #expect(symbolizer.problems[module] == [.noDebugInfo(path: path, package: nil)])
        }
    }
}
