// SPDX-License-Identifier: Apache-2.0
//
// What one pass over the events leaves: sums, never the events. Everything a view shows comes from here, from Trace, or
// from a query in Queries/ built on both. All times are nanoseconds since the trace's start.
//
// In mode sample sums are estimates; `standardErrors` of a site then says how good. In modes leaks and count the
// recorder leaves out events on purpose and adds them up itself; `totals` include them, sites cannot.

/// Which part of a trace a ``History`` adds up.
public struct HistoryOptions: Sendable {
    /// Only these processes (their indexes); nil for all.
    public var processes: Set<Int>?
    /// Stop after this moment: what is alive then is the history's live set. Nil for the end.
    public var until: UInt64?

    /// Whether to keep what each stack did in each span of time.
    public var activity = false

    public init(processes: Set<Int>? = nil, until: UInt64? = nil, activity: Bool = false) {
        self.processes = processes
        self.until = until
        self.activity = activity
    }
}

/// The heap's history, added up. A value that does not change once made.
public final class History {
    public let trace: Trace
    public let options: HistoryOptions
    /// All processes together. The peak is that of their sum at one moment.
    public let totals: Totals
    /// By process index; all zero for processes left out. Each has a peak of its own.
    public let processTotals: [Totals]
    /// Every stack that allocated, in the order in which they were first seen.
    public let sites: [Site]
    /// Threads that did something, by process and index.
    public let threads: [ThreadHistory]
    public let timeline: Timeline
    /// What each stack did when; nil unless asked for.
    public let activity: Activity?
    /// Sizes asked for.
    public let sizes: Histogram
    /// Nanoseconds from allocation to free, of blocks whose free was seen.
    public let lifetimes: Histogram
    /// What reallocations did, by the stack that made them; only stacks that made some.
    public let growth: [Growth]
    /// Who freed what, where the stacks of frees were recorded: pairs of a site and a stack that freed blocks of it. What
    /// realloc ended, and frees that were recorded before their allocation, are not in it.
    public let releases: [Release]
    /// When the last event or note was, in nanoseconds since the trace's start.
    public let duration: UInt64
    /// Events read.
    public let eventCount: UInt64
    /// Bytes for which address space was mapped and unmapped, if that was recorded.
    public let mappedBytes: UInt64
    public let unmappedBytes: UInt64
    /// Why totals may not be the whole truth; empty when they are.
    public let gaps: [Gap]

    /// The live blocks of each process.
    let live: [LiveTableBox]

    init(
        trace: Trace, options: HistoryOptions, totals: Totals, processTotals: [Totals], sites: [Site],
        threads: [ThreadHistory], timeline: Timeline, activity: Activity?, sizes: Histogram, lifetimes: Histogram, growth: [Growth],
        releases: [Release], duration: UInt64, eventCount: UInt64, mappedBytes: UInt64, unmappedBytes: UInt64, gaps: [Gap],
        live: [LiveTableBox]
    ) {
        self.trace = trace
        self.options = options
        self.totals = totals
        self.processTotals = processTotals
        self.sites = sites
        self.threads = threads
        self.timeline = timeline
        self.activity = activity
        self.sizes = sizes
        self.lifetimes = lifetimes
        self.growth = growth
        self.releases = releases
        self.duration = duration
        self.eventCount = eventCount
        self.mappedBytes = mappedBytes
        self.unmappedBytes = unmappedBytes
        self.gaps = gaps
        self.live = live
    }

    /// Whether everything the program did is in `totals`: nothing lost, nothing cut, and the recorder's own sums agree.
    public var isComplete: Bool { gaps.isEmpty }

    /// Calls `body` with every block that was alive at the end, in no particular order. In modes sample and leaks, those
    /// that were recorded.
    public func forEachLiveBlock(_ body: (Block) -> Void) {
        for box in live {
            let clock = trace.processes[box.process].clock
            box.table.forEach { block in
                body(Block(block, box.process, clock))
            }
        }
    }
}

/// Carries a process's live blocks from the builder to the history.
final class LiveTableBox {
    let process: Int
    let table: LiveTable
    private(set) lazy var byAddress = AddressOrder(table)

    init(process: Int, table: consuming LiveTable) {
        self.process = process
        self.table = table
    }
}

