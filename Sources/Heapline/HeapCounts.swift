// SPDX-License-Identifier: Apache-2.0
//
// The recorder's exact sums at one moment.

/// What has been counted since the start of a recording; exact in every mode.
public struct HeapCounts: Sendable, Hashable {
    /// Successful allocations, reallocations included.
    public var allocations: UInt64 = 0
    /// Frees of blocks, reallocations included.
    public var frees: UInt64 = 0
    /// Reallocations, each of which is an allocation and a free as well.
    public var reallocations: UInt64 = 0
    /// Bytes asked for.
    public var bytesAllocated: UInt64 = 0
    /// Allocations that returned null.
    public var failures: UInt64 = 0
    /// Events that were lost.
    public var lost: UInt64 = 0

    /// Makes sums of nothing.
    public init() {}

    /// What happened between two moments of one recording.
    public static func - (later: HeapCounts, earlier: HeapCounts) -> HeapCounts {
        var difference = HeapCounts()
        difference.allocations = later.allocations &- earlier.allocations
        difference.frees = later.frees &- earlier.frees
        difference.reallocations = later.reallocations &- earlier.reallocations
        difference.bytesAllocated = later.bytesAllocated &- earlier.bytesAllocated
        difference.failures = later.failures &- earlier.failures
        difference.lost = later.lost &- earlier.lost
        return difference
    }
}
