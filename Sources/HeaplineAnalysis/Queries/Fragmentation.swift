// SPDX-License-Identifier: Apache-2.0
//
// The holes between live blocks. Where a source tells its regions (an emulated chip), holes are those of each region;
// elsewhere a run of addresses with gaps below `separation` counts as one area, as allocators grow in one piece.
// A hole here is space between requested sizes: headers and rounding of the allocator are part of it.

/// Holes between the blocks alive at the end of a history.
public struct Fragmentation: Sendable {
    /// One stretch of addresses.
    public struct Area: Sendable, Hashable {
        public var process: Int
        /// The region's name; empty where the source has none.
        public var name: String
        public var start: UInt64
        public var end: UInt64
        public var blocks: UInt64
        public var liveBytes: UInt64
        /// Bytes between blocks, the ends of a known region included.
        public var holeBytes: UInt64
        public var holes: UInt64
        public var largestHole: UInt64

        /// How much of the free space is not in its largest piece: 0 for one hole, towards 1 for crumbs.
        public var index: Double {
            holeBytes == 0 ? 0 : 1 - Double(largestHole) / Double(holeBytes)
        }
    }
    /// A block without which two holes would be one.
    public struct Pin: Sendable, Hashable {
        public var block: Block
        /// Bytes of the hole that would appear.
        public var joined: UInt64
    }

    public private(set) var areas: [Area] = []
    /// The small blocks that keep the largest holes apart, largest joined hole first; at most `pinLimit`.
    public private(set) var pins: [Pin] = []

    /// - Complexity: O(n log n) in live blocks.
    public init(_ history: History, separation: UInt64 = 1 << 20, pinLimit: Int = 16) {
        for process in history.trace.processes {
            var blocks: [Block] = []
            history.forEachLiveBlock { if $0.process == process.id { blocks.append($0) } }
            blocks.sort { $0.address < $1.address }
            if process.regions.isEmpty {
                var first = 0
                for index in blocks.indices {
                    let isLast = index + 1 == blocks.count
                    let end = Self.end(blocks[index])
                    if isLast || blocks[index + 1].address &- end >= separation && blocks[index + 1].address > end {
                        add(blocks[first...index], process.id, name: "", start: blocks[first].address, end: end, pinLimit)
                        first = index + 1
                    }
                }
            } else {
                for region in process.regions.sorted(by: { $0.start < $1.start }) {
                    let end = region.start &+ region.bytes
                    let inside = blocks.filter { $0.address >= region.start && $0.address < end }
                    add(inside[...], process.id, name: region.name, start: region.start, end: end, pinLimit)
                }
            }
        }
        pins.sort { ($1.joined, $0.block.process, $0.block.address) < ($0.joined, $1.block.process, $1.block.address) }
        pins = Array(pins.prefix(pinLimit))
    }

    private static func end(_ block: Block) -> UInt64 {
        let (end, overflow) = block.address.addingReportingOverflow(block.size)
        return overflow ? .max : end
    }

    private mutating func add(
        _ blocks: ArraySlice<Block>, _ process: Int, name: String, start: UInt64, end: UInt64, _ pinLimit: Int
    ) {
        var area = Area(
            process: process, name: name, start: start, end: end, blocks: UInt64(blocks.count), liveBytes: 0,
            holeBytes: 0, holes: 0, largestHole: 0)
        var at = start
        var before: UInt64 = 0  // the hole before the block just passed
        var found: [Pin] = []
        var last: Block?
        func hole(upTo next: UInt64) -> UInt64 {
            let size = next > at ? next - at : 0
            if size > 0 {
                area.holes += 1
                area.holeBytes &+= size
                area.largestHole = max(area.largestHole, size)
            }
            return size
        }
        for block in blocks {
            let gap = hole(upTo: block.address)
            if let last, gap > 0, before > 0 { found.append(Pin(block: last, joined: before &+ last.size &+ gap)) }
            before = gap
            last = block
            area.liveBytes &+= block.size
            at = max(at, Self.end(block))
        }
        let gap = hole(upTo: end)
        if let last, gap > 0, before > 0 { found.append(Pin(block: last, joined: before &+ last.size &+ gap)) }
        found.sort { ($1.joined, $0.block.address) < ($0.joined, $1.block.address) }
        pins += found.prefix(pinLimit)
        areas.append(area)
    }
}
