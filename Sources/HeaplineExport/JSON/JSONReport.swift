// SPDX-License-Identifier: Apache-2.0
//
// The report as JSON. Schema `heapline.report`, version 1: members are only ever added; a change of meaning is a new
// version. Numbers are bytes, counts, or nanoseconds since the trace's start; null means that the recording cannot tell.
//
//   schema, version
//   trace        {path, kind, state, cutAt, startUnixNanoseconds}
//   recording    {mode, depth, sampleBytes, eventsRecorded, eventsLost, complete, durationSeconds, processes}
//   totals       {allocations, frees, reallocations, bytesAllocated, peakBytes, liveBlocks, liveBytes,
//                 temporaryAllocations, peakBlocks, peakNanoseconds, failures, unknownFrees, impliedFrees,
//                 mappedBytes, unmappedBytes}
//   lossesByCause {full, noSpace, …}              only causes that occurred
//   gaps         [{process, kind, …}]             why `complete` is false
//   processes    [{pid, parentPid, executable, arguments, mode, end, exitStatus, signal, totals, recorder}]
//   sites        [{stack, stackEnd, allocations, bytes, liveBlocks, liveBytes, peakBlocks, peakBytes, temporary,
//                  reallocations, freedBy, standardErrors}]
//                freedBy: [{blocks, bytes, stack, stackEnd}], most blocks first, with --free-stacks only
//                stack: [{function, file, line, module, inlined}], inner to outer; most allocations first.
//                The element at index `otherStacks.site`, if that is there, stands for all stacks that are not listed: its
//                stack is empty, its `stackEnd` is "others".
//   otherStacks  {site, stacks}                   only when there are more stacks than are listed
//   leaks        [{site, blocks, bytes, oldestNanoseconds, newestNanoseconds, threads, owner, verdicts}]
//                site: index into sites; owner: a runtime that keeps the blocks; verdicts: {unreachable, indirect, reachable, unknown}
//   verdicts     {unreachable: {blocks, bytes}, …}   of all processes; empty unless their memory was searched
//   searches     [{process, state, nanoseconds, atEnd, asleepThreads, silentThreads, why}]   state: searched, failed, no
//   replacedByExec {blocks, bytes}                alive in images that exec replaced; with `leaks` all live blocks
//   peak         [{site, blocks, bytes}]
//   types        [{name, kind, blocks, bytes, leakedBlocks}]   kind: cxx, swift, or size (name: up to so many bytes)
//   growth, threads, sizes, lifetimes, timeline, fragmentation, log
//   cores        {cores, switches, contexts: [{process, thread, name, kind, runs, nanoseconds, nanosecondsByCore,
//                 longestNanoseconds}]}           only for emulated chips
//   unwindingProblems [{module, why, remedy, stacks, allocations}]
//   symbolProblems    [{problem, remedy}]

internal import HeaplineAnalysis

extension Report {
    /// Most stacks that are told one by one unless asked for: at depth 32 a stack takes ten kilobytes.
    public static let siteLimit = 10_000

    /// The whole report as JSON.
    ///
    /// - Parameters:
    ///   - limit: most elements of `sites` and of the lists that refer to it; nil for ``siteLimit`` of them and one more that
    ///     holds the sums of all others, so that sums add up.
    ///   - sink: gets the bytes as they are made.
    public func json(limit: Int? = nil, _ sink: @escaping ([UInt8]) -> Void) {
        var writer = JSONWriter(sink)
        writer.object { json in
            json.member("schema", "heapline.report")
            json.member("version", 1)
            header(&json)
            stacks(&json, limit: limit ?? Self.siteLimit, hasRest: limit == nil)
            tables(&json)
        }
        writer.finish()
    }

    private func header(_ json: inout JSONWriter) {
        json.object("trace") { json in
            json.member("path", trace.path)
            json.member("kind", trace.kind.rawValue)
            switch trace.state {
            case .complete: json.member("state", "complete")
            case .unfinished: json.member("state", "unfinished")
            case .cut(let offset):
                json.member("state", "cut")
                json.member("cutAt", offset)
            }
            json.member("startUnixNanoseconds", trace.startUnixNanoseconds)
        }
        json.object("recording") { json in
            json.member("mode", mode.rawValue)
            json.member("depth", depth)
            if let rate = processes.first?.sampleBytes, rate > 0 { json.member("sampleBytes", rate) }
            json.member("eventsRecorded", history.eventCount)
            json.member("eventsLost", losses.reduce(0) { $0 &+ $1.count })
            json.member("complete", history.isComplete)
            json.member("durationSeconds", Double(history.duration) / 1e9)
            json.member("processes", processes.count)
        }
        json.object("totals") { json in
            totals(&json, history.totals)
            json.member("mappedBytes", history.mappedBytes)
            json.member("unmappedBytes", history.unmappedBytes)
        }
        json.object("lossesByCause") { json in for loss in losses { json.member(loss.cause.name, loss.count) } }
        json.array("gaps") { json in for gap in history.gaps { json.object { json in self.gap(&json, gap) } } }
        json.array("processes") { json in
            for process in processes { json.object { json in self.process(&json, process) } }
        }
    }

