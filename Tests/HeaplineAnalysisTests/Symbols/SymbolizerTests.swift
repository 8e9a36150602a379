// SPDX-License-Identifier: Apache-2.0
//
// From compiled programs back to the functions and lines their calls are in, and what is said when that cannot be done.

import Glibc
import Testing

@testable import HeaplineAnalysis

@Suite("Symbolizer")
struct SymbolizerTests {
    static let canCompile = CompiledFixture.clang != nil
    static let canReadLines = CompiledFixture.clang != nil && CompiledFixture.symbolizer != nil
    static let canCopy = canReadLines && CompiledFixture.objcopy != nil

    static func module(_ path: String) throws -> ModuleImage {
        ModuleImage(path: path, buildID: try ELFFile(ByteStore(mapping: path)).buildID)
    }

    @Test("A program with -g gives back function, file, line and inlined callers", .enabled(if: canReadLines, "needs clang and llvm-symbolizer"))
    func debugInformation() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(CompiledFixture.program, "calls.c", "-g", "-O1", "-Wl,--build-id", output: "calls")
        let module = try Self.module(path)
        #expect(!module.buildID.isEmpty)
        let calls = try fixture.calls(of: path)
        #expect(calls.map(\.function) == ["hidden", "innermost", "main"])
        let symbolizer = Symbolizer()
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        for (call, frames) in zip(calls, stacks) {
            #expect(frames.first?.function == call.function)
            #expect(frames.first?.line == call.line)
            #expect(frames.first?.file == fixture.path("calls.c"))
        }
        #expect(stacks[1].map(\.function) == ["innermost", "middle", "outer"])
        #expect(stacks[1].map(\.inlined) == [true, true, false])
        #expect(symbolizer.problems.isEmpty)
    }

    @Test("Without debug information functions are named from the symbol table", .enabled(if: canCompile, "needs clang"))
    func symbolTable() throws {
        let fixture = try CompiledFixture()
        let path = try fixture.compile(CompiledFixture.program, "calls.c", "-O1", "-Wl,--build-id", output: "calls")
        let calls = try fixture.calls(of: path)
        let symbolizer = Symbolizer()
        let module = try Self.module(path)
        let stacks = symbolizer.symbolize(module: module, addresses: calls.map(\.address))
        #expect(stacks.map { $0.map(\.function) } == [["hidden"], ["outer"], ["main"]])
        #expect(stacks.allSatisfy { $0[0].line == nil && $0[0].file == nil && !$0[0].inlined })
        #expect(symbolizer.problems[module] == [.noDebugInfo(path: path, package: nil)])
    }
}
