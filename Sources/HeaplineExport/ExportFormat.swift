// SPDX-License-Identifier: Apache-2.0
//
// The formats by name, and what a recording must hold for each: a view that would be empty is refused with the reason.

/// A format that ``Exporter`` writes.
public enum ExportFormat: String, Sendable, Hashable, CaseIterable {
    case pprof
    case folded
    case speedscope
    case firefox
    case perfetto
    case heaptrack
    case massif
    case dhat
    case csv
    case jsonl

    /// Finds a format by its name.
    public init?(name: String) { self.init(rawValue: name.lowercased()) }

    /// One line for a list of formats: what it is, and what opens it.
    public var summary: String {
        switch self {
        case .pprof: "profile.proto, gzipped: go tool pprof, Pyroscope, Parca"
        case .folded: "one line for each stack: flamegraph.pl, inferno"
        case .speedscope: "JSON: speedscope.app"
        case .firefox: "JSON: profiler.firefox.com"
        case .perfetto: "Chrome trace JSON, counters over time: ui.perfetto.dev, chrome://tracing"
        case .heaptrack: "every event: heaptrack_print, heaptrack_gui"
        case .massif: "snapshots over time: ms_print, massif-visualizer"
        case .dhat: "JSON with lifetimes: valgrind's dh_view.html"
        case .csv: "a row for each stack: spreadsheets, data frames"
        case .jsonl: "totals, stacks, threads and timeline, one JSON object a line: jq, databases"
        }
    }

    /// Whether it is nothing without call stacks.
    var needsStacks: Bool {
        switch self {
        case .pprof, .folded, .speedscope, .firefox: true
        case .perfetto, .heaptrack, .massif, .dhat, .csv, .jsonl: false
        }
    }

    /// Whether it is made of single events, which a sample of them cannot stand for.
    var needsEvents: Bool { self == .heaptrack || self == .dhat }

    /// Whether it describes one process and has no way to keep several apart.
    var holdsOneProcess: Bool { self == .heaptrack || self == .massif || self == .dhat }

    /// Whether it shows when stacks allocated, if the history has activity.
    public var usesActivity: Bool { self == .firefox }

    /// Whether it is not made to be shown on a terminal.
    public var isBinary: Bool { self == .pprof }
}
