// SPDX-License-Identifier: Apache-2.0
//
// The live blocks of one process by address, to find the one that an address lies in. Blocks do not overlap.
//
// A block may hold more than was asked for, and programs use that (malloc_usable_size; Swift's arrays and strings do): what lies in it
// reaches to its usable end. A pointer to it must lie within what was asked for: behind that other things may begin.

/// How an allocator rounds sizes up.
enum SizeRounding {
    /// To 16 k + 8, at least 24; blocks with a mapping of their own to its end.
    case glibc
    /// To one of four classes between powers of two: at least as far as jemalloc, tcmalloc and mimalloc do.
    case classes

    init(_ process: TraceProcess) {
        let names = ["jemalloc", "tcmalloc", "mimalloc", "snmalloc", "hoard"]
        let hasOther = process.modules.contains { module in names.contains { module.path.contains($0) } }
        self = hasOther ? .classes : .glibc
    }

    func usable(_ size: UInt64, at address: UInt64) -> UInt64 {
        switch self {
        case .glibc:
            if size >= 128 << 10, address & 0xfff == 16 { return ((address &+ size &+ 0xfff) & ~0xfff) &- address }
            return max(24, (size &+ 23) & ~15 &- 8)
        case .classes:
            if size <= 128 { return max(16, (size &+ 15) & ~15) }
            let step = UInt64(1) << UInt64(61 - (size - 1).leadingZeroBitCount)
            return (size &+ step &- 1) & ~(step &- 1)
        }
    }
}

/// Live blocks, sorted by address.
struct LiveSet {
    private let addresses: [UInt64]
    private let sizes: [UInt64]
    private var regions: [Region] = []
    private var firsts: [UInt32] = []  // for each page of each region: the first block that does not begin before it
    private let rounding: SizeRounding

    /// Blocks with no gap of more than 2 MiB between them.
    private struct Region {
        var start: UInt64
        var end: UInt64  // of the last block
        var firstPage: Int  // in `firsts`
        var pages: Int
    }
    private static let gap: UInt64 = 2 << 20
    private static let pageShift: UInt64 = 9  // few blocks begin on a page of 512 bytes

    var count: Int { addresses.count }
    func address(_ index: Int) -> UInt64 { addresses[index] }
    func size(_ index: Int) -> UInt64 { sizes[index] }

    /// One past the last byte that the program may use.
    func usableEnd(_ index: Int) -> UInt64 {
        let end = addresses[index] &+ rounding.usable(sizes[index], at: addresses[index])
        return index + 1 < addresses.count ? min(end, addresses[index + 1]) : end
    }

    /// - Complexity: O(blocks · log blocks).
    init(_ blocks: [(address: UInt64, size: UInt64)], rounding: SizeRounding = .glibc) {
        let sorted = blocks.sorted { $0.address < $1.address }
        self.init(addresses: sorted.map(\.address), sizes: sorted.map(\.size), rounding: rounding)
    }

    /// - Parameter addresses: in rising order.
    init(addresses: [UInt64], sizes: [UInt64], rounding: SizeRounding) {
        self.rounding = rounding
        self.addresses = addresses
        self.sizes = sizes
        var end: UInt64 = 0  // of the open region
        for index in addresses.indices {
            let address = addresses[index]
            if regions.isEmpty || address > end &+ Self.gap {
                if !regions.isEmpty { regions[regions.count - 1].end = end }
                regions.append(
                    Region(start: address & ~((1 << Self.pageShift) - 1), end: address, firstPage: firsts.count, pages: 0))
                end = address
            }
            let place = regions.count - 1
            let page = Int((address - regions[place].start) >> Self.pageShift)
            while regions[place].pages <= page {
                firsts.append(UInt32(index))
                regions[place].pages += 1
            }
            end = max(end, address &+ max(sizes[index], 1))
        }
        if !regions.isEmpty { regions[regions.count - 1].end = end }
    }

    /// The block that holds an address, its inside included; nil when none does.
    func block(holding address: UInt64) -> Int? {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            if regions[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < regions.count, regions[low].start <= address else { return nil }
        let region = regions[low]
        let page = Int((address - region.start) >> Self.pageShift)
        // The last block that begins at or before the address: on this page, or the one before the page's first.
        var index = page < region.pages ? Int(firsts[region.firstPage + page]) : limit(of: low)
        var end = page + 1 < region.pages ? Int(firsts[region.firstPage + page + 1]) : limit(of: low)
        while index < end {
            let middle = (index + end) / 2
            if addresses[middle] <= address { index = middle + 1 } else { end = middle }
        }
        guard index > 0, addresses[index - 1] <= address, address - addresses[index - 1] < max(sizes[index - 1], 1) else { return nil }
        return index - 1
    }

    private func limit(of region: Int) -> Int {
        region + 1 < regions.count ? Int(firsts[regions[region + 1].firstPage]) : addresses.count
    }

    /// The index of the block that begins at an address.
    func index(at address: UInt64) -> Int? {
        guard let index = block(holding: address), addresses[index] == address else { return nil }
        return index
    }

    /// The blocks that begin in a range.
    func indices(in range: Range<UInt64>) -> Range<Int> {
        lowerBound(range.lowerBound)..<lowerBound(range.upperBound)
    }

    private func lowerBound(_ address: UInt64) -> Int {
        var low = 0
        var high = addresses.count
        while low < high {
            let middle = (low + high) / 2
            if addresses[middle] < address { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
