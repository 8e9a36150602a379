// SPDX-License-Identifier: Apache-2.0
//
// What is alive at the end, by stack: how many blocks and bytes, how old, whose; and, where the program searched its
// memory, whether anything still leads there.

public import HeaplineCollector

/// Live blocks at the end of a history, grouped by named stack: `groups` and `replaced` add up to all live blocks.
public struct Leaks: Sendable {
    /// The live blocks of one stack.
    public struct Group: Sendable, Hashable {
        /// An index into ``CallTree/sites``.
        public var site: Int
        public var blocks: UInt64 = 0
        public var bytes: UInt64 = 0
        /// When the oldest and the newest of them were allocated, in nanoseconds since the trace's start.
        public var oldest: UInt64 = .max
        public var newest: UInt64 = 0
        /// Threads that allocated them, by process and index; at most 8.
        public var threads: [ThreadKey] = []
        /// Blocks and bytes by verdict; empty unless the program searched its memory.
        public var verdicts: [DumpedBlock.Verdict: Sum] = [:]
        /// The runtime that keeps these blocks for the life of the process (``RuntimeSuppressions``); nil when none does.
        public var owner: String?

        /// What nothing of the program leads to: unreachable or indirect, and blocks whose process was not examined.
        public var leaked: Sum {
            var sum = Sum(blocks: blocks, bytes: bytes)
            for kind in [DumpedBlock.Verdict.reachable, .unknown] {
                guard let part = verdicts[kind] else { continue }
                sum.blocks -= min(part.blocks, sum.blocks)
                sum.bytes -= min(part.bytes, sum.bytes)
            }
            return sum
        }
    }
    public struct ThreadKey: Sendable, Hashable {
        public var process: Int
        public var index: Int
    }
    public struct Sum: Sendable, Hashable {
        public var blocks: UInt64 = 0
        public var bytes: UInt64 = 0

        public init(blocks: UInt64 = 0, bytes: UInt64 = 0) {
            self.blocks = blocks
            self.bytes = bytes
        }
    }

    /// Most bytes first.
    public private(set) var groups: [Group] = []
    /// Blocks that were alive when their process was replaced by another program image: no leak, they are in no group.
    public private(set) var replaced = Sum()
    /// Sums by verdict; empty unless the program searched its memory.
    public private(set) var verdicts: [DumpedBlock.Verdict: Sum] = [:]

    /// What is known about each process's verdicts.
    public private(set) var examined: [Int: Verdicts.Examined] = [:]

    /// Whether blocks were told apart by what leads to them.
    public var hasVerdicts: Bool { !verdicts.isEmpty }

    /// - Complexity: O(live blocks).
    public init(_ tree: CallTree, verdicts known: Verdicts? = nil) throws(TraceError) {
        let history = tree.history
        var found: [Int: Group] = [:]
        let verdictOf: Verdicts
        if let known { verdictOf = known } else { verdictOf = try Verdicts(history) }
        var sums: [DumpedBlock.Verdict: Sum] = [:]
        var replaced = Sum()
        let isReplaced = history.trace.processes.map { $0.ending?.reason == .exec }
        history.forEachLiveBlock { block in
            if isReplaced[block.process] {
                replaced.add(block.size)
                return
            }
            let site = tree.siteOf[block.site]
            var group = found[site] ?? Group(site: site)
            group.blocks += 1
            group.bytes &+= block.size
            group.oldest = min(group.oldest, block.time)
            group.newest = max(group.newest, block.time)
            let thread = ThreadKey(process: block.process, index: block.thread)
            if group.threads.count < 8, !group.threads.contains(thread) { group.threads.append(thread) }
            if let verdict = verdictOf.verdict(block) {
                group.verdicts[verdict, default: Sum()].add(block.size)
                sums[verdict, default: Sum()].add(block.size)
            }
            found[site] = group
        }
        verdicts = sums
        examined = verdictOf.examined
        self.replaced = replaced
        // In mode sample the sums of the recorded blocks say little; those of the stack are the estimates.
        var owners = RuntimeSuppressions.Owners(tree)
        let isSampled = history.trace.processes.contains { $0.mode == .sample }
        groups = found.values.map { group in
            var group = group
            group.owner = owners.owner(of: tree.sites[group.site].node)
            group.threads.sort { ($0.process, $0.index) < ($1.process, $1.index) }
            if isSampled {
                group.blocks = tree.sites[group.site].liveBlocks
                group.bytes = tree.sites[group.site].liveBytes
            }
            return group
        }
        groups.sort { a, b in
            if a.bytes != b.bytes { return a.bytes > b.bytes }
            if a.blocks != b.blocks { return a.blocks > b.blocks }
            return tree.precedes(tree.sites[a.site].node, tree.sites[b.site].node)
        }
    }
}

extension Leaks.Sum {
    mutating func add(_ size: UInt64) {
        blocks += 1
        bytes &+= size
    }
}
