// SPDX-License-Identifier: Apache-2.0
//
// Drives one pass: hands runs of records to their process's history, ends processes in time, and turns the sums into a
// History.

internal import CHeaplineFormat
internal import HeaplineCollector

final class HistoryBuilder {
    private let trace: Trace
    private let options: HistoryOptions
    private var shared = SharedHistory()
    private var states: [State] = []
    private var ends: [(time: UInt64, process: Int)] = []  // latest first
    private var stopped = false

    /// A process's history, boxed: the loop over a run of records then works on the value itself.
    private final class State {
        var history: ProcessHistory
        init(_ history: consuming ProcessHistory) { self.history = history }
    }

    init(_ trace: Trace, _ options: HistoryOptions) {
        self.trace = trace
        self.options = options
        for process in trace.processes {
            states.append(State(ProcessHistory(process, nodeCount: trace.nodes(of: process.id).count)))
            guard isChosen(process.id), let ending = process.ending else { continue }
            if case .detached = ending.reason { continue }
            ends.append((process.clock.nanoseconds(ending.ticks), process.id))
        }
        // With one process there is nobody for whom the memory would be free again.
        if ends.count < 2 && trace.processes.count < 2 { ends.removeAll() }
        ends.sort { $0.time > $1.time }
        if options.activity {
            let expected = trace.processes.map { $0.clock.nanoseconds($0.lastKnownTicks) }.max() ?? 0
            shared.activity = ActivityRecorder(duration: min(expected, options.until ?? .max), unit: unit)
        }
    }

    /// In mode sample sums are in fixed point.
    private var unit: UInt64 { trace.processes.contains { $0.mode == .sample } ? SampleWeight.unit : 1 }

    private func isChosen(_ process: Int) -> Bool { options.processes?.contains(process) ?? true }

    func build() throws(TraceError) -> History {
        let limits: [UInt64]? = options.until.map { until in
            trace.processes.map { process in
                // One past the last tick that is not after `until`.
                until == .max ? .max : process.clock.ticks(atOrAfter: until + 1)
            }
        }
        unsafe try trace.source.replay(processes: options.processes) { process, records in
            if let end = ends.last, !records.isEmpty {
                let now = unsafe trace.processes[process].clock.nanoseconds(records[0].time_kind >> 8)
                if now > end.time { depart(before: now) }
            }
            guard let limits else {
                unsafe states[process].history.consume(records, &shared)
                return true
            }
            var count = 0
            while unsafe count < records.count && records[count].time_kind >> 8 < limits[process] { count += 1 }
            unsafe states[process].history.consume(UnsafeBufferPointer(rebasing: records[0..<count]), &shared)
            if count < records.count { stopped = true }
            return !stopped
        }
        return finish()
    }

    /// Processes that ended before `now` no longer hold memory.
    private func depart(before now: UInt64) {
        while let end = ends.last, end.time < now {
            ends.removeLast()
            let state = states[end.process]
            // Only when its events are over, as far as its own clock can tell.
            state.history.end(hasLosses: hasLosses(end.process), &shared)
            state.history.depart(&shared)
        }
    }

    private func hasLosses(_ process: Int) -> Bool { (trace.processes[process].counts?.lostTotal ?? 0) > 0 }

    // MARK: Results

