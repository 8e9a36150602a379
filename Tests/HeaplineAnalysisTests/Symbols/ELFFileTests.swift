// SPDX-License-Identifier: Apache-2.0
//
// The ELF reader on files known by construction, and on damaged ones. The fuzz test can find traps, endless loops and
// reads outside the file; it cannot find a wrong name, which the comparison with the naive search does.

import Testing

@testable import HeaplineAnalysis

@Suite("ELF files")
struct ELFFileTests {
    static let example = ELFBuilder(
        symbols: [
            .init(name: "first", address: 0x1010, size: 0x20), .init(name: "second", address: 0x1030, size: 0x40),
            .init(name: "inside", address: 0x1040, size: 8, type: 0, binding: 0),
            .init(name: "__alias", address: 0x1030, size: 0x40),
            .init(name: "assembly", address: 0x1100, size: 0, type: 0),
            .init(name: "label", address: 0x1050, size: 0, type: 0, binding: 0),
            .init(name: "$x", address: 0x1014, size: 0, type: 0, binding: 0),
            .init(name: "$d", address: 0x1180, size: 0, type: 0, binding: 0),
        ],
        dynamicSymbols: [.init(name: "exported", address: 0x1200, size: 0x10)], buildID: [0xde, 0xad, 0xbe, 0xef, 1],
        debugLink: ("example.debug", 0x1234_5678), extraSections: [(".comment", Array("text".utf8))],
        functions: [(0x1300, 0x40), (0x1400, 0x10)])

    static func names(_ file: ELFFile, _ addresses: [UInt64]) -> [String?] {
        var search = SymbolSearch(addresses: addresses)
        file.scanSymbols(into: &search, .full)
        file.scanSymbols(into: &search, .dynamic)
        return search.results().map { $0?.name }
    }

    @Test("Build-id, debug link, sections and symbols are read")
    func reading() throws {
        let file = try ELFFile(ByteStore(Self.example.build()))
        #expect(file.machine == 62)
        #expect(file.buildID == [0xde, 0xad, 0xbe, 0xef, 1])
        let link = try #require(file.debugLink)
        #expect(link.name == "example.debug" && link.crc == 0x1234_5678)
        #expect(file.section(named: ".comment").flatMap { file.content(of: $0) } == Array("text".utf8))
        #expect(file.hasFullSymbolTable)
        #expect(!file.hasDebugInfo)
    }

    @Test("An address belongs to the innermost symbol that reaches it, and to none between symbols")
    func symbols() throws {
        let file = try ELFFile(ByteStore(Self.example.build()))
        let expected: [(UInt64, String?)] = [
            (0x100f, nil), (0x1010, "first"), (0x102f, "first"), (0x1030, "second"), (0x1040, "inside"),
            (0x1048, "second"), (0x1058, "second"), (0x106f, "second"), (0x1070, nil), (0x10ff, nil),
            (0x1100, "assembly"),
            (0x11ff, "assembly"),
            (0x1200, "exported"), (0x120f, "exported"), (0x1210, nil), (0x1fff, nil), (0x2000, nil),
        ]
        #expect(Self.names(file, expected.map(\.0)) == expected.map(\.1))
        // The same without the other addresses' company.
        for (address, name) in expected { #expect(Self.names(file, [address]) == [name], "at \(address)") }
    }

    @Test("A nameless address has the start of its function from the unwind table")
    func functionStarts() throws {
        let file = try ELFFile(ByteStore(Self.example.build()))
        #expect(file.functionStart(holding: 0x1300) == 0x1300)
        #expect(file.functionStart(holding: 0x133f) == 0x1300)
        #expect(file.functionStart(holding: 0x1340) == nil)
        #expect(file.functionStart(holding: 0x140f) == 0x1400)
        #expect(file.functionStart(holding: 0x12ff) == nil)
    }

    @Test("The search agrees with a naive one on random tables", arguments: 1...60)
    func agreesWithNaive(seed: UInt64) throws {
        var random = SeededRandom(seed)
        // Functions side by side or apart, some with a nested one, in random order.
        var builder = ELFBuilder()
        var address: UInt64 = 0x1000
        while address < 0x1e00 {
            let size = UInt64.random(in: 8...64, using: &random)
            builder.symbols.append(.init(name: "f\(address)", address: address, size: size))
            if size > 24, Bool.random(using: &random) {
                builder.symbols.append(.init(name: "n\(address)", address: address + 8, size: 8))
            }
            address += size + (Bool.random(using: &random) ? UInt64.random(in: 1...16, using: &random) : 0)
        }
        builder.symbols.shuffle(using: &random)
        let file = try ELFFile(ByteStore(builder.build()))
        let addresses = Set((0..<80).map { _ in UInt64.random(in: 0xff0...0x2010, using: &random) }).sorted()
        let naive = addresses.map { address in
            builder.symbols.filter { $0.address <= address && address < $0.address + $0.size }.max {
                $0.address < $1.address
            }?.name
        }
        #expect(Self.names(file, addresses) == naive, "seed \(seed)")
    }

    @Test("What is not a usable ELF file is an error with an offset")
    func errors() throws {
        func code(_ bytes: [UInt8]) -> ELFError.Code? {
            do throws(ELFError) {
                _ = try ELFFile(ByteStore(bytes))
                return nil
            } catch {
                return error.code
            }
        }
        let good = Self.example.build()
        #expect(code([]) == .notELF)
        #expect(code(Array("#!/bin/sh\n".utf8)) == .notELF)
        #expect(code(Array(good[..<40])) == .truncatedHeader)
        #expect(code(Array(good[..<200])) == .damagedSections)
        var other = good
        other[4] = 1
        #expect(code(other) == .not64Bit)
        other = good
        other[5] = 2
        #expect(code(other) == .notLittleEndian)
        other = good
        other[56] = 0xff
        other[57] = 0x7f
        #expect(code(other) == .damagedSegments)
    }

    @Test("A debug link that is a path is not followed")
    func hostileLink() throws {
        for name in ["../secret", "/etc/passwd", "..", "."] {
            let file = try ELFFile(ByteStore(ELFBuilder(debugLink: (name, 1)).build()))
            #expect(file.debugLink == nil)
        }
    }

    @Test("No damage makes the reader trap", arguments: 1...400)
    func fuzz(seed: UInt64) {
        var random = SeededRandom(seed)
        let bytes = Self.example.build().mutated(&random)
        guard let file = try? ELFFile(ByteStore(bytes)) else { return }
        _ = file.buildID
        _ = file.debugLink
        let addresses = Set((0..<40).map { _ in UInt64.random(in: 0...0x2000, using: &random) } + [UInt64.max]).sorted()
        let names = Self.names(file, addresses)
        #expect(names.count == addresses.count, "seed \(seed)")
        for address in addresses {
            if let start = file.functionStart(holding: address) { #expect(start <= address, "seed \(seed)") }
        }
        for section in file.sections { _ = file.content(of: section) }
    }

    @Test("The checksum of debug links is CRC-32")
    func checksum() {
        // The check value of CRC-32/ISO-HDLC.
        #expect(DebugLinkChecksum.checksum(ByteStore(Array("123456789".utf8))) == 0xCBF4_3926)
        #expect(DebugLinkChecksum.checksum(ByteStore([])) == 0)
        // 0...255, by zlib.
        #expect(DebugLinkChecksum.checksum(ByteStore(Array(0...255))) == 0x2905_8C73)
    }
}
