// SPDX-License-Identifier: Apache-2.0
//
// What changed between two recordings: totals, and stacks matched by their signatures.
//
//   sum of changes of all stacks == change of the total        for every measure whose total is the stacks' sum

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

        /// ``Change/new`` and ``Change/gone`` by allocations; otherwise the first measure that changed.
        public var change: Change {
            let allocations = pair(.allocations).change
            if allocations == .new || allocations == .gone { return allocations }
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
    /// Stacks that changed, by signature.
    public let stacks: [Stack]
    /// How many stacks did not change.
    public let unchanged: Int

    public init(old: CallTree, new: CallTree) {
        var found: [StackSignature: Stack] = [:]
        func add(_ tree: CallTree, _ set: (inout Pair, UInt64) -> Void, takesFrames: Bool) {
            for sums in tree.sites {
                let frames = tree.frames(sums.node)
                let signature = StackSignature(frames, end: tree.end(sums.node))
                let isKnown = found[signature] != nil
                var stack = found[signature] ?? Stack(signature: signature, frames: frames, values: [:])
                if isKnown, takesFrames { stack.frames = frames }
                for measure in Measure.allCases { set(&stack.values[measure, default: Pair()], measure.value(sums)) }
                found[signature] = stack
            }
        }
        add(old, { $0.old &+= $1 }, takesFrames: false)
        add(new, { $0.new &+= $1 }, takesFrames: true)
        stacks = found.values.filter(\.isChanged).sorted { $0.signature < $1.signature }
        unchanged = found.count - stacks.count
        totals = Self.totals(old.history.totals, new.history.totals)
    }

    /// Stacks that changed in `measure`, the largest change first.
    public func ranking(by measure: Measure) -> [Stack] {
        stacks.filter { $0.pair(measure).distance > 0 }.sorted { a, b in
            let (x, y) = (a.pair(measure).distance, b.pair(measure).distance)
            return x != y ? x > y : a.signature < b.signature
        }
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