    private func finish() -> History {
        let departed = states.map { $0.history.ended }
        for state in states { state.history.end(hasLosses: hasLosses(state.history.id), &shared) }
        var duration: UInt64 = 0
        var events: UInt64 = 0
        var mapped: UInt64 = 0
        var unmapped: UInt64 = 0
        for (state, process) in zip(states, trace.processes) where isChosen(process.id) {
            let known = options.until == nil ? process.lastKnownTicks : 0
            let last = max(known, state.history.lastTicks)
            duration = max(duration, last == 0 ? 0 : process.clock.nanoseconds(last))
            events &+= state.history.events
            mapped &+= state.history.mappedBytes
            unmapped &+= state.history.unmappedBytes
        }
        let activity = shared.activity?.finish(shared)
        if shared.timeline.openEnd <= duration { shared.timeline.advance(to: duration, shared.now) }
        shared.timeline.finish(shared.now)
        addResident()

        var all = Totals()
        all.peakBytes = 0
        all.liveBytes = 0
        all.temporaryAllocations = 0
        var each: [Totals] = []
        var filteredPeak: UInt64 = 0
        for (state, process) in zip(states, trace.processes) {
            let totals = isChosen(process.id) ? self.totals(state.history, process) : Totals()
            each.append(totals)
            guard isChosen(process.id) else { continue }
            all.add(totals)
            if process.mode == .leaks { filteredPeak = max(filteredPeak, totals.peakBytes ?? 0) }
        }
        if all.peakBytes != nil {
            all.peakBytes = max(shared.peakBytes / unit, filteredPeak)
            if all.peakBytes == shared.peakBytes / unit, shared.peakBytes > 0 {
                all.peakBlocks = shared.peakBlocks / unit
                all.peakTime = trace.processes[shared.peakProcess].clock.nanoseconds(shared.peakTicks)
            }
        }
        if trace.processes.contains(where: { isChosen($0.id) && $0.mode == .leaks }) {
            all.peakBlocks = nil
            all.peakTime = nil
        }

        return History(
            trace: trace, options: options, totals: all, processTotals: each, sites: sites(unit, departed: departed),
            threads: threads(unit), timeline: shared.timeline.divided(by: unit), activity: activity,
            sizes: shared.sizes.histogram(unit: unit), lifetimes: shared.lifetimes.histogram(unit: unit), growth: growth(unit),
            releases: releases(unit), duration: duration,
            eventCount: events, mappedBytes: mapped, unmappedBytes: unmapped, gaps: gaps(),
            live: states.filter { isChosen($0.history.id) }.map { $0.history.takeLive() })
    }

    private func totals(_ history: borrowing ProcessHistory, _ process: TraceProcess) -> Totals {
        var totals = Totals()
        totals.allocations = history.allocations
        totals.frees = history.frees
        totals.reallocations = history.reallocations
        totals.bytesAllocated = history.bytes
        totals.failures = history.failures
        totals.liveBlocks = history.liveBlocks
        totals.liveBytes = history.liveBytes
        totals.peakBytes = history.peakBytes
        totals.peakBlocks = history.peakBlocks
        totals.peakTime = history.peakBytes > 0 ? process.clock.nanoseconds(history.peakTicks) : nil
        totals.temporaryAllocations = history.temporary
        totals.unknownFrees = history.unknownFrees
        totals.impliedFrees = history.impliedFrees
        guard process.mode != .all else { return totals }

        // The other modes leave events out; what they left out is in the recorder's sums.
        let counts = process.counts ?? RecordedCounts()
        totals.peakTime = nil
        totals.peakBlocks = nil
        switch process.mode {
        case .leaks:
            totals.allocations &+= counts.filteredAllocations
            totals.frees &+= counts.filtered &- min(counts.filteredAllocations, counts.filtered)
            totals.bytesAllocated &+= counts.filteredBytes
            totals.reallocations = counts.reallocations
            totals.failures = max(totals.failures, counts.failures)
            totals.peakBytes = max(totals.peakBytes ?? 0, counts.filteredPeakBytes)
            totals.temporaryAllocations = nil
        case .sample:
            let unit = SampleWeight.unit
            totals.allocations = counts.allocations
            totals.frees = min(counts.frees, counts.allocations)
            totals.liveBlocks = totals.allocations - totals.frees
            totals.reallocations = counts.reallocations
            totals.bytesAllocated = counts.bytesAllocated
            totals.failures = counts.failures
            totals.liveBytes = history.liveBytes / unit
            totals.peakBytes = history.peakBytes / unit
            totals.peakBlocks = history.peakBlocks / unit
            totals.peakTime = history.peakBytes > 0 ? process.clock.nanoseconds(history.peakTicks) : nil
            totals.temporaryAllocations = nil
            totals.unknownFrees = 0
        default:
            totals.allocations = counts.allocations
            totals.frees = min(counts.frees, counts.allocations)
            totals.unknownFrees = counts.frees - totals.frees
            totals.liveBlocks = totals.allocations - totals.frees
            totals.reallocations = counts.reallocations
            totals.bytesAllocated = counts.bytesAllocated
            totals.failures = counts.failures
            totals.liveBytes = nil
            totals.peakBytes = nil
            totals.temporaryAllocations = nil
        }
        return totals
    }

