// SPDX-License-Identifier: Apache-2.0
//
// A trace against budgets and a baseline. The result is a list of findings in a fixed order: the same trace and the same
// limits give the same list.
//
//   leaked == live bytes - suppressed - the runtimes' - known to be reachable - made after the search for what is

public import HeaplineCollector

/// What is checked.
public struct CheckOptions: Sendable {
    public var budgets: [Budget] = []
    public var baseline: Baseline?
    /// How much larger than the baseline a value may be, as a fraction of it.
    public var tolerance = 0.0
    public var suppressions = Suppressions()
    /// Whether what runtimes keep is left out of leaks.
    public var suppressesRuntimes = true

    public init() {}
}

/// The outcome of a check.
public struct Check: Sendable {
    /// One limit, and what was measured.
    public struct Finding: Sendable {
        /// `max-leaked`, `max-leaked parse`, `baseline peak`, `baseline leak`
        public var name: String
        public var kind: BudgetKind
        public var measured: UInt64
        public var limit: UInt64
        public var isFailed: Bool { measured > limit }
        /// Something to know, such as that no call is of the named function.
        public var note: String?
        /// The stacks behind the value, the largest first; only of a failed finding, at most ``stackLimit``.
        public var stacks: [Culprit] = []
    }
    /// A stack's part of a value.
    public struct Culprit: Sendable {
        public var value: UInt64
        public var blocks: UInt64?
        public var signature: StackSignature
        /// Inner to outer, trimmed.
        public var frames: [SymbolFrame]
    }
    /// A suppression that was used.
    public struct Suppressed: Sendable, Hashable {
        /// The pattern, or the runtime.
        public var by: String
        public var blocks: UInt64
        public var bytes: UInt64
    }

    public static let stackLimit = 20

    public private(set) var findings: [Finding] = []
    /// In the order of the suppressions; runtimes by name after them.
    public private(set) var suppressed: [Suppressed] = []
    /// Live bytes that something still leads to; 0 unless the program searched its memory.
    public private(set) var reachableBytes: UInt64 = 0
    /// What was measured: the next baseline.
    public private(set) var measured = Baseline()
    /// Why the recording cannot vouch that limits were kept; empty when it can.
    public private(set) var doubts: [String] = []

    public var isFailed: Bool { findings.contains(where: \.isFailed) }

    private var leaks: [(site: Int, bytes: UInt64, blocks: UInt64)] = []

    /// - Throws: when the recording does not hold what a budget limits.
    public init(_ tree: CallTree, _ options: CheckOptions) throws(TraceError) {
        try findLeaks(tree, options)
        measure(tree)
        for budget in options.budgets { try add(budget, tree) }
        if let baseline = options.baseline { try compare(baseline, options.tolerance, tree) }
        doubts = tree.history.gaps.compactMap { Self.doubt($0, tree.history.trace) }
        let isSampled = tree.history.trace.processes.contains { $0.mode == .sample }
        if isSampled { doubts.append("the trace is a sample: all but the program's number of allocations is estimated") }
    }

    // MARK: Leaks

    private mutating func findLeaks(_ tree: CallTree, _ options: CheckOptions) throws(TraceError) {
        var byRule: [Int: Suppressed] = [:]
        var byRuntime: [String: Suppressed] = [:]
        for group in try Leaks(tree).groups {
            let (blocks, bytes) = (group.leaked.blocks, group.leaked.bytes)
            reachableBytes &+= group.verdicts[.reachable]?.bytes ?? 0
            guard blocks > 0 else { continue }
            let frames = tree.frames(tree.sites[group.site].node)
            if let rule = options.suppressions.rule(matching: frames) {
                let pattern = options.suppressions.rules[rule].pattern
                byRule[rule, default: Suppressed(by: pattern, blocks: 0, bytes: 0)].add(blocks, bytes)
            } else if options.suppressesRuntimes, let owner = group.owner {
                byRuntime[owner, default: Suppressed(by: owner, blocks: 0, bytes: 0)].add(blocks, bytes)
            } else {
                leaks.append((group.site, bytes, blocks))
            }
        }
        suppressed = byRule.sorted { $0.key < $1.key }.map(\.value) + byRuntime.sorted { $0.key < $1.key }.map(\.value)
    }

    private mutating func measure(_ tree: CallTree) {
        let totals = tree.history.totals
        if totals.liveBytes != nil { measured.values[.leaked] = leaks.reduce(0) { $0 &+ $1.bytes } }
        measured.values[.peak] = totals.peakBytes
        measured.values[.allocations] = totals.allocations
        measured.values[.temporary] = totals.temporaryAllocations
        for leak in leaks {
            let signature = Baseline.written(tree.signature(tree.sites[leak.site].node))
            let known = measured.leaks[signature] ?? Baseline.Leak(bytes: 0, blocks: 0)
            measured.leaks[signature] = Baseline.Leak(
                bytes: known.bytes &+ leak.bytes, blocks: known.blocks &+ leak.blocks)
        }
    }

    // MARK: Budgets

