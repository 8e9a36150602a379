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
//                 mappedBytes, unmappedBytes, standardErrors: {liveBytes}}     the last in mode sample only: other totals are
//                 exact there, or have none
//   overhead     {estimatedNanoseconds, shareOfProcessorTime, allocationNanoseconds, freeNanoseconds, timedEvents, interruptedEvents,
//                 eventNanoseconds, ownNanoseconds, searchNanoseconds, waitedNanoseconds, processorNanoseconds,
//                 collectorNanoseconds, whyNot}  whyNot: null, or imported, emulated, counted, untold, fewEvents, and then
//                no estimate. estimatedNanoseconds = eventNanoseconds (estimated) + ownNanoseconds (measured), and at most
//                processorNanoseconds.
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
//   leaks        [{site, blocks, bytes, oldestNanoseconds, newestNanoseconds, threads, owner, suppression, verdicts}]
//                site: index into sites; owner: a runtime that keeps the blocks; verdicts: {unreachable, indirect, reachable, unknown}
//   verdicts     {unreachable: {blocks, bytes}, …}   of all processes; empty unless their memory was searched
//   searches     [{process, state, nanoseconds, atEnd, asleepThreads, silentThreads, why}]   state: searched, failed, no
//   replacedByExec {blocks, bytes}                alive in images that exec replaced; with `leaks` all live blocks
//   peak         [{site, blocks, bytes}]
//   types        [{name, kind, blocks, bytes, leakedBlocks, peakBlocks, peakBytes, peakBlocksByStack}]   kind: cxx, swift, or size
//                (name: up to so many bytes); peak…: of what was alive then, null unless every event was recorded; …ByStack: freed since
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
            if let errors = tree.standardErrors {
                json.object("standardErrors") { json in json.member("liveBytes", errors.liveBytes) }
            }
        }
        json.object("overhead") { json in
            let isThere = overhead.absence == nil
            json.member("estimatedNanoseconds", isThere ? overhead.nanoseconds : nil)
            json.member("shareOfProcessorTime", overhead.share)
            json.member("allocationNanoseconds", overhead.allocationNanoseconds)
            json.member("freeNanoseconds", overhead.freeNanoseconds)
            json.member("timedEvents", overhead.timedEvents)
            json.member("interruptedEvents", overhead.interruptedEvents)
            json.member("eventNanoseconds", isThere ? overhead.eventNanoseconds : nil)
            json.member("ownNanoseconds", overhead.ownNanoseconds)
            json.member("searchNanoseconds", overhead.searchNanoseconds)
            json.member("waitedNanoseconds", overhead.waitedNanoseconds)
            json.member("processorNanoseconds", overhead.processorNanoseconds)
            json.member("collectorNanoseconds", overhead.collectorNanoseconds)
            json.member("whyNot", overhead.absence?.rawValue)
        }
        json.object("lossesByCause") { json in for loss in losses { json.member(loss.cause.name, loss.count) } }
        json.objects("gaps", history.gaps, gap)
        json.objects("processes", processes, process)
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
}
