// SPDX-License-Identifier: Apache-2.0
//
// The dynamic types of live blocks, from their first words (see TypeNames); blocks that do not tell theirs by size class.
//
// What was alive at the peak is known stack by stack, but the first words of its blocks only as far as they were still alive when the memory was
// searched. Blocks freed since are of the type of their stack's others, if those agree, as a call of operator new makes one type.

/// Live blocks by dynamic type: all groups together are all live blocks that were recorded.
public struct Types: Sendable {
    public enum Kind: String, Sendable, Hashable {
        case cxx, swift
        /// No type is known: blocks of up to so many bytes.
        case size
    }
    public struct Group: Sendable, Hashable {
        /// The type's name, or the size class in bytes.
        public var name: String
        public var kind: Kind
        public var blocks: UInt64 = 0
        public var bytes: UInt64 = 0
        /// Blocks that nothing of the program leads to; 0 unless its memory was searched.
        public var leakedBlocks: UInt64 = 0
        /// Of what was alive at the peak; 0 unless ``Types/isPeakKnown``.
        public var peakBlocks: UInt64 = 0
        public var peakBytes: UInt64 = 0
        /// Those of them that were freed since: their type is that of their stack's other blocks, their size class the stack's mean.
        public var peakBlocksByStack: UInt64 = 0
    }

    /// Most bytes first, then most bytes at the peak.
    public private(set) var groups: [Group] = []
    /// Whether first words are known, of any process.
    public private(set) var isExamined = false
    /// Whether the groups hold what was alive at the peak: all of it together is what the totals say. Only where every event was recorded.
    public let isPeakKnown: Bool

    /// Sizes are put together in steps of this many bytes.
    public static let sizeStep: UInt64 = 16

    /// - Complexity: O(live blocks + stacks).
    public init(_ history: History, _ verdicts: Verdicts) {
        isExamined = !verdicts.isEmpty
        let peakTime = history.trace.processes.allSatisfy { $0.mode == .all } ? history.totals.peakTime : nil
        isPeakKnown = peakTime != nil
        let hasPeak = history.sites.map { $0.peakBlocks > 0 }
        var found = Gathering(sites: history.sites.count)
        for box in history.live {
            let process = history.trace.processes[box.process]
            found.begin(TypeNames(process, verdicts.image(of: process.id)))
            let peakEnd = peakTime.map { $0 == .max ? .max : process.clock.ticks(atOrAfter: $0 + 1) } ?? 0
            let known = verdicts.byNumber(process.id)
            let isExamined = verdicts.hasVerdicts(process.id)
            var number = 0
            box.table.forEach { block in
                var word: UInt64 = 0
                var verdict: DumpedBlock.Verdict?
                if let known {
                    (word, verdict) = (known.firstWord(number), known.verdict(number))
                } else if isExamined {
                    let live = Block(block, process.id, process.clock)
                    (word, verdict) = (verdicts.firstWord(live) ?? 0, verdicts.verdict(live))
                }
                // Of a process that had ended by then nothing counts.
                let wasAtPeak = block.ticks < peakEnd && hasPeak[Int(block.site)]
                found.add(block, firstWord: word, verdict, wasAtPeak: wasAtPeak)
                number += 1
            }
        }
        if isPeakKnown { found.addFreedSince(history.sites) }
        groups = found.groups.sorted { a, b in
            if a.bytes != b.bytes { return a.bytes > b.bytes }
            if a.peakBytes != b.peakBytes { return a.peakBytes > b.peakBytes }
            if a.blocks != b.blocks { return a.blocks > b.blocks }
            return (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name)
        }
    }

    /// Groups while they grow, process by process.
    private struct Gathering {
        private(set) var groups: [Group] = []
        private var named: [TypeNames.Name: Int] = [:]  // indexes into groups
        private var sized: [UInt64: Int] = [:]  // by size in steps
        private var small = [Int](repeating: -1, count: 1 << 12)  // the same for small sizes
        private var names: TypeNames?
        private var groupOf: [UInt64: Int] = [:]  // by first words that stand for a type of this process
        private var stacks: [Stack]  // by site

        /// What a stack's blocks say.
        private struct Stack {
            var type: Int32?  // the group of its first block, or -1 when that has no type
            var isMixed = false
            var stillBlocks: UInt64 = 0  // alive at the peak and still
            var stillBytes: UInt64 = 0
        }

        init(sites: Int) { stacks = Array(repeating: Stack(), count: sites) }

        /// From now on first words are those of another process.
        mutating func begin(_ names: TypeNames) {
            self.names = names
            groupOf = [:]
        }

        /// - Parameter word: the block's first word, or 0.
        mutating func add(_ block: LiveBlock, firstWord word: UInt64, _ verdict: DumpedBlock.Verdict?, wasAtPeak: Bool) {
            let type = word == 0 ? nil : group(ofWord: word)
            let place = type ?? group(ofSize: block.size)
            groups[place].blocks += 1
            groups[place].bytes &+= block.size
            if verdict == .unreachable || verdict == .indirect { groups[place].leakedBlocks += 1 }
            let site = Int(block.site)
            let own = Int32(type ?? -1)
            if let others = stacks[site].type {
                if others != own { stacks[site].isMixed = true }
            } else {
                stacks[site].type = own
            }
            guard wasAtPeak else { return }
            groups[place].peakBlocks += 1
            groups[place].peakBytes &+= block.size
            stacks[site].stillBlocks += 1
            stacks[site].stillBytes &+= block.size
        }

        /// What was alive at the peak and is not any more.
        mutating func addFreedSince(_ sites: [Site]) {
            for (index, site) in sites.enumerated() where site.peakBlocks > stacks[index].stillBlocks {
                let blocks = site.peakBlocks - stacks[index].stillBlocks
                let bytes = site.peakBytes - min(stacks[index].stillBytes, site.peakBytes)
                let type = stacks[index].isMixed ? -1 : stacks[index].type ?? -1
                let place = type >= 0 ? Int(type) : group(ofSize: bytes / blocks)
                groups[place].peakBlocks += blocks
                groups[place].peakBytes &+= bytes
                groups[place].peakBlocksByStack += blocks
            }
        }

        private mutating func group(ofWord word: UInt64) -> Int? {
            if let index = groupOf[word] { return index }
            guard let name = names?.name(firstWord: word) else { return nil }
            let index = named[name] ?? append(name.text, name.language == .cxx ? Kind.cxx : .swift)
            named[name] = index
            groupOf[word] = index
            return index
        }

        private mutating func group(ofSize size: UInt64) -> Int {
            let steps = (size &+ (Types.sizeStep - 1)) / Types.sizeStep
            if steps < UInt64(small.count), small[Int(steps)] >= 0 { return small[Int(steps)] }
            if let index = sized[steps] { return index }
            let index = append(String(steps &* Types.sizeStep), .size)
            sized[steps] = index
            if steps < UInt64(small.count) { small[Int(steps)] = index }
            return index
        }

        private mutating func append(_ name: String, _ kind: Kind) -> Int {
            groups.append(Group(name: name, kind: kind))
            return groups.count - 1
        }
    }
}
