// SPDX-License-Identifier: Apache-2.0
//
// Which run comes when. Interleaved: each round goes once through all tracers of a workload, in an order drawn anew, so what
// disturbs the machine for a while disturbs all of them, and nobody always comes first. The untraced program runs before and
// after them; a cell is compared with the mean of both. Rounds repeat until the time is used up.

internal import Foundation

struct Schedule {
    var tools: Toolbox
    var workloads: [Workload]
    var tracers: [Tracer]
    /// When to stop beginning runs.
    var deadline: Double
    var timeout: Double
    var mostRounds: Int
    /// Seconds after the deadline in which a run that has begun may end.
    var grace = 10.0
    /// The part of the time that is left after the first round and goes to what runs often.
    var share = 0.4
    var quick: Bool
    var say: (String) -> Void
    var whisper: (String) -> Void

    private struct Key: Hashable {
        var workload: Int
        var tracer: Int
    }

    func run(into results: inout Results) {
        var runner = Runner(tools: tools, lttng: LTTng(tools), timeout: timeout)
        var failed: Set<Key> = []
        var first: [Key: Sample] = [:]
        var timed: [Key: [Int: [Sample]]] = [:]
        var cost: [Key: Double] = [:]

        func attempt(_ key: Key, round: Int) {
            let workload = workloads[key.workload], tracer = tracers[key.tracer]
            let began = Clock.now
            guard !failed.contains(key) else { return }
            // What was never run before may take all of its time; the last one may take a little of what is not there.
            runner.timeout = max(5, min(timeout, deadline + grace - began))
            do {
                let sample = try runner.run(workload, tracer, thorough: round == 0)
                if round == 0 { first[key] = sample } else { timed[key, default: [:]][round, default: []].append(sample) }
                if round == 0, tracer.isSlow { timed[key, default: [:]][1] = [sample] }
            } catch {
                failed.insert(key)
                results.failures["\(workload.name) / \(Self.label(tracer))"] = "\(error)"
            }
            cost[key] = max(Clock.now - began, cost[key] ?? 0)
            whisper(String(format: "%6.2f s  %@ / %@", Clock.now - began, workload.name, Self.label(tracer)))
        }

        var rounds = 0, stopped = false
        var random = SplitMix(state: 6)
        func pass(_ round: Int, _ wanted: (Workload, Tracer) -> Bool) {
            for (w, workload) in workloads.enumerated() {
                let chosen = tracers.indices.filter { t in
                    wanted(workload, tracers[t]) && (!tracers[t].onlyPython || workload.isPython)
                }
                let bases = chosen.filter { tracers[$0].group == .untraced }
                let others = chosen.filter { tracers[$0].group != .untraced }.shuffled(using: &random)
                for t in bases + others + (round == 0 ? [] : bases) {
                    let key = Key(workload: w, tracer: t)
                    if Clock.now + (cost[key] ?? 0) > deadline { stopped = true } else { attempt(key, round: round) }
                }
            }
            if !stopped { rounds = max(rounds, round) }
        }
        // What would take the time of all others in a quick run: what is slow and cannot be given less to do.
        func fits(_ workload: Workload, _ tracer: Tracer) -> Bool { !quick || !tracer.isHeavy || workload.countsItself }
        // What is slow costs so much more than any disturbance that it need not be run again and again.
        func isOften(_ workload: Workload, _ tracer: Tracer, _ round: Int) -> Bool {
            guard tracer.often else { return !tracer.isSlow && round % 3 == 0 && round > 3 }
            return !tracer.isDear || workload.countsItself || round % 3 == 1
        }
        // Breadth first: times of everything that matters, then what else there is to know of it, then more of both.
        say("round 1")
        pass(1) { workload, tracer in tracer.often && fits(workload, tracer) }
        say("memory, losses, reports")
        pass(0) { workload, tracer in tracer.often && fits(workload, tracer) }
        // What matters most gets its rounds before what is rare is run at all, but not more than its share of the time.
        let began = Clock.now
        var round = 2
        func more(until end: Double) {
            var last = 0.0
            while round <= mostRounds, !stopped, Clock.now + last < end {
                let start = Clock.now
                say("round \(round)")
                pass(round) { workload, tracer in isOften(workload, tracer, round) && fits(workload, tracer) }
                round += 1
                last = Clock.now - start
            }
        }
        more(until: began + (deadline - began) * share)
        for allocator in [Allocator.system, .tcmalloc, .jemalloc] {
            say("the rest, once: \(allocator.rawValue)")
            // In a quick run without memory and report where a mode differs only in the allocator below it.
            pass(0) { workload, tracer in
                !tracer.often && tracer.allocator == allocator && fits(workload, tracer)
                    && (!quick || allocator == .system || tracer.isSlow || tracer.group == .untraced)
            }
            pass(-1) { workload, tracer in // with untraced runs of its own
                (!tracer.often || tracer.group == .untraced) && !tracer.isSlow && tracer.allocator == allocator && fits(workload, tracer)
            }
        }
        more(until: .infinity)
        results.rounds = rounds
        for (w, workload) in workloads.enumerated() {
            for (t, tracer) in tracers.enumerated() where tracer.group != .untraced {
                let key = Key(workload: w, tracer: t)
                if tracer.onlyPython, !workload.isPython { continue }
                let base = Key(workload: w, tracer: tracers.firstIndex { $0.group == .untraced && $0.allocator == tracer.allocator } ?? 0)
                if let cell = cell(workload, tracer, first[key], timed[key] ?? [:], first[base], timed[base] ?? [:], runner) {
                    results.cells.append(cell)
                } else if !failed.contains(key) {
                    let reason = fits(workload, tracer) ? "the time was used up" : "too slow for a quick run"
                    results.notRun["\(Self.label(tracer)): \(reason)", default: []].append(workload.name)
                }
            }
        }
    }

