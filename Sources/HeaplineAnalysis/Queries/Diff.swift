// SPDX-License-Identifier: Apache-2.0
//
// What changed between two recordings: totals, and stacks matched by their signatures.
//
//   sum of changes of all stacks == change of the total        for every measure whose total is the stacks' sum
//
// Stacks are compared by what both recordings hold of them: mode leaks knows those of blocks that stayed, mode count none. What
// only one of the two recorded did not come or go. heaptrack records no reallocations, and no threads, by which we tell what is
// temporary.

/// The difference between an old and a new recording.
public struct TraceDiff: Sendable {
    /// How a stack changed in one measure.
    public enum Change: String, Sendable, Hashable, CaseIterable {
        /// It had none before.
        case new
        /// It has none any more.
        case gone
        case grown
        case shrunk
        case same
    }

    /// A value before and after.
    public struct Pair: Sendable, Hashable {
        public var old: UInt64
        public var new: UInt64

        public init(old: UInt64 = 0, new: UInt64 = 0) {
            self.old = old
            self.new = new
        }

        public var change: Change {
            if old == new { return .same }
            if old == 0 { return .new }
            if new == 0 { return .gone }
            return new > old ? .grown : .shrunk
        }
        /// `|new - old|`
        public var distance: UInt64 { max(old, new) - min(old, new) }
    }

    /// One stack in both.
    public struct Stack: Sendable {
        public var signature: StackSignature
        /// Its frames as they are in the new recording, or in the old one when it is gone.
        public var frames: [SymbolFrame]
        public var values: [Measure: Pair]

        public func pair(_ measure: Measure) -> Pair { values[measure] ?? Pair() }

        /// ``Change/new`` and ``Change/gone`` by allocations, or by live blocks where only those are known; otherwise the first
        /// measure that changed.
        public var change: Change {
            let existence = (values[.allocations] ?? pair(.liveBlocks)).change
            if existence == .new || existence == .gone { return existence }
            for measure in TraceDiff.order {
                let change = pair(measure).change
                if change != .same { return change == .new ? .grown : change == .gone ? .shrunk : change }
            }
            return .same
        }
        public var isChanged: Bool { values.values.contains { $0.old != $0.new } }
    }

    /// A total in both; nil where a recording cannot tell.
    public struct Total: Sendable, Hashable {
        public var name: String
        public var old: UInt64?
        public var new: UInt64?
        public var isBytes: Bool
    }

    /// The measures that stacks are compared by, the gravest first.
    static let order: [Measure] = [
        .liveBytes, .peakBytes, .bytes, .allocations, .temporary, .liveBlocks, .peakBlocks, .reallocations,
    ]

    public let totals: [Total]
    /// What stacks are compared by; empty when they cannot be.
    public let measures: [Measure]
    /// What keeps the two from being compared in full: one sentence each.
    public let notes: [String]
    /// Stacks that changed, by signature.
    public let stacks: [Stack]
    /// How many stacks did not change.
    public let unchanged: Int

