// SPDX-License-Identifier: Apache-2.0
//
// A condensed image against the whole one: no query may tell them apart, whatever of the blocks it was condensed for is still alive.

import CHeaplineFormat
import Testing

@testable import HeaplineAnalysis

@Suite struct CondensingTests {
    typealias Memory = ReachabilityTests.Memory
    private static let heap: UInt64 = 0x10000
    private static let data: UInt64 = 0x4000_0000
    private static let mapped: UInt64 = 0x7f00_0000_0000
    private static let stack: UInt64 = 0x7ffc_0000_0000

    private func condensed(_ memory: Memory, _ live: [(address: UInt64, size: UInt64)]) -> MemoryImage? {
        let bytes = memory.bytes()
        let records = live.map { hl_record(time_kind: 1, address: $0.address, size: $0.size, stack: 0, thread: 0) }
        guard let small = unsafe MemoryImage.condensed(bytes.span.bytes, live: records) else { return nil }
        var buffer = MemoryImage.Buffer(capacity: small.count * 8)
        unsafe small.withUnsafeBytes { unsafe buffer.append($0) }
        return MemoryImage(buffer)
    }

    /// Blocks in a heap and in mappings, some with the stack of a thread; pointers to their starts, insides and ends, with flags, and to
    /// nothing; anywhere.
    private func randomMemory(_ random: inout SeededRandom) -> (Memory, [(address: UInt64, size: UInt64)]) {
        var blocks: [(address: UInt64, size: UInt64)] = []
        for start in [Self.heap, Self.mapped] {
            var at = start + 16
            for _ in 0..<random.below(30) {
                let size = UInt64(random.chance(10) ? random.below(300_000) : random.below(200))
                blocks.append((at, size))
                at = (at + max(size, 24) + 23) & ~15
                if random.chance(20) { at += UInt64(random.below(1 << 19)) & ~15 }
            }
        }
        if blocks.isEmpty { blocks.append((Self.heap + 16, 24)) }
        func end(_ start: UInt64) -> UInt64 {
            let last = blocks.last { $0.address >= start && $0.address < start + (1 << 32) }
            return (last.map { $0.address + $0.size } ?? start) + 8191 & ~4095
        }
        var memory = Memory()
        memory.areas = [
            ReachabilityTests.area(Self.heap, end(Self.heap), HL_AREA_HEAP),
            ReachabilityTests.area(Self.data, Self.data + 8192, HL_AREA_DATA, flags: random.chance(50) ? UInt32(HL_AREA_LIBC) : 0),
            ReachabilityTests.area(Self.mapped, end(Self.mapped), HL_AREA_ANONYMOUS),
            ReachabilityTests.area(Self.stack, Self.stack + 16384, HL_AREA_STACK),
        ]
        func place() -> UInt64 {
            if random.chance(70) {
                let block = blocks[random.below(blocks.count)]
                return (block.address + UInt64(random.below(Int(min(block.size, 256)) + 48))) & ~7
            }
            let area = memory.areas[random.below(memory.areas.count)]
            return area.start + UInt64(random.below(Int(area.end - area.start) / 8)) * 8
        }
        func value() -> UInt64 {
            let block = blocks[random.below(min(blocks.count, 1 + random.below(8)))]
            switch random.below(8) {
            case 0: return block.address + UInt64(random.below(Int(block.size) + 40))
            case 1: return (block.address &- 32) | UInt64(random.below(16)) << 60
            case 2: return Self.data + UInt64(random.below(1024)) * 8
            case 3: return place()
            default: return block.address
            }
        }
        for _ in 0..<random.below(400) {
            let place = place()
            if memory.areas.contains(where: { $0.start <= place && place < $0.end }) { memory.words[place] = value() }
        }
        for number in 0..<random.below(4) {
            var thread = hl_image_thread()
            thread.state = HL_THREAD_STOPPED.rawValue
            thread.stack_pointer = number == 0 ? Self.stack + UInt64(random.below(2048)) * 8 : place()
            thread.thread_pointer = place()
            thread.registers.3 = value()
            memory.threads.append(thread)
        }
        for _ in 0..<random.below(3) {
            let pointer = place()
            memory.ended.append(pointer)
            if memory.words[pointer] != nil { memory.words[pointer] = pointer }
        }
        return (memory, blocks)
    }

