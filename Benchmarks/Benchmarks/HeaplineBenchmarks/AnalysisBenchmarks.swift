// SPDX-License-Identifier: Apache-2.0
//
// What comes after recording: decoding, the live table and all sums, the report, every export. One trace of a million events,
// 4,096 stacks of 24 frames, 16,384 blocks alive. Times are for the whole of it; scaled (--scale), for one event.

internal import Benchmark
internal import CLoops
internal import HeaplineAnalysis
internal import HeaplineExport

private let events: UInt64 = 1_000_000

private var configuration: Benchmark.Configuration {
    .init(metrics: [.wallClock, .throughput], warmupIterations: 1, scalingFactor: .mega, maxDuration: .milliseconds(500), maxIterations: 200)
}

private struct Problem: Error {
    var message: String
}

private func openTrace() throws -> Trace {
    guard let path = loops_trace_file(events) else { throw Problem(message: "no trace could be recorded here") }
    let trace = try Trace.open(String(cString: path))
    guard trace.processes.count == 1 else { throw Problem(message: "the trace has \(trace.processes.count) processes") }
    return trace
}

private var withoutNames: SymbolizerOptions {
    var options = SymbolizerOptions()
    options.tool = .none
    return options
}

/// What is `prepared` is not part of the time.
private func measure<Prepared>(
    _ name: String, _ prepare: @escaping @Sendable () throws -> Prepared, _ run: @escaping @Sendable (Prepared) throws -> Void
) {
    Benchmark(name, configuration: configuration) { benchmark in
        let prepared = try prepare()
        benchmark.startMeasurement()
        try run(prepared)
        benchmark.stopMeasurement()
    }
}

func analysisBenchmarks() {
    measure("read: decode alone", { () throws -> OpaquePointer in
        guard let path = loops_trace_file(events), let bytes = loops_bytes_load(path) else { throw Problem(message: "no trace") }
        return bytes
    }) { bytes in
        guard loops_decode(bytes) >= events - 1 else { throw Problem(message: "a chunk does not decode") }
        loops_bytes_end(bytes)
    }
    measure("read: open and stacks", { try openTrace().path }) { blackHole(try Trace.open($0)) }
    measure("analysis: history with live table", openTrace) { trace in
        let history = try trace.history()
        guard history.eventCount >= events - 1 else { throw Problem(message: "\(history.eventCount) events were read") }
    }
    measure("analysis: history for the page", openTrace) { blackHole(try $0.history(HistoryOptions(activity: true))) }
    measure("report: text, addresses only", openTrace) { blackHole(try Report($0, symbols: withoutNames).text(.summary)) }
    measure("report: text, functions and lines", openTrace) { blackHole(try Report($0).text(.summary)) }
    measure("report: JSON", { try Report(try openTrace(), symbols: withoutNames) }) { report in
        var bytes = 0
        report.json { bytes += $0.count }
        blackHole(bytes)
    }
    measure("report: HTML", { try Report(try openTrace(), options: HistoryOptions(activity: true), symbols: withoutNames) }) { report in
        let path = report.trace.path + ".html"
        try HTMLReport(report).write(to: path, force: true)
        _ = loops_remove(path)
    }
    for format in ExportFormat.allCases {
        measure("export: \(format.rawValue)", { try CallTree(try openTrace().history(), symbols: withoutNames) }) { tree in
            var bytes = 0
            let sink = ExportSink { bytes += $0.count }
            try Exporter(tree).write(format, to: sink)
            guard bytes > 0 else { throw Problem(message: "\(format.rawValue) is empty") }
        }
    }
}
