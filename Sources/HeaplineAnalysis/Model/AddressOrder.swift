// SPDX-License-Identifier: Apache-2.0
//
// The live blocks of one process by address. Several queries want them so; they are put in order once, by their bits: a million of
// them take a tenth of the time that comparisons take.

/// Live blocks by address. Each knows its number: the how manieth it is in the order of the table.
struct AddressOrder {
    private(set) var addresses: [UInt64]
    private(set) var sizes: [UInt64]
    private(set) var numbers: [UInt32]

    /// - Complexity: O(blocks), and 40 bytes for each of them meanwhile.
    init(_ table: borrowing LiveTable) {
        var entries: [Entry] = []
        var unordered: [UInt64] = []
        entries.reserveCapacity(table.count)
        unordered.reserveCapacity(table.count)
        table.forEach { block in
            entries.append(Entry(address: block.address, number: UInt32(entries.count)))
            unordered.append(block.size)
        }
        Self.sort(&entries)
        addresses = entries.map(\.address)
        sizes = entries.map { unordered[Int($0.number)] }
        numbers = entries.map(\.number)
    }

    private struct Entry: BitwiseCopyable {
        var address: UInt64
        var number: UInt32
    }

    private static let digitBits = 11

    /// Least significant digit first; digits in which all are the same are skipped.
    private static func sort(_ entries: inout [Entry]) {
        guard let first = entries.first?.address else { return }
        var differing: UInt64 = 0
        for entry in entries { differing |= entry.address ^ first }
        var other = entries
        let digits = 1 << digitBits
        var starts = [Int](repeating: 0, count: digits)
        for shift in stride(from: 0, to: 64, by: digitBits) where differing >> shift & UInt64(digits - 1) != 0 {
            for digit in 0..<digits { starts[digit] = 0 }
            for entry in entries { starts[Int(entry.address >> shift & UInt64(digits - 1))] += 1 }
            var sum = 0
            for digit in 0..<digits {
                let count = starts[digit]
                starts[digit] = sum
                sum += count
            }
            for entry in entries {
                let digit = Int(entry.address >> shift & UInt64(digits - 1))
                other[starts[digit]] = entry
                starts[digit] += 1
            }
            swap(&entries, &other)
        }
    }
}
