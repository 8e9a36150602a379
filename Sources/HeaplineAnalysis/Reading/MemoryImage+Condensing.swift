// SPDX-License-Identifier: Apache-2.0
//
// Makes a memory image small, once it is known which blocks were alive. Most words of an image lead to no block: into heaps that the
// program keeps itself, into modules, into memory that has been freed. Left out is only what no query can tell from being there:
//
//   variables      all stays; they hold what type names are made of
//   live blocks    the first word (the type); of all words that lead to one block the first, but all where a thread's stack is
//   other memory   what leads to a live block; where an arena of glibc's begins; an ended thread's pointer to itself
//   types          what lies around Swift metadata that was made at run time
//
// The set given may hold blocks more than the reader will find alive, never fewer.

package import CHeaplineFormat

extension MemoryImage {
    /// The image in `bytes` without what the search for what leads to `live` does not need; nil when it is no whole image.
    ///
    /// - Parameter live: one record for each block, of any kind.
    package static func condensed(_ bytes: RawSpan, live: [hl_record]) -> [UInt64]? {
        var buffer = Buffer(capacity: bytes.byteCount)
        unsafe bytes.withUnsafeBytes { unsafe buffer.append($0) }
        guard let image = MemoryImage(buffer) else { return nil }
        let words = image.pagesOffset / 8  // everything before the pages is made of whole words
        let front = (0..<words).map { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
        return Condensing(image, LiveSet(live.map { ($0.address, $0.size) })).pages(after: front)
    }
}

private struct Condensing {
    private let image: MemoryImage
    private let blocks: LiveSet

    init(_ image: MemoryImage, _ blocks: LiveSet) {
        self.image = image
        self.blocks = blocks
    }

    /// `front`, then the pages with what is kept.
    func pages(after front: [UInt64]) -> [UInt64] {
        var pages = Pages(out: front)
        let stacks = Set(image.threads.compactMap { blocks.block(holding: $0.stackPointer) })
        let types = metadata()
        var type = 0
        let ended = Set(image.ended)
        var area = 0
        var source = 0  // the first block that does not end before the word
        var seen = [UInt32](repeating: 0, count: blocks.count)  // of each block: 1 + the last one found to lead there
        image.forEachWord { address, value in
            while source < blocks.count, blocks.address(source) &+ max(blocks.size(source), 1) <= address { source += 1 }
            while area < image.areas.count, image.areas[area].end <= address { area += 1 }
            while type < types.count, types[type].upperBound <= address { type += 1 }
            let isInBlock = source < blocks.count && blocks.address(source) <= address
            var isKept =
                area < image.areas.count && image.areas[area].kind == HL_AREA_DATA
                || isInBlock && blocks.address(source) == address
                || address & (Roots.arena - 1) == 0 || ended.contains(address)
                || type < types.count && types[type].lowerBound <= address
            if let target = Reachability.target(value, blocks) {
                if !isInBlock || seen[target] != UInt32(truncatingIfNeeded: source + 1) || stacks.contains(source) { isKept = true }
                if isInBlock { seen[target] = UInt32(truncatingIfNeeded: source + 1) }
                if Reachability.taggedTarget(value, blocks) != nil { isKept = true }
            }
            if isKept { pages.append(address, value) }
        }
        return pages.finished()
    }

    // MARK: Types

    /// Bytes of a metadata record that matter: of a generic class the arguments stand behind those of its superclasses.
    private static let metadataBytes: UInt64 = 4096
    private static let most = 4096

    /// Where Swift metadata lies that the program has made itself, by address: the runtime makes that of generic types, whose arguments
    /// are found there. Of metadata in modules everything is kept anyway.
    private func metadata() -> [Range<UInt64>] {
        var found: Set<UInt64> = []
        var waiting: [UInt64] = []
        func take(_ address: UInt64) {
            if found.count < Self.most, !found.contains(address), isMetadata(address) {
                found.insert(address)
                waiting.append(address)
            }
        }
        for index in 0..<blocks.count {
            if let first = image.word(at: blocks.address(index)) { take(first) }
        }
        while let next = waiting.popLast() {  // arguments may be such types themselves
            for offset in stride(from: UInt64(16), to: Self.metadataBytes, by: 8) {
                if let argument = image.word(at: next &+ offset) { take(argument) }
            }
        }
        var ranges: [Range<UInt64>] = []
        for address in found.sorted() {
            let range = (address &- 16)..<(address &+ Self.metadataBytes)
            if let last = ranges.last, last.upperBound >= range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }

    /// Whether metadata of a nominal type may begin here: the witness table before it, a kind that is no address, and the descriptor, which
    /// lies in a module, as the second word (structures, enumerations) or the sixth (classes).
    private func isMetadata(_ address: UInt64) -> Bool {
        guard address & 7 == 0, address > Self.metadataBytes, address >> 60 == 0, let kind = area(of: address)?.kind,
            kind == HL_AREA_ANONYMOUS || kind == HL_AREA_HEAP, image.word(at: address) == nil, image.word(at: address &- 8) != nil
        else { return false }
        for offset: UInt64 in [8, 40] {
            guard let descriptor = image.word(at: address &+ offset), descriptor & 3 == 0 else { continue }
            if area(of: descriptor)?.kind ?? HL_AREA_DATA == HL_AREA_DATA { return true }
        }
        return false
    }

    private func area(of address: UInt64) -> MemoryImage.Area? {
        var low = 0
        var high = image.areas.count
        while low < high {
            let middle = (low + high) / 2
            if image.areas[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        return low < image.areas.count && image.areas[low].start <= address ? image.areas[low] : nil
    }
}

/// Words in ascending places as pages of an image.
private struct Pages {
    var out: [UInt64]
    private var page: UInt64 = 0
    private var start = 0  // of the page's header in `out`

    init(out: [UInt64]) { self.out = out }

    mutating func append(_ address: UInt64, _ value: UInt64) {
        let word = Int(address & UInt64(HL_IMAGE_PAGE_BYTES - 1)) / 8
        if address & ~UInt64(HL_IMAGE_PAGE_BYTES - 1) != page {
            page = address & ~UInt64(HL_IMAGE_PAGE_BYTES - 1)
            start = out.count
            out.append(page)
            out.append(contentsOf: repeatElement(0, count: 8))
        }
        out[start + 1 + word / 64] |= 1 << UInt64(word % 64)
        out.append(value)
    }

    /// With the empty page that says that the image is whole.
    func finished() -> [UInt64] { out + repeatElement(0, count: 9) }
}