    private func totals(_ json: inout JSONWriter, _ totals: Totals) {
        json.member("allocations", totals.allocations)
        json.member("frees", totals.frees)
        json.member("reallocations", totals.reallocations)
        json.member("bytesAllocated", totals.bytesAllocated)
        json.member("peakBytes", totals.peakBytes)
        json.member("liveBlocks", totals.liveBlocks)
        json.member("liveBytes", totals.liveBytes)
        json.member("temporaryAllocations", totals.temporaryAllocations)
        json.member("peakBlocks", totals.peakBlocks)
        json.member("peakNanoseconds", totals.peakTime)
        json.member("failures", totals.failures)
        json.member("unknownFrees", totals.unknownFrees)
        json.member("impliedFrees", totals.impliedFrees)
    }

    private func gap(_ json: inout JSONWriter, _ gap: Gap) {
        json.member("process", gap.process)
        switch gap.kind {
        case .lost(let cause, let count):
            json.member("kind", "lost")
            json.member("cause", cause.name)
            json.member("count", count)
            json.member("remedy", cause.remedy)
        case .cut(let offset):
            json.member("kind", "cut")
            json.member("offset", offset)
        case .unfinished: json.member("kind", "unfinished")
        case .noFinalCounts: json.member("kind", "noFinalCounts")
        case .mismatch(let what, let recorder, let events):
            json.member("kind", "mismatch")
            json.member("what", what)
            json.member("recorder", recorder)
            json.member("events", events)
        case .impliedFrees(let count):
            json.member("kind", "impliedFrees")
            json.member("count", count)
        case .paused: json.member("kind", "paused")
        case .problem(let text):
            json.member("kind", "problem")
            json.member("text", text)
        case .stoppedEarly: json.member("kind", "stoppedEarly")
        }
    }

    private func process(_ json: inout JSONWriter, _ process: TraceProcess) {
        json.member("pid", UInt64(process.pid))
        json.member("parentPid", UInt64(process.parentPid))
        json.member("executable", process.executable)
        json.array("arguments") { json in for argument in process.arguments { json.value(argument) } }
        json.member("source", process.source.rawValue)
        json.member("mode", process.mode.rawValue)
        json.member("end", process.ending?.description)
        if let ending = process.ending {
            if case .exited(let status) = ending.reason { json.member("exitStatus", status) }
            if case .killed(let signal) = ending.reason { json.member("signal", signal) }
        }
        json.object("totals") { json in totals(&json, history.processTotals[process.id]) }
        guard let counts = process.counts else { return }
        json.object("recorder") { json in
            json.member("allocations", counts.allocations)
            json.member("frees", counts.frees)
            json.member("reallocations", counts.reallocations)
            json.member("bytesAllocated", counts.bytesAllocated)
            json.member("failures", counts.failures)
            json.member("recorded", counts.recorded)
            json.member("filtered", counts.filtered)
            json.member("final", counts.isFinal)
        }
    }

    // MARK: Stacks

