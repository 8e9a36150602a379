// SPDX-License-Identifier: Apache-2.0
//
// JSON lines (https://jsonlines.org): one object a line, told apart by "type".
//
//   recording   version, command, mode, duration, whether it is complete
//   totals      the sums that everything else adds up to
//   site        one stack: its sums, its frames, inner to outer, and who freed its blocks, if frees have stacks
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
                json.member("version", 1)
                json.member("process", process.id)
                json.member("pid", Int(process.pid))
                json.member("command", export.command(of: process))
                json.member("mode", process.mode.rawValue)
                json.member("depth", process.depth)
                json.member("complete", history.isComplete)
                json.member("durationNanoseconds", history.duration)
            }
        }
        line(sink, "totals") { Self.add(history.totals, to: &$0) }
        for index in export.tree.sites.indices { line(sink, "site") { site(index, &$0) } }
        for thread in history.threads { line(sink, "thread") { Self.add(thread, to: &$0) } }
        for (index, bucket) in history.timeline.buckets.enumerated() {
            line(sink, "bucket") { json in
                json.member("startNanoseconds", history.timeline.start + UInt64(index) * history.timeline.width)
                json.member("nanoseconds", history.timeline.width)
                json.member("maxLiveBytes", bucket.maxLiveBytes)
                json.member("liveBytes", bucket.liveBytes)
                json.member("liveBlocks", bucket.liveBlocks)
                json.member("allocations", bucket.allocations)
                json.member("frees", bucket.frees)
                json.member("bytesAllocated", bucket.bytesAllocated)
                json.member("residentBytes", bucket.residentBytes)
            }
        }
    }

    private func line(_ sink: ExportSink, _ type: String, _ body: (inout JSONWriter) -> Void) {
        var json = JSONWriter(isOneLine: true) { sink.append($0) }
        json.object { json in
            json.member("type", type)
            body(&json)
        }
        json.finish()
    }

    static func add(_ totals: Totals, to json: inout JSONWriter) {
        json.member("allocations", totals.allocations)
        json.member("frees", totals.frees)
        json.member("reallocations", totals.reallocations)
        json.member("bytesAllocated", totals.bytesAllocated)
        json.member("failures", totals.failures)
        json.member("liveBlocks", totals.liveBlocks)
        json.member("liveBytes", totals.liveBytes)
        json.member("peakBytes", totals.peakBytes)
        json.member("peakBlocks", totals.peakBlocks)
        json.member("peakNanoseconds", totals.peakTime)
        json.member("temporaryAllocations", totals.temporaryAllocations)
    }

    private func site(_ index: Int, _ json: inout JSONWriter) {
        let sums = export.tree.sites[index]
        for measure in Measure.allCases { json.member(measure.rawValue, measure.value(sums)) }
        stack(export.frames(sums), &json)
        guard let freedBy = export.tree.freedBy[index] else { return }
        json.array("freedBy") { json in
            for freed in freedBy {
                json.object { json in
                    json.member("blocks", freed.blocks)
                    json.member("bytes", freed.bytes)
                    stack(export.tree.frames(freed.node), &json)
                }
            }
        }
    }

    private func stack(_ frames: [SymbolFrame], _ json: inout JSONWriter) {
        json.array("stack") { json in
            for frame in frames {
                json.object { json in
                    json.member("function", frame.function)
                    json.member("file", frame.file)
                    json.member("line", frame.line.map { UInt64(max($0, 0)) })
                    json.member("module", frame.module)
                    json.member("inlined", frame.inlined)
                }
            }
        }
    }

    static func add(_ thread: ThreadHistory, to json: inout JSONWriter) {
        json.member("process", thread.process)
        json.member("thread", thread.index)
        json.member("name", thread.name)
        json.member("tid", Int(thread.tid))
        json.sums(of: thread)
    }
}
