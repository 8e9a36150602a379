// SPDX-License-Identifier: Apache-2.0
//
// What leads to each live block, from an image of the process's memory. Conservative: any word that lies in a block, at its start or
// inside, counts as a pointer to it, as in LeakSanitizer.
//
//   reachable     a root leads there, directly or through blocks
//   unreachable   nothing does; of blocks that only lead to each other, one stands for all that hangs on it
//   indirect      only unreachable blocks lead there
//
// One pass over the image builds the graph of blocks; then each block and each pointer is visited at most three times.

internal import CHeaplineFormat
internal import Synchronization

struct Reachability {
    /// By index into the live set.
    private(set) var verdicts: [DumpedBlock.Verdict] = []
    /// The first word of each block; 0 when it is none that could be an address.
    private(set) var firstWords: [UInt64] = []

    private var firstEdge: [UInt32] = []  // of each block, into `targets`; one more at the end
    private var targets: [UInt32] = []  // blocks, by the block that holds the pointer

    /// - Parameter parts: in how many parts the image is read; nil for as many as it is worth. It changes nothing else.
    /// - Complexity: O(words + blocks).
    init(_ image: MemoryImage, _ blocks: LiveSet, parts: Int? = nil) {
        verdicts = Array(repeating: .unreachable, count: blocks.count)
        firstWords = Array(repeating: 0, count: blocks.count)
        guard blocks.count > 0 else { return }
        let parts = parts ?? (image.wordCount < Self.fewWords ? 1 : 8 * Processors.count)
        var found = graph(image, blocks, parts)
        while let block = found.popLast() { spread(&found, from: block, .reachable) }
        findHeads()
    }

    /// Builds the graph and marks what roots lead to; returns the marked blocks.
    private mutating func graph(_ image: MemoryImage, _ blocks: LiveSet, _ parts: Int) -> [UInt32] {
        let roots = Roots(image, blocks)
        var found: [UInt32] = []
        func mark(_ block: Int) {
            if verdicts[block] != .reachable {
                verdicts[block] = .reachable
                found.append(UInt32(block))
            }
        }
        for value in roots.registers { if let block = Self.target(value, blocks) { mark(block) } }
        let pieces = Self.pieces(image, blocks, roots, parts)
        targets.reserveCapacity(pieces.reduce(0) { $0 + $1.edges.count })
        firstEdge.reserveCapacity(blocks.count + 1)
        for piece in pieces {
            for (block, word) in piece.firstWords { firstWords[Int(block)] = word }
            for (source, target) in piece.edges {
                while firstEdge.count <= Int(source) { firstEdge.append(UInt32(targets.count)) }
                targets.append(target)
            }
            for block in piece.marked { mark(Int(block)) }
        }
        while firstEdge.count <= blocks.count { firstEdge.append(UInt32(targets.count)) }
        return found
    }

    /// What the words of some pages say.
    private struct Piece: Sendable {
        var firstWords: [(block: UInt32, word: UInt64)] = []
        var edges: [(source: UInt32, target: UInt32)] = []  // by source
        var marked: [UInt32] = []  // blocks that roots lead to; some more than once
    }

    private final class Pieces: Sendable {
        let byNumber: Mutex<[Int: Piece]> = Mutex([:])
    }

    /// An image of fewer words is read sooner than threads begin.
    private static let fewWords = 1 << 16

    /// All of the image, by address. What a word leads to depends on no other word, so the pages are shared out over the processors.
    private static func pieces(_ image: MemoryImage, _ blocks: LiveSet, _ roots: Roots, _ count: Int) -> [Piece] {
        guard count > 1 else { return [piece(image, 0..<image.pageCount, blocks, roots)] }
        let pieces = Pieces()
        Processors.forEach(count) { number in
            let piece = piece(image, image.pages(ofPart: number, of: count), blocks, roots)
            pieces.byNumber.withLock { $0[number] = piece }
        }
        let byNumber = pieces.byNumber.withLock { $0 }
        return (0..<count).compactMap { byNumber[$0] }
    }

