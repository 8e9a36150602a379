// SPDX-License-Identifier: Apache-2.0
//
// The live table against a dictionary, with its invariant checked on the way, and its promise about memory.

import Testing

@testable import HeaplineAnalysis

@Suite struct LiveTableTests {
    @Test(arguments: 0..<12) func equalsADictionary(_ number: Int) {
        let seed = 0x11fe_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var table = LiveTable()
        var truth: [UInt64: UInt64] = [:]
        // Few addresses, many, neighbouring ones, and ones that differ only high up.
        let range = [50, 3000, 40_000][number % 3]
        let step: UInt64 = [1, 16, 4096, 1 << 40][number % 4]
        let none = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        for turn in 0..<20_000 {
            let address = (1 + UInt64(random.below(range))) &* step
            var old = none
            if random.chance(55) {
                let size = random.next() >> 40
                let block = LiveBlock(address: address, size: size, stamp: 0, site: 1, thread: 2)
                let replaced = table.insert(block, replaced: &old)
                #expect(replaced == (truth[address] != nil), "seed \(seed)")
                if replaced { #expect(old.size == truth[address], "seed \(seed)") }
                truth[address] = size
            } else {
                let found = table.remove(address, into: &old)
                #expect(found == (truth[address] != nil), "seed \(seed)")
                if found { #expect(old.size == truth.removeValue(forKey: address), "seed \(seed)") }
            }
            if turn % 2500 == 0 {
                let sound = table.check().isSound
                #expect(sound, "seed \(seed), turn \(turn)")
            }
        }
        let sound = table.check().isSound
        let count = table.count
        #expect(sound && count == truth.count, "seed \(seed)")
        var seen: [UInt64: UInt64] = [:]
        table.forEach { seen[$0.address] = $0.size }
        #expect(seen == truth, "seed \(seed)")
    }

    /// As the loop over events does it: places are worked out ahead, and anew once the table has grown.
    @Test(arguments: 0..<4) func equalsADictionaryByPlacesWorkedOutAhead(_ number: Int) {
        let seed = 0x11fe_1000 + UInt64(number)
        var random = SeededRandom(seed)
        var table = LiveTable()
        var truth: [UInt64: UInt64] = [:]
        let range = [60, 20_000][number % 2]
        let step: UInt64 = number < 2 ? 16 : 1 << 36
        var old = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        for turn in 0..<2000 {
            let addresses = (0..<16).map { _ in (1 + UInt64(random.below(range))) &* step }
            var places = addresses.map { table.place($0) }
            for (index, address) in addresses.enumerated() {
                let isNew = random.chance(turn < 1000 ? 65 : 45)
                table.prefetchTags(places[index])
                table.prefetch(places[index], isNew: isNew)
                guard isNew else {
                    let found = table.remove(address, places[index], into: &old)
                    #expect(found == (truth[address] != nil), "seed \(seed)")
                    if found { #expect(old.size == truth.removeValue(forKey: address), "seed \(seed)") }
                    continue
                }
                let block = LiveBlock(address: address, size: random.next() >> 40, stamp: 0, site: 1, thread: 2)
                let growths = table.growths
                if table.insertNew(block, places[index]) {
                    #expect(truth[address] == nil && table.growths == growths, "seed \(seed)")
                } else {
                    let replaced = table.insert(block, replaced: &old)
                    #expect(replaced == (truth[address] != nil), "seed \(seed)")
                    #expect(replaced ? old.size == truth[address] : table.growths > growths, "seed \(seed)")
                    if !replaced { places = addresses.map { table.place($0) } }
                }
                truth[address] = block.size
            }
        }
        let sound = table.check().isSound
        let count = table.count
        #expect(sound && count == truth.count, "seed \(seed)")
        #expect(table.growths > 0 || range < 100)
    }

    @Test func zeroIsNoAddress() {
        var table = LiveTable()
        var block = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        let found = table.remove(0, into: &block)
        let contains = table.contains(0)
        #expect(!found && !contains)
    }

    @Test func staysBelow64BytesForEachBlockOr66Megabytes() {
        var table = LiveTable()
        var old = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        var worst = 0.0
        for index in 1...1_700_000 {
            let block = LiveBlock(address: UInt64(index) * 32, size: 1, stamp: 0, site: 0, thread: 0)
            _ = table.insert(block, replaced: &old)
            guard index % 10_000 == 0 else { continue }
            let bytes = table.bytes
            if bytes > 66 << 20 { worst = max(worst, Double(bytes) / Double(index)) }
        }
        #expect(worst > 0 && worst < 64)
        #expect(table.check().bytes == table.bytes)
    }

    /// What is expected saves steps and is not believed blindly.
    @Test(arguments: [(0, 300_000, 40 << 20), (300_000, 300_000, 20 << 20), (Int.max, 60_000, 32 * 64 * 60_000)])
    func growsToWhatIsExpected(_ expected: Int, _ count: Int, _ mostBytes: Int) {
        var table = LiveTable(expected: expected)
        var old = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        for index in 1...count {
            _ = table.insert(LiveBlock(address: UInt64(index) * 32, size: 1, stamp: 0, site: 0, thread: 0), replaced: &old)
        }
        let (bytes, isSound) = table.check()
        #expect(isSound && table.count == count)
        #expect(bytes <= mostBytes)
        #expect(expected == 0 ? table.growths > 8 * 9 : table.growths <= 8 * 9)
    }
}
