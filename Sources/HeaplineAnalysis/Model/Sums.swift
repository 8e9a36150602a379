// SPDX-License-Identifier: Apache-2.0
//
// What is added up while events pass: for a site, a thread, a chain of reallocations. In mode sample each event stands for
// many, so sums are kept in fixed point then; see SampleWeight.

internal import Glibc

/// Sums of one stack: 64 bytes, one cache line.
///
///   liveBlocks == allocations - frees of its blocks
///   peakBytes  == liveBytes at the newest peak, once `touched` >= the number of that peak
///
/// The last rule makes exact sums at the peak cost O(1) per event: a new peak only gets a number. A site looks at it when
/// it is about to change, and if a peak has come since its last change, its sums until now are its sums at that peak.
struct SiteSums: BitwiseCopyable {
    var allocations: UInt64 = 0
    var bytes: UInt64 = 0
    var liveBlocks: UInt64 = 0
    var liveBytes: UInt64 = 0
    var peakBlocks: UInt64 = 0
    var peakBytes: UInt64 = 0
    var temporary: UInt64 = 0
    var touched: UInt64 = 0

    /// To be called before live sums change. `peak` is the number of the newest peak.
    @inline(__always)
    mutating func settle(_ peak: UInt64) {
        if touched < peak {
            peakBytes = liveBytes
            peakBlocks = liveBlocks
            touched = peak
        }
    }

    /// A block was allocated.
    @inline(__always)
    mutating func allocated(_ size: UInt64, _ peak: UInt64) {
        settle(peak)
        allocations &+= 1
        bytes &+= size
        liveBlocks &+= 1
        liveBytes &+= size
    }

    /// One of its blocks was freed.
    @inline(__always)
    mutating func freed(_ size: UInt64, _ peak: UInt64) {
        settle(peak)
        liveBlocks &-= 1
        liveBytes &-= size
    }
}

/// Sums of one thread.
struct ThreadSums: BitwiseCopyable {
    var allocations: UInt64 = 0  // these four change together
    var bytes: UInt64 = 0
    var liveBlocks: UInt64 = 0
    var liveBytes: UInt64 = 0
    var frees: UInt64 = 0
    var foreignFrees: UInt64 = 0  // of blocks that another thread allocated
    var temporary: UInt64 = 0
    var lastAllocation: UInt64 = 0  // address of its newest block
    var firstTicks: UInt64 = .max
    var lastTicks: UInt64 = 0
    var pending: Int32 = -1  // newest reallocation under way, an index into ProcessHistory.pending
    var site: UInt32 = 0

    /// It allocated a block.
    @inline(__always)
    mutating func allocated(_ address: UInt64, _ size: UInt64) {
        allocations &+= 1
        bytes &+= size
        liveBlocks &+= 1
        liveBytes &+= size
        lastAllocation = address
    }

    /// A block that it allocated ended.
    @inline(__always)
    mutating func lost(_ size: UInt64) {
        liveBlocks &-= 1
        liveBytes &-= size
    }
}

/// Sums of the reallocations made by one stack.
struct GrowthSums: BitwiseCopyable {
    var reallocations: UInt64 = 0
    var moves: UInt64 = 0  // the block got another address
    var bytesMoved: UInt64 = 0  // copied by the allocator because of that
    var bytesGrown: UInt64 = 0
    var longest: UInt64 = 0  // chain of reallocations of one block, at most 255
}

/// Squared standard errors of a site's estimates, in mode sample.
struct Variances: BitwiseCopyable {
    var allocations = 0.0
    var bytes = 0.0
    var liveBlocks = 0.0
    var liveBytes = 0.0
}

/// What one sampled allocation stands for.
///
/// The recorder samples one byte in `rate` (a Poisson process over allocated bytes), so a block of size s is recorded with
/// probability p = 1 - exp(-s / rate). It then stands for 1 / p blocks and s / p bytes, which makes sums unbiased; the
/// variance that one term adds to a sum of x is x² (1 - p) / p².
struct SampleWeight {
    /// Fixed point: 1 is 1024 in sums of mode sample.
    static let unit: UInt64 = 1024
    private let rate: Double

    init(rate: UInt64) { self.rate = Double(max(rate, 1)) }

    func probability(_ size: UInt64) -> Double {
        let p = -expm1(-Double(max(size, 1)) / rate)
        return max(p, 1e-12)
    }

    /// Blocks and bytes in fixed point; the same for the same size, so that what was added can be taken away.
    func weigh(_ size: UInt64) -> (blocks: UInt64, bytes: UInt64) {
        let p = probability(size)
        let limit = 1e18
        return (
            UInt64(min(Double(Self.unit) / p, limit).rounded()),
            UInt64(min(Double(size) * Double(Self.unit) / p, limit).rounded())
        )
    }

    func variance(_ size: UInt64) -> (blocks: Double, bytes: Double) {
        let p = probability(size)
        let blocks = (1 - p) / (p * p)
        return (blocks, blocks * Double(size) * Double(size))
    }
}