/// The sums that everything else must add up to: `allocations - frees == liveBlocks`, always.
public struct Totals: Sendable, Hashable {
    /// Successful allocations, reallocations included.
    public var allocations: UInt64 = 0
    /// Blocks that ended, by free or reallocation.
    public var frees: UInt64 = 0
    public var reallocations: UInt64 = 0
    /// Bytes asked for.
    public var bytesAllocated: UInt64 = 0
    /// Allocations that returned null.
    public var failures: UInt64 = 0
    public var liveBlocks: UInt64 = 0
    /// Nil when the recording cannot tell: mode count.
    public var liveBytes: UInt64?
    /// The most live bytes at one moment; nil in mode count.
    public var peakBytes: UInt64?
    /// Blocks alive at that moment; nil in modes count and leaks.
    public var peakBlocks: UInt64?
    /// When that was; nil in modes count and leaks.
    public var peakTime: UInt64?
    /// Blocks freed before their thread's next allocation; nil unless every event was recorded: what came
    /// between is not in a sample, and sums of stacks and threads are 0 then.
    public var temporaryAllocations: UInt64?
    /// Frees of blocks that the recording does not know: allocated before it began, or by a parent before fork. They
    /// are in no other sum.
    public var unknownFrees: UInt64 = 0
    /// Blocks whose free was lost, but whose address was allocated again. They are in `frees`.
    public var impliedFrees: UInt64 = 0
}

/// One stack that allocated, and what became of it.
public struct Site: Sendable, Hashable {
    /// Its index in ``History/sites``.
    public var id: Int
    public var process: Int
    /// The node id of its innermost frame; see ``Trace/stack(_:)``.
    public var stack: Int
    public var allocations: UInt64
    public var bytes: UInt64
    public var liveBlocks: UInt64
    public var liveBytes: UInt64
    /// What this stack had alive when all together were at their peak; 0 in mode leaks, where nobody knows.
    public var peakBlocks: UInt64
    public var peakBytes: UInt64
    public var temporary: UInt64
    /// In mode sample: standard errors of the estimates above.
    public var standardErrors: StandardErrors?

    public struct StandardErrors: Sendable, Hashable {
        public var allocations: Double
        public var bytes: Double
        public var liveBlocks: Double
        public var liveBytes: Double
    }
}

/// One block that is alive.
public struct Block: Sendable, Hashable {
    public var process: Int
    public var address: UInt64
    public var size: UInt64
    /// An index into ``History/sites``.
    public var site: Int
    public var thread: Int
    /// When it was allocated.
    public var time: UInt64
    /// How many reallocations led to it; 255 stands for that many or more.
    public var reallocations: Int
}

extension Block {
    init(_ block: LiveBlock, _ process: Int, _ clock: Clock) {
        self.init(
            process: process, address: block.address, size: block.size, site: Int(block.site), thread: Int(block.thread),
            time: clock.nanoseconds(block.ticks), reallocations: Int(block.stamp & 0xff))
    }
}

/// One thread, or a task of an emulated chip.
public struct ThreadHistory: Sendable, Hashable {
    public var process: Int
    public var index: Int
    public var name: String
    public var tid: UInt32
    public var isTask: Bool
    public var allocations: UInt64
    public var bytes: UInt64
    public var frees: UInt64
    /// Frees of blocks that another thread had allocated.
    public var foreignFrees: UInt64
    public var temporary: UInt64
    /// Blocks that this thread allocated and that are alive.
    public var liveBlocks: UInt64
    public var liveBytes: UInt64
}

/// What the reallocations of one stack did.
public struct Growth: Sendable, Hashable {
    /// An index into ``History/sites``.
    public var site: Int
    public var reallocations: UInt64
    /// Reallocations after which the block lay elsewhere.
    public var moves: UInt64
    /// Bytes that the allocator had to copy for that.
    public var bytesMoved: UInt64
    public var bytesGrown: UInt64
    /// The longest chain of reallocations of one block that ended here; 255 stands for that many or more.
    public var longestChain: Int
}

/// Blocks of one site that one stack freed.
public struct Release: Sendable, Hashable {
    /// An index into ``History/sites``.
    public var site: Int
    /// A stack node of the site's process.
    public var stack: Int
    public var blocks: UInt64
    public var bytes: UInt64
}

/// A reason why totals are not the whole truth.
public struct Gap: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Events were lost.
        case lost(LossCause, count: UInt64)
        /// The file ends inside a chunk, at this byte.
        case cut(offset: UInt64)
        /// The file was not closed in order.
        case unfinished
        /// No final sums: the trace ends before the process did.
        case noFinalCounts
        /// The recorder's sums and the events disagree.
        case mismatch(what: String, recorder: UInt64, events: UInt64)
        /// Blocks whose free was not recorded although their address was used again.
        case impliedFrees(count: UInt64)
        /// The program paused the recording.
        case paused
        /// Recording stopped or was impaired, or some of the program's allocations do not come by the recorder.
        case problem(String)
        /// The history was asked to stop before the end.
        case stoppedEarly
    }
    /// The process it happened to; nil for the trace.
    public var process: Int?
    public var kind: Kind
}
