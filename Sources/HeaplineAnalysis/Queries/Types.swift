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
        var sums: [Group] = []
        var named: [TypeNames.Name: Int] = [:]  // indexes into sums
        var sized: [UInt64: Int] = [:]  // by size in steps
        var small = [Int](repeating: -1, count: 1 << 12)  // the same for small sizes
        func group(ofSteps steps: UInt64) -> Int {
            if steps < UInt64(small.count), small[Int(steps)] >= 0 { return small[Int(steps)] }
            if let index = sized[steps] { return index }
            sums.append(Group(name: String(steps &* Self.sizeStep), kind: .size, blocks: 0, bytes: 0, leakedBlocks: 0))
            sized[steps] = sums.count - 1
            if steps < UInt64(small.count) { small[Int(steps)] = sums.count - 1 }
            return sums.count - 1
        }
        func group(of name: TypeNames.Name) -> Int {
            if let index = named[name] { return index }
            let kind = name.language == .cxx ? Kind.cxx : .swift
            sums.append(Group(name: name.text, kind: kind, blocks: 0, bytes: 0, leakedBlocks: 0))
            named[name] = sums.count - 1
            return sums.count - 1
        }
        for box in history.live {
            let process = history.trace.processes[box.process]
            let names = TypeNames(process, verdicts.image(of: process.id))
            let known = verdicts.byNumber(process.id)
            let isExamined = verdicts.hasVerdicts(process.id)
            var groupOf: [UInt64: Int] = [:]  // by first words that stand for a type
            var number = 0
            box.table.forEach { block in
                var word: UInt64 = 0
                var verdict: DumpedBlock.Verdict?
                if let known {
                    word = known.firstWord(number)
                    verdict = known.verdict(number)
                } else if isExamined {
                    let block = Block(block, process.id, process.clock)
                    word = verdicts.firstWord(block) ?? 0
                    verdict = verdicts.verdict(block)
                }
                number += 1
                var index: Int?
                if word != 0 {
                    index = groupOf[word]
                    if index == nil, let name = names.name(firstWord: word) {
                        index = group(of: name)
                        groupOf[word] = index
                    }
                }
                let place = index ?? group(ofSteps: (block.size &+ (Self.sizeStep - 1)) / Self.sizeStep)
                sums[place].blocks += 1
                sums[place].bytes &+= block.size
                if verdict == .unreachable || verdict == .indirect { sums[place].leakedBlocks += 1 }
            }
        }
        groups = sums.sorted { a, b in
            if a.bytes != b.bytes { return a.bytes > b.bytes }
            if a.blocks != b.blocks { return a.blocks > b.blocks }
            return (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name)
        }
    }
}