    private func sites(_ unit: UInt64, departed: [UInt64?]) -> [Site] {
        var result: [Site] = []
        result.reserveCapacity(shared.sites.count)
        for index in 0..<shared.sites.count {
            var sums = shared.sites[index]
            let key = shared.siteKeys[index]
            sums.settle(shared.peakNumber)
            // In mode leaks what was alive then and freed since is not known, so nobody's part of the peak is.
            let number = departed[Int(key.process)] ?? .max
            if number < shared.peakNumber || trace.processes[Int(key.process)].mode == .leaks {
                sums.peakBytes = 0
                sums.peakBlocks = 0
            }
            var errors: Site.StandardErrors?
            if index < shared.variances.count {
                var variances = shared.variances[index]
                // What sums of fractions leave of blocks that all are gone.
                if sums.liveBlocks == 0 {
                    variances.liveBlocks = 0
                    variances.liveBytes = 0
                }
                errors = Site.StandardErrors(
                    allocations: variances.allocations.squareRoot(), bytes: variances.bytes.squareRoot(),
                    liveBlocks: variances.liveBlocks.squareRoot(), liveBytes: variances.liveBytes.squareRoot())
            }
            result.append(
                Site(
                    id: index, process: Int(key.process), stack: Int(key.stack), allocations: sums.allocations / unit,
                    bytes: sums.bytes / unit, liveBlocks: sums.liveBlocks / unit, liveBytes: sums.liveBytes / unit,
                    peakBlocks: sums.peakBlocks / unit, peakBytes: sums.peakBytes / unit,
                    temporary: unit == 1 ? sums.temporary : 0, standardErrors: errors))
        }
        return result
    }

    private func threads(_ unit: UInt64) -> [ThreadHistory] {
        var result: [ThreadHistory] = []
        for (state, process) in zip(states, trace.processes) where isChosen(process.id) {
            for index in 0..<state.history.threads.count {
                let sums = state.history.threads[index]
                guard sums.allocations | sums.frees != 0 else { continue }
                let known = process.threads.indices.contains(index) ? process.threads[index] : TraceThread()
                result.append(
                    ThreadHistory(
                        process: process.id, index: index, name: process.threadName(index), tid: known.tid,
                        isTask: known.isTask, allocations: sums.allocations / unit, bytes: sums.bytes / unit,
                        frees: sums.frees / unit, foreignFrees: sums.foreignFrees / unit,
                        temporary: unit == 1 ? sums.temporary : 0, liveBlocks: sums.liveBlocks / unit,
                        liveBytes: sums.liveBytes / unit))
            }
        }
        return result
    }

    private func growth(_ unit: UInt64) -> [Growth] {
        // Of most blocks that grow a sample has one end only: whether they moved, and how often, is not in it.
        guard unit == 1 else { return [] }
        var result: [Growth] = []
        for index in 0..<shared.growth.count where shared.growth[index].reallocations > 0 {
            let sums = shared.growth[index]
            result.append(
                Growth(
                    site: index, reallocations: sums.reallocations, moves: sums.moves, bytesMoved: sums.bytesMoved,
                    bytesGrown: sums.bytesGrown, longestChain: Int(sums.longest)))
        }
        return result
    }

    private func releases(_ unit: UInt64) -> [Release] {
        let sorted = shared.releases.sorted { ($0.key.site, $0.key.stack) < ($1.key.site, $1.key.stack) }
        return sorted.map { key, sums in
            Release(site: Int(key.site), stack: Int(key.stack), blocks: sums.blocks / unit, bytes: sums.bytes / unit)
        }
    }

    /// Resident bytes into the timeline: each bucket shows what was last seen, summed over processes.
    private func addResident() {
        var samples: [(time: UInt64, process: Int, bytes: UInt64)] = []
        for process in trace.processes where isChosen(process.id) {
            for sample in process.resident {
                samples.append((process.clock.nanoseconds(sample.ticks), process.id, sample.bytes))
            }
            if let ending = process.ending, !process.resident.isEmpty {
                samples.append((process.clock.nanoseconds(ending.ticks), process.id, 0))
            }
        }
        guard !samples.isEmpty else { return }
        samples.sort { ($0.time, $0.process) < ($1.time, $1.process) }
        var last: [Int: UInt64] = [:]
        var sum: UInt64 = 0
        var next = 0
        for index in shared.timeline.buckets.indices {
            let end = shared.timeline.start + UInt64(index + 1) * shared.timeline.width
            var highest: UInt64?
            while next < samples.count, samples[next].time < end {
                sum = sum &- (last[samples[next].process] ?? 0) &+ samples[next].bytes
                last[samples[next].process] = samples[next].bytes
                highest = max(highest ?? 0, sum)
                next += 1
            }
            if !last.isEmpty { shared.timeline.buckets[index].residentBytes = highest ?? sum }
        }
    }