    private mutating func add(_ budget: Budget, _ tree: CallTree) throws(TraceError) {
        let name = budget.kind.option + (budget.function.map { " \($0)" } ?? "")
        guard let function = budget.function else {
            guard let value = measured.values[budget.kind] else { throw cannot(budget, tree) }
            add(name, budget.kind, value, budget.limit, nil, tree) { _ in true }
            return
        }
        let modes = tree.history.trace.processes.map(\.mode)
        let isHeld = budget.kind == .leaked ? !modes.contains(.count) : !modes.contains { $0 == .count || $0 == .leaks }
        let isKnown = budget.kind != .temporary || !modes.contains(.sample)
        guard isHeld, isKnown, tree.hasStacks || tree.sites.isEmpty else { throw cannot(budget, tree) }
        // Each frame is looked at once, whatever the number of stacks it is in.
        let isNamed = tree.frames.map { Budget.names(function, $0) }
        let contains = { (node: Int) -> Bool in
            var at = node
            while at >= CallTree.rootCount {
                if isNamed[tree.nodes[at].frame] { return true }
                at = tree.nodes[at].parent
            }
            return false
        }
        let parts = parts(budget.kind, tree).filter { contains(tree.sites[$0.site].node) }
        let note = isNamed.contains(true) ? nil : "no stack has a call of \(function)"
        add(name, budget.kind, parts.reduce(0) { $0 &+ $1.value }, budget.limit, note, tree) { contains($0) }
    }

    private func cannot(_ budget: Budget, _ tree: CallTree) -> TraceError {
        cannot(budget.function == nil ? "--\(budget.kind.option)" : "--\(budget.kind.option) for a function", tree)
    }

    private func cannot(_ what: String, _ tree: CallTree) -> TraceError {
        let mode = tree.history.trace.processes.first?.mode ?? .off
        let why = mode == .all ? "without stacks" : "in mode \(mode.rawValue)"
        return TraceError(
            .foreign, path: tree.history.trace.path,
            message: "was recorded \(why), which cannot tell \(what); record with --mode all --depth 64")
    }

    private func parts(_ kind: BudgetKind, _ tree: CallTree) -> [(site: Int, value: UInt64, blocks: UInt64?)] {
        switch kind {
        case .leaked: leaks.map { ($0.site, $0.bytes, $0.blocks) }
        case .peak: tree.sites.indices.map { ($0, tree.sites[$0].peakBytes, tree.sites[$0].peakBlocks) }
        case .allocations: tree.sites.indices.map { ($0, tree.sites[$0].allocations, nil) }
        case .temporary: tree.sites.indices.map { ($0, tree.sites[$0].temporary, nil) }
        }
    }

    private mutating func add(
        _ name: String, _ kind: BudgetKind, _ value: UInt64, _ limit: UInt64, _ note: String?, _ tree: CallTree,
        _ isIncluded: (Int) -> Bool
    ) {
        var finding = Finding(name: name, kind: kind, measured: value, limit: limit, note: note)
        if finding.isFailed {
            let parts = parts(kind, tree).filter { $0.value > 0 && isIncluded(tree.sites[$0.site].node) }
            finding.stacks = culprits(parts, tree)
        }
        findings.append(finding)
    }

    private func culprits(_ parts: [(site: Int, value: UInt64, blocks: UInt64?)], _ tree: CallTree) -> [Culprit] {
        let ordered = parts.sorted { a, b in
            a.value != b.value ? a.value > b.value : tree.precedes(tree.sites[a.site].node, tree.sites[b.site].node)
        }
        return ordered.prefix(Self.stackLimit).map { part in
            let node = tree.sites[part.site].node
            return Culprit(
                value: part.value, blocks: part.blocks, signature: tree.signature(node),
                frames: StackTrimming.trim(tree.frames(node)))
        }
    }

    // MARK: Baseline

    private mutating func compare(_ baseline: Baseline, _ tolerance: Double, _ tree: CallTree) throws(TraceError) {
        func allowed(_ value: UInt64) -> UInt64 {
            let more = Double(value) * tolerance
            return more < 1e18 ? value &+ UInt64(more) : .max
        }
        for kind in BudgetKind.allCases {
            guard let old = baseline.values[kind] else { continue }
            guard let value = measured.values[kind] else { throw cannot("\(kind.rawValue) as the baseline has it", tree) }
            add("baseline \(kind.rawValue)", kind, value, allowed(old), nil, tree) { _ in true }
        }
        if !baseline.leaks.isEmpty, measured.values[.leaked] == nil { throw cannot("leaks as the baseline has them", tree) }
        for (signature, leak) in measured.leaks.sorted(by: { $0.key < $1.key }) {
            let old = baseline.leaks[signature]
            let limit = allowed(old?.bytes ?? 0)
            guard leak.bytes > limit else { continue }
            let parts = parts(.leaked, tree).filter {
                Baseline.written(tree.signature(tree.sites[$0.site].node)) == signature
            }
            findings.append(
                Finding(
                    name: "baseline leak \(signature.functions[0])", kind: .leaked, measured: leak.bytes, limit: limit,
                    note: old == nil ? "this stack did not leak before" : nil, stacks: culprits(parts, tree)))
        }
    }

    private static func doubt(_ gap: Gap, _ trace: Trace) -> String? {
        switch gap.kind {
        case .lost(let cause, let count): "\(count) events were lost: \(cause.explanation); \(cause.remedy)"
        case .cut(let offset): "the file is cut at byte \(offset)"
        case .unfinished: "the file was not closed in order"
        case .noFinalCounts: "the trace ends before the process did"
        case .mismatch(let what, let recorder, let events):
            "\(what): the recorder counted \(recorder), the trace has \(events)"
        case .paused: "the recording was paused"
        case .problem(let text): (gap.process.map { "pid \(trace.processes[$0].pid): " } ?? "") + text
        case .impliedFrees, .stoppedEarly: nil
        }
    }
}

extension Check.Suppressed {
    mutating func add(_ blocks: UInt64, _ bytes: UInt64) {
        self.blocks &+= blocks
        self.bytes &+= bytes
    }
}
