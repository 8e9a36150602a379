// SPDX-License-Identifier: Apache-2.0
//
// The options of every command that reads a trace: which process, and whether functions are named.

internal import ArgumentParser
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

struct TraceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this process.", valueName: "pid"))
    var process: UInt32?

    @Flag(help: "Do not name functions and lines; addresses only.")
    var noSymbols = false

    /// Opens a trace, adds up its events and names its stacks.
    func tree(_ file: String) throws(TraceError) -> CallTree {
        try Self.tree(file, process: process, noSymbols: noSymbols)
    }

    static func tree(_ file: String, process: UInt32? = nil, noSymbols: Bool) throws(TraceError) -> CallTree {
        let trace = try Trace.open(file)
        var options = HistoryOptions()
        if let process {
            let chosen = trace.processes.filter { $0.pid == process }.map(\.id)
            if chosen.isEmpty {
                let known = trace.processes.map { String($0.pid) }.joined(separator: ", ")
                throw TraceError(.foreign, path: file, message: "has no process \(process); there are: \(known)")
            }
            options.processes = Set(chosen)
        }
        var symbols = SymbolizerOptions()
        if noSymbols { symbols.tool = .none }
        return try CallTree(try trace.history(options), symbols: symbols)
    }
}