    private func stacks(_ json: inout JSONWriter, limit: Int, hasRest: Bool) {
        // Most allocations first; stacks whose allocations were rounded to none by sampling come last.
        var order = tree.ranking(by: .allocations, then: .bytes)
        let ranked = Set(order)
        order += tree.sites.indices.filter { !ranked.contains($0) }
        let others = hasRest ? order.dropFirst(limit) : []
        order = Array(order.prefix(limit))
        var place: [Int: Int] = [:]
        for (index, site) in order.enumerated() { place[site] = index }
        for site in others { place[site] = order.count }

        // Frames repeat in nearly every stack: each is encoded once.
        let frames = tree.frames.map { frame in
            JSONWriter.encoded { json in
                json.object { json in
                    json.member("function", frame.function)
                    json.member("file", frame.file)
                    json.member("line", frame.line)
                    json.member("module", frame.module)
                    json.member("inlined", frame.inlined)
                }
            }
        }
        json.array("sites") { json in
<<<<<<< HEAD
            for index in order { json.object { json in self.site(&json, index, frames) } }
            if !others.isEmpty {
                json.object { json in
                    json.array("stack") { _ in }
                    json.member("stackEnd", "others")
                    self.sums(&json, tree.sum(of: others))
                }
            }
=======
            for index in order { json.object { json in self.site(&json, index, tree.sites[index], frames) } }
            if !others.isEmpty { json.object { json in self.site(&json, nil, rest, frames) } }
>>>>>>> main
        }
        if !others.isEmpty {
            json.object("otherStacks") { json in
                json.member("site", order.count)
                json.member("stacks", others.count)
            }
        }
        json.array("leaks") { json in
            for group in leaks.groups {
                guard let site = place[group.site] else { continue }
                json.object { json in self.leak(&json, group, site: site) }
            }
        }
        json.object("verdicts") { json in verdicts(&json, leaks.verdicts) }
        json.array("searches") { json in
            for (process, examined) in leaks.examined.sorted(by: { $0.key < $1.key }) {
                json.object { json in search(&json, process, examined) }
            }
        }
        json.object("replacedByExec") { json in
            json.member("blocks", leaks.replaced.blocks)
            json.member("bytes", leaks.replaced.bytes)
        }
        json.array("peak") { json in
            for index in tree.ranking(by: .peakBytes, then: .peakBlocks) {
                guard let site = place[index] else { continue }
                json.object { json in
                    json.member("site", site)
                    json.member("blocks", tree.sites[index].peakBlocks)
                    json.member("bytes", tree.sites[index].peakBytes)
                }
            }
        }
        json.array("growth") { json in
            for group in growth {
                guard let site = place[group.site] else { continue }
                json.object { json in
                    json.member("site", site)
                    json.member("reallocations", group.reallocations)
                    json.member("moves", group.moves)
                    json.member("bytesMoved", group.bytesMoved)
                    json.member("bytesGrown", group.bytesGrown)
                    json.member("longestChain", group.longestChain)
                }
            }
        }
    }

<<<<<<< HEAD
    private func stack(_ json: inout JSONWriter, _ node: Int, _ frames: [[UInt8]]) {
        json.array("stack") { json in
            tree.forEachFrame(node) { json.value(encoded: frames[$0]) }
        }
        json.member("stackEnd", "\(tree.end(node))")
    }

    private func site(_ json: inout JSONWriter, _ index: Int, _ frames: [[UInt8]]) {
        let sums = tree.sites[index]
        stack(&json, sums.node, frames)
        self.sums(&json, sums)
        guard let freedBy = tree.freedBy[index] else { return }
        json.array("freedBy") { json in
            for freed in freedBy {
                json.object { json in
                    json.member("blocks", freed.blocks)
                    json.member("bytes", freed.bytes)
                    stack(&json, freed.node, frames)
                }
            }
        }
    }

    private func sums(_ json: inout JSONWriter, _ sums: CallTree.StackSums) {
=======
    private func stack(_ json: inout JSONWriter, _ node: Int, _ frames: [[UInt8]], end: String? = nil) {
        json.array("stack") { json in
            tree.forEachFrame(node) { json.value(encoded: frames[$0]) }
        }
        json.member("stackEnd", end ?? "\(tree.end(node))")
    }

    /// What a stack did; without an `index`, what all stacks that are not listed did.
    private func site(_ json: inout JSONWriter, _ index: Int?, _ sums: CallTree.StackSums, _ frames: [[UInt8]]) {
        stack(&json, sums.node, frames, end: index == nil ? "others" : nil)
>>>>>>> main
        json.member("allocations", sums.allocations)
        json.member("bytes", sums.bytes)
        json.member("liveBlocks", sums.liveBlocks)
        json.member("liveBytes", sums.liveBytes)
        json.member("peakBlocks", sums.peakBlocks)
        json.member("peakBytes", sums.peakBytes)
        json.member("temporary", sums.temporary)
        json.member("reallocations", sums.reallocations)
<<<<<<< HEAD
=======
        if let index, let freedBy = tree.freedBy[index] {
            json.array("freedBy") { json in
                for freed in freedBy {
                    json.object { json in
                        json.member("blocks", freed.blocks)
                        json.member("bytes", freed.bytes)
                        stack(&json, freed.node, frames)
                    }
                }
            }
        }
>>>>>>> main
        guard let errors = sums.standardErrors else { return }
        json.object("standardErrors") { json in
            json.member("allocations", errors.allocations)
            json.member("bytes", errors.bytes)
            json.member("liveBlocks", errors.liveBlocks)
            json.member("liveBytes", errors.liveBytes)
        }
    }

    private func leak(_ json: inout JSONWriter, _ group: Leaks.Group, site: Int) {
        json.member("site", site)
        json.member("blocks", group.blocks)
        json.member("bytes", group.bytes)
        json.member("oldestNanoseconds", group.oldest)
        json.member("newestNanoseconds", group.newest)
        json.array("threads") { json in
            for thread in group.threads {
                json.object { json in
                    json.member("process", thread.process)
                    json.member("index", thread.index)
                    json.member("name", trace.processes[thread.process].threadName(thread.index))
                }
            }
        }
        json.member("owner", group.owner)
        guard !group.verdicts.isEmpty else { return }
        json.object("verdicts") { json in verdicts(&json, group.verdicts) }
    }

    private func verdicts(_ json: inout JSONWriter, _ sums: [DumpedBlock.Verdict: Leaks.Sum]) {
        for (verdict, sum) in sums.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            json.object("\(verdict)") { json in
                json.member("blocks", sum.blocks)
                json.member("bytes", sum.bytes)
            }
        }
    }

