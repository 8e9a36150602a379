// SPDX-License-Identifier: Apache-2.0
//
// The Firefox profiler's processed format, version 60: the first that keeps one set of tables for all threads, and one that
// every later profiler upgrades
// (https://github.com/firefox-devtools/profiler/blob/main/docs-developer/CHANGELOG-formats.md).
//
//   file   := {"meta", "libs": [], "shared": tables, "threads": [thread*], "counters": [counter]}
//   tables := columns of equal length: stackTable (frame, prefix), frameTable (func, line, …), funcTable (name, source, …),
//             resourceTable, nativeSymbols, sources, and stringArray that names index
//   thread := {…, "samples": {"stack", "time", "weight", "weightType": "bytes" | "samples", "length"}, "markers"}
//
// Each measure is a "thread". What was allocated is a sample for each stack and span of time where the history has activity
// (HistoryOptions.activity), else one for each stack at the end; what was alive stands at the peak or at the end. The course of
// live bytes is the memory track's counter. The profiler takes its time axis from `meta`, as samples need not reach the end.

internal import HeaplineAnalysis

struct FirefoxExport {
    private let export: Exporter

    static let threads: [(name: String, weight: String, measure: Measure)] = [
        ("allocated bytes", "bytes", .bytes),
        ("allocations", "samples", .allocations),
        ("bytes at the peak", "bytes", .peakBytes),
        ("live bytes at the end", "bytes", .liveBytes),
        ("live blocks at the end", "samples", .liveBlocks),
        ("temporary allocations", "samples", .temporary),
    ]

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) {
        var tables = FirefoxTables(export)
        let process = export.processes.first
        let pid = String(process?.pid ?? 0)
        let milliseconds = milliseconds
        var json = JSONWriter { sink.append($0) }
        json.object { json in
            addMeta(&json)
            json.array("libs") { json in
            }
            tables.write(&json)
            json.array("threads") { json in
                for (index, thread) in Self.threads.enumerated() {
                    let samples = samples(thread.measure, tables)
                    json.object { json in
                        json.member("processType", "default")
                        json.member("processName", export.command(of: process))
                        json.member("processStartupTime", 0)
                        json.member("processShutdownTime", milliseconds)
                        json.member("registerTime", 0)
                        json.member("unregisterTime", milliseconds)
                        json.array("pausedRanges") { json in
                        }
                        json.member("name", thread.name)
                        json.member("isMainThread", index == 0)
                        json.member("pid", pid)
                        json.member("tid", index + 1)
                        json.object("samples") { json in
                            column("stack", samples.map(\.stack), &json)
                            json.array("time") { json in for sample in samples { json.value(Self.milliseconds(sample.time)) } }
                            column("weight", samples.map { Int(clamping: $0.weight) }, &json)
                            json.member("weightType", thread.weight)
                            json.member("length", samples.count)
                        }
                        json.object("markers") { json in
                            for name in ["data", "name", "startTime", "endTime", "phase", "category"] {
                                column(name, [], &json)
                            }
                            json.member("length", 0)
                        }
                    }
                }
            }
            addCounter(pid, &json)
        }
        json.finish()
    }

    private struct Sample {
        var stack: Int?
        var time: UInt64
        var weight: UInt64
    }

    /// What one thread shows, in order of time.
    private func samples(_ measure: Measure, _ tables: FirefoxTables) -> [Sample] {
        let history = export.history
        let tree = export.tree
        let column: ((Activity.Entry) -> UInt64)? =
            switch measure {
            case .bytes: { $0.bytes }
            case .allocations: { $0.allocations }
            case .temporary: { $0.temporary }
            default: nil
            }
        if let column, let activity = history.activity {
            return activity.spans.enumerated().flatMap { index, span in
                // Several of the history's sites may be one of the tree's.
                var sums: [Int: UInt64] = [:]
                for entry in span where column(entry) > 0 { sums[tree.siteOf[entry.site], default: 0] &+= column(entry) }
                let time = min(UInt64(index) * activity.width, history.duration)
                return sums.sorted { $0.key < $1.key }.map {
                    Sample(stack: tables.stack(tree.sites[$0.key].node), time: time, weight: $0.value)
                }
            }
        }
        let isPeak = measure == .peakBytes || measure == .peakBlocks
        let time = isPeak ? history.totals.peakTime ?? history.duration : history.duration
        return tree.sites.filter { measure.value($0) > 0 }
            .map { Sample(stack: tables.stack($0.node), time: time, weight: measure.value($0)) }
    }

    /// The length of the time axis; no sample lies behind it.
    private var milliseconds: UInt64 { export.history.duration / 1_000_000 + 1 }

    private static func milliseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds / 1000) / 1000 }

    private func addMeta(_ json: inout JSONWriter) {
        let history = export.history
        json.object("meta") { json in
            json.member("interval", 1)
            json.member("startTime", history.trace.startUnixNanoseconds / 1_000_000)
            json.member("profilingStartTime", 0)
            json.member("profilingEndTime", milliseconds)
            json.member("processType", 0)
            json.member("product", export.command(of: export.processes.first))
            json.member("stackwalk", 1)
            json.member("version", 31)
            json.member("preprocessedProfileVersion", 60)
            json.member("symbolicated", true)
            json.member("symbolicationNotSupported", true)
            json.member("usesOnlyOneStackType", true)
            json.member("sourceCodeIsNotOnSearchfox", true)
            json.member("keepProfileThreadOrder", true)
            json.member("importedFrom", "heapline")
            json.array("markerSchema") { json in
            }
            json.array("categories") { json in
                json.object { json in
                    json.member("name", "Other")
                    json.member("color", "grey")
                    json.array("subcategories") { json in
                        json.value("Other")
                    }
                }
            }
        }
    }

    /// Counts are differences; the profiler adds them up again, all but the first, which it takes for 0: ours is.
    private func addCounter(_ pid: String, _ json: inout JSONWriter) {
        let timeline = export.history.timeline
        json.array("counters") { json in
            json.object { json in
                json.member("name", "malloc")
                json.member("category", "Memory")
                json.member("description", "Live bytes")
                json.member("pid", pid)
                json.member("mainThreadIndex", 0)
                json.object("samples") { json in
                    json.array("time") { json in
                        for index in 0...timeline.buckets.count {
                            let end = timeline.start + UInt64(index) * timeline.width
                            json.value(Self.milliseconds(min(end, max(export.history.duration, timeline.start))))
                        }
                    }
                    var before: UInt64 = 0
                    let changes = timeline.buckets.map { bucket in
                        defer { before = bucket.liveBytes }
                        return Int(clamping: bucket.liveBytes) - Int(clamping: before)
                    }
                    column("count", [0] + changes, &json)
                    json.member("length", changes.count + 1)
                }
            }
        }
    }
}

