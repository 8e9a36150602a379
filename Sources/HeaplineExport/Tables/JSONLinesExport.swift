// SPDX-License-Identifier: Apache-2.0
//
// JSON lines (https://jsonlines.org): one object a line, told apart by "type".
//
//   recording   version, command, mode, duration, whether it is complete
//   totals      the sums that everything else adds up to
//   site        one stack: its sums and its frames, inner to outer
//   thread      one thread's sums
//   bucket      one span of the timeline
//
// Names of fields are those of `heapline report --json`.

internal import HeaplineAnalysis

struct JSONLinesExport {
    private let export: Exporter

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) {
        let history = export.history
        for process in export.processes {
            line(sink, "recording") { json in
                json.field("version", 1)
                json.field("process", process.id)
                json.field("pid", process.pid)
                json.field("command", export.command(of: process))
                json.field("mode", process.mode.rawValue)
                json.field("depth", process.depth)
                json.field("complete", history.isComplete)
                json.field("durationNanoseconds", history.duration)
            }
        }
        line(sink, "totals") { Self.add(history.totals, to: &$0) }
        for sums in export.tree.sites { line(sink, "site") { site(sums, &$0) } }
        for thread in history.threads { line(sink, "thread") { add(thread, &$0) } }
        for (index, bucket) in history.timeline.buckets.enumerated() {
            line(sink, "bucket") { json in
                json.field("startNanoseconds", history.timeline.start + UInt64(index) * history.timeline.width)
                json.field("nanoseconds", history.timeline.width)
                json.field("maxLiveBytes", bucket.maxLiveBytes)
                json.field("liveBytes", bucket.liveBytes)
                json.field("liveBlocks", bucket.liveBlocks)
                json.field("allocations", bucket.allocations)
                json.field("frees", bucket.frees)
                json.field("bytesAllocated", bucket.bytesAllocated)
                json.field("residentBytes", optional: bucket.residentBytes)
            }
        }
    }

    private func line(_ sink: ExportSink, _ type: String, _ body: (inout JSONText) -> Void) {
        var json = JSONText(sink)
        json.beginObject()
        json.field("type", type)
        body(&json)
        json.endObject()
        json.newline()
    }

    static func add(_ totals: Totals, to json: inout JSONText) {
        json.field("allocations", totals.allocations)
        json.field("frees", totals.frees)
        json.field("reallocations", totals.reallocations)
        json.field("bytesAllocated", totals.bytesAllocated)
        json.field("failures", totals.failures)
        json.field("liveBlocks", totals.liveBlocks)
        json.field("liveBytes", optional: totals.liveBytes)
        json.field("peakBytes", optional: totals.peakBytes)
        json.field("peakBlocks", optional: totals.peakBlocks)
        json.field("peakNanoseconds", optional: totals.peakTime)
        json.field("temporaryAllocations", optional: totals.temporaryAllocations)
    }

    private func site(_ sums: CallTree.StackSums, _ json: inout JSONText) {
        for measure in Measure.allCases { json.field(measure.rawValue, measure.value(sums)) }
        json.key("stack")
        json.beginArray()
        for frame in export.frames(sums) {
            json.beginObject()
            json.field("function", frame.function)
            json.field("file", optional: frame.file)
            json.field("line", optional: frame.line.map { UInt64(max($0, 0)) })
            json.field("module", frame.module)
            json.field("inlined", frame.inlined)
            json.endObject()
        }
        json.endArray()
    }

    private func add(_ thread: ThreadHistory, _ json: inout JSONText) {
        json.field("process", thread.process)
        json.field("thread", thread.index)
        json.field("name", thread.name)
        json.field("tid", thread.tid)
        json.field("allocations", thread.allocations)
        json.field("bytes", thread.bytes)
        json.field("frees", thread.frees)
        json.field("foreignFrees", thread.foreignFrees)
        json.field("temporary", thread.temporary)
        json.field("liveBlocks", thread.liveBlocks)
        json.field("liveBytes", thread.liveBytes)
    }
}