    private static func piece(_ image: MemoryImage, _ pages: Range<Int>, _ blocks: LiveSet, _ roots: Roots) -> Piece {
        var result = Piece()
        guard !pages.isEmpty else { return result }
        let stacks = roots.parts.filter(\.isStack)
        let parts = roots.parts.filter { !$0.isStack }
        let start = image.pageAddress(pages.lowerBound)
        // The first block that does not end before the word: of those that begin before the first page only the last can reach into it.
        var source = max(0, blocks.indices(in: 0..<start).upperBound - 1)
        var part = 0
        image.forEachWord(inPages: pages) { address, value in
            while source < blocks.count, blocks.usableEnd(source) <= address { source += 1 }
            let isInBlock = source < blocks.count && blocks.address(source) <= address
            if isInBlock, blocks.address(source) == address { result.firstWords.append((UInt32(source), value)) }
            guard let target = target(value, blocks) else { return }
            if isInBlock {
                result.edges.append((UInt32(source), UInt32(target)))
                if stacks.contains(where: { $0.start <= address && address < $0.end }) { result.marked.append(UInt32(target)) }
                return
            }
            while part < parts.count, parts[part].end <= address { part += 1 }
            guard part < parts.count, parts[part].start <= address else { return }
            if parts[part].isLibc, isFreeChunk(value &- blocks.address(target), of: blocks.size(target)) { return }
            result.marked.append(UInt32(target))
        }
        return result
    }

    /// The block that a word leads to: as it is, or without the flags that Swift keeps in the upper four bits of pointers. The word of a
    /// native Swift string is 32 less than the address of its storage.
    static func target(_ value: UInt64, _ blocks: LiveSet) -> Int? {
        if value >> 60 == 0 { return blocks.block(holding: value) }
        let address = value & 0x0fff_ffff_ffff_ffff
        if value >> 60 & 8 != 0, value & 15 == 0, let block = blocks.index(at: address + 32) { return block }
        return blocks.block(holding: address)
    }

    /// Whether a pointer of glibc's allocator at this place of a block means the free memory behind it: that is named by its header, whose
    /// first eight bytes are the last of the block before.
    static func isFreeChunk(_ offset: UInt64, of size: UInt64) -> Bool {
        guard offset > 0, size > 16 else { return false }
        return offset == (size - 1) & ~15 && (size - 1) & 15 < 8
    }

    private func edges(_ block: UInt32) -> Range<Int> { Int(firstEdge[Int(block)])..<Int(firstEdge[Int(block) + 1]) }

    private mutating func spread(_ found: inout [UInt32], from block: UInt32, _ verdict: DumpedBlock.Verdict) {
        for edge in edges(block) {
            let target = targets[edge]
            guard verdicts[Int(target)] != verdict, verdicts[Int(target)] != .reachable else { continue }
            verdicts[Int(target)] = verdict
            found.append(target)
        }
    }

    /// Among the unreachable, leaves one for each group that nothing outside of it leads to; the rest is indirect.
    ///
    /// Nearly all of these groups are one block that nothing leads to. What those do not lead to are rings and what hangs on them: there blocks
    /// are visited depth first, and in the reverse of the order in which they were left, the first that is not yet indirect is in a group that
    /// none of those still to come leads to (the first half of Kosaraju's algorithm).
    private mutating func findHeads() {
        var isTarget = [Bool](repeating: false, count: verdicts.count)
        for block in verdicts.indices where verdicts[block] == .unreachable {
            for edge in edges(UInt32(block)) { isTarget[Int(targets[edge])] = true }
        }
        for block in verdicts.indices where verdicts[block] == .unreachable && !isTarget[block] {
            var found = [UInt32(block)]
            while let next = found.popLast() { spread(&found, from: next, .indirect) }
        }
        var order: [UInt32] = []
        var isVisited = verdicts.indices.map { verdicts[$0] != .unreachable || !isTarget[$0] }
        var path: [(block: UInt32, edge: Int)] = []
        // From the highest address down, so that of a ring the block with the lowest address, often the oldest, stands for it.
        for start in verdicts.indices.reversed() where !isVisited[start] {
            isVisited[start] = true
            path.append((UInt32(start), edges(UInt32(start)).lowerBound))
            while let (block, edge) = path.last {
                if edge == edges(block).upperBound {
                    order.append(block)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].edge += 1
                let target = targets[edge]
                if !isVisited[Int(target)] {
                    isVisited[Int(target)] = true
                    path.append((target, edges(target).lowerBound))
                }
            }
        }
        var isHead = verdicts.map { _ in false }
        for block in order.reversed() where verdicts[Int(block)] == .unreachable {
            isHead[Int(block)] = true
            var found = [block]
            while let next = found.popLast() { spread(&found, from: next, .indirect) }
        }
        // A ring leads back to the block that stands for it.
        for block in verdicts.indices where isHead[block] { verdicts[block] = .unreachable }
    }
}
