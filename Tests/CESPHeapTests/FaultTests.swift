// SPDX-License-Identifier: Apache-2.0
//
// Bad input: what would stop the chip is an event here, with the chip's words; what the chip refuses is null.

import Heapline
import Testing

@Suite struct FaultTests {
    /// Runs operations on a small heap and returns the last result lines.
    private func last(_ count: Int, _ variant: String, _ operations: String) throws -> [String] {
        let script = ESPScript("region 0x3ffb0000 0x4000\n" + operations + "\n")
        let lines = try script.run(chip: .esp32, variant: variant).split(separator: "\n").map(String.init)
        return Array(lines.suffix(count))
    }

    @Test func wildFreeIsAFault() throws {
        let heap = try ESPHeap(chip: .esp32)
        for wild: UInt32 in [0x10, 0x3ff0_0000, 0x4000_0000, 0x7fff_fffc, 0xffff_fffc, 3] {
            let error = #expect(throws: ESPError.self) { try heap.free(ESPHeap.Address(rawValue: wild)) }
            #expect(error?.code == .fault)
            #expect(error?.message.contains("free() target pointer is outside heap areas") == true)
        }
        #expect(heap.takeConsoleOutput().contains("assert failed: heap_caps_free"))
        #expect(try heap.isIntact())
    }

    @Test(arguments: ESPHeap.Poisoning.allCases)
    func doubleFreeIsAFault(_ poisoning: ESPHeap.Poisoning) throws {
        let heap = try ESPHeap(chip: .esp32s3, poisoning: poisoning)
        let block = try heap.allocate(100)
        let guardian = try heap.allocate(100)
        try heap.free(block)
        let error = #expect(throws: ESPError.self) { try heap.free(block) }
        #expect(error?.code == .fault)
        try heap.free(guardian)
        #expect(try heap.isIntact())
        #expect(try heap.allocate(100) == block, "the heap goes on")
    }