    static func label(_ tracer: Tracer) -> String {
        tracer.allocator == .system || tracer.group == .peer ? tracer.name : "\(tracer.name) (\(tracer.allocator.rawValue))"
    }

    private func cell(
        _ workload: Workload, _ tracer: Tracer, _ first: Sample?, _ timed: [Int: [Sample]], _ baseFirst: Sample?,
        _ baseTimed: [Int: [Sample]], _ runner: Runner
    ) -> Results.Cell? {
        var ratio: [Double] = [], wall: [Double] = [], cpu: [Double] = [], all: [Double] = [], untraced: [Double] = []
        for (round, samples) in timed.sorted(by: { $0.key < $1.key }) {
            // A slow tracer runs once, perhaps in a round without its allocator's untraced runs.
            let bases = baseTimed[round] ?? (tracer.isSlow ? baseTimed.values.flatMap(\.self) : [])
            guard let sample = Sample.mean(samples), let base = Sample.mean(bases), sample.events > 0, base.events > 0 else { continue }
            let with = sample.wall / sample.events, without = base.wall / base.events
            ratio.append(with / without)
            untraced.append(without * 1e9)
            wall.append((with - without) * 1e9)
            cpu.append((sample.cpu / sample.events - base.cpu / base.events) * 1e9)
            all.append((sample.allCPU / sample.events - base.allCPU / base.events) * 1e9)
        }
        guard let untraced = Estimate(untraced) else { return nil }
        let events = timed.values.first?.first?.events ?? 0
        var cell = Results.Cell(
            workload: workload.name, tracer: tracer.name, group: tracer.group, mode: tracer.mode, depth: tracer.depth,
            allocator: tracer.allocator, events: events, untracedNsPerEvent: untraced.median, ratio: Estimate(ratio),
            addedWall: Estimate(wall), addedCPU: Estimate(cpu), addedAllCPU: Estimate(all), records: tracer.records)
        guard let first, first.events > 0 else { return cell }
        cell.bytesPerEvent = first.traceBytes.map { $0 / first.events }
        if let baseFirst {
            cell.addedPeakBytes = first.peakBytes - baseFirst.peakBytes
            if let with = first.totalPeakBytes, let without = baseFirst.totalPeakBytes { cell.addedTotalPeakBytes = with - without }
        }
        cell.reportSeconds = first.reportSeconds
        cell.eventsSeen = first.sighting.events
        cell.allocationsSeen = first.sighting.allocations
        cell.eventsLost = first.sighting.lost
        // What is recorded includes what the program does before and after its loop, so only too few of them are losses. Programs
        // that do not do the same each time are held against their tracer's own word only.
        if workload.isRepeatable {
            if let seen = first.sighting.events {
                cell.eventsLost = max(cell.eventsLost ?? 0, first.events - seen)
            } else if let seen = first.sighting.allocations {
                let made = runner.tallies[Runner.key(workload, tracer.divisor)]?.allocations ?? (first.events / 2).rounded(.down)
                cell.eventsLost = max(cell.eventsLost ?? 0, made - seen)
            }
        }
        return cell
    }
}
