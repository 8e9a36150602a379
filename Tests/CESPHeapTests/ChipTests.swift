// SPDX-License-Identifier: Apache-2.0
//
// Every chip: boots, lists its heaps, is filled to the last byte, fragmented, and recovers.

import Heapline
import Testing

@Suite struct ChipTests {
    @Test func documentedChipsAreThere() {
        let documented = [
            "esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2",
            "esp32h21",
            "esp32h4", "esp32p4",
        ]
        #expect(Set(documented).isSubset(of: Set(ESPChip.all.map(\.target))))
    }

    @Test(arguments: ESPChip.all)
    func bootListsItsHeaps(_ chip: ESPChip) throws {
        let heap = try ESPHeap(chip: chip)
        let log = heap.takeConsoleOutput()
        #expect(log.hasPrefix("I heap_init: Initializing. RAM available for dynamic allocation:\n"))
        let regions = heap.regions
        #expect(regions.count >= 2)
        #expect(log.split(separator: "\n").count == regions.count + 1)
        for (smaller, larger) in zip(regions, regions.dropFirst()) {
            #expect(smaller.addresses.count <= larger.addresses.count, "search goes by ascending size")
        }
        #expect(regions.allSatisfy { $0.isUsable })
        #expect(try heap.isIntact())
        // The descriptors of the heaps are the chip's first allocation.
        let first = heap.statistics(for: [.bytes, .internal])
        #expect(first.allocatedBlocks == 1)
        #expect(first.allocatedBytes >= 36 * regions.count)
    }

    @Test(arguments: ESPChip.all, ESPHeap.Poisoning.allCases)
    func survivesExhaustionAndRecovers(_ chip: ESPChip, poisoning: ESPHeap.Poisoning) throws {
        let heap = try ESPHeap(chip: chip, poisoning: poisoning)
        let seed: UInt64 = 42
        var random = SeededGenerator(seed: seed)
        let before = heap.statistics()
        var blocks: [ESPHeap.Address] = []
        // Full: with large blocks first, then with ever smaller ones, until one byte is too much.
        var size = 20_000
        while size > 0 {
            do {
                blocks.append(try heap.allocate(size, capabilities: .default))
            } catch {
                #expect(error.code == .noMemory)
                size = size == 1 ? 0 : max(1, size / 3)
            }
        }
        #expect(heap.statistics().largestFreeBlock < 12 + 12)
        #expect(try heap.isIntact(), "seed \(seed)")
        // Fragmented: every other block, in random order.
        blocks.shuffle(using: &random)
        for _ in 0..<(blocks.count / 2) {
            if let block = blocks.popLast() { try heap.free(block) }
        }
        #expect(try heap.isIntact(), "seed \(seed)")
        for _ in 0..<200 {
            let wanted = Int.random(in: 1..<3000, using: &random)
            if let block = try? heap.allocate(wanted, capabilities: .default) { blocks.append(block) }
        }
        #expect(try heap.isIntact(), "seed \(seed)")
        // Recovered: as at the start.
        blocks.shuffle(using: &random)
        for block in blocks { try heap.free(block) }
        let after = heap.statistics()
        #expect(after.freeBytes == before.freeBytes && after.largestFreeBlock == before.largestFreeBlock)
        #expect(after.freeBlocks == before.freeBlocks && after.allocatedBlocks == before.allocatedBlocks)
        #expect(after.minimumFreeBytes < before.minimumFreeBytes / 10)
        #expect(try heap.isIntact(), "seed \(seed)")
    }

    @Test func externalMemoryIsSearchedFirstForDefault() throws {
        let heap = try ESPHeap(chip: .esp32, externalBytes: 4 << 20)
        #expect(heap.regions.first?.addresses.lowerBound == 0x3f80_0000)
        #expect(try heap.allocate(100, capabilities: .default).rawValue < 0x3fc0_0000)
        #expect(try heap.allocate(100, capabilities: [.default, .internal]).rawValue >= 0x3ffa_e000)
        // Present at the start, so its minimum is a real figure.
        #expect(heap.statistics(for: .external).minimumFreeBytes > 4 << 19)
    }

    @Test func mappingDoesNotChangeAddresses() throws {
        let here = try ESPHeap(chip: .esp32c6, poisoning: .light, mapping: .automatic)
        let there = try ESPHeap(chip: .esp32c6, poisoning: .light, mapping: .elsewhere)
        let isInPlace = there.isInPlace
        #expect(!isInPlace)
        let seed: UInt64 = 7
        var random = SeededGenerator(seed: seed)
        var blocks: [ESPHeap.Address] = []
        for _ in 0..<2000 {
            let size = Int.random(in: 1..<5000, using: &random)
            if Bool.random(using: &random), let block = blocks.randomElement(using: &random) {
                blocks.removeAll { $0 == block }
                try here.free(block)
                try there.free(block)
            } else if let block = try? here.allocate(size) {
                #expect(try there.allocate(size) == block, "seed \(seed)")
                blocks.append(block)
            }
        }
        #expect(here.blocks() == there.blocks(), "seed \(seed)")
    }
}
