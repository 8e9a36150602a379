// SPDX-License-Identifier: Apache-2.0
//
// The way in. A view starts here and needs nothing else of Reading:
//
//   let trace = try Trace.open(path)              any kind of file; what it says about processes, modules, threads
//   let history = try trace.history()             one pass over its events: totals, sites, threads, timeline, …
//   let leaks = history.sites(by: .liveBytes)     queries are in Queries/
//   let stack = trace.stack(site)                 return addresses; Symbols/ names them

public import HeaplineCollector

/// A recording of one or more processes, opened from a file of any kind that is recognised.
///
/// It is not the events: those are read each time ``history(_:)`` is asked for, so that memory does not grow with the
/// length of the run. Used by one thread at a time.
public final class Trace {
    package let source: any TraceSource

    package init(source: any TraceSource) { self.source = source }

    /// Opens a file; its kind is recognised by its content.
    public static func open(_ path: String) throws(TraceError) -> Trace {
        let file = try TraceFile(path: path)
        let prefix = try file.prefix(512)
        if HeaplineSource.recognises(prefix) { return Trace(source: try HeaplineSource(file)) }
        if HeaptrackSource.recognises(file) { return Trace(source: try HeaptrackSource(file)) }
        throw TraceError(
            .foreign, path: path, offset: 0,
            message: "is no file that heapline reads: neither a .heapline trace nor a heaptrack file")
    }

    public var path: String { source.path }
    public var kind: TraceKind { source.kind }
    /// How much of the recording the file holds.
    public var state: TraceState { source.state }
    /// Wall clock at the start, in nanoseconds since 1970; 0 when unknown.
    public var startUnixNanoseconds: UInt64 { source.startUnixNanoseconds }
    public var processes: [TraceProcess] { source.processes }

    /// The stack nodes of a process.
    public func nodes(of process: Int) -> NodeTable { source.nodes(of: process) }

    /// The stack of a site, inner to outer.
    public func stack(_ site: Site) -> CallStack { source.nodes(of: site.process).stack(site.stack) }

    /// Names that the file itself holds for an address; nil for kinds of file that do not.
    public func embeddedFrames(process: Int, pc: UInt64) -> [EmbeddedFrame]? {
        source.embeddedFrames(process: process, pc: pc)
    }

    /// The module that held the code of `frame`: where several used the same addresses one after the other, the one that
    /// was there when the frame was first seen.
    public func module(of frame: StackFrame, process: Int) -> TraceModule? {
        processes[process].module(of: frame).map { processes[process].modules[$0] }
    }

    /// When the recording ended, in nanoseconds since 1970; nil when the file does not say.
    public var endUnixNanoseconds: UInt64? {
        guard startUnixNanoseconds > 0 else { return nil }
        let last = processes.map { $0.clock.nanoseconds($0.lastKnownTicks) }.max() ?? 0
        return startUnixNanoseconds &+ last
    }

    /// Blocks that the program described when it dumped its live set, in order.
    public func dumpedBlocks(process: Int, _ body: (DumpedBlock) -> Void) throws(TraceError) {
        try source.dumpedBlocks(process: process, body)
    }

    /// Embedded symbols: the process and a payload in the encoding of Symbols/.
    package func embeddedSymbols(_ body: (Int, [UInt8]) -> Void) throws(TraceError) {
        try source.embeddedSymbols(body)
    }

    /// Reads all events once and adds them up.
    ///
    /// - Complexity: O(events) time; memory for the blocks alive at once, the stacks and the threads.
    public func history(_ options: HistoryOptions = HistoryOptions()) throws(TraceError) -> History {
        let builder = HistoryBuilder(self, options)
        return try builder.build()
    }
}
