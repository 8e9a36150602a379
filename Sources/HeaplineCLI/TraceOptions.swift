// SPDX-License-Identifier: Apache-2.0
//
// The options of every command that reads a trace: which process, and where the names of functions come from.

internal import ArgumentParser
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

struct TraceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this process.", valueName: "pid"))
    var process: UInt32?

    @OptionGroup var symbols: SymbolOptions

    /// Opens a trace, adds up its events and names its stacks.
    ///
    /// - Parameter activity: also what each stack did when.
    func tree(_ file: String, activity: Bool = false) throws(TraceError) -> CallTree {
        let trace = try Trace.open(file)
        return try tree(trace, processes: try processes(of: trace), activity: activity)
    }

    /// The indexes of the processes asked for; nil for all.
    func processes(of trace: Trace) throws(TraceError) -> Set<Int>? {
        guard let process else { return nil }
        let chosen = trace.processes.filter { $0.pid == process }.map(\.id)
        guard chosen.isEmpty else { return Set(chosen) }
        let known = trace.processes.map { String($0.pid) }.joined(separator: ", ")
        throw TraceError(.foreign, path: trace.path, message: "has no process \(process); there are: \(known)")
    }

    /// The same for some processes of an open trace, by their indexes.
    func tree(_ trace: Trace, processes: Set<Int>?, activity: Bool = false) throws(TraceError) -> CallTree {
        try CallTree(try trace.history(HistoryOptions(processes: processes, activity: activity)), symbols: symbols.symbolizer)
    }
}
