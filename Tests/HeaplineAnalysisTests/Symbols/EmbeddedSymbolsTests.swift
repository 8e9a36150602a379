// SPDX-License-Identifier: Apache-2.0
//
// Symbol tables to bytes and back, and damaged bytes: always an error with an offset or a table, never a trap.

import Testing

@testable import HeaplineAnalysis

@Suite("Embedded symbols")
struct EmbeddedSymbolsTests {
    static func random(_ random: inout SeededRandom) -> EmbeddedSymbols {
        var table = EmbeddedSymbols()
        for number in 0..<Int.random(in: 0...4, using: &random) {
            let module = ModuleImage(
                path: "/lib/m\(number).so",
                buildID: (0..<(number % 2 * 20)).map { _ in .random(in: 0...255, using: &random) })
            let addresses = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                UInt64.random(in: 0...(UInt64.max >> UInt64.random(in: 0...60, using: &random)), using: &random)
            }
            let frames = addresses.map { _ in
                (0..<Int.random(in: 1...4, using: &random)).map { level in
                    SymbolFrame(
                        function: "f\(Int.random(in: 0...20, using: &random))é",
                        file: Bool.random(using: &random) ? "/src/\(Int.random(in: 0...5, using: &random)).c" : nil,
                        line: Bool.random(using: &random) ? Int.random(in: 0...100_000, using: &random) : nil,
                        module: module.path, inlined: level > 0)
                }
            }
            let problems = (0..<Int.random(in: 0...2, using: &random)).map {
                SymbolProblem.recorded(summary: "lacks \($0)", remedy: "give it \($0)")
            }
            table.add(module: module, addresses: addresses, frames: frames, problems: problems)
        }
        return table
    }

    @Test("A table survives its bytes, and equal tables have equal bytes", arguments: 1...50)
    func roundTrip(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let table = Self.random(&random)
        let bytes = table.encode()
        let decoded = try EmbeddedSymbols(decoding: bytes)
        #expect(decoded == table, "seed \(seed)")
        #expect(decoded.encode() == bytes, "seed \(seed)")
    }

    @Test("Tables from several chunks make one")
    func merge() {
        func table(_ path: String, _ address: UInt64, _ function: String) -> EmbeddedSymbols {
            var table = EmbeddedSymbols()
            let frame = SymbolFrame(function: function, module: path)
            table.add(module: ModuleImage(path: path), addresses: [address], frames: [[frame]])
            return table
        }
        var whole = table("/a", 1, "old")
        for part in [table("/a", 2, "second"), table("/b", 1, "other"), table("/a", 1, "new")] { whole.merge(part) }
        #expect(whole.count == 3)
        let a = ModuleImage(path: "/a")
        #expect(whole.frames(module: a, address: 1)?.first?.function == "new")
        #expect(whole.frames(module: a, address: 2)?.first?.function == "second")
        #expect(whole.frames(module: ModuleImage(path: "/b"), address: 1)?.first?.function == "other")
    }

    @Test("The documented example")
    func example() throws {
        var table = EmbeddedSymbols()
        let module = ModuleImage(path: "/a", buildID: [7])
        table.add(
            module: module, addresses: [0x101], frames: [[SymbolFrame(function: "f", file: "c", line: 3, module: "/a")]],
            problems: [.recorded(summary: "s", remedy: "r")])
        let expected: [UInt8] =
            Array("HLSY".utf8) + [1]
            + [5, 2] + Array("/a".utf8) + [1] + Array("s".utf8) + [1] + Array("r".utf8) + [1] + Array("f".utf8)
            + [1] + Array("c".utf8)  // strings
            + [1, 3, 5, 4, 0]  // one frame: string 3, file 4, line 3
            + [1, 1, 7, 0, 1, 1, 2]  // module: build-id 07, path 0, one problem: strings 1 and 2
            + [1, 0x80, 2, 1, 0]  // one address: 0x100, frame 0
        #expect(table.encode() == expected)
        let decoded = try EmbeddedSymbols(decoding: expected)
        #expect(decoded.frames(module: module, address: 0x101)?.first?.function == "f")
        #expect(decoded.frames(module: module, address: 0x100, kind: .instruction)?.first?.line == 3)
        #expect(decoded.frames(module: module, address: 0x100) == nil)
        #expect(decoded.count == 1 && !decoded.isEmpty)
        #expect(decoded.problems(module: module).map(\.summary) == ["s"])
        #expect(decoded.problems(module: module).map(\.remedy) == ["r"])
    }

    @Test("Damage is an error or another table, never a trap", arguments: 1...400)
    func fuzz(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let bytes = Self.random(&random).encode().mutated(&random)
        do throws(EmbeddedSymbolsError) {
            let table = try EmbeddedSymbols(decoding: bytes)
            #expect((try? EmbeddedSymbols(decoding: table.encode())) == table, "seed \(seed)")
        } catch {
            #expect(error.offset >= 0 && error.offset <= bytes.count, "seed \(seed): \(error)")
        }
    }

    @Test("Every cut is told")
    func cuts() {
        var random = SeededRandom(3)
        let bytes = Self.random(&random).encode()
        for length in 0..<bytes.count {
            #expect(throws: EmbeddedSymbolsError.self) { try EmbeddedSymbols(decoding: Array(bytes[..<length])) }
        }
        #expect(throws: EmbeddedSymbolsError(code: .trailingBytes, offset: bytes.count)) {
            try EmbeddedSymbols(decoding: bytes + [0])
        }
    }
}
