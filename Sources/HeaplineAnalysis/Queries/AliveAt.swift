// SPDX-License-Identifier: Apache-2.0
//
// The heap at a chosen moment: a second pass over the events that stops there. Memory is that of the live set then; the
// first pass only has to tell which moment.

public import HeaplineCollector

extension Trace {
    /// The history up to and including a moment (nanoseconds since the trace's start); its live set is what was alive then.
    public func history(upTo nanoseconds: UInt64, processes: Set<Int>? = nil) throws(TraceError) -> History {
        try history(HistoryOptions(processes: processes, until: nanoseconds))
    }
}

extension History {
    /// The history up to the moment of the peak, with its live blocks; nil when the recording has no peak in time.
    ///
    /// Events in the same nanosecond as the peak are included, so live bytes can differ from the peak by what those did.
    public func atPeak() throws(TraceError) -> History? {
        guard let time = totals.peakTime else { return nil }
        return try trace.history(upTo: time, processes: options.processes)
    }
}
