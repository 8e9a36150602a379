// SPDX-License-Identifier: Apache-2.0
//
// The trace event format of Chrome and Perfetto
// (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU):
//
//   file  := {"displayTimeUnit", "otherData": totals, "traceEvents": [event*]}
//   event := {"ph": "M", "name": "process_name" | "thread_name", "pid", "tid", "args": {"name"}}
//          | {"ph": "C", "name", "pid", "ts", "args": {series: number}}       a counter takes a value
//          | {"ph": "X", "name", "pid", "tid", "ts", "dur", "args"}           a thread's life, with its sums
//          | {"ph": "i", "name", "pid", "ts", "s": "p"}                       something that was said once
//
// Times are microseconds. Counters are the timeline's spans: live values as of a span's end, and the allocations, frees
// and bytes within it, which add up to the totals.

internal import HeaplineAnalysis

struct PerfettoExport {
    private let export: Exporter

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) {
        let history = export.history
        var json = JSONText(sink)
        json.beginObject()
        json.field("displayTimeUnit", "ms")
        json.key("otherData")
        json.beginObject()
        JSONLinesExport.add(history.totals, to: &json)
        json.endObject()
        json.key("traceEvents")
        json.beginArray()
        for process in export.processes { name("process_name", export.command(of: process), process, 0, &json) }
        addThreads(&json)
        addCounters(&json)
        for line in history.trace.log {
            guard export.processes.contains(where: { $0.id == line.process }) else { continue }
            begin("i", line.text, pid(line.process), line.time, &json)
            json.field("s", "p")
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.newline()
    }

    private func addThreads(_ json: inout JSONText) {
        let history = export.history
        for thread in history.threads {
            let process = history.trace.processes[thread.process]
            name("thread_name", thread.name, process, thread.index + 1, &json)
            let known = process.threads.indices.contains(thread.index) ? process.threads[thread.index] : nil
            let start = known.map { process.clock.nanoseconds($0.startTicks) } ?? 0
            let end = known?.endTicks.map { process.clock.nanoseconds($0) }
            begin("X", "alive", Int(process.pid), start, &json)
            json.field("tid", thread.index + 1)
            json.key("dur")
            json.value(thousandths: max(end ?? history.duration, start) - start)
            json.key("args")
            json.beginObject()
            json.field("allocations", thread.allocations)
            json.field("bytes", thread.bytes)
            json.field("frees", thread.frees)
            json.field("foreignFrees", thread.foreignFrees)
            json.field("temporary", thread.temporary)
            json.field("liveBlocks", thread.liveBlocks)
            json.field("liveBytes", thread.liveBytes)
            json.endObject()
            json.endObject()
        }
    }

    private func addCounters(_ json: inout JSONText) {
        let history = export.history
        let timeline = history.timeline
        // Several processes' sums belong to none of them; they stand at the first.
        let pid = Int(export.processes.first?.pid ?? 0)
        for (index, bucket) in timeline.buckets.enumerated() {
            let start = timeline.start + UInt64(index) * timeline.width
            let end = max(start, min(start + timeline.width, history.duration))
            counter("live bytes", "bytes", bucket.liveBytes, pid, end, &json)
            counter("highest live bytes", "bytes", bucket.maxLiveBytes, pid, start, &json)
            counter("live blocks", "blocks", bucket.liveBlocks, pid, end, &json)
            counter("allocations", "allocations", bucket.allocations, pid, start, &json)
            counter("frees", "frees", bucket.frees, pid, start, &json)
            counter("bytes allocated", "bytes", bucket.bytesAllocated, pid, start, &json)
            if let resident = bucket.residentBytes { counter("resident bytes", "bytes", resident, pid, end, &json) }
        }
        if let time = history.totals.peakTime {
            begin("i", "peak: \(history.totals.peakBytes ?? 0) bytes", pid, time, &json)
            json.field("s", "p")
            json.endObject()
        }
    }

    private func counter(
        _ name: String, _ series: String, _ value: UInt64, _ pid: Int, _ time: UInt64, _ json: inout JSONText
    ) {
        begin("C", name, pid, time, &json)
        json.key("args")
        json.beginObject()
        json.field(series, value)
        json.endObject()
        json.endObject()
    }

    private func name(_ kind: String, _ text: String, _ process: TraceProcess, _ tid: Int, _ json: inout JSONText) {
        json.newline()
        json.beginObject()
        json.field("ph", "M")
        json.field("name", kind)
        json.field("pid", process.pid)
        json.field("tid", tid)
        json.key("args")
        json.beginObject()
        json.field("name", text)
        json.endObject()
        json.endObject()
    }

    private func begin(_ phase: String, _ name: String, _ pid: Int, _ nanoseconds: UInt64, _ json: inout JSONText) {
        json.newline()
        json.beginObject()
        json.field("ph", phase)
        json.field("name", name)
        json.field("pid", pid)
        json.key("ts")
        json.value(thousandths: nanoseconds)
    }

    private func pid(_ process: Int) -> Int { Int(export.history.trace.processes[process].pid) }
}
