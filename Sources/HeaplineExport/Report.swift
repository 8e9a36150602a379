// SPDX-License-Identifier: Apache-2.0
//
// The report on one trace: what `heapline report` prints and `heapline run` ends with.
//
//   let report = try Report(try Trace.open(path))
//   print(report.text(.summary, style))          or report.json { part in … }

public import HeaplineAnalysis
public import HeaplineCollector

/// What a report can show.
public enum ReportView: String, Sendable, CaseIterable {
    case summary, leaks, peak, temporary, sites, threads, tasks, cores, types, sizes, lifetimes, growth, timeline
    case fragmentation, log
}

/// Everything a report shows, computed once; views only format it.
public final class Report {
    public let trace: Trace
    public let history: History
    public let tree: CallTree
    public let leaks: Leaks
    /// What ran on the cores of an emulated chip; nil for traces that do not tell.
    public let cores: CoreTimeline?
    /// What recording cost the program.
    public let overhead: Overhead
    /// Where the live blocks lie; computed when first asked for.
    public private(set) lazy var fragmentation = Fragmentation(history)
    /// Live blocks by dynamic type.
    public private(set) lazy var types = Types(history, verdicts)
    private let verdicts: Verdicts

    /// Reads the events once and names all stacks.
    public init(
        _ trace: Trace, options: HistoryOptions = HistoryOptions(), symbols: SymbolizerOptions = SymbolizerOptions(),
        suppressions: Suppressions = Suppressions()
    ) throws(TraceError) {
        self.trace = trace
        history = try trace.history(options)
        (tree, verdicts) = try Verdicts.withTree(history, symbols: symbols)
        leaks = try Leaks(tree, verdicts: verdicts, suppressions: suppressions)
        cores = try CoreTimeline(history)
        overhead = Overhead(history)
    }

    /// The processes that the report is about.
    public var processes: [TraceProcess] {
        trace.processes.filter { history.options.processes?.contains($0.id) ?? true }
    }

    /// The program that was run: the last image of the first process.
    public var mainProcess: TraceProcess? {
        guard let first = processes.first else { return nil }
        return processes.last { $0.pid == first.pid && $0.pid != 0 } ?? first
    }

    /// The mode of the recording; when processes differ, that of the first.
    public var mode: RecordingMode { processes.first?.mode ?? .off }

    /// The most frames asked for in any process.
    public var depth: Int { processes.map(\.depth).max() ?? 0 }

    /// Events lost, by cause, in all processes.
    public var losses: [(cause: LossCause, count: UInt64)] {
        var sums: [LossCause: UInt64] = [:]
        for process in processes {
            for (cause, count) in process.counts?.lost ?? [:] { sums[cause, default: 0] &+= count }
        }
        return LossCause.allCases.compactMap { cause in sums[cause].flatMap { $0 > 0 ? (cause, $0) : nil } }
    }
}
