// SPDX-License-Identifier: Apache-2.0
//
// The address space of known heap regions over time: how full each piece of a region was at the end of each span, and how
// large the largest hole. Only for sources that tell their regions (an emulated chip); their heaps are small, so every span
// is measured from the blocks alive then.

public import HeaplineCollector

/// How regions filled over time.
public struct HeapMap: Sendable {
    /// One region; columns by span.
    public struct Region: Sendable {
        public var process: Int
        public var name: String
        public var start: UInt64
        public var bytes: UInt64
        /// For each span, for each of ``HeapMap/cells`` equal pieces: 0 for empty to 255 for full.
        public var fill: [[UInt8]] = []
        public var liveBytes: [UInt64] = []
        public var blocks: [UInt64] = []
        /// The largest stretch between live blocks, the allocator's own headers included.
        public var largestHole: [UInt64] = []
    }

    /// Pieces that each region is divided into.
    public static let cells = 192

    /// Nanoseconds that each span lasts; the first begins at the trace's start.
    public let width: UInt64
    public let spans: Int
    /// Regions in which something was allocated, by process and address.
    public private(set) var regions: [Region] = []

    private var live: [[UInt64: UInt64]] = []  // by region: sizes by address

    private init(width: UInt64, spans: Int) {
        self.width = width
        self.spans = spans
    }

    /// Nil when no process told its regions.
    ///
    /// - Complexity: as ``Trace/history(_:)``, and O(n log n) for the blocks alive at the end of each span.
    public init?(_ history: History, spans: Int = 200) throws(TraceError) {
        self.init(width: max(1, history.duration / UInt64(spans) + 1), spans: spans)
        for process in history.trace.processes where history.options.processes?.contains(process.id) ?? true {
            for region in process.regions.sorted(by: { $0.start < $1.start }) where region.bytes > 0 {
                regions.append(
                    Region(process: process.id, name: region.name, start: region.start, bytes: region.bytes))
            }
        }
        guard !regions.isEmpty else { return nil }
        live = regions.map { _ in [:] }
        var used = Set<Int>()
        try history.forEachBlockEvent { event in
            switch event {
            case .allocated(let block):
                advance(to: block.time)
                guard let region = region(of: block) else { return }
                used.insert(region)
                live[region][block.address] = block.size
            case .freed(let block, let time):
                advance(to: time)
                if let region = region(of: block) { live[region][block.address] = nil }
            }
        }
        advance(to: UInt64(spans) * width)
        regions = used.sorted().map { regions[$0] }
        live = []
    }

    private func region(of block: Block) -> Int? {
        regions.firstIndex { region in
            region.process == block.process && block.address >= region.start
                && block.address - region.start < region.bytes
        }
    }

    /// Measures the spans that ended before `time`.
    private mutating func advance(to time: UInt64) {
        let ended = min(spans, Int(clamping: time / width))
        guard regions[0].fill.count < ended else { return }
        for index in regions.indices { measure(index, upTo: ended) }
    }

    private mutating func measure(_ index: Int, upTo ended: Int) {
        let (start, bytes) = (regions[index].start, regions[index].bytes)
        var used = [UInt64](repeating: 0, count: Self.cells)
        // Cell k covers bytes from k * bytes / cells, so that cells of one region differ by at most a byte.
        func edge(_ cell: Int) -> UInt64 { UInt64(cell) * bytes / UInt64(Self.cells) }
        var at: UInt64 = 0
        var hole: UInt64 = 0
        var sum: UInt64 = 0
        for (address, size) in live[index].sorted(by: { $0.key < $1.key }) {
            let from = address - start
            let to = from + min(size, bytes - from)
            sum &+= size
            if from > at { hole = max(hole, from - at) }
            at = max(at, to)
            var cell = min(Self.cells - 1, Int(from * UInt64(Self.cells) / bytes))
            while cell < Self.cells, edge(cell) < to {
                used[cell] += min(to, edge(cell + 1)) - min(max(from, edge(cell)), min(to, edge(cell + 1)))
                cell += 1
            }
        }
        hole = max(hole, bytes - at)
        let fill = used.enumerated().map { cell, used in
            let room = max(1, edge(cell + 1) - edge(cell))
            // Something is never shown as nothing, and only what is full as full.
            return used == 0 ? 0 : used >= room ? 255 : UInt8(max(1, min(254, used * 255 / room)))
        }
        while regions[index].fill.count < ended {
            regions[index].fill.append(fill)
            regions[index].liveBytes.append(sum)
            regions[index].blocks.append(UInt64(live[index].count))
            regions[index].largestHole.append(hole)
        }
    }
}
