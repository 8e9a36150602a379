// SPDX-License-Identifier: Apache-2.0
//
// Verdicts against a model that follows the definition word by word, on random memory: blocks in a heap, variables, words that lead to
// blocks, into them, just behind them, or nowhere.

import CHeaplineFormat
import Testing

@testable import HeaplineAnalysis

@Suite struct ReachabilityTests {
    static let heap: UInt64 = 0x10000
    static let data: UInt64 = 0x8000_0000

    struct Memory {
        var words: [UInt64: UInt64] = [:]
        var areas: [hl_image_area] = []
        var threads: [hl_image_thread] = []
        var ended: [UInt64] = []

        func bytes() -> [UInt8] {
            var header = hl_image()
            header.magic = HL_IMAGE_MAGIC
            header.version = HL_IMAGE_VERSION
            header.reason = UInt32(HL_DUMP_EXIT.rawValue)
            header.thread_count = UInt32(threads.count)
            header.ended_count = UInt32(ended.count)
            header.area_count = UInt32(areas.count)
            var bytes = Payload.bytes(header)
            for thread in threads { bytes += Payload.bytes(thread) }
            for pointer in ended { bytes += Payload.bytes(pointer) }
            for area in areas { bytes += Payload.bytes(area) }
            for (page, keys) in Dictionary(grouping: words.keys.sorted(), by: { $0 & ~4095 }).sorted(by: { $0.key < $1.key }) {
                var present = [UInt64](repeating: 0, count: 8)
                for key in keys { present[Int(key - page) / 512] |= UInt64(1) << ((key - page) / 8 % 64) }
                bytes += Payload.bytes(page)
                for word in present { bytes += Payload.bytes(word) }
                for key in keys { bytes += Payload.bytes(words[key]!) }
            }
            return bytes + [UInt8](repeating: 0, count: 72)
        }

        func image() -> MemoryImage? {
            let bytes = bytes()
            var buffer = MemoryImage.Buffer(capacity: bytes.count)
            unsafe bytes.withUnsafeBytes { unsafe buffer.append($0) }
            return MemoryImage(buffer)
        }
    }

    static func area(_ start: UInt64, _ end: UInt64, _ kind: hl_area_kind, flags: UInt32 = 0) -> hl_image_area {
        hl_image_area(start: start, end: end, kind: UInt32(kind.rawValue), flags: flags)
    }

