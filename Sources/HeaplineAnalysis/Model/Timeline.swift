// SPDX-License-Identifier: Apache-2.0
//
// The course of the heap over time in a bounded number of buckets: when the run outgrows them, neighbours are merged and
// buckets become twice as wide. So the memory is the same for a second and for a week.

/// Live bytes and blocks over time.
public struct Timeline: Sendable {
    /// One span of time. An empty span carries its predecessor's live values.
    public struct Bucket: Sendable, Hashable {
        /// The most live bytes at any moment of the span.
        public var maxLiveBytes: UInt64 = 0
        /// Live bytes at the end of the span.
        public var liveBytes: UInt64 = 0
        public var liveBlocks: UInt64 = 0
        /// Allocations, frees and allocated bytes within the span.
        public var allocations: UInt64 = 0
        public var frees: UInt64 = 0
        public var bytesAllocated: UInt64 = 0
        /// Resident bytes last seen in or before the span; nil when never.
        public var residentBytes: UInt64?

        public init(maxLiveBytes: UInt64 = 0, liveBytes: UInt64 = 0, liveBlocks: UInt64 = 0) {
            self.maxLiveBytes = maxLiveBytes
            self.liveBytes = liveBytes
            self.liveBlocks = liveBlocks
        }
    }

    /// Nanoseconds from the trace's start to the first bucket.
    public internal(set) var start: UInt64 = 0
    /// Nanoseconds that each bucket spans.
    public internal(set) var width: UInt64 = Timeline.firstWidth
    public internal(set) var buckets: [Bucket] = []

    static let firstWidth: UInt64 = 1 << 14
    static let limit = 2048

    /// What is true now: a bucket is the difference of two of these.
    struct Now {
        var liveBytes: UInt64 = 0
        var liveBlocks: UInt64 = 0
        var allocations: UInt64 = 0
        var frees: UInt64 = 0
        var bytesAllocated: UInt64 = 0
    }

    private var last = Now()
    var maxLiveBytes: UInt64 = 0  // in the bucket that is open

    /// Nanoseconds at which the open bucket ends.
    var openEnd: UInt64 {
        let (product, overflow) = (UInt64(buckets.count) + 1).multipliedReportingOverflow(by: width)
        let (sum, more) = product.addingReportingOverflow(start)
        return overflow || more ? .max : sum
    }

    /// Closes buckets until the one that holds `nanoseconds` is open.
    mutating func advance(to nanoseconds: UInt64, _ now: Now) {
        guard nanoseconds >= openEnd else { return }
        while (nanoseconds - start) / width >= UInt64(Self.limit) { widen() }
        guard nanoseconds >= openEnd else { return }
        close(now)
        let wanted = Int((nanoseconds - start) / width)
        while buckets.count < wanted {
            buckets.append(Bucket(maxLiveBytes: now.liveBytes, liveBytes: now.liveBytes, liveBlocks: now.liveBlocks))
        }
    }

    /// Closes the open bucket.
    mutating func finish(_ now: Now) { close(now) }

    private mutating func close(_ now: Now) {
        var bucket = Bucket(
            maxLiveBytes: max(maxLiveBytes, now.liveBytes, last.liveBytes), liveBytes: now.liveBytes,
            liveBlocks: now.liveBlocks)
        bucket.allocations = now.allocations &- last.allocations
        bucket.frees = now.frees &- last.frees
        bucket.bytesAllocated = now.bytesAllocated &- last.bytesAllocated
        buckets.append(bucket)
        last = now
        maxLiveBytes = now.liveBytes
    }

    /// Merges neighbours. The bucket after the last closed one is open, so an odd one out stays open: it is taken back.
    private mutating func widen() {
        width <<= 1
        var merged: [Bucket] = []
        merged.reserveCapacity(Self.limit)
        var index = 0
        while index + 1 < buckets.count {
            var bucket = buckets[index + 1]
            let before = buckets[index]
            bucket.maxLiveBytes = max(bucket.maxLiveBytes, before.maxLiveBytes)
            bucket.allocations &+= before.allocations
            bucket.frees &+= before.frees
            bucket.bytesAllocated &+= before.bytesAllocated
            merged.append(bucket)
            index += 2
        }
        if index < buckets.count {
            let open = buckets[index]
            maxLiveBytes = max(maxLiveBytes, open.maxLiveBytes)
            last.allocations &-= open.allocations
            last.frees &-= open.frees
            last.bytesAllocated &-= open.bytesAllocated
        }
        buckets = merged
    }
}