    @Test(arguments: 0..<400) func noVerdictChanges(_ number: Int) throws {
        let seed = 0xc0de_0000 + UInt64(number)
        var random = SeededRandom(seed)
        let (memory, blocks) = randomMemory(&random)
        let whole = try #require(memory.image(), "seed \(seed)")
        let small = try #require(condensed(memory, blocks.shuffled()), "seed \(seed)")
        #expect(small.wordCount <= whole.wordCount)
        small.forEachWord { #expect(whole.word(at: $0) == $1, "seed \(seed)") }
        #expect(small.threads.map(\.registers) == whole.threads.map(\.registers) && small.ended == whole.ended)
        for share in [100, 80] {
            let alive = blocks.filter { _ in random.chance(share) }
            let expected = Reachability(whole, LiveSet(alive))
            let found = Reachability(small, LiveSet(alive))
            #expect(found.verdicts == expected.verdicts, "seed \(seed), \(share) % alive")
            #expect(found.firstWords == expected.firstWords, "seed \(seed), \(share) % alive")
        }
    }

    @Test func whatLeadsNowhereIsLeftOut() throws {
        let block = (address: Self.heap + 32, size: UInt64(4096))
        var memory = Memory()
        memory.areas = [
            ReachabilityTests.area(Self.heap, Self.heap + 8192, HL_AREA_HEAP),
            ReachabilityTests.area(Self.mapped, Self.mapped + (1 << 20), HL_AREA_ANONYMOUS),
        ]
        // A heap of the program's own, and a list within one block.
        for word in 0..<UInt64(10_000) { memory.words[Self.mapped + 8 + word * 8] = Self.mapped + word * 16 }
        for word in 0..<UInt64(512) { memory.words[block.address + word * 8] = block.address + word * 8 }
        memory.words[Self.mapped] = block.address
        let small = try #require(condensed(memory, [block]))
        #expect(small.wordCount == 2)
        #expect(Reachability(small, LiveSet([block])).verdicts == [.reachable])
    }

    // What a name is made of: the record before and behind the place that the first word names, and those of the type's arguments.
    @Test func metadataMadeAtRunTimeStays() throws {
        var memory = Memory()
        memory.areas = [
            ReachabilityTests.area(Self.heap, Self.heap + 65536, HL_AREA_HEAP),
            ReachabilityTests.area(Self.data, Self.data + 4096, HL_AREA_DATA),
        ]
        let block = (address: Self.heap + 32, size: UInt64(64))
        let (object, argument) = (Self.heap + 16384, Self.heap + 32768)
        memory.words[block.address] = object
        for (metadata, place) in [(object, UInt64(40)), (argument, 8)] {
            memory.words[metadata - 8] = Self.data + 64
            memory.words[metadata + place] = Self.data + 256
        }
        memory.words[object + 512] = argument
        memory.words[argument + 16] = Self.data + 128
        memory.words[argument + 8192] = Self.data + 128
        let small = try #require(condensed(memory, [block]))
        for place in [object - 8, object + 40, object + 512, argument - 8, argument + 8, argument + 16] {
            #expect(small.word(at: place) == memory.words[place])
        }
        #expect(small.word(at: argument + 8192) == nil)
    }

    @Test func whatIsNoImageStaysNone() throws {
        var memory = Memory()
        memory.areas = [ReachabilityTests.area(Self.heap, Self.heap + 4096, HL_AREA_HEAP)]
        memory.words = [Self.heap + 64: Self.heap + 32]
        let whole = memory.bytes()
        for length in 0..<whole.count {
            let part = Array(whole[..<length])
            let small = unsafe MemoryImage.condensed(part.span.bytes, live: [])
            #expect(small == nil, "cut at \(length)")
        }
    }
}
