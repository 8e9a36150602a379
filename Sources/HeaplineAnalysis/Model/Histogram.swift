// SPDX-License-Identifier: Apache-2.0
//
// Counts by value, exact for small values and in steps of an eighth of a power of two for large ones: sizes and lifetimes
// span ten orders of magnitude, and nobody asks which of 5,000,000 and 5,000,001 it was.

/// How many things had which value.
public struct Histogram: Sendable {
    /// Values below this have a class each.
    public static let exactBelow: UInt64 = 1024
    private static let steps: UInt64 = 8
    static let classCount = Int(exactBelow + (64 - 10) * steps)

    /// A range of values.
    public struct Class: Sendable, Hashable {
        public var range: ClosedRange<UInt64>
        public var count: UInt64
        /// The sum of the values.
        public var sum: UInt64
    }

    /// The classes that have a count, by value.
    public private(set) var classes: [Class] = []

    /// How many values there were.
    public var count: UInt64 { classes.reduce(0) { $0 &+ $1.count } }

    /// The class of a value.
    @inline(__always)
    static func index(_ value: UInt64) -> Int {
        if value < exactBelow { return Int(truncatingIfNeeded: value) }
        let octave = UInt64(63 - value.leadingZeroBitCount)  // 10…63
        let step = (value >> (octave - 3)) & 7
        return Int(truncatingIfNeeded: exactBelow + (octave - 10) * steps + step)
    }

    /// The values of a class.
    static func range(_ index: Int) -> ClosedRange<UInt64> {
        if UInt64(index) < exactBelow { return UInt64(index)...UInt64(index) }
        let octave = (UInt64(index) - exactBelow) / steps + 10
        let step = (UInt64(index) - exactBelow) % steps
        let low = (8 + step) << (octave - 3)
        return low...(low + ((1 << (octave - 3)) - 1))
    }

    /// The value that at least `share` (0…1) of all values do not exceed: the upper end of its class.
    public func quantile(_ share: Double) -> UInt64? {
        let total = count
        guard total > 0 else { return nil }
        let wanted = UInt64((share * Double(total)).rounded(.up))
        var seen: UInt64 = 0
        for item in classes {
            seen &+= item.count
            if seen >= wanted { return item.range.upperBound }
        }
        return classes.last?.range.upperBound
    }

    /// The counts merged into one class for each power of two.
    public var octaves: [Class] {
        var result: [Class] = []
        for item in classes {
            let value = item.range.lowerBound
            let octave = value == 0 ? 0...0 : Self.octave(value)
            if let last = result.last, last.range == octave {
                result[result.count - 1].count &+= item.count
                result[result.count - 1].sum &+= item.sum
            } else {
                result.append(Class(range: octave, count: item.count, sum: item.sum))
            }
        }
        return result
    }

    private static func octave(_ value: UInt64) -> ClosedRange<UInt64> {
        let low: UInt64 = 1 << UInt64(63 - value.leadingZeroBitCount)
        return low...(low + (low - 1))
    }

    /// The counters while they grow.
    ///
    ///   the sum of a class of one value == its count * that value, so it is not kept
    struct Counters: ~Copyable {
        private var counts = Slab<UInt64>(capacity: Histogram.classCount)
        private var sums = Slab<UInt64>(capacity: Histogram.classCount)

        init() {
            counts.extend(to: Histogram.classCount, with: 0)
            sums.extend(to: Histogram.classCount, with: 0)
        }

        @inline(__always)
        mutating func add(_ value: UInt64, weight: UInt64 = 1) {
            if value < Histogram.exactBelow {
                counts[Int(truncatingIfNeeded: value)] &+= weight
                return
            }
            let index = Histogram.index(value)
            counts[index] &+= weight
            sums[index] &+= value &* weight
        }

        /// Adds `UInt64(value)`. From 1024 up a class is the exponent of a floating-point number and the first three bits behind its point:
        /// they need not be found in the integer again.
        ///
        /// - Precondition: `value` >= 0.
        @inline(__always)
        mutating func add(wholePartOf value: Double) {
            // 2^52 ns are 52 days.
            guard value >= Double(Histogram.exactBelow), value < 0x1p52 else { return add(UInt64(value)) }
            let bits = value.bitPattern
            let exponent = bits >> 52 &- 1023
            let index = Int(truncatingIfNeeded: bits >> 49 &- (1023 + 10) * Histogram.steps &+ Histogram.exactBelow)
            counts[index] &+= 1
            sums[index] &+= (bits & (1 << 52 &- 1) | 1 << 52) &>> (52 &- exponent)
        }

        private func item(_ index: Int, unit: UInt64) -> Class {
            let range = Histogram.range(index)
            let sum = range.count == 1 ? range.lowerBound &* counts[index] : sums[index]
            return Class(range: range, count: counts[index] / unit, sum: sum / unit)
        }

        /// By powers of two; counts and sums divided by `unit`.
        func octaves(unit: UInt64 = 1) -> Octaves {
            var result = Octaves()
            for index in 0..<Histogram.classCount where counts[index] > 0 { result.add(item(index, unit: unit)) }
            return result
        }

        /// The histogram; counts and sums divided by `unit`.
        func histogram(unit: UInt64 = 1) -> Histogram {
            var result = Histogram()
            for index in 0..<Histogram.classCount where counts[index] > 0 { result.classes.append(item(index, unit: unit)) }
            return result
        }
    }
}

/// Counts and sums of values by powers of two, to be compared and added: class 0 holds the value 0, class n + 1 those whose
/// highest bit is n. Coarser than ``Histogram``, and of one size whatever the values.
public struct Octaves: Sendable, Hashable {
    public static let classCount = 65

    public private(set) var counts = [UInt64](repeating: 0, count: classCount)
    public private(set) var sums = [UInt64](repeating: 0, count: classCount)

    public init() {}

    mutating func add(_ item: Histogram.Class) {
        let index = 64 - item.range.lowerBound.leadingZeroBitCount
        counts[index] &+= item.count
        sums[index] &+= item.sum
    }

    static func + (first: Octaves, second: Octaves) -> Octaves { first.combined(second, &+) }
    static func - (first: Octaves, second: Octaves) -> Octaves { first.combined(second, &-) }

    private func combined(_ other: Octaves, _ operation: (UInt64, UInt64) -> UInt64) -> Octaves {
        var result = self
        for index in 0..<Self.classCount {
            result.counts[index] = operation(counts[index], other.counts[index])
            result.sums[index] = operation(sums[index], other.sums[index])
        }
        return result
    }
}
