// SPDX-License-Identifier: Apache-2.0
//
// The dynamic types of live blocks, from their first words (see TypeNames); blocks that do not tell theirs by size class.

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
        public var blocks: UInt64
        public var bytes: UInt64
        /// Blocks that nothing of the program leads to; 0 unless its memory was searched.
        public var leakedBlocks: UInt64
    }

    /// Most bytes first.
    public private(set) var groups: [Group] = []
    /// Whether first words are known, of any process.
    public private(set) var isExamined = false

    /// Sizes are put together in steps of this many bytes.
    public static let sizeStep: UInt64 = 16

    /// - Complexity: O(live blocks).
    public init(_ history: History, _ verdicts: Verdicts) {
        isExamined = !verdicts.isEmpty
        var found = Gathering()
        for box in history.live {
            let process = history.trace.processes[box.process]
            found.begin(TypeNames(process, verdicts.image(of: process.id)))
            if let known = verdicts.byAddress(process.id) {
                // In this order nothing is looked for: blocks, their verdicts and first words lie side by side.
                for index in 0..<known.count {
                    found.add(known.size(index), firstWord: known.firstWord(index), known.verdict(index))
                }
                continue
            }
            let isExamined = verdicts.hasVerdicts(process.id)
            box.table.forEach { block in
                guard isExamined else { return found.add(block.size, firstWord: 0, nil) }
                let live = Block(block, process.id, process.clock)
                found.add(block.size, firstWord: verdicts.firstWord(live) ?? 0, verdicts.verdict(live))
            }
        }
        groups = found.groups.sorted { a, b in
            if a.bytes != b.bytes { return a.bytes > b.bytes }
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

        /// From now on first words are those of another process.
        mutating func begin(_ names: TypeNames) {
            self.names = names
            groupOf = [:]
        }

        /// - Parameter word: the block's first word, or 0.
        mutating func add(_ size: UInt64, firstWord word: UInt64, _ verdict: DumpedBlock.Verdict?) {
            let place = (word == 0 ? nil : group(ofWord: word)) ?? group(ofSteps: (size &+ (Types.sizeStep - 1)) / Types.sizeStep)
            groups[place].blocks += 1
            groups[place].bytes &+= size
            if verdict == .unreachable || verdict == .indirect { groups[place].leakedBlocks += 1 }
        }

        private mutating func group(ofWord word: UInt64) -> Int? {
            if let index = groupOf[word] { return index }
            guard let name = names?.name(firstWord: word) else { return nil }
            let index = named[name] ?? append(name.text, name.language == .cxx ? Kind.cxx : .swift)
            named[name] = index
            groupOf[word] = index
            return index
        }

        private mutating func group(ofSteps steps: UInt64) -> Int {
            if steps < UInt64(small.count), small[Int(steps)] >= 0 { return small[Int(steps)] }
            if let index = sized[steps] { return index }
            let index = append(String(steps &* Types.sizeStep), .size)
            sized[steps] = index
            if steps < UInt64(small.count) { small[Int(steps)] = index }
            return index
        }

        private mutating func append(_ name: String, _ kind: Kind) -> Int {
            groups.append(Group(name: name, kind: kind, blocks: 0, bytes: 0, leakedBlocks: 0))
            return groups.count - 1
        }
    }
}