    @Test func misalignedFreeIsAFault() throws {
        let xtensa = try ESPHeap(chip: .esp32)
        let block = try xtensa.allocate(100)
        for offset: UInt32 in 1...3 {
            let error = #expect(throws: ESPError.self) {
                try xtensa.free(ESPHeap.Address(rawValue: block.rawValue + offset))
            }
            #expect(error?.message.contains("LoadStoreAlignment") == true)
        }
        let riscv = try ESPHeap(chip: .esp32c3)
        let other = try riscv.allocate(100)
        let error = #expect(throws: ESPError.self) { try riscv.free(ESPHeap.Address(rawValue: other.rawValue + 2)) }
        #expect(error?.message.contains("misaligned") == true)
        #expect(try xtensa.isIntact())
        #expect(try riscv.isIntact())
    }

    @Test func freeInsideABlockNeverLeavesTheChip() throws {
        // The bytes of a block are taken for headers, as on the chip. Whatever they are, this process goes on.
        let seed: UInt64 = 11
        var random = SeededGenerator(seed: seed)
        for round in 0..<200 {
            let heap = try ESPHeap(chip: .esp32c2, poisoning: round % 2 == 0 ? .none : .comprehensive)
            let block = try heap.allocate(1024)
            unsafe try heap.withUnsafeBytes(at: block, count: 1024) { bytes in
                for index in 0..<bytes.count { unsafe bytes[index] = UInt8.random(in: 0...255, using: &random) }
            }
            for _ in 0..<20 {
                let inside = block.rawValue + UInt32.random(in: 1..<256, using: &random) * 4
                do { try heap.free(ESPHeap.Address(rawValue: inside)) } catch { #expect(error.code == .fault) }
                _ = try? heap.allocate(Int.random(in: 1..<2000, using: &random))
            }
            _ = try? heap.isIntact()
        }
    }

    @Test func damagedListsNeverLeaveTheChip() throws {
        // A whole heap overwritten at random, then used: every link is checked before it is followed.
        for seed in UInt64(100)..<400 {
            var random = SeededGenerator(seed: seed)
            let heap = try ESPHeap(
                chip: .esp32h2, poisoning: ESPHeap.Poisoning.allCases[Int(seed % 3)],
                taskTracking: seed % 2 == 0 ? .off : .keepDeleted)
            var blocks: [ESPHeap.Address] = []
            for _ in 0..<50 { blocks.append(try heap.allocate(Int.random(in: 1..<400, using: &random))) }
            for _ in 0..<25 { try heap.free(blocks.remove(at: Int.random(in: 0..<blocks.count, using: &random))) }
            let region = heap.regions[0].addresses
            unsafe try heap.withUnsafeBytes(at: ESPHeap.Address(rawValue: region.lowerBound), count: region.count) {
                bytes in
                for _ in 0..<Int.random(in: 1..<300, using: &random) {
                    let word = Int.random(in: 0..<(bytes.count / 4), using: &random) * 4
                    let value =
                        Bool.random(using: &random)
                        ? UInt32.random(in: 0...UInt32.max, using: &random)
                        : region.lowerBound + UInt32.random(in: 0..<UInt32(region.count), using: &random)
                    unsafe bytes.storeBytes(of: value, toByteOffset: word, as: UInt32.self)
                }
            }
            for _ in 0..<60 {
                _ = try? heap.allocate(Int.random(in: 0..<3000, using: &random))
                if let block = blocks.popLast() { try? heap.free(block) }
                if let block = blocks.last {
                    _ = try? heap.reallocate(block, to: Int.random(in: 0..<900, using: &random))
                }
            }
            _ = try? heap.isIntact()
            _ = heap.statistics()
            heap.printTaskOverview()
        }
    }

    @Test func hugeAndZeroSizesAreRefused() throws {
        let heap = try ESPHeap(chip: .esp32)
        for size in [0, -1, 0x7fff_ffff, 0xffff_fff0, 0xffff_fffd, 0xffff_ffff, 1 << 32, (1 << 32) + 4, Int.max] {
            #expect(throws: ESPError.self) { try heap.allocate(size) }
            #expect(throws: ESPError.self) { try heap.allocateZeroed(size) }
            #expect(throws: ESPError.self) { try heap.allocate(size, alignment: 64) }
        }
        for alignment in [0, 3, 24, -8, 1 << 33] {
            #expect(throws: ESPError.self) { try heap.allocate(16, alignment: alignment) }
        }
        let block = try heap.allocate(64)
        #expect(throws: ESPError.self) { try heap.reallocate(block, to: 0xffff_ffff) }
        #expect(try heap.allocatedSize(of: block) == 64)
        #expect(try heap.reallocate(block, to: 0) == nil)
    }

    @Test func sizesNearTheTopWrapInMultiHeapAsOnTheChip() throws {
        #expect(try last(1, "none", "malloc 1 0xffffffff") == ["0x3ffb01a4"])
        #expect(try last(1, "none", "malloc 1 0xfffffffc") == ["0"])
        #expect(try last(1, "light", "malloc 1 0xfffffff4") == ["0"])
    }

    @Test func impossibleCapabilitiesAreRefused() throws {
        let heap = try ESPHeap(chip: .esp32c3)
        for capabilities: ESPCapabilities in [
            [], .invalid, [.external], [.rtc, .dma], [.scratchpad], [.bytes, .simd],
        ] {
            let error = #expect(throws: ESPError.self) { try heap.allocate(16, capabilities: capabilities) }
            #expect(error?.code == .noMemory)
        }
        // Instruction memory has no bytes, whatever the bits of a region together say.
        let esp32 = try ESPHeap(chip: .esp32)
        #expect(throws: ESPError.self) { try esp32.allocate(16, capabilities: [.executable, .bytes]) }
        #expect(try esp32.allocate(16, capabilities: .executable).rawValue >= 0x4008_0000)
    }

    @Test func overrunIsFoundWhereTheCanariesAre() throws {
        let lines = try last(4, "light", "malloc 1 10\npoke 1 10 0\ncheck\nfree 1")
        #expect(
            lines[0] == "| CORRUPT HEAP: Bad tail at 0x3ffb01b6. Expected 0xbaad5678 got 0xbaad5600"
                || lines[1].contains("Bad tail"))
        #expect(lines.last == "abort")
        let none = try last(2, "none", "malloc 1 10\npoke 1 9 0\ncheck\nfree 1")
        #expect(none == ["check 1", "ok"])
    }

    @Test func aDamagedSizeLeadsNowhere() throws {
        let lines = try last(3, "light", "malloc 1 10\npoke 1 -1 0x70\nfree 1\ncheck")
        #expect(lines.contains("abort"))
        #expect(lines.contains { $0.contains("LoadProhibited") })
    }

    @Test(arguments: [
        ("mallok 1 2", 2, "unknown operation"), ("malloc 1", 2, "takes 2 fields"),
        ("malloc x 2", 2, "not a 32-bit number"),
        ("malloc 1 4294967296", 2, "not a 32-bit number"), ("malloc 1  2", 2, "empty field"),
        ("# fine\nmalloc 1 -2", 3, "not a 32-bit number"), ("pmalloc 1 20 3 0x4", 2, "announced"),
        ("malloc 99999999 2", 2, "slot"), ("free 1 ", 2, "empty field"),
    ])
    func malformedLinesAreErrorsWithTheirNumber(_ text: String, line: Int, message: String) throws {
        let script = ESPScript("boot\n\(text)\n")
        let error = #expect(throws: ESPError.self) { try script.run(chip: .esp32) }
        #expect(error?.code == .script)
        #expect(error?.line == line)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func unknownVariantsAreErrors() {
        for variant in ["", "nope", "v99.none", "v53.", "v53.nope"] {
            #expect(throws: ESPError.self) { try ESPScript("boot\n").run(chip: .esp32, variant: variant) }
        }
    }
}
