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

    private struct Key: Hashable {
        var name: TypeNames.Name?
        var size: UInt64  // 0 with a name
    }

    /// - Complexity: O(live blocks).
    public init(_ history: History, _ verdicts: Verdicts) {
        isExamined = !verdicts.isEmpty
        var names: [Int: TypeNames] = [:]
        for process in history.trace.processes { names[process.id] = TypeNames(process, verdicts.image(of: process.id)) }
        var sums: [Key: Group] = [:]
        history.forEachLiveBlock { block in
            let name = verdicts.firstWord(block).flatMap { names[block.process]?.name(firstWord: $0) }
            let size = name == nil ? (block.size + Self.sizeStep - 1) / Self.sizeStep * Self.sizeStep : 0
            let key = Key(name: name, size: size)
            var group = sums[key] ?? Group(
                name: name?.text ?? String(size), kind: name.map { $0.language == .cxx ? .cxx : .swift } ?? .size, blocks: 0,
                bytes: 0, leakedBlocks: 0)
            group.blocks += 1
            group.bytes &+= block.size
            switch verdicts.verdict(block) {
            case .unreachable, .indirect: group.leakedBlocks += 1
            default: break
            }
            sums[key] = group
        }
        groups = sums.values.sorted { a, b in
            if a.bytes != b.bytes { return a.bytes > b.bytes }
            if a.blocks != b.blocks { return a.blocks > b.blocks }
            return (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name)
        }
    }
}
