// SPDX-License-Identifier: Apache-2.0
//
// Medians with what they are worth.

/// A median, the spread of what it was taken from, and an interval that holds the true value with 95 % confidence.
struct Estimate: Codable {
    var median: Double
    /// First and third quartile.
    var lowQuartile: Double
    var highQuartile: Double
    /// From eight values up, bootstrap: 2.5th and 97.5th percentile of the medians of 1,000 resamples. Of fewer there are too few
    /// different resamples: mean and Student's t.
    var low: Double
    var high: Double
    var runs: Int

    /// Of so few runs an interval is wider than what any of them says.
    var isRough: Bool { runs < 4 }
    /// The interval holds 0: the median is not told apart from nothing.
    var isNoise: Bool { !isRough && low <= 0 && high >= 0 }

    init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        median = Self.quantile(sorted, 0.5)
        lowQuartile = Self.quantile(sorted, 0.25)
        highQuartile = Self.quantile(sorted, 0.75)
        runs = values.count
        if runs < 8 {
            // Two-sided, 95 %, for 1 to 6 degrees of freedom.
            let t = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447]
            let mean = values.reduce(0, +) / Double(runs)
            let deviation = runs > 1 ? (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(runs - 1)).squareRoot() : 0
            let reach = runs > 1 ? t[runs - 2] * deviation / Double(runs).squareRoot() : 0
            (low, high) = (min(median, mean - reach), max(median, mean + reach))
            return
        }
        var random = SplitMix(state: 20)
        let medians = (0..<1000).map { _ in
            Self.quantile(sorted.map { _ in sorted[Int(random.next() % UInt64(sorted.count))] }.sorted(), 0.5)
        }.sorted()
        low = Self.quantile(medians, 0.025)
        high = Self.quantile(medians, 0.975)
    }

    static func quantile(_ sorted: [Double], _ fraction: Double) -> Double {
        let place = fraction * Double(sorted.count - 1)
        let below = Int(place)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
    }
}

/// splitmix64: the same draws on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