    /// Why the totals may not be the whole truth.
    private func gaps() -> [Gap] {
        var gaps: [Gap] = []
        if stopped { gaps.append(Gap(process: nil, kind: .stoppedEarly)) }
        switch trace.state {
        case .complete: break
        case .unfinished: gaps.append(Gap(process: nil, kind: .unfinished))
        case .cut(let offset): gaps.append(Gap(process: nil, kind: .cut(offset: offset)))
        }
        for (state, process) in zip(states, trace.processes) where isChosen(process.id) {
            func add(_ kind: Gap.Kind) { gaps.append(Gap(process: process.id, kind: kind)) }
            for note in process.notes {
                if case .problem(let text) = note.kind { add(.problem(text)) }
            }
            let paused = process.notes.contains { $0.kind == .pause }
            if paused { add(.paused) }
            if state.history.impliedFrees > 0 { add(.impliedFrees(count: state.history.impliedFrees)) }
            guard let counts = process.counts else {
                if trace.kind == .heapline { add(.noFinalCounts) }
                continue
            }
            for cause in LossCause.allCases {
                if let number = counts.lost[cause], number > 0 { add(.lost(cause, count: number)) }
            }
            if !counts.isFinal {
                add(.noFinalCounts)
            } else if !stopped, !paused, process.mode == .all || process.mode == .leaks {
                compare(state.history, counts, process, add)
            }
        }
        return gaps
    }

    /// The recorder's own sums against those of the events.
    private func compare(
        _ history: borrowing ProcessHistory, _ counts: RecordedCounts, _ process: TraceProcess, _ add: (Gap.Kind) -> Void
    ) {
        let allocations = history.allocations &+ counts.filteredAllocations
        let seen = history.frees &+ history.unknownFrees &- history.impliedFrees
        let frees = seen &+ counts.filtered &- min(counts.filteredAllocations, counts.filtered)
        if allocations != counts.allocations {
            add(.mismatch(what: "allocations", recorder: counts.allocations, events: allocations))
        }
        if frees != counts.frees { add(.mismatch(what: "frees", recorder: counts.frees, events: frees)) }
        let bytes = history.bytes &+ counts.filteredBytes
        if bytes != counts.bytesAllocated {
            add(.mismatch(what: "bytes allocated", recorder: counts.bytesAllocated, events: bytes))
        }
    }
}

extension ProcessHistory {
    /// Hands over the live blocks; the history has none afterwards.
    mutating func takeLive() -> LiveTableBox {
        var table = LiveTable()
        swap(&table, &live)
        return LiveTableBox(process: id, table: table)
    }
}

extension Totals {
    /// Adds another process's totals. Peaks do not add up: theirs is only whether there is one.
    mutating func add(_ other: Totals) {
        func sum(_ a: UInt64?, _ b: UInt64?) -> UInt64? {
            guard let a, let b else { return nil }
            return a &+ b
        }
        allocations &+= other.allocations
        frees &+= other.frees
        reallocations &+= other.reallocations
        bytesAllocated &+= other.bytesAllocated
        failures &+= other.failures
        liveBlocks &+= other.liveBlocks
        liveBytes = sum(liveBytes, other.liveBytes)
        peakBytes = sum(peakBytes, other.peakBytes)
        temporaryAllocations = sum(temporaryAllocations, other.temporaryAllocations)
        unknownFrees &+= other.unknownFrees
        impliedFrees &+= other.impliedFrees
    }
}

extension Timeline {
    /// Fixed-point sums of mode sample as plain numbers.
    func divided(by unit: UInt64) -> Timeline {
        guard unit > 1 else { return self }
        var result = self
        for index in result.buckets.indices {
            result.buckets[index].maxLiveBytes /= unit
            result.buckets[index].liveBytes /= unit
            result.buckets[index].liveBlocks /= unit
            result.buckets[index].allocations /= unit
            result.buckets[index].frees /= unit
            result.buckets[index].bytesAllocated /= unit
        }
        return result
    }
}
