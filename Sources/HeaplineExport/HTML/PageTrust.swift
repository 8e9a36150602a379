// SPDX-License-Identifier: Apache-2.0
//
// How far a page can be believed: what was recorded, what is missing, and what to do about each. Each line has a level:
// `ok` (nothing to do), `note` (by choice, or unavoidable), `warn` (part of the answer is missing), `bad` (numbers are
// wrong or incomplete).

internal import HeaplineAnalysis

struct PageTrust {
    private(set) var items: [PageJSON] = []

    private let tree: CallTree
    private var history: History { tree.history }

    init(_ tree: CallTree) {
        self.tree = tree
        recorded()
        for gap in tree.history.gaps { add(gap) }
        unknownFrees()
        cutStacks()
        names()
        overhead()
    }

    private mutating func add(_ level: String, _ title: String, _ detail: String, fix: String? = nil) {
        items.append(
            .object([
                ("level", .text(level)), ("title", .text(title)), ("detail", .text(detail)), ("fix", PageJSON(fix)),
            ]))
    }

    private mutating func recorded() {
        let trace = history.trace
        let modes = Set(trace.processes.map(\.mode))
        for mode in modes.sorted(by: { $0.rawValue < $1.rawValue }) {
            switch mode {
            case .all:
                add(
                    history.gaps.isEmpty ? "ok" : "note", "Mode all",
                    history.gaps.isEmpty
                        ? "Every allocation and free was recorded, and the recorder's own counts agree."
                        : "Every allocation and free was to be recorded.")
            case .leaks:
                add(
                    "note", "Mode leaks",
                    "Only blocks that were never freed have stacks; totals are exact, temporary allocations and lifetimes are unknown.",
                    fix: "record with --mode all")
            case .sample:
                add(
                    "note", "Mode sample",
                    "A sample of the allocations was recorded: numbers of stacks are unbiased estimates, totals are exact; temporary allocations and growth by realloc are unknown.",
                    fix: "record with --mode all")
            case .count:
                add(
                    "warn", "Mode count", "Only totals were recorded: there are no stacks and no live bytes.",
                    fix: "record with --mode all")
            case .off: add("bad", "Not recording", "Recording was off.", fix: "record with --mode all")
            }
        }
        let depths = Set(trace.processes.map(\.depth)).sorted()
        if depths == [0] {
            let isChip = trace.processes.contains { $0.source == .esp }
            add(
                "warn", "No stacks", "Stacks were not recorded.",
                fix: isChip ? "set CONFIG_HEAP_TRACING_STACK_DEPTH to 2 or more" : "record with --depth 32")
        } else {
            let text = depths.map(String.init).joined(separator: ", ")
            add("ok", "Stacks", "Up to \(text) frames of each stack were recorded.")
        }
        let count = trace.processes.count
        add(
            "ok", count == 1 ? "1 process" : "\(count) processes",
            count == 1
                ? "One program image was recorded."
                : "All are added up here; the table of processes is under Recording.")
    }

    private mutating func add(_ gap: Gap) {
        let who =
            gap.process.map { " in \(history.trace.processes[$0].name) (pid \(history.trace.processes[$0].pid))" } ?? ""
        switch gap.kind {
        case .lost(let cause, let count):
            add("bad", "\(Units.count(count)) events lost\(who)", "\(cause.explanation).", fix: cause.remedy)
        case .cut(let offset):
            add(
                "bad", "The file is cut", "It ends inside a chunk at byte \(offset); everything before was read.",
                fix: "copy the whole file, or record again")
        case .unfinished:
            add(
                "warn", "The recording was not closed", "The collector was ended, or it still writes.",
                fix: "read it again when the recording is over")
        case .noFinalCounts:
            add(
                "warn", "No final counts\(who)",
                "The trace ends before the process did, so nothing confirms its totals.")
        case .mismatch(let what, let recorder, let events):
            add(
                "bad", "Counts of \(what) disagree\(who)",
                "The recorder counted \(Units.count(recorder)), the events add up to \(Units.count(events)).",
                fix: "record again; if it stays, report it")
        case .impliedFrees(let count):
            add(
                "warn", "\(Units.count(count)) frees are missing\(who)",
                "Addresses were handed out again without a free: something frees past the hooks, or those events were lost."
            )
        case .paused:
            add("note", "Recording was paused\(who)", "What happened meanwhile is not here.")
        case .problem(let text): add("bad", "Part of it could not be recorded\(who)", text)
        case .stoppedEarly: add("note", "Stopped early", "The trace goes on after what is shown here.")
        }
    }

    private mutating func unknownFrees() {
        let count = history.totals.unknownFrees
        guard count > 0 else { return }
        add(
            "note", "\(Units.count(count)) frees of unknown blocks",
            "Their blocks were allocated before the recording began, or by a parent process before fork. They are in no sum.",
            fix: "start the program under heapline run")
    }

    private mutating func cutStacks() {
        let all = tree.sites.reduce(UInt64(0)) { $0 &+ $1.allocations }
        guard all > 0 else { return }
        var deep: UInt64 = 0
        for site in tree.sites where tree.end(site.node) == .depth { deep &+= site.allocations }
        if deep > 0 {
            add(
                "note", "\(Self.percent(deep, all)) of allocations have deeper stacks than recorded",
                "Their outermost callers are missing, so they hang under no common root.",
                fix: "record with a larger --depth")
        }
        for problem in tree.unwindingProblems.prefix(8) where problem.allocations >= all / 1000 {
            let module = problem.module.isEmpty ? "code outside every module" : problem.module
            add(
                "warn", "\(Self.percent(problem.allocations, all)) of allocations have cut stacks",
                "In \(module): \(problem.end.explanation).", fix: problem.remedy)
        }
    }

