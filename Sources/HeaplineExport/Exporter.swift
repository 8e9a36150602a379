// SPDX-License-Identifier: Apache-2.0
//
// The way in: one history with its named stacks, written in any format. What all formats share is here: the check that the
// recording holds what the format needs, and what a stack without frames is called.

public import HeaplineAnalysis
internal import HeaplineCollector

/// Writes a history in the formats of other tools.
///
/// For every format, what the file says of the stacks adds up to the history's totals, as far as the recording has stacks
/// for them: in mode leaks freed blocks have none, in mode sample numbers are estimates.
public struct Exporter {
    public let tree: CallTree
    public var history: History { tree.history }

    public init(_ tree: CallTree) { self.tree = tree }

    /// Writes one format.
    ///
    /// - Parameter measure: what the weights of ``ExportFormat/folded`` are; formats that hold several ignore it.
    public func write(
        _ format: ExportFormat, measure: Measure = .bytes, to sink: ExportSink
    ) throws(ExportError) {
        try check(format)
        do throws(TraceError) {
            switch format {
            case .pprof: PprofExport(self).write(to: sink)
            case .folded: FoldedExport(self, measure).write(to: sink)
            case .speedscope: SpeedscopeExport(self).write(to: sink)
            case .firefox: FirefoxExport(self).write(to: sink)
            case .perfetto: PerfettoExport(self).write(to: sink)
            case .heaptrack: try HeaptrackExport(self).write(to: sink)
            case .massif: MassifExport(self).write(to: sink)
            case .dhat: try DHATExport(self).write(to: sink)
            case .csv: CSVExport(self).write(to: sink)
            case .jsonl: JSONLinesExport(self).write(to: sink)
            }
            try sink.finish()
        } catch {
            throw .file(error)
        }
    }

    /// The processes that are part of the history.
    var processes: [TraceProcess] {
        history.trace.processes.filter { history.options.processes?.contains($0.id) ?? true }
    }

    private func check(_ format: ExportFormat) throws(ExportError) {
        func refuse(_ reason: String, _ remedy: String) -> ExportError {
            .unsuitable(format: format, reason: reason, remedy: remedy)
        }
        if processes.allSatisfy({ $0.mode == .count || $0.mode == .off }), format != .jsonl {
            throw refuse("the trace was recorded in mode count and holds totals only", "record with --mode all")
        }
        if format.needsStacks, !tree.hasStacks {
            if history.sites.isEmpty { throw refuse("nothing was allocated", "there is nothing to show") }
            throw refuse("the trace has no call stacks", "record with --depth 64")
        }
        if format.needsEvents, processes.contains(where: { $0.mode == .sample }) {
            throw refuse("the format needs every event and the trace is a sample", "record with --mode all")
        }
        if format.holdsOneProcess, processes.count > 1 {
            let names = processes.prefix(12).map { "\($0.pid) (\($0.name))" }.joined(separator: ", ")
            throw refuse(
                "the format holds one process and the trace has \(processes.count): \(names)\(processes.count > 12 ? ", …" : "")",
                "choose one with --process PID")
        }
    }

    /// The process to write in a format that holds only one, when the history has several: the one that allocated most.
    public func process(for format: ExportFormat) -> TraceProcess? {
        guard format.holdsOneProcess, processes.count > 1 else { return nil }
        return processes.max { history.processTotals[$0.id].allocations < history.processTotals[$1.id].allocations }
    }

    /// What a reader of the export should know of the recording: one sentence each.
    public var notes: [String] {
        var notes: [String] = []
        let modes = Set(processes.map(\.mode))
        if modes.contains(.leaks) { notes.append("recorded in mode leaks: blocks that were freed are in no stack") }
        if modes.contains(.sample) {
            notes.append("recorded in mode sample: numbers are estimates; temporary allocations and growth by realloc are unknown")
        }
        if modes.count > 1, modes.contains(.count) { notes.append("processes in mode count are left out") }
        if !history.isComplete { notes.append("the recording has gaps; heapline report tells which") }
        if !tree.hasStacks, !history.sites.isEmpty {
            notes.append("the trace has no call stacks: record with --depth 64")
        }
        return notes
    }

    // MARK: Stacks

    /// The calls of a stack, inner to outer; never empty: a stack without frames says why.
    func frames(_ sums: CallTree.StackSums) -> [SymbolFrame] {
        let frames = tree.frames(sums.node)
        return frames.isEmpty ? [SymbolFrame(function: noStack(sums.node), module: "")] : frames
    }

    /// What stands for a stack that has no frames.
    func noStack(_ node: Int) -> String { "[\(tree.end(node).explanation)]" }

    /// The command line, or the program's name.
    func command(of process: TraceProcess?) -> String {
        guard let process else { return "" }
        let words = process.arguments.isEmpty ? [process.executable] : process.arguments
        let line = words.joined(separator: " ").onOneLine()
        return line.isEmpty ? process.name.onOneLine() : line
    }
}
