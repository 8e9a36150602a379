// SPDX-License-Identifier: Apache-2.0
//
// What the tests share: random numbers with a seed, fixture files, a chip made current.

internal import CESPHeap
internal import Glibc
import Testing

/// SplitMix64: small, seeded, the same on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// How much the long tests do: `HEAPLINE_TEST_OPERATIONS` operations in all, else what a debug build does in seconds.
func operationBudget(default count: Int) -> Int {
    guard let text = unsafe getenv("HEAPLINE_TEST_OPERATIONS") else { return count }
    return Int(unsafe String(cString: text)) ?? count
}

struct NoFile: Error {
    let path: String
}

func readFile(_ path: String) throws -> [UInt8] {
    guard let file = unsafe fopen(path, "rb") else { throw NoFile(path: path) }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe fread(&chunk, 1, chunk.count, file)
        guard count > 0 else { return bytes }
        bytes += chunk[..<count]
    }
}

func fileNames(in folder: String) -> [String] {
    guard let directory = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        names.append(
            unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            })
    }
    return names.sorted()
}

/// The recordings' folder, beside this file.
let fixtures: String = {
    let here = #filePath
    return here[..<(here.lastIndex(of: "/") ?? here.endIndex)] + "/Fixtures"
}()

struct NoChip: Error {
    let target: String
    let code: Int32
}

/// A chip of the C library with its heap started, for tests that call ESP-IDF's functions themselves.
@safe
final class RawChip: @unchecked Sendable {
    // Sendable: the chip's heaps lock themselves; the pointer is never changed.
    let pointer: OpaquePointer

    init(
        _ target: String, poisoning: hl_poisoning = HL_POISONING_NONE, tracking: hl_tracking = HL_TRACKING_OFF,
        mapping: hl_mapping = HL_MAPPING_AUTO, starts: Bool = true
    ) throws {
        var options = unsafe hl_chip_options()
        unsafe options.poisoning = poisoning
        unsafe options.tracking = tracking
        unsafe options.mapping = mapping
        unsafe options.port.print = { _, _, _ in }
        var made: OpaquePointer? = nil
        let code = unsafe target.withCString { name in
            unsafe options.target = name
            return unsafe hl_chip_create(&options, &made)
        }
        guard let made = unsafe made else { throw NoChip(target: target, code: code) }
        unsafe pointer = made
        if starts {
            use {
                heap_caps_init()
                heap_caps_enable_nonos_stack_heaps()
            }
        }
    }

    deinit {
        unsafe hl_chip_destroy(pointer)
    }

    func use<Result>(_ body: () throws -> Result) rethrows -> Result {
        let before = unsafe hl_chip_use(pointer)
        defer { unsafe _ = hl_chip_use(before) }
        return try body()
    }

    /// What is wrong with the chip's heaps, or nil.
    var damage: String? {
        var reason = [CChar](repeating: 0, count: 160)
        if unsafe hl_chip_is_sound(pointer, &reason, reason.count) { return nil }
        return String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
