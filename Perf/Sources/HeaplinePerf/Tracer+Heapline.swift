// SPDX-License-Identifier: Apache-2.0
//
// Ourselves, in every mode.

internal import Foundation

extension Tracer {
    /// - Parameter canReport: the command has `report`; its totals are then what was recorded.
    static func heapline(_ tools: Toolbox, mode: String, depth: Int, allocator: Allocator, canReport: Bool) -> Tracer {
        let short = mode.hasPrefix("sample") ? "sample" : mode
        let name = mode == "count" ? "count" : "\(short), depth \(depth)"
        var tracer = Tracer(name: name, group: .heapline, mode: mode, depth: depth)
        tracer.allocator = allocator
        let stack: Recorded = depth > 0 ? .stack : []
        switch short {
        case "count": tracer.records = [.counts, .frees]
        case "all": tracer.records = Recorded.everyEvent.union(stack)
        case "leaks": tracer.records = Recorded([.counts, .time, .thread, .address]).union(stack)
        default: tracer.records = Recorded.everyEvent.union(stack)
        }
        let command = tools.heapline
        tracer.prepare = { launch in
            var arguments = [command, "run", "--force", "--quiet", "--output", "\(launch.folder)/trace.heapline", "--mode", mode]
            arguments += ["--depth", "\(depth)"]
            if allocator == .jemalloc { arguments += ["--allocator", "jemalloc"] }
            launch.arguments = arguments + ["--"] + launch.arguments
        }
        if canReport {
            tracer.report = { folder, _ in [command, "report", "\(folder)/trace.heapline"] }
            tracer.totals = { folder in [command, "report", "\(folder)/trace.heapline", "--json", "--no-symbols"] }
            tracer.sighting = { _, totals in
                guard let start = totals.range(of: "\"totals\":") else { return Sighting() }
                let sums = String(totals[start.upperBound...])
                let made = number(after: "\"allocations\":", in: sums), freed = number(after: "\"frees\":", in: sums)
                return Sighting(
                    events: made.flatMap { made in freed.map { made + $0 } }, allocations: made,
                    lost: number(after: "\"eventsLost\":", in: totals))
            }
        }
        return tracer
    }

    /// The library is there, and switched off: what every call pays for passing through.
    static func hooksOnly(_ tools: Toolbox, allocator: Allocator) -> Tracer {
        var tracer = Tracer(name: "hooks only (off)", group: .heapline, mode: "off")
        tracer.allocator = allocator
        let library = tools.preload
        let below = untraced(allocator).prepare
        tracer.prepare = { launch in
            below(&launch)
            launch.preload(library)
            launch.environment["HEAPLINE"] = "0"
        }
        return tracer
    }

    /// Every mode and depth. What matters most runs in every round.
    static func allHeapline(_ tools: Toolbox, quick: Bool, canReport: Bool) -> [Tracer] {
        var tracers: [Tracer] = []
        func add(_ mode: String, _ depths: [Int], _ allocator: Allocator, often: Set<Int>) {
            for depth in depths {
                var tracer = heapline(tools, mode: mode, depth: depth, allocator: allocator, canReport: canReport)
                tracer.often = often.contains(depth)
                tracers.append(tracer)
            }
        }
        tracers.append(hooksOnly(tools, allocator: .system))
        add("count", [0], .system, often: [0])
        add("sample", quick ? [32] : [0, 8, 32, 64], .system, often: [32])
        add("leaks", quick ? [0, 32] : [0, 8, 32, 64], .system, often: [32])
        add("all", quick ? [0, 32] : [0, 8, 32, 64], .system, often: [0, 32])
        if Toolbox.library("libjemalloc.so.2") != nil {
            var hooks = hooksOnly(tools, allocator: .jemalloc)
            hooks.often = false
            tracers.append(hooks)
            add("count", [0], .jemalloc, often: [])
            add("sample", quick ? [] : [0, 8, 32, 64], .jemalloc, often: [])
            add("leaks", quick ? [] : [0, 8, 32, 64], .jemalloc, often: [])
            add("all", quick ? [32] : [0, 8, 32, 64], .jemalloc, often: quick ? [] : [32])
        }
        return tracers
    }
}