    private mutating func names() {
        var unnamed: UInt64 = 0
        var all: UInt64 = 0
        for site in tree.sites {
            guard let culprit = StackTrimming.culprit(tree.frames(site.node)) else { continue }
            all &+= site.allocations
            if !culprit.isNamed { unnamed &+= site.allocations }
        }
        if unnamed > 0 {
            add(
                unnamed * 20 > all ? "warn" : "note",
                "\(Self.percent(unnamed, all)) of allocations come from functions without a name",
                "They are shown as addresses in their module.",
                fix: tree.symbolProblems.first.map { "\($0.remedy); more under Recording" })
        } else if all > 0 {
            add("ok", "Names", "Every allocating function has a name.")
        }
        if !tree.symbolProblems.isEmpty {
            let count = tree.symbolProblems.count
            add(
                "note", count == 1 ? "1 symbol problem" : "\(count) symbol problems",
                "Some functions or lines could not be named; the list is under Recording.")
        }
    }

    /// What one event cost the program, in nanoseconds, from the cheapest to the dearest of the workloads that README.md lists
    /// (a test compares). Machine and program decide, and nothing in a recording tells how long the program would have taken
    /// without it; so this is an order of magnitude, and is said to be one.
    static func cost(_ mode: RecordingMode, depth: Int) -> ClosedRange<Double>? {
        switch mode {
        case .all, .leaks: depth > 0 ? 10...360 : 8...50
        case .sample: 0.5...6
        case .count: 1...10
        case .off: nil
        }
    }

    private mutating func overhead() {
        let measured = Overhead(history)
        if measured.absence != nil || measured.processorNanoseconds == nil { return likelyOverhead() }
        var detail =
            "About \(Units.duration(measured.nanoseconds)) \(measured.detail). "
            + "Estimated from \(Units.count(measured.timedEvents, "event")) that the recorder timed"
        if measured.interruptedEvents > 0 { detail += ", of which \(Units.count(measured.interruptedEvents)) were interrupted" }
        detail += "; what the program loses because the recorder uses the processor's caches too is not in it."
        if measured.searchNanoseconds > 0 {
            detail += " The program stood still for \(Units.duration(measured.searchNanoseconds)) to have its memory searched."
        }
        if measured.waitedNanoseconds > 0 {
            detail += " Threads waited \(Units.duration(measured.waitedNanoseconds)) for the collector."
        }
        detail += " The collector took \(Units.duration(measured.collectorNanoseconds)) on another core, if there was one free."
        let share = measured.share ?? 0
        add(
            "note", "Overhead: about \(Self.share(share)) of the processor time", detail,
            fix: share < 0.05 ? nil : "--depth 8, --mode sample or --mode count cost less")
    }

    /// For recordings that do not tell what they cost: what others did.
    private mutating func likelyOverhead() {
        let trace = history.trace
        let seconds = Double(history.duration) / 1e9
        guard seconds > 0, trace.processes.contains(where: { $0.source == .linux }), trace.kind == .heapline else { return }
        var low = 0.0
        var high = 0.0
        var events = 0.0
        for process in trace.processes {
            guard let cost = Self.cost(process.mode, depth: process.depth) else { continue }
            let counts = process.counts.map { Double($0.allocations) + Double($0.frees) }
            let happened = counts ?? Double(history.processTotals[process.id].allocations &+ history.processTotals[process.id].frees)
            events += happened
            low += happened * cost.lowerBound / 1e9
            high += happened * cost.upperBound / 1e9
        }
        guard events > 0 else { return }
        let isSmall = high / seconds < 0.05
        add(
            "note",
            isSmall
                ? "Overhead: not measured, likely below \(Self.share(high / seconds))"
                : "Overhead: not measured, likely \(Self.share(low / seconds)) to \(Self.share(high / seconds))",
            "\(Units.count(UInt64(events))) events in \(Self.seconds(seconds)). Of the programs that Heapline is measured with, one event cost the cheapest "
                + "\(Self.seconds(low / events)) and the dearest \(Self.seconds(high / events)): here that would be \(Self.seconds(low)) to "
                + "\(Self.seconds(high)) of the threads' time.",
            fix: isSmall ? nil : "time the program without heapline and compare; --depth 8, --mode sample or --mode count cost less")
    }

    private static func share(_ value: Double) -> String {
        let percent = value * 100
        if percent < 0.1 { return "0.1 %" }
        return percent < 10 ? "\((percent * 10).rounded() / 10) %" : "\(Int(percent.rounded())) %"
    }

    private static func seconds(_ value: Double) -> String {
        if value >= 10 { return "\(Int(value.rounded())) s" }
        if value >= 0.1 { return "\((value * 100).rounded() / 100) s" }
        if value >= 1e-3 { return "\((value * 1e4).rounded() / 10) ms" }
        if value >= 1e-6 { return "\(Int((value * 1e6).rounded())) µs" }
        return "\(Int((value * 1e9).rounded())) ns"
    }

    static func percent(_ part: UInt64, _ whole: UInt64) -> String {
        let share = Double(part) / Double(max(whole, 1)) * 100
        if share >= 99.95 { return part == whole ? "100 %" : "99.9 %" }
        return share < 0.1 ? "Below 0.1 %" : "\((share * 10).rounded() / 10) %"
    }
}