    public init(old: CallTree, new: CallTree) {
        let isHeaptrack = [old, new].map { $0.history.trace.kind == .heaptrack }
        let unlike: [Measure] = isHeaptrack[0] == isHeaptrack[1] ? [] : [.temporary, .reallocations]
        let measures = Measure.allCases.filter {
            Self.told(old).contains($0) && Self.told(new).contains($0) && !unlike.contains($0)
        }
        let isNamed = [old, new].map { $0.hasStacks || $0.sites.isEmpty }
        let compared = isNamed[0] == isNamed[1] ? measures : []
        self.measures = compared
        notes =
            Self.notes("old", old, isNamed[0] || !isNamed[1]) + Self.notes("new", new, isNamed[1] || !isNamed[0])
            + (unlike.isEmpty
                ? []
                : [
                    "the \(isHeaptrack[0] ? "old" : "new") recording is heaptrack's, which tells no reallocations and no threads, "
                        + "so reallocations and temporary allocations are not compared"
                ])
        var found: [StackSignature: Stack] = [:]
        func add(_ tree: CallTree, _ set: (inout Pair, UInt64) -> Void, takesFrames: Bool) {
            for sums in tree.sites where compared.contains(where: { $0.value(sums) > 0 }) {
                let frames = tree.frames(sums.node)
                let signature = StackSignature(frames, end: tree.end(sums.node))
                let isKnown = found[signature] != nil
                var stack = found[signature] ?? Stack(signature: signature, frames: frames, values: [:])
                if isKnown, takesFrames { stack.frames = frames }
                for measure in compared { set(&stack.values[measure, default: Pair()], measure.value(sums)) }
                found[signature] = stack
            }
        }
        add(old, { $0.old &+= $1 }, takesFrames: false)
        add(new, { $0.new &+= $1 }, takesFrames: true)
        stacks = found.values.filter(\.isChanged).sorted { $0.signature < $1.signature }
        unchanged = found.count - stacks.count
        totals = Self.totals(old.history.totals, new.history.totals).map { total in
            guard !unlike.isEmpty, total.name == "reallocations" || total.name == "temporaryAllocations" else { return total }
            return Total(
                name: total.name, old: isHeaptrack[0] ? nil : total.old, new: isHeaptrack[1] ? nil : total.new, isBytes: false)
        }
    }

    /// Stacks that changed in `measure`, the largest change first.
    public func ranking(by measure: Measure) -> [Stack] {
        stacks.filter { $0.pair(measure).distance > 0 }.sorted { a, b in
            let (x, y) = (a.pair(measure).distance, b.pair(measure).distance)
            return x != y ? x > y : a.signature < b.signature
        }
    }

    /// What a recording holds of its stacks.
    private static func told(_ tree: CallTree) -> [Measure] {
        let modes = modes(tree)
        if modes.allSatisfy({ $0 == .count || $0 == .off }) { return [] }
        return modes.contains(.leaks) ? [.liveBlocks, .liveBytes] : Measure.allCases
    }

    private static func modes(_ tree: CallTree) -> [RecordingMode] {
        tree.history.trace.processes.filter { tree.history.options.processes?.contains($0.id) ?? true }.map(\.mode)
    }

    /// - Parameter canMatch: whether the other recording does not have stacks that this one lacks.
    private static func notes(_ name: String, _ tree: CallTree, _ canMatch: Bool) -> [String] {
        let modes = modes(tree)
        var notes: [String] = []
        if told(tree).isEmpty {
            notes.append("the \(name) recording holds totals only (mode count), so stacks are not compared: record with --mode all")
        } else if !canMatch {
            notes.append("the \(name) recording has no call stacks, so stacks are not compared: record with --depth 64")
        }
        if modes.contains(.leaks) {
            notes.append(
                "the \(name) recording knows only the stacks of blocks that stayed (mode leaks), so others are not compared: "
                    + "record with --mode all")
        }
        if modes.contains(.sample) { notes.append("numbers of the \(name) recording are estimates (mode sample)") }
        if !tree.history.isComplete { notes.append("the \(name) recording has gaps; heapline report tells which") }
        return notes
    }

    private static func totals(_ old: Totals, _ new: Totals) -> [Total] {
        [
            Total(name: "liveBytes", old: old.liveBytes, new: new.liveBytes, isBytes: true),
            Total(name: "liveBlocks", old: old.liveBlocks, new: new.liveBlocks, isBytes: false),
            Total(name: "peakBytes", old: old.peakBytes, new: new.peakBytes, isBytes: true),
            Total(name: "allocations", old: old.allocations, new: new.allocations, isBytes: false),
            Total(name: "bytesAllocated", old: old.bytesAllocated, new: new.bytesAllocated, isBytes: true),
            Total(name: "reallocations", old: old.reallocations, new: new.reallocations, isBytes: false),
            Total(
                name: "temporaryAllocations", old: old.temporaryAllocations, new: new.temporaryAllocations,
                isBytes: false),
            Total(name: "failures", old: old.failures, new: new.failures, isBytes: false),
        ]
    }
}
