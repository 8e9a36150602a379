// SPDX-License-Identifier: Apache-2.0
//
// What a piece of a test may use.

/// Limits on what a piece of a test does with its heap. A limit of nil is none.
public struct HeapBudget: Sendable, Hashable {
    /// The most allocations, reallocations included.
    public var allocations: Int?
    /// The most bytes asked for in all.
    public var bytes: Int?
    /// The most bytes alive at once.
    public var peak: Int?

    /// Makes limits.
    public init(allocations: Int? = nil, bytes: Int? = nil, peak: Int? = nil) {
        self.allocations = allocations
        self.bytes = bytes
        self.peak = peak
    }
}

/// What is to be found out about a measurement.
enum HeapCheck: Sendable, Hashable {
    case budget(HeapBudget)
    case noLeaks
}
