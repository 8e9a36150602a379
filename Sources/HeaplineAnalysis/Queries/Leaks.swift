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
        /// Threads that allocated them, the first eight by process and index.
        public var threads: [ThreadKey] = []
        /// Blocks and bytes by verdict; empty unless the program searched its memory.
        public var verdicts: [DumpedBlock.Verdict: Sum] = [:]
        /// The runtime that keeps these blocks for the life of the process (``RuntimeSuppressions``); nil when none does.
        public var owner: String?

        /// The pattern of the suppression that the stack matches; nil when none does, or nothing of the stack is ``leaked``.
        public var suppression: String?

        /// Who answers for these blocks instead of the program, if anyone: a line of a suppression file, else a runtime.
        public var excuse: String? { suppression.map { "leak:" + $0 } ?? owner }

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
    public init(
        _ tree: CallTree, verdicts known: Verdicts? = nil, suppressions: Suppressions = Suppressions()
    ) throws(TraceError) {
        let history = tree.history
        let verdictOf: Verdicts
        if let known { verdictOf = known } else { verdictOf = try Verdicts(history) }
        var found = Gathering(sites: tree.sites.count)
        var replaced = Sum()
        for box in history.live {
            let process = history.trace.processes[box.process]
            if process.ending?.reason == .exec {
                box.table.forEach { replaced.add($0.size) }
                continue
            }
            let verdicts = verdictOf.byNumber(box.process)
            let isExamined = verdictOf.hasVerdicts(box.process)
            var number = 0
            box.table.forEach { block in
                var verdict: DumpedBlock.Verdict?
                if let verdicts {
                    verdict = verdicts.verdict(number)
                } else if isExamined {
                    verdict = verdictOf.verdict(Block(block, box.process, process.clock))
                }
                found.add(block, site: tree.siteOf[Int(block.site)], verdict)
                number += 1
            }
            found.close(process: box.process, process.clock)
        }
        let sums = found.sums
        verdicts = sums
        examined = verdictOf.examined
        self.replaced = replaced
        // In mode sample the sums of the recorded blocks say little; those of the stack are the estimates.
        var owners = RuntimeSuppressions.Owners(tree)
        let isSampled = history.trace.processes.contains { $0.mode == .sample }
        groups = found.groups.map { group in
            var group = group
            group.owner = owners.owner(of: tree.sites[group.site].node)
            if !suppressions.rules.isEmpty, group.leaked.blocks > 0,
                let rule = suppressions.rule(matching: tree.frames(tree.sites[group.site].node))
            {
                group.suppression = suppressions.rules[rule].pattern
            }
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

/// Groups while they grow, process by process: a look into a table by name for every block would take longer than all the rest.
private struct Gathering {
    private(set) var groups: [Leaks.Group] = []
    private var open: [Open] = []  // by group
    private var groupOf: [Int32]  // by site: index + 1, or 0
    private var touched: [Int] = []  // groups with blocks of the process at hand
    private var byVerdict: [Leaks.Sum] = []  // four for each group

    /// What the blocks of one process add to a group.
    private struct Open {
        var oldest: UInt64 = .max  // ticks
        var newest: UInt64 = 0
        var threads: [UInt32] = []
        var isTouched = false
    }
    private static let verdictCount = 4
    private static let threadLimit = 8

    init(sites: Int) { groupOf = Array(repeating: 0, count: sites) }

    mutating func add(_ block: LiveBlock, site: Int, _ verdict: DumpedBlock.Verdict?) {
        if groupOf[site] == 0 {
            groups.append(Leaks.Group(site: site))
            open.append(Open())
            byVerdict += Array(repeating: Leaks.Sum(), count: Self.verdictCount)
            groupOf[site] = Int32(groups.count)
        }
        let index = Int(groupOf[site]) - 1
        groups[index].blocks += 1
        groups[index].bytes &+= block.size
        if !open[index].isTouched {
            open[index].isTouched = true
            touched.append(index)
        }
        if block.ticks < open[index].oldest { open[index].oldest = block.ticks }
        if block.ticks > open[index].newest { open[index].newest = block.ticks }
        if open[index].threads.first != block.thread { addThread(block.thread, index) }
        if let verdict { byVerdict[index * Self.verdictCount + verdict.rawValue].add(block.size) }
    }

    /// Keeps the lowest.
    private mutating func addThread(_ thread: UInt32, _ index: Int) {
        let place = open[index].threads.firstIndex { $0 >= thread } ?? open[index].threads.count
        guard place < Self.threadLimit, place == open[index].threads.count || open[index].threads[place] != thread else { return }
        open[index].threads.insert(thread, at: place)
        if open[index].threads.count > Self.threadLimit { open[index].threads.removeLast() }
    }

    /// No more blocks of this process come. Processes come in the order of their indexes.
    mutating func close(process: Int, _ clock: Clock) {
        for index in touched {
            groups[index].oldest = min(groups[index].oldest, clock.nanoseconds(open[index].oldest))
            groups[index].newest = max(groups[index].newest, clock.nanoseconds(open[index].newest))
            for thread in open[index].threads where groups[index].threads.count < Self.threadLimit {
                groups[index].threads.append(Leaks.ThreadKey(process: process, index: Int(thread)))
            }
            open[index] = Open()
            for verdict in 0..<Self.verdictCount {
                let sum = byVerdict[index * Self.verdictCount + verdict]
                guard sum.blocks > 0, let kind = DumpedBlock.Verdict(rawValue: verdict) else { continue }
                groups[index].verdicts[kind, default: Leaks.Sum()].blocks += sum.blocks
                groups[index].verdicts[kind, default: Leaks.Sum()].bytes &+= sum.bytes
                byVerdict[index * Self.verdictCount + verdict] = Leaks.Sum()
            }
        }
        touched.removeAll()
    }

    /// Of all groups, by verdict.
    var sums: [DumpedBlock.Verdict: Leaks.Sum] {
        var sums: [DumpedBlock.Verdict: Leaks.Sum] = [:]
        for group in groups {
            for (verdict, sum) in group.verdicts {
                sums[verdict, default: Leaks.Sum()].blocks += sum.blocks
                sums[verdict, default: Leaks.Sum()].bytes &+= sum.bytes
            }
        }
        return sums
    }
}
