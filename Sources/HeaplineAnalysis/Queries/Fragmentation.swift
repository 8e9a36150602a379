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

    /// Where a block lies; all that holes need.
    private struct Extent {
        var address: UInt64
        var size: UInt64

        var end: UInt64 {
            let (end, overflow) = address.addingReportingOverflow(size)
            return overflow ? .max : end
        }
    }
    private struct PinPlace {
        var process: Int
        var address: UInt64
        var joined: UInt64

        func precedes(_ other: PinPlace) -> Bool {
            (other.joined, process, address) < (joined, other.process, other.address)
        }
    }

    /// - Complexity: O(n log n) in live blocks, 16 bytes each.
    public init(_ history: History, separation: UInt64 = 1 << 20, pinLimit: Int = 16) {
        var places: [PinPlace] = []
        for process in history.trace.processes where history.processTotals[process.id].liveBlocks > 0 {
            let order = history.live.first { $0.process == process.id }?.byAddress
            let blocks =
                order.map { order in order.addresses.indices.map { Extent(address: order.addresses[$0], size: order.sizes[$0]) } } ?? []
            if process.regions.isEmpty {
                var first = 0
                for index in blocks.indices {
                    let end = blocks[index].end
                    let next = index + 1 < blocks.count ? blocks[index + 1].address : nil
                    if next.map({ $0 > end && $0 - end >= separation }) ?? true {
                        add(
                            blocks[first...index], process.id, name: "", blocks[first].address..<max(end, blocks[first].address), &places,
                            pinLimit)
                        first = index + 1
                    }
                }
            } else {
                for region in process.regions.sorted(by: { $0.start < $1.start }) {
                    let end = region.start.addingReportingOverflow(region.bytes)
                    let range = region.start..<(end.overflow ? .max : end.partialValue)
                    let inside = blocks.filter { range.contains($0.address) }
                    add(inside[...], process.id, name: region.name, range, &places, pinLimit)
                }
            }
        }
        for place in places.prefix(pinLimit) {
            guard let box = history.live.first(where: { $0.process == place.process }), let block = box.table.block(at: place.address)
            else { continue }
            let clock = history.trace.processes[place.process].clock
            pins.append(Pin(block: Block(block, place.process, clock), joined: place.joined))
        }
        pins.sort { ($1.joined, $0.block.process, $0.block.address) < ($0.joined, $1.block.process, $1.block.address) }
    }

    private mutating func add(
        _ blocks: ArraySlice<Extent>, _ process: Int, name: String, _ range: Range<UInt64>, _ places: inout [PinPlace],
        _ pinLimit: Int
    ) {
        var area = Area(
            process: process, name: name, start: range.lowerBound, end: range.upperBound, blocks: UInt64(blocks.count),
            liveBytes: 0, holeBytes: 0, holes: 0, largestHole: 0)
        var at = range.lowerBound
        var before: UInt64 = 0  // the hole before the block just passed
        var last: Extent?
        var smallest: UInt64 = places.count < pinLimit ? 0 : places[places.count - 1].joined
        func hole(upTo next: UInt64) {
            let gap = next > at ? next - at : 0
            if gap > 0 {
                area.holes += 1
                area.holeBytes &+= gap
                area.largestHole = max(area.largestHole, gap)
            }
            if let last, gap > 0, before > 0 {
                let joined = before &+ last.size &+ gap
                if joined > smallest || places.count < pinLimit {
                    places.append(PinPlace(process: process, address: last.address, joined: joined))
                    if places.count >= 2 * pinLimit {
                        places.sort { $0.precedes($1) }
                        places.removeLast(places.count - pinLimit)
                        smallest = places[places.count - 1].joined
                    }
                }
            }
            before = gap
        }
        for block in blocks {
            hole(upTo: block.address)
            last = block
            area.liveBytes &+= block.size
            at = max(at, block.end)
        }
        hole(upTo: range.upperBound)
        places.sort { $0.precedes($1) }
        if places.count > pinLimit { places.removeLast(places.count - pinLimit) }
        areas.append(area)
    }
}