    private func search(_ json: inout JSONWriter, _ process: Int, _ examined: Verdicts.Examined) {
        json.member("process", process)
        switch examined {
        case .searched(let time, let isAtEnd, let asleep, let silent):
            json.member("state", "searched")
            json.member("nanoseconds", time)
            json.member("atEnd", isAtEnd)
            json.member("asleepThreads", asleep)
            json.member("silentThreads", silent)
        case .failed(let why):
            json.member("state", "failed")
            json.member("why", why)
        case .no: json.member("state", "no")
        }
    }

    // MARK: Tables

    private func tables(_ json: inout JSONWriter) {
        json.array("types") { json in
            for group in types.groups {
                json.object { json in
                    json.member("name", group.name)
                    json.member("kind", group.kind.rawValue)
                    json.member("blocks", group.blocks)
                    json.member("bytes", group.bytes)
                    json.member("leakedBlocks", group.leakedBlocks)
                }
            }
        }
        json.array("threads") { json in
            for thread in history.threads {
                json.object { json in
                    json.member("process", thread.process)
                    json.member("index", thread.index)
                    json.member("name", thread.name)
                    json.member("tid", UInt64(thread.tid))
                    json.member("isTask", thread.isTask)
                    json.member("allocations", thread.allocations)
                    json.member("bytes", thread.bytes)
                    json.member("frees", thread.frees)
                    json.member("foreignFrees", thread.foreignFrees)
                    json.member("temporary", thread.temporary)
                    json.member("liveBlocks", thread.liveBlocks)
                    json.member("liveBytes", thread.liveBytes)
                }
            }
        }
        histogram(&json, "sizes", history.sizes)
        histogram(&json, "lifetimes", history.lifetimes)
        json.object("timeline") { json in
            json.member("startNanoseconds", history.timeline.start)
            json.member("bucketNanoseconds", history.timeline.width)
            json.array("buckets") { json in
                for bucket in history.timeline.buckets {
                    json.object { json in
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
        }
        json.array("fragmentation") { json in
            for area in fragmentation.areas.sorted(by: { ($0.process, $0.start) < ($1.process, $1.start) }) {
                json.object { json in
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
            }
        }
        cores(&json)
        json.array("log") { json in
            for line in trace.log {
                json.object { json in
                    json.member("nanoseconds", line.time)
                    json.member("process", line.process)
                    json.member("text", line.text)
                }
            }
        }
        json.array("unwindingProblems") { json in
            for problem in tree.unwindingProblems {
                json.object { json in
                    json.member("module", problem.module)
                    json.member("why", problem.end.explanation)
                    json.member("remedy", problem.remedy)
                    json.member("stacks", problem.stacks)
                    json.member("allocations", problem.allocations)
                }
            }
        }
        json.array("symbolProblems") { json in
            for problem in tree.symbolProblems {
                json.object { json in
                    json.member("problem", problem.summary)
                    json.member("remedy", problem.remedy)
                }
            }
        }
    }

    private func histogram(_ json: inout JSONWriter, _ name: String, _ histogram: Histogram) {
        json.array(name) { json in
            for item in histogram.classes {
                json.object { json in
                    json.member("from", item.range.lowerBound)
                    json.member("to", item.range.upperBound)
                    json.member("count", item.count)
                    json.member("sum", item.sum)
                }
            }
        }
    }
}
