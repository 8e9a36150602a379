// SPDX-License-Identifier: Apache-2.0
//
// Random sequences of operations; after each one every invariant of every heap is tested (hl_chip_is_sound) and the live
// blocks keep their bytes. Finds: broken lists, sizes that do not add up, overlapping blocks, lost contents. Can not
// find: a placement that is consistent but not the chip's; that is RecordingTests' part.

internal import CESPHeap
import Testing

struct HeapShape: CustomTestStringConvertible, Sendable {
    let size: Int
    let poisoning: UInt32
    let seed: UInt64

    var testDescription: String { "\(size) bytes, poisoning \(poisoning), seed \(seed)" }
}

struct NoHeap: Error {}

/// One heap in memory of its own, with a model of what it holds.
@safe
private struct Exerciser {
    @safe
    struct Live {
        var address: UnsafeMutableRawPointer
        var size: Int
        var byte: UInt8
    }

    let chip: RawChip
    let heap: OpaquePointer
    var random: SeededGenerator
    let region: Int
    var live: [Live] = []

    init(_ shape: HeapShape) throws {
        let chip = try RawChip(
            "esp32", poisoning: hl_poisoning(rawValue: shape.poisoning),
            mapping: shape.seed.isMultiple(of: 2) ? HL_MAPPING_ELSEWHERE : HL_MAPPING_AUTO, starts: false)
        let start = UInt32(0x3fc0_0000)
        guard unsafe hl_chip_map(chip.pointer, start, shape.size) == 0,
            let memory = unsafe hl_chip_pointer(chip.pointer, start),
            let made = unsafe chip.use({ unsafe multi_heap_register(memory, shape.size) })
        else { throw NoHeap() }
        self.chip = chip
        random = SeededGenerator(seed: shape.seed)
        region = shape.size
        unsafe heap = made
    }

    private mutating func anySize() -> Int {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: 0
        case 1..<12: Int.random(in: 1..<64, using: &random)
        case 12..<18: Int.random(in: 1..<(region / 16 + 2), using: &random)
        default: Int.random(in: 1..<region, using: &random)
        }
    }

    private mutating func hold(_ pointer: UnsafeMutableRawPointer?, _ size: Int) {
        guard let pointer = unsafe pointer else { return }
        let byte = UInt8.random(in: 1..<250, using: &random)
        unsafe pointer.initializeMemory(as: UInt8.self, repeating: byte, count: size)
        live.append(unsafe Live(address: pointer, size: size, byte: byte))
    }

    private func isIntact(_ block: Live, upTo size: Int) -> Bool {
        unsafe UnsafeRawBufferPointer(start: block.address, count: min(size, block.size)).allSatisfy {
            $0 == block.byte
        }
    }

    /// One operation. False when contents were lost.
    mutating func step() -> Bool {
        let size = anySize()
        let choice = Int.random(in: 0..<100, using: &random)
        if choice < 40 || live.isEmpty {
            unsafe hold(multi_heap_malloc(heap, size), size)
            return true
        }
        if choice < 50 {
            let alignment = 1 << Int.random(in: 0..<10, using: &random)
            let pointer = unsafe multi_heap_aligned_alloc(heap, size, alignment)
            unsafe hold(pointer, size)
            guard let pointer = unsafe pointer else { return true }
            return unsafe hl_chip_address(chip.pointer, pointer) % UInt32(alignment) == 0
        }
        let index = Int.random(in: 0..<live.count, using: &random)
        let block = live[index]
        guard isIntact(block, upTo: block.size) else { return false }
        if choice < 65 && size > 0 {
            guard let moved = unsafe multi_heap_realloc(heap, block.address, size) else { return true }
            live.swapAt(index, live.count - 1)
            live.removeLast()
            let kept = isIntact(unsafe Live(address: moved, size: size, byte: block.byte), upTo: block.size)
            unsafe hold(moved, size)
            return kept
        }
        live.swapAt(index, live.count - 1)
        live.removeLast()
        unsafe multi_heap_free(heap, block.address)
        return true
    }

    /// Frees everything; the heap must then be one free block again.
    mutating func finish() -> Int {
        while let block = live.popLast() { unsafe multi_heap_free(heap, block.address) }
        var info = multi_heap_info_t()
        unsafe multi_heap_get_info(heap, &info)
        return info.total_blocks
    }
}

@Suite struct PropertyTests {
    static let shapes: [HeapShape] = [256, 1024, 4096, 16383, 16404, 20000].enumerated().flatMap { index, size in
        (0..<3).map { HeapShape(size: size, poisoning: UInt32($0), seed: UInt64(1000 + index * 3 + $0)) }
    }

    /// `make property` does ten million.
    @Test(arguments: shapes)
    func invariantsHoldAfterEveryOperation(_ shape: HeapShape) throws {
        var exerciser = try Exerciser(shape)
        let count = operationBudget(default: 60_000) / Self.shapes.count
        for operation in 0..<count {
            let kept = exerciser.chip.use { exerciser.step() }
            guard kept, exerciser.chip.damage == nil else {
                Issue.record(
                    "seed \(shape.seed), operation \(operation): \(exerciser.chip.damage ?? "contents were lost")")
                return
            }
        }
        #expect(exerciser.chip.use { exerciser.finish() } == 1, "seed \(shape.seed)")
        #expect(unsafe hl_chip_fault_count(exerciser.chip.pointer) == 0, "seed \(shape.seed)")
    }

    /// Handles are found by hashing: many heaps, at starts that differ in few bits, and one registered again.
    @Test func eachOfManyHandlesLeadsToItsHeap() throws {
        let chip = try RawChip("esp32s3", mapping: HL_MAPPING_ELSEWHERE, starts: false)
        let start: UInt32 = 0x2000_0000
        let distance = 64 << 10
        let count = 600
        #expect(unsafe hl_chip_map(chip.pointer, start, distance * count) == 0)
        let memory = unsafe try #require(hl_chip_pointer(chip.pointer, start))
        try chip.use {
            let heaps = unsafe try (0..<count).map { index in
                unsafe try #require(multi_heap_register(memory + index * distance, 1024 + index * 16))
            }
            let empty = unsafe heaps.map { unsafe multi_heap_free_size($0) }
            for index in 0..<count {
                unsafe multi_heap_malloc(heaps[index], 16 + index % 13 * 4)
            }
            for index in 0..<count {
                let taken = unsafe empty[index] - multi_heap_free_size(heaps[index])
                #expect(taken == 16 + index % 13 * 4 + 4, "heap \(index)")
            }
            let again = unsafe try #require(multi_heap_register(memory + 5 * distance, 1024 + 5 * 16))
            unsafe #expect(again == heaps[5] && multi_heap_free_size(again) == empty[5])
        }
    }
}
