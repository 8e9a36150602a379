// SPDX-License-Identifier: Apache-2.0
//
// Callers on two cores at once, on heaps of one chip: what one does must not disturb the other. Run it under the thread
// sanitizer. Finds: missing locks and orderings. Can not find: deadlocks between more than two callers.

internal import CESPHeap
import Testing

@Suite struct CoreTests {
    /// One core's work: allocates from the shared heaps, writes its own byte everywhere, and frees what it holds.
    private static func work(_ chip: RawChip, seed: UInt64, operations: Int) -> Bool {
        var random = SeededGenerator(seed: seed)
        let byte = UInt8(truncatingIfNeeded: seed)
        let capabilities: [UInt32] = [0x1800, 0x1000, 0x8, 0x2, 0x4]
        return chip.use {
            var live: [(pointer: UnsafeMutableRawPointer, size: Int)] = unsafe []
            var count = 0
            var intact = true
            func release(_ index: Int) {
                let block = unsafe live.remove(at: index)
                count -= 1
                let bytes = unsafe UnsafeRawBufferPointer(start: block.pointer, count: block.size)
                if unsafe !bytes.allSatisfy({ $0 == byte }) { intact = false }
                unsafe heap_caps_free(block.pointer)
            }
            for _ in 0..<operations {
                let size = Int.random(in: 1..<600, using: &random)
                let caps = capabilities[Int.random(in: 0..<capabilities.count, using: &random)]
                if count > 40 || (count > 0 && Bool.random(using: &random)) {
                    release(Int.random(in: 0..<count, using: &random))
                } else if let pointer = unsafe heap_caps_malloc(size, caps) {
                    unsafe pointer.initializeMemory(as: UInt8.self, repeating: byte, count: size)
                    unsafe live.append((pointer, size))
                    count += 1
                }
            }
            while count > 0 { release(count - 1) }
            return intact
        }
    }

    @Test(arguments: [UInt32(0), 1, 2], [UInt32(0), 2])
    func twoCoresShareTheHeaps(poisoning: UInt32, tracking: UInt32) async throws {
        let chip = try RawChip(
            "esp32", poisoning: hl_poisoning(rawValue: poisoning), tracking: hl_tracking(rawValue: tracking))
        let operations = operationBudget(default: 20_000) / 10
        let intact = await withTaskGroup(of: Bool.self) { group in
            for seed in [UInt64(0x21), 0x42] {
                group.addTask { Self.work(chip, seed: seed, operations: operations) }
            }
            return await group.reduce(true) { $0 && $1 }
        }
        #expect(intact, "a block was written by the other core; seeds 0x21, 0x42")
        #expect(chip.damage == nil)
        #expect(unsafe hl_chip_fault_count(chip.pointer) == 0)
        let used = chip.use {
            var info = multi_heap_info_t()
            unsafe heap_caps_get_info(&info, 0x800)
            return info.allocated_blocks
        }
        // The descriptors, and with tracking the records of the one task.
        #expect(tracking == 0 ? used == 1 : used > 1)
    }

    @Test func figuresAreReadWhileTheOtherCoreAllocates() async throws {
        let chip = try RawChip("esp32s3")
        let operations = operationBudget(default: 20_000) / 10
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = Self.work(chip, seed: 5, operations: operations) }
            group.addTask {
                chip.use {
                    for _ in 0..<(operations / 10) {
                        #expect(heap_caps_get_minimum_free_size(0x1000) <= heap_caps_get_total_size(0x1000))
                        #expect(heap_caps_check_integrity_all(false))
                        _ = heap_caps_get_largest_free_block(0x1000)
                    }
                }
            }
        }
        #expect(chip.damage == nil)
    }
}