    @Test(arguments: 0..<200) func randomMemory(_ number: Int) throws {
        let seed = 0x5eac_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var blocks: [(address: UInt64, size: UInt64)] = []
        var at = Self.heap + 16
        for _ in 0..<(1 + random.below(40)) {
            let size = UInt64(random.below(200))
            blocks.append((at, size))
            at = (at + max(size, 24) + 23) & ~15
            if random.chance(10) { at += UInt64(random.below(1 << 15)) & ~15 }
        }
        var memory = Memory()
        memory.areas = [
            Self.area(Self.heap, (at + 4096) & ~4095, HL_AREA_HEAP), Self.area(Self.data, Self.data + 4096, HL_AREA_DATA),
        ]
        func pointer() -> UInt64 {
            let block = blocks[random.below(blocks.count)]
            switch random.below(6) {
            case 0: return block.address + UInt64(random.below(Int(block.size) + 40))
            case 1: return Self.data + 8
            default: return block.address
            }
        }
        for _ in 0..<random.below(4) { memory.words[Self.data + UInt64(random.below(512)) * 8] = pointer() }
        for _ in 0..<random.below(2 * blocks.count + 4) {
            memory.words[Self.heap + UInt64(random.below(Int(at - Self.heap) / 8)) * 8] = pointer()
        }
        let image = try #require(memory.image(), "seed \(seed)")
        #expect(image.wordCount == memory.words.count)
        for (address, value) in memory.words { #expect(image.word(at: address) == value, "seed \(seed)") }
        let found = Reachability(image, LiveSet(blocks.shuffled()))
        // However many parts it is read in, on several processors.
        for parts in [2, 3, 1 + image.pageCount, 40] {
            let same = Reachability(image, LiveSet(blocks), parts: parts)
            #expect(same.verdicts == found.verdicts && same.firstWords == found.firstWords, "seed \(seed), \(parts) parts")
            let pages = (0..<parts).flatMap { image.pages(ofPart: $0, of: parts) }
            #expect(pages == Array(0..<image.pageCount), "seed \(seed), \(parts) parts")
        }
        check(found.verdicts, blocks, memory, "seed \(seed)")
        for (index, block) in blocks.enumerated() {
            #expect(found.firstWords[index] == memory.words[block.address] ?? 0, "seed \(seed)")
        }
    }

    /// The definition: closures of "leads to".
    private func check(_ verdicts: [DumpedBlock.Verdict], _ blocks: [(address: UInt64, size: UInt64)], _ memory: Memory, _ seed: String) {
        let count = blocks.count
        func holder(_ value: UInt64) -> Int? {
            blocks.firstIndex { $0.address <= value && value < $0.address + max($0.size, 1) }
        }
        var leads = Array(repeating: Array(repeating: false, count: count), count: count)
        var reached = Array(repeating: false, count: count)
        for (address, value) in memory.words {
            guard let target = holder(value) else { continue }
            if address >= Self.data {
                reached[target] = true
            } else if let source = blocks.firstIndex(where: { block in
                let usable = max(24, (block.size + 23) / 16 * 16 - 8)
                return block.address <= address && address < block.address + usable
            }) {
                leads[source][target] = true
            }
        }
        for middle in 0..<count {
            for from in 0..<count where leads[from][middle] { for to in 0..<count where leads[middle][to] { leads[from][to] = true } }
        }
        for index in 0..<count where reached[index] { for to in 0..<count where leads[index][to] { reached[to] = true } }
        let heads = (0..<count).filter { verdicts[$0] == .unreachable }
        for index in 0..<count {
            #expect((verdicts[index] == .reachable) == reached[index], "\(seed) block \(index)")
            switch verdicts[index] {
            case .indirect: #expect(heads.contains { leads[$0][index] }, "\(seed) block \(index)")
            case .unreachable:
                // Whatever leads to it, it leads to as well; and it stands for its ring alone.
                for other in 0..<count where other != index && leads[other][index] && !reached[other] {
                    #expect(leads[index][other], "\(seed) block \(index)")
                    #expect(verdicts[other] == .indirect, "\(seed) block \(index)")
                }
            default: break
            }
        }
    }

    // MARK: Roots

    private func verdict(_ change: (inout Memory) -> Void) throws -> DumpedBlock.Verdict {
        var memory = Memory()
        memory.areas = [Self.area(Self.heap, Self.heap + 4096, HL_AREA_HEAP)]
        change(&memory)
        memory.areas.sort { $0.start < $1.start }
        return Reachability(try #require(memory.image()), LiveSet([(Self.heap + 32, 40)])).verdicts[0]
    }
    private let stack: UInt64 = 0x7000_0000
    private func thread(sp: UInt64, tp: UInt64, register: UInt64 = 0) -> hl_image_thread {
        var thread = hl_image_thread()
        thread.state = HL_THREAD_STOPPED.rawValue
        thread.stack_pointer = sp
        thread.thread_pointer = tp
        thread.registers.3 = register
        return thread
    }

    @Test func registersCount() throws {
        #expect(try verdict { $0.threads = [thread(sp: 1 << 40, tp: 0, register: Self.heap + 40)] } == .reachable)
    }

    @Test(arguments: [(-200, false), (-128, true), (0, true), (800, true)])
    func stacksCountFromTheRedZoneOn(_ offset: Int, _ counts: Bool) throws {
        let verdict = try verdict { memory in
            memory.areas.append(Self.area(stack, stack + 8192, HL_AREA_ANONYMOUS))
            memory.threads = [thread(sp: stack + 4096, tp: stack + 8000)]
            memory.words[UInt64(Int(stack) + 4096 + offset)] = Self.heap + 32
        }
        #expect(verdict == (counts ? .reachable : .unreachable))
    }

    @Test(arguments: [true, false]) func stacksOfEndedThreadsDoNot(_ isStillThere: Bool) throws {
        let verdict = try verdict { memory in
            memory.areas.append(Self.area(stack, stack + 8192, HL_AREA_ANONYMOUS))
            memory.ended = [stack + 8000]
            memory.words[stack + 8000] = isStillThere ? stack + 8000 : stack + 8
            memory.words[stack + 7000] = Self.heap + 32
        }
        #expect(verdict == (isStillThere ? .unreachable : .reachable))
    }

    @Test func flagsInUpperBitsAreNoHindrance() throws {
        for value in [0x8000_0000_0000_0000 | Self.heap, 0x4000_0000_0000_0000 | (Self.heap + 32)] {
            let verdict = try verdict { memory in
                memory.areas.append(Self.area(Self.data, Self.data + 4096, HL_AREA_DATA))
                memory.words[Self.data] = value
            }
            #expect(verdict == .reachable)
        }
    }

    // An enumeration's tagged pointer to an object looks like a string whose storage is the block right behind it.
    @Test(arguments: [true, false]) func taggedPointersLeadToTheirOwnBlock(_ isInBlock: Bool) throws {
        var memory = Memory()
        memory.areas = [
            Self.area(Self.heap, Self.heap + 4096, HL_AREA_HEAP), Self.area(Self.data, Self.data + 4096, HL_AREA_DATA),
        ]
        let tagged = 0x8000_0000_0000_0000 | (Self.heap + 32)
        if isInBlock {
            memory.words[Self.data] = Self.heap + 96
            memory.words[Self.heap + 112] = tagged
        } else {
            memory.words[Self.data] = tagged
        }
        let blocks = LiveSet([(Self.heap + 32, 24), (Self.heap + 64, 24), (Self.heap + 96, 24)])
        let verdicts = Reachability(try #require(memory.image()), blocks).verdicts
        #expect(verdicts == [.reachable, .reachable, isInBlock ? .reachable : .unreachable])
    }

    // What the allocator of the C library notes of the free chunk behind a block looks like a pointer into the block.
    @Test func freeListsOfTheCLibraryDoNotCount() throws {
        for (flags, expected) in [(UInt32(0), DumpedBlock.Verdict.reachable), (UInt32(HL_AREA_LIBC), .unreachable)] {
            let verdict = try verdict { memory in
                memory.areas.append(Self.area(Self.data, Self.data + 4096, HL_AREA_DATA, flags: flags))
                memory.words[Self.data] = Self.heap + 32 + 32  // the header before 40 bytes' next
            }
            #expect(verdict == expected)
        }
    }

    @Test func mappingsBesideABlockOfItsOwnCount() throws {
        let large = Self.data + 16
        var memory = Memory()
        memory.areas = [
            Self.area(Self.heap, Self.heap + 4096, HL_AREA_HEAP), Self.area(Self.data, Self.data + (1 << 20), HL_AREA_ANONYMOUS),
        ]
        memory.words[Self.data + (200 << 10) + 4096] = Self.heap + 32  // behind the block's pages
        let blocks = LiveSet([(Self.heap + 32, 40), (large, 200 << 10)])
        #expect(Reachability(try #require(memory.image()), blocks).verdicts == [.reachable, .unreachable])
    }

    @Test func damagedImagesAreNone() throws {
        var memory = Memory()
        memory.areas = [Self.area(Self.heap, Self.heap + 4096, HL_AREA_HEAP)]
        memory.words = [Self.heap + 64: Self.heap, Self.heap + 80: Self.heap + 8]
        let whole = memory.bytes()
        for length in 0..<whole.count {
            var buffer = MemoryImage.Buffer(capacity: length)
            unsafe whole[..<length].withUnsafeBytes { unsafe buffer.append($0) }
            #expect(MemoryImage(buffer) == nil, "cut at \(length)")
        }
        let seed = 0x1a6e_0001 as UInt64
        var random = SeededRandom(seed)
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0..<(1 + random.below(4)) { bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next()) }
            var buffer = MemoryImage.Buffer(capacity: bytes.count)
            unsafe bytes.withUnsafeBytes { unsafe buffer.append($0) }
            if let image = MemoryImage(buffer) { _ = Reachability(image, LiveSet([(Self.heap + 32, 40)])) }
        }
    }
}