private func column(_ name: String, _ values: [Int?], _ json: inout JSONWriter) {
    json.array(name) { json in for value in values { json.value(value) } }
}

/// The call tree in the profiler's columns: a stack for each node, a frame and a function for each distinct frame.
private struct FirefoxTables {
    private let export: Exporter
    private var strings: [String] = []
    private var stringIndex: [String: Int] = [:]
    private var ends: [Int: Int] = [:]  // root of a stack without frames: its stack's index

    init(_ export: Exporter) {
        self.export = export
        let count = export.tree.nodes.count - CallTree.rootCount
        for sums in export.tree.sites where sums.node < CallTree.rootCount && ends[sums.node] == nil {
            ends[sums.node] = count + ends.count
        }
    }

    func stack(_ node: Int) -> Int? { node < CallTree.rootCount ? ends[node] : node - CallTree.rootCount }

    mutating func write(_ json: inout JSONWriter) {
        let tree = export.tree
        let extra = ends.sorted { $0.value < $1.value }.map {
            SymbolFrame(function: export.noStack($0.key), module: "")
        }
        let frames = tree.frames + extra
        var sources: [Int] = []
        var sourceIndex: [String: Int] = [:]
        var functionSource: [Int?] = []
        var resources: [Int] = []
        var resourceIndex: [String: Int] = [:]
        var functionResource: [Int] = []
        let names = frames.map { string($0.function) }
        for frame in frames {
            var source: Int?
            if let file = frame.file {
                source = sourceIndex[file] ?? sources.count
                if source == sources.count {
                    sourceIndex[file] = sources.count
                    sources.append(string(file))
                }
            }
            functionSource.append(source)
            let resource = frame.module.isEmpty ? -1 : resourceIndex[frame.module] ?? resources.count
            if resource == resources.count {
                resourceIndex[frame.module] = resources.count
                resources.append(string(frame.module))
            }
            functionResource.append(resource)
        }
        let nodes = tree.nodes.dropFirst(CallTree.rootCount)
        let none = [Int?](repeating: nil, count: frames.count)
        let zeros = [Int?](repeating: 0, count: frames.count)
        json.object("shared") { json in
            table("stackTable", nodes.count + extra.count, &json) { json in
                column("frame", nodes.map(\.frame) + extra.indices.map { tree.frames.count + $0 }, &json)
                column("prefix", nodes.map { stackOrNone($0.parent) } + extra.map { _ in nil }, &json)
            }
            table("frameTable", frames.count, &json) { json in
                column("address", frames.map { _ in -1 }, &json)
                column("inlineDepth", zeros, &json)
                column("category", zeros, &json)
                column("subcategory", zeros, &json)
                column("func", frames.indices.map { $0 }, &json)
                for name in ["nativeSymbol", "innerWindowID"] { column(name, none, &json) }
                column("line", frames.map(\.line), &json)
                column("column", none, &json)
            }
            table("funcTable", frames.count, &json) { json in
                column("name", names, &json)
                for name in ["isJS", "relevantForJS"] {
                    json.array(name) { json in
                        for _ in frames { json.value(false) }
                    }
                }
                column("resource", functionResource, &json)
                column("source", functionSource, &json)
                column("lineNumber", none, &json)
                column("columnNumber", none, &json)
            }
            table("resourceTable", resources.count, &json) { json in
                column("lib", resources.map { _ in nil }, &json)
                column("name", resources, &json)
                column("host", resources.map { _ in nil }, &json)
                column("type", resources.map { _ in 1 }, &json)
            }
            table("nativeSymbols", 0, &json) { json in
                for name in ["libIndex", "address", "name", "functionSize"] { column(name, [], &json) }
            }
            table("sources", sources.count, &json) { json in
                column("uuid", sources.map { _ in nil }, &json)
                column("filename", sources, &json)
            }
            json.array("stringArray") { json in
                for text in strings {
                    json.value(text)
                }
            }
        }
    }

    private func stackOrNone(_ node: Int) -> Int? { node < CallTree.rootCount ? nil : node - CallTree.rootCount }

    private func table(_ name: String, _ count: Int, _ json: inout JSONWriter, _ body: (inout JSONWriter) -> Void) {
        json.object(name) { json in
            body(&json)
            json.member("length", count)
        }
    }

    private mutating func string(_ text: String) -> Int {
        if let known = stringIndex[text] { return known }
        stringIndex[text] = strings.count
        strings.append(text)
        return strings.count - 1
    }
}
