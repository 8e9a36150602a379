// SPDX-License-Identifier: Apache-2.0
//
// Names of code made at run time, as V8, the JVM's agents, CPython and others write them for perf: a text file
// /tmp/perf-PID.map of lines START SIZE NAME, both numbers hexadecimal without 0x. Code is moved and freed, so a later
// line is right where it overlaps an earlier one.

/// The perf map of one process.
struct PerfMap {
    private static let largest = 1 << 30

    /// Whether a module path is that of a perf map.
    static func isPath(_ path: String) -> Bool {
        guard let slash = path.lastIndex(of: "/") else { return false }
        let name = path[path.index(after: slash)...]
        guard name.hasPrefix("perf-"), name.hasSuffix(".map") else { return false }
        let number = name.dropFirst(5).dropLast(4)
        return !number.isEmpty && number.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
    }

    /// The name and start of the code that holds each address; nil where no line does.
    ///
    /// - Parameter addresses: sorted and without repetitions.
    static func names(in store: ByteStore, addresses: [UInt64]) -> [(name: String, start: UInt64)?] {
        var found = [(line: Range<Int>, start: UInt64)?](repeating: nil, count: addresses.count)
        var at = 0
        let end = min(store.count, largest)
        while at < end {
            let newline = store.firstIndex(of: UInt8(ascii: "\n"), in: at..<end) ?? end
            defer { at = newline + 1 }
            var cursor = at
            guard let start = hexadecimal(store, &cursor, newline), let size = hexadecimal(store, &cursor, newline),
                size > 0, cursor < newline
            else { continue }
            let (last, overflow) = start.addingReportingOverflow(size - 1)
            guard !overflow else { continue }
            var index = addresses.partitioningIndex { $0 >= start }
            while index < addresses.count, addresses[index] <= last {
                found[index] = (cursor..<newline, start)
                index += 1
            }
        }
        return found.map { found in
            guard let (line, start) = found, let name = store.string(at: line.lowerBound, end: line.upperBound) else {
                return nil
            }
            return (name, start)
        }
    }

    // A number and the blank behind it.
    private static func hexadecimal(_ store: ByteStore, _ cursor: inout Int, _ end: Int) -> UInt64? {
        var value: UInt64 = 0
        var digits = 0
        while cursor < end, let byte = store.integer(at: cursor, as: UInt8.self) {
            cursor += 1
            switch byte {
            case 48...57: value = value << 4 | UInt64(byte - 48)
            case 97...102: value = value << 4 | UInt64(byte - 87)
            case 65...70: value = value << 4 | UInt64(byte - 55)
            case UInt8(ascii: "x") where digits == 1 && value == 0: digits = -1
            case UInt8(ascii: " "): return digits > 0 && digits <= 16 ? value : nil
            default: return nil
            }
            digits += 1
        }
        return nil
    }
}

extension Array where Element: Comparable {
    /// The first index whose element satisfies `predicate`, which holds for every element after the first it holds for.
    func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
