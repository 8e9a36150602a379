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
// What we know are sums of stacks, not samples in time: each measure is a "thread" with a sample for each stack. The course
// of live bytes is the memory track's counter.

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
        let milliseconds = export.history.duration / 1_000_000 + 1
        var json = JSONText(sink)
        json.beginObject()
        addMeta(&json)
        json.key("libs")
        json.beginArray()
        json.endArray()
        tables.write(&json)
        json.key("threads")
        json.beginArray()
        for (index, thread) in Self.threads.enumerated() {
            let sites = export.tree.sites.filter { thread.measure.value($0) > 0 }
            json.newline()
            json.beginObject()
            json.field("processType", "default")
            json.field("processName", export.command(of: process))
            json.field("processStartupTime", 0)
            json.field("processShutdownTime", milliseconds)
            json.field("registerTime", 0)
            json.field("unregisterTime", milliseconds)
            json.key("pausedRanges")
            json.beginArray()
            json.endArray()
            json.field("name", thread.name)
            json.field("isMainThread", index == 0)
            json.field("pid", pid)
            json.field("tid", index + 1)
            json.key("samples")
            json.beginObject()
            column("stack", sites.map { tables.stack($0.node) }, &json)
            column("time", sites.indices.map { _ in 0 }, &json)
            column("weight", sites.map { Int(clamping: thread.measure.value($0)) }, &json)
            json.field("weightType", thread.weight)
            json.field("length", sites.count)
            json.endObject()
            json.key("markers")
            json.beginObject()
            for name in ["data", "name", "startTime", "endTime", "phase", "category"] { column(name, [], &json) }
            json.field("length", 0)
            json.endObject()
            json.endObject()
        }
        json.endArray()
        addCounter(pid, &json)
        json.endObject()
        json.newline()
    }

    private func addMeta(_ json: inout JSONText) {
        let history = export.history
        json.key("meta")
        json.beginObject()
        json.field("interval", 1)
        json.field("startTime", history.trace.startUnixNanoseconds / 1_000_000)
        json.field("processType", 0)
        json.field("product", export.command(of: export.processes.first))
        json.field("stackwalk", 1)
        json.field("version", 31)
        json.field("preprocessedProfileVersion", 60)
        json.field("symbolicated", true)
        json.field("symbolicationNotSupported", true)
        json.field("usesOnlyOneStackType", true)
        json.field("sourceCodeIsNotOnSearchfox", true)
        json.field("keepProfileThreadOrder", true)
        json.field("importedFrom", "heapline")
        json.key("markerSchema")
        json.beginArray()
        json.endArray()
        json.key("categories")
        json.beginArray()
        json.beginObject()
        json.field("name", "Other")
        json.field("color", "grey")
        json.key("subcategories")
        json.beginArray()
        json.value("Other")
        json.endArray()
        json.endObject()
        json.endArray()
        json.endObject()
    }

    /// Counts are differences; the profiler adds them up again.
    private func addCounter(_ pid: String, _ json: inout JSONText) {
        let timeline = export.history.timeline
        json.key("counters")
        json.beginArray()
        json.beginObject()
        json.field("name", "malloc")
        json.field("category", "Memory")
        json.field("description", "Live bytes")
        json.field("pid", pid)
        json.field("mainThreadIndex", 0)
        json.key("samples")
        json.beginObject()
        json.key("time")
        json.beginArray()
        for index in timeline.buckets.indices {
            json.value(thousandths: (timeline.start + UInt64(index + 1) * timeline.width) / 1000)
        }
        json.endArray()
        var before: UInt64 = 0
        column(
            "count",
            timeline.buckets.map { bucket in
                defer { before = bucket.liveBytes }
                return Int(clamping: bucket.liveBytes) - Int(clamping: before)
            }, &json)
        json.field("length", timeline.buckets.count)
        json.endObject()
        json.endObject()
        json.endArray()
    }
}

private func column(_ name: String, _ values: [Int?], _ json: inout JSONText) {
    json.key(name)
    json.beginArray()
    for value in values {
        if let value { json.value(value) } else { json.null() }
    }
    json.endArray()
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

    mutating func write(_ json: inout JSONText) {
        let tree = export.tree
        let extra = ends.sorted { $0.value < $1.value }.map { SymbolFrame(function: export.noStack($0.key), module: "") }
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
        json.key("shared")
        json.beginObject()
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
                json.key(name)
                json.beginArray()
                for _ in frames { json.value(false) }
                json.endArray()
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
        json.key("stringArray")
        json.beginArray()
        for text in strings {
            json.newline()
            json.value(text)
        }
        json.endArray()
        json.endObject()
    }

    private func stackOrNone(_ node: Int) -> Int? { node < CallTree.rootCount ? nil : node - CallTree.rootCount }

    private func table(_ name: String, _ count: Int, _ json: inout JSONText, _ body: (inout JSONText) -> Void) {
        json.newline()
        json.key(name)
        json.beginObject()
        body(&json)
        json.field("length", count)
        json.endObject()
    }

    private mutating func string(_ text: String) -> Int {
        if let known = stringIndex[text] { return known }
        stringIndex[text] = strings.count
        strings.append(text)
        return strings.count - 1
    }
}
