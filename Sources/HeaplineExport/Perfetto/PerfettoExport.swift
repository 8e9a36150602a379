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
        var json = JSONWriter { sink.append($0) }
        json.object { json in
            json.member("displayTimeUnit", "ms")
            json.object("otherData") { json in
                JSONLinesExport.add(history.totals, to: &json)
            }
            json.array("traceEvents") { json in
                for process in export.processes { name("process_name", export.command(of: process), process, 0, &json) }
                addThreads(&json)
                addCounters(&json)
                for line in history.trace.log {
                    guard export.processes.contains(where: { $0.id == line.process }) else { continue }
                    let pid = Int(history.trace.processes[line.process].pid)
                    event("i", line.text, pid, line.time, &json) { $0.member("s", "p") }
                }
            }
        }
        json.finish()
    }

    private func addThreads(_ json: inout JSONWriter) {
        let history = export.history
        for thread in history.threads {
            let process = history.trace.processes[thread.process]
            name("thread_name", thread.name, process, thread.index + 1, &json)
            let known = process.threads.indices.contains(thread.index) ? process.threads[thread.index] : nil
            let start = known.map { process.clock.nanoseconds($0.startTicks) } ?? 0
            let end = max(known?.endTicks.map { process.clock.nanoseconds($0) } ?? history.duration, start)
            event("X", "alive", Int(process.pid), start, &json) { json in
                json.member("tid", thread.index + 1)
                json.member("dur", Double(end - start) / 1000)
                json.object("args") { json in JSONLinesExport.add(thread, to: &json) }
            }
        }
    }

    private func addCounters(_ json: inout JSONWriter) {
        let history = export.history
        let timeline = history.timeline
        // Several processes' sums belong to none of them; they stand at the first.
        let pid = Int(export.processes.first?.pid ?? 0)
        func counter(_ name: String, _ series: String, _ value: UInt64, _ time: UInt64) {
            event("C", name, pid, time, &json) { json in
                json.object("args") { json in json.member(series, value) }
            }
        }
        for (index, bucket) in timeline.buckets.enumerated() {
            let start = timeline.start + UInt64(index) * timeline.width
            let end = max(start, min(start + timeline.width, history.duration))
            counter("live bytes", "bytes", bucket.liveBytes, end)
            counter("highest live bytes", "bytes", bucket.maxLiveBytes, start)
            counter("live blocks", "blocks", bucket.liveBlocks, end)
            counter("allocations", "allocations", bucket.allocations, start)
            counter("frees", "frees", bucket.frees, start)
            counter("bytes allocated", "bytes", bucket.bytesAllocated, start)
            if let resident = bucket.residentBytes { counter("resident bytes", "bytes", resident, end) }
        }
        if let time = history.totals.peakTime {
            event("i", "peak: \(history.totals.peakBytes ?? 0) bytes", pid, time, &json) { $0.member("s", "p") }
        }
    }

    private func name(_ kind: String, _ text: String, _ process: TraceProcess, _ tid: Int, _ json: inout JSONWriter) {
        json.object { json in
            json.member("ph", "M")
            json.member("name", kind)
            json.member("pid", Int(process.pid))
            json.member("tid", tid)
            json.object("args") { json in json.member("name", text) }
        }
    }

    private func event(
        _ phase: String, _ name: String, _ pid: Int, _ nanoseconds: UInt64, _ json: inout JSONWriter,
        _ body: (inout JSONWriter) -> Void
    ) {
        json.object { json in
            json.member("ph", phase)
            json.member("name", name)
            json.member("pid", pid)
            json.member("ts", Double(nanoseconds) / 1000)
            body(&json)
        }
    }
}
