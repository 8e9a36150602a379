// SPDX-License-Identifier: Apache-2.0
//
// What each stack did in each span of time, so that a view can add up any range of the run. No event pays for it: when a
// span ends, the sums of all stacks are compared with what they were when it began, and only differences are kept.
//
//   for every site: sum of `allocations` over all spans == Site.allocations, and so on for each column
//   sum of `shapes` over all spans == History.sizes and History.lifetimes by powers of two
//   spans are as wide as a whole number of the timeline's buckets, and begin where one of those does

/// The changes of every stack's sums, by span of time.
public struct Activity: Sendable {
    /// One stack in one span. A stack that did nothing in a span has no entry there.
    public struct Entry: Sendable, Hashable {
        /// An index into ``History/sites``.
        public var site: Int
        public var allocations: UInt64
        public var bytes: UInt64
        public var temporary: UInt64
        /// By how much what is alive changed. When a process has ended and others go on, its blocks leave here, although
        /// they stay in the site's own sums.
        public var liveBlocks: Int64
        public var liveBytes: Int64
    }

    /// Nanoseconds that each span lasts; the first begins at the trace's start.
    public internal(set) var width: UInt64
    /// The changes in each span, by site.
    public internal(set) var spans: [[Entry]] = []
    /// Sizes asked for in each span, and lifetimes of the blocks freed in it; as many as there are spans.
    public internal(set) var shapes: [Shape] = []

    /// What was allocated and freed in one span, by size and by lifetime.
    public struct Shape: Sendable, Hashable {
        public internal(set) var sizes = Octaves()
        public internal(set) var lifetimes = Octaves()

        static func + (first: Shape, second: Shape) -> Shape {
            Shape(sizes: first.sizes + second.sizes, lifetimes: first.lifetimes + second.lifetimes)
        }
        static func - (first: Shape, second: Shape) -> Shape {
            Shape(sizes: first.sizes - second.sizes, lifetimes: first.lifetimes - second.lifetimes)
        }
    }
}

/// Compares sums whenever a span ends. A class, so that the loop over events carries one pointer that is nil by default.
final class ActivityRecorder {
    static let spanLimit = 256
    static let entryLimit = 1 << 20

    /// A site's sums when the newest span ended.
    private struct Before: BitwiseCopyable {
        var allocations: UInt64 = 0
        var bytes: UInt64 = 0
        var temporary: UInt64 = 0
        var liveBlocks: UInt64 = 0
        var liveBytes: UInt64 = 0
    }

    private(set) var activity: Activity
    private var before = Slab<Before>()
    private var shapeBefore = Activity.Shape()
    private var departed: Set<UInt32> = []
    private var entryCount = 0
    private let unit: UInt64

    /// - Parameters:
    ///   - duration: what the run is expected to last; longer is allowed.
    ///   - unit: what sums are divided by, see ``SampleWeight``.
    init(duration: UInt64, unit: UInt64) {
        var width = Timeline.firstWidth
        while duration / width >= UInt64(Self.spanLimit) { width <<= 1 }
        activity = Activity(width: width)
        self.unit = unit
    }

    /// A process has ended: what it had alive is gone for the others.
    func depart(_ process: Int) { departed.insert(UInt32(process)) }

    /// Closes the open span if `nanoseconds` lies beyond it.
    func advance(to nanoseconds: UInt64, _ shared: borrowing SharedHistory) {
        var span = nanoseconds / activity.width
        guard span > UInt64(activity.spans.count) else { return }
        close(shared)
        while span > 2 * UInt64(Self.spanLimit) {
            coarsen()
            span = nanoseconds / activity.width
        }
        while entryCount > Self.entryLimit, activity.spans.count > 16 { coarsen() }
        span = nanoseconds / activity.width
        while UInt64(activity.spans.count) < span {
            activity.spans.append([])
            activity.shapes.append(Activity.Shape())
        }
        // After widening, the span that goes on may have been closed already: it is opened again by taking its entries on.
        if UInt64(activity.spans.count) > span {
            reopened = activity.spans.removeLast()
            reopenedShape = activity.shapes.removeLast()
        }
    }

    private var reopened: [Activity.Entry] = []
    private var reopenedShape = Activity.Shape()

    /// Closes the last span.
    func finish(_ shared: borrowing SharedHistory) -> Activity {
        close(shared)
        return activity
    }

    private func close(_ shared: borrowing SharedHistory) {
        before.extend(to: shared.sites.count, with: Before())
        var entries: [Activity.Entry] = []
        for index in 0..<shared.sites.count {
            let sums = shared.sites[index]
            var now = Before(
                allocations: sums.allocations / unit, bytes: sums.bytes / unit, temporary: unit == 1 ? sums.temporary : 0)
            if departed.isEmpty || !departed.contains(shared.siteKeys[index].process) {
                now.liveBlocks = sums.liveBlocks / unit
                now.liveBytes = sums.liveBytes / unit
            }
            let old = before[index]
            // Blocks that stayed as many and as large can still be others: then allocations differ.
            guard
                now.allocations != old.allocations || now.liveBlocks != old.liveBlocks
                    || now.liveBytes != old.liveBytes || now.temporary != old.temporary
            else { continue }
            entries.append(
                Activity.Entry(
                    site: index, allocations: now.allocations &- old.allocations, bytes: now.bytes &- old.bytes,
                    temporary: now.temporary &- old.temporary,
                    liveBlocks: Int64(bitPattern: now.liveBlocks &- old.liveBlocks),
                    liveBytes: Int64(bitPattern: now.liveBytes &- old.liveBytes)))
            before[index] = now
        }
        entries = Self.merge(reopened, entries)
        reopened = []
        entryCount += entries.count
        activity.spans.append(entries)
        let shape = Activity.Shape(sizes: shared.sizes.octaves(unit: unit), lifetimes: shared.lifetimes.octaves(unit: unit))
        activity.shapes.append(reopenedShape + (shape - shapeBefore))
        shapeBefore = shape
        reopenedShape = Activity.Shape()
    }

    /// Makes spans twice as wide.
    private func coarsen() {
        var wider: [[Activity.Entry]] = []
        entryCount = 0
        for index in stride(from: 0, to: activity.spans.count, by: 2) {
            let second = index + 1 < activity.spans.count ? activity.spans[index + 1] : []
            wider.append(Self.merge(activity.spans[index], second))
            entryCount += wider[wider.count - 1].count
        }
        activity.spans = wider
        activity.shapes = stride(from: 0, to: activity.shapes.count, by: 2).map { index in
            index + 1 < activity.shapes.count ? activity.shapes[index] + activity.shapes[index + 1] : activity.shapes[index]
        }
        activity.width <<= 1
    }

    /// Adds up two lists that are in the order of their sites.
    static func merge(_ first: [Activity.Entry], _ second: [Activity.Entry]) -> [Activity.Entry] {
        if first.isEmpty { return second }
        if second.isEmpty { return first }
        var result: [Activity.Entry] = []
        result.reserveCapacity(first.count + second.count)
        var (a, b) = (0, 0)
        while a < first.count, b < second.count {
            if first[a].site < second[b].site {
                result.append(first[a])
                a += 1
            } else if first[a].site > second[b].site {
                result.append(second[b])
                b += 1
            } else {
                var sum = first[a]
                sum.allocations &+= second[b].allocations
                sum.bytes &+= second[b].bytes
                sum.temporary &+= second[b].temporary
                sum.liveBlocks &+= second[b].liveBlocks
                sum.liveBytes &+= second[b].liveBytes
                result.append(sum)
                a += 1
                b += 1
            }
        }
        result += first[a...]
        result += second[b...]
        return result
    }
}
