// SPDX-License-Identifier: Apache-2.0
//
// Tables by type, thread, size and time, for the JSON report; see JSONReport.swift.

internal import HeaplineAnalysis

extension Report {
    func tables(_ json: inout JSONWriter) {
        json.objects("types", types.groups) { json, group in
            json.member("name", group.name)
            json.member("kind", group.kind.rawValue)
            json.member("blocks", group.blocks)
            json.member("bytes", group.bytes)
            json.member("leakedBlocks", group.leakedBlocks)
            json.member("peakBlocks", types.isPeakKnown ? group.peakBlocks : nil)
            json.member("peakBytes", types.isPeakKnown ? group.peakBytes : nil)
            json.member("peakBlocksByStack", types.isPeakKnown ? group.peakBlocksByStack : nil)
        }
        json.objects("threads", history.threads) { json, thread in
            json.member("process", thread.process)
            json.member("index", thread.index)
            json.member("name", thread.name)
            json.member("tid", UInt64(thread.tid))
            json.member("isTask", thread.isTask)
            json.sums(of: thread)
        }
        histogram(&json, "sizes", history.sizes)
        histogram(&json, "lifetimes", history.lifetimes)
        json.object("timeline") { json in
            json.member("startNanoseconds", history.timeline.start)
            json.member("bucketNanoseconds", history.timeline.width)
            json.objects("buckets", history.timeline.buckets) { json, bucket in
                json.member("maxLiveBytes", bucket.maxLiveBytes)
                json.member("liveBytes", bucket.liveBytes)
                json.member("liveBlocks", bucket.liveBlocks)
                json.member("allocations", bucket.allocations)
                json.member("frees", bucket.frees)
                json.member("bytesAllocated", bucket.bytesAllocated)
                json.member("residentBytes", bucket.residentBytes)
            }
        }
        json.objects("fragmentation", fragmentation.areas.sorted(by: { ($0.process, $0.start) < ($1.process, $1.start) })) { json, area in
            json.member("process", area.process)
            json.member("name", area.name)
            json.member("start", area.start)
            json.member("end", area.end)
            json.member("blocks", area.blocks)
            json.member("liveBytes", area.liveBytes)
            json.member("holes", area.holes)
            json.member("holeBytes", area.holeBytes)
            json.member("largestHole", area.largestHole)
        }
        cores(&json)
        json.objects("log", trace.log) { json, line in
            json.member("nanoseconds", line.time)
            json.member("process", line.process)
            json.member("text", line.text)
        }
        json.objects("unwindingProblems", tree.unwindingProblems) { json, problem in
            json.member("module", problem.module)
            json.member("why", problem.end.explanation)
            json.member("remedy", problem.remedy)
            json.member("stacks", problem.stacks)
            json.member("allocations", problem.allocations)
        }
        json.objects("symbolProblems", tree.symbolProblems) { json, problem in
            json.member("problem", problem.summary)
            json.member("remedy", problem.remedy)
        }
    }

    private func histogram(_ json: inout JSONWriter, _ name: String, _ histogram: Histogram) {
        json.objects(name, histogram.classes) { json, item in
            json.member("from", item.range.lowerBound)
            json.member("to", item.range.upperBound)
            json.member("count", item.count)
            json.member("sum", item.sum)
        }
    }

    private func cores(_ json: inout JSONWriter) {
        guard let cores else { return }
        json.object("cores") { json in
            json.member("cores", cores.cores)
            json.member("switches", cores.spanCount)
            json.objects("contexts", cores.contexts) { json, context in
                json.member("process", context.process)
                json.member("thread", context.thread)
                json.member("name", trace.processes[context.process].threadName(context.thread))
                json.member("kind", "\(context.activity)")
                json.member("runs", context.runs)
                json.member("nanoseconds", context.time)
                json.array("nanosecondsByCore") { json in for time in context.timeByCore { json.value(time) } }
                json.member("longestNanoseconds", context.longest)
            }
        }
    }
}
