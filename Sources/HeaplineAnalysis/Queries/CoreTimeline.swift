// SPDX-License-Identifier: Apache-2.0
//
// What ran on each core of an emulated chip, and for how long. A record says what a core runs from now on; it runs until
// the next one of that core, or until the recording ends.
//
//   for each core: sum of the spans' lengths == end of the recording - its first record
//   for each context: `time` == sum of its spans, `runs` == their number
//
// Spans are kept up to a limit, sums are of all.

internal import CHeaplineFormat
public import HeaplineCollector

/// The course of tasks, interrupts and idling on the cores of an emulated chip.
public struct CoreTimeline: Sendable {
    public enum Activity: Int, Sendable, Hashable {
        case task = 0
        case interrupt = 1
        case idle = 2
    }
    /// A core ran one thing without a break.
    public struct Span: Sendable, Hashable {
        public var process: Int
        public var core: Int
        public var thread: Int
        public var activity: Activity
        /// Nanoseconds since the trace's start.
        public var start: UInt64
        public var end: UInt64
    }
    /// One thing that ran, with its sums.
    public struct Context: Sendable, Hashable {
        public var process: Int
        public var thread: Int
        public var activity: Activity
        /// How often a core turned to it.
        public var runs: UInt64 = 0
        /// Nanoseconds on all cores, and by core.
        public var time: UInt64 = 0
        public var timeByCore: [UInt64] = []
        /// The longest it ran at once.
        public var longest: UInt64 = 0
    }

    /// The first spans, by their end; see ``spanCount``.
    public private(set) var spans: [Span] = []
    /// How many spans there are in all.
    public private(set) var spanCount: UInt64 = 0
    /// By time, longest first.
    public private(set) var contexts: [Context] = []
    /// One more than the highest core.
    public private(set) var cores = 0

    public static let spanLimit = 100_000
    private static let coreLimit: UInt64 = 64

    private struct Key: Hashable {
        var process: Int
        var thread: Int
        var activity: Int
    }

    /// Nil when the trace says nothing about cores.
    ///
    /// - Complexity: as ``Trace/history(_:)``; only traces of emulated chips are read.
    public init?(_ history: History) throws(TraceError) {
        let trace = history.trace
        guard trace.processes.contains(where: { $0.source == .esp }) else { return nil }
        var open: [Int: [Int: Span]] = [:]  // by process and core
        var sums: [Key: Context] = [:]
        var result = CoreTimeline()
        let until = history.options.until ?? .max
        unsafe try trace.source.replay(processes: history.options.processes) { process, records in
            let clock = trace.processes[process].clock
            for index in 0..<records.count {
                let record = unsafe records[index]
                guard record.time_kind & 0xff == UInt64(HL_KIND_SWITCH.rawValue), record.address < Self.coreLimit,
                    let activity = Activity(rawValue: Int(clamping: record.size))
                else { continue }
                let now = clock.nanoseconds(record.time_kind >> 8)
                if now > until { return false }
                let core = Int(record.address)
                if let last = open[process]?[core] { result.close(last, at: now, &sums) }
                open[process, default: [:]][core] = Span(
                    process: process, core: core, thread: Int(record.thread), activity: activity, start: now, end: now)
            }
            return true
        }
        guard !open.isEmpty else { return nil }
        for (process, cores) in open.sorted(by: { $0.key < $1.key }) {
            let clock = trace.processes[process].clock
            let end = min(trace.processes[process].ending.map { clock.nanoseconds($0.ticks) } ?? history.duration, history.duration)
            for (_, span) in cores.sorted(by: { $0.key < $1.key }) { result.close(span, at: max(end, span.start), &sums) }
        }
        result.contexts = sums.values.sorted {
            ($1.time, $0.process, $0.thread, $0.activity.rawValue) < ($0.time, $1.process, $1.thread, $1.activity.rawValue)
        }
        self = result
    }

    private init() {}

    private mutating func close(_ span: Span, at end: UInt64, _ sums: inout [Key: Context]) {
        var span = span
        span.end = max(end, span.start)
        cores = max(cores, span.core + 1)
        spanCount += 1
        if spans.count < Self.spanLimit { spans.append(span) }
        let key = Key(process: span.process, thread: span.thread, activity: span.activity.rawValue)
        var context = sums[key] ?? Context(process: span.process, thread: span.thread, activity: span.activity)
        let length = span.end - span.start
        context.runs += 1
        context.time &+= length
        context.longest = max(context.longest, length)
        while context.timeByCore.count <= span.core { context.timeByCore.append(0) }
        context.timeByCore[span.core] &+= length
        sums[key] = context
    }
}
