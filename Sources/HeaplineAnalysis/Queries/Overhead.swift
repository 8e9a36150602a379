// SPDX-License-Identifier: Apache-2.0
//
// What recording cost the program, estimated from the events that the recorder timed. For each kind of event, in each process:
//
//   time = early events × mean of those timed among them + other events × mean of those timed among these
//
// where the mean of n timed events is (their ticks − n × the mean time between two looks at the clock) / n. To that come the
// recorder's start, the beginnings of threads and changes of buffers, which are measured whole. Not in it: the jump into the hooks,
// and what the program's own code loses because the recorder uses caches, too.

/// An estimate of what a recording cost the program that was recorded.
public struct Overhead: Sendable, Hashable {
    /// Why there is no estimate.
    public enum Absence: String, Sendable, Hashable {
        /// The trace comes from another tool or a device.
        case imported
        /// Emulated chips have a time of their own.
        case emulated
        /// In modes count and sample nearly all events are only counted, in less time than it takes to look at the clock.
        case counted
        /// The trace was written by a version that measured nothing, or it ends too early.
        case untold
        /// Too few events to have timed one.
        case fewEvents

        /// A sentence's end: "not measured: …".
        public var explanation: String {
            switch self {
            case .imported: "the trace was not recorded by heapline"
            case .emulated: "an emulated chip has a time of its own"
            case .counted: "this mode counts nearly all events in less time than a look at the clock takes"
            case .untold: "the trace does not tell"
            case .fewEvents: "too few events to time one"
            }
        }
    }
    /// Nil when there is an estimate.
    public private(set) var absence: Absence?
    /// What the events cost, all threads together, in nanoseconds of wall clock while they ran.
    public private(set) var eventNanoseconds: UInt64 = 0
    /// What the recorder's start, the beginnings of threads and changes of buffers took: measured, not estimated.
    public private(set) var ownNanoseconds: UInt64 = 0
    /// How long the program stood still to have its memory searched.
    public private(set) var searchNanoseconds: UInt64 = 0
    /// How long threads waited for the collector, all together. No processor time.
    public private(set) var waitedNanoseconds: UInt64 = 0
    /// An allocation's and a free's mean cost; nil when none was timed.
    public private(set) var allocationNanoseconds: Double?
    public private(set) var freeNanoseconds: Double?
    /// Events timed, and those among them that were most likely interrupted.
    public private(set) var timedEvents: UInt64 = 0
    public private(set) var interruptedEvents: UInt64 = 0
    /// Processor time of the processes since their recording began, overhead included; nil when one of them is unknown.
    public private(set) var processorNanoseconds: UInt64?
    /// Processor time of the collector.
    public private(set) var collectorNanoseconds: UInt64 = 0

    /// Events and the recorder's own work together, without searches; never more than all of the processor time.
    public var nanoseconds: UInt64 { min(eventNanoseconds &+ ownNanoseconds, processorNanoseconds ?? .max) }
    /// The part of the processor time that recording took, 0 to 1; nil when one of both is unknown.
    public var share: Double? {
        guard absence == nil, let all = processorNanoseconds, all > 0 else { return nil }
        return min(Double(nanoseconds) / Double(all), 1)
    }

    public init(_ history: History) {
        let processes = history.trace.processes.filter { history.options.processes?.contains($0.id) ?? true }
        var (allocations, frees) = (Kind(), Kind())
        var processor: UInt64? = 0
        var why = history.trace.kind == .heapline ? Absence.untold : .imported
        var events = 0.0
        for process in processes {
            guard process.source == .linux else {
                if why == .untold { why = .emulated }
                continue
            }
            guard let told = process.overhead else { continue }
            collectorNanoseconds = max(collectorNanoseconds, told.collectorNanoseconds)
            guard process.mode == .all || process.mode == .leaks else {
                if why == .untold { why = .counted }
                continue
            }
            let timed = [told.earlyAllocations, told.earlyFrees, told.laterAllocations, told.laterFrees].reduce(0) { $0 &+ $1.timed }
            let empty = timed > 0 ? Double(told.emptyTicks) / Double(timed) : 0
            let totals = history.processTotals[process.id]
            let tick = 1e9 / Double(process.clock.hz)
            let (made, freed) = (process.counts?.allocations ?? totals.allocations, process.counts?.frees ?? totals.frees)
            events += allocations.add(told.earlyAllocations, told.laterAllocations, of: made, empty: empty, tick: tick)
            events += frees.add(told.earlyFrees, told.laterFrees, of: freed, empty: empty, tick: tick)
            timedEvents &+= timed
            interruptedEvents &+= told.interrupted
            ownNanoseconds &+= process.clock.duration(told.ownTicks)
            searchNanoseconds &+= process.clock.duration(told.searchTicks)
            waitedNanoseconds &+= process.clock.duration(told.waitedTicks)
            if let sum = processor, let own = told.processorNanoseconds { processor = sum &+ own } else { processor = nil }
            if why != .imported { why = .fewEvents }
        }
        eventNanoseconds = UInt64(events)
        processorNanoseconds = processor == 0 ? nil : processor
        (allocationNanoseconds, freeNanoseconds) = (allocations.mean, frees.mean)
        absence = timedEvents > 0 ? nil : why
    }

    /// Sums of one kind of events over processes.
    private struct Kind {
        var events = 0.0
        var time = 0.0  // nanoseconds

        var mean: Double? { events > 0 ? time / events : nil }

        /// Returns the time that they took, in nanoseconds.
        mutating func add(
            _ early: RecordedOverhead.Timed, _ later: RecordedOverhead.Timed, of all: UInt64, empty: Double, tick: Double
        ) -> Double {
            func mean(_ timed: RecordedOverhead.Timed) -> Double {
                max(Double(timed.ticks) / Double(timed.timed) - empty, 0) * tick
            }
            let both = RecordedOverhead.Timed(timed: early.timed &+ later.timed, ticks: early.ticks &+ later.ticks)
            guard both.timed > 0 else { return 0 }
            let first = min(early.events, all)
            // A handful of timed events tells less than all of them together.
            let earlyMean = early.timed >= 4 ? mean(early) : mean(both)
            let laterMean = later.timed >= 4 ? mean(later) : mean(both)
            let sum = Double(first) * earlyMean + Double(all - first) * laterMean
            events += Double(all)
            time += sum
            return sum
        }
    }
}
