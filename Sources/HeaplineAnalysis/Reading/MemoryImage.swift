// SPDX-License-Identifier: Apache-2.0
//
// What a dump left of a process's memory (heapline_format.h, "Memory images"): words that could be addresses, by place. Which of them
// count, and for what, is Queries/Reachability's business.

package import CHeaplineFormat

/// A whole memory image. Everything in it was checked against its size once.
///
/// `@unchecked Sendable`: nothing in it changes once it has been made, its bytes included.
///
/// Safe because the buffer is private and every read lies within pages that were found whole at the start.
@safe package final class MemoryImage: @unchecked Sendable {
    /// Bytes of an image on their way in.
    @safe package struct Buffer: ~Copyable {
        fileprivate let base: UnsafeMutableRawPointer
        fileprivate let capacity: Int
        fileprivate private(set) var count = 0

        package init(capacity: Int) {
            self.capacity = capacity
            unsafe base = .allocate(byteCount: max(capacity, 64), alignment: 64)
        }

        package mutating func append(_ bytes: UnsafeRawBufferPointer) {
            precondition(bytes.count <= capacity - count)
            guard let source = bytes.baseAddress else { return }
            unsafe (base + count).copyMemory(from: source, byteCount: bytes.count)
            count += bytes.count
        }

        deinit { unsafe base.deallocate() }
    }

    package struct Thread {
        package var tid: UInt32
        package var state: hl_image_thread_state
        package var stackPointer: UInt64
        package var threadPointer: UInt64
        package var registers: [UInt64]
    }
    package struct Area {
        package var start: UInt64
        package var end: UInt64
        package var kind: hl_area_kind
        package var isLibc: Bool
    }
    /// Where a page's words lie in the buffer.
    private struct Page {
        var address: UInt64
        var offset: Int
    }

    package let ticks: UInt64
    package let isAtExit: Bool
    package private(set) var threads: [Thread] = []
    /// Thread pointers of threads that had ended.
    package private(set) var ended: [UInt64] = []
    package private(set) var areas: [Area] = []
    /// Words that could be addresses.
    package private(set) var wordCount = 0

    /// Where the pages begin in the image's bytes.
    let pagesOffset: Int

    private let buffer: Buffer
    private var pages: [Page] = []

    private static let headerBytes = MemoryLayout<hl_image_page>.size

    /// Nil when the image is not whole, or not one.
    package init?(_ buffer: consuming Buffer) {
        guard let header = Self.load(buffer, 0, as: hl_image.self), header.magic == HL_IMAGE_MAGIC,
            header.version == HL_IMAGE_VERSION
        else { return nil }
        ticks = header.ticks
        isAtExit = header.reason == HL_DUMP_EXIT.rawValue
        self.buffer = buffer
        var offset = MemoryLayout<hl_image>.size
        for _ in 0..<header.thread_count {
            guard let thread = Self.load(self.buffer, offset, as: hl_image_thread.self) else { return nil }
            let registers = unsafe withUnsafeBytes(of: thread.registers) { unsafe Array($0.bindMemory(to: UInt64.self)) }
            threads.append(
                Thread(
                    tid: thread.tid, state: hl_image_thread_state(rawValue: thread.state),
                    stackPointer: thread.stack_pointer, threadPointer: thread.thread_pointer, registers: registers))
            offset += MemoryLayout<hl_image_thread>.size
        }
        for _ in 0..<header.ended_count {
            guard let pointer = Self.load(self.buffer, offset, as: UInt64.self) else { return nil }
            ended.append(pointer)
            offset += 8
        }
        for _ in 0..<header.area_count {
            guard let area = Self.load(self.buffer, offset, as: hl_image_area.self), area.start < area.end,
                area.start >= areas.last?.end ?? 0
            else { return nil }
            areas.append(
                Area(
                    start: area.start, end: area.end, kind: hl_area_kind(rawValue: area.kind),
                    isLibc: area.flags & UInt32(HL_AREA_LIBC) != 0))
            offset += MemoryLayout<hl_image_area>.size
        }
        pagesOffset = offset
        guard findPages(from: offset) else { return nil }
    }

    private func findPages(from start: Int) -> Bool {
        var offset = start
        while let page = Self.load(buffer, offset, as: hl_image_page.self) {
            let count = unsafe withUnsafeBytes(of: page.present) { bytes in
                unsafe bytes.bindMemory(to: UInt64.self).reduce(0) { $0 + $1.nonzeroBitCount }
            }
            if page.address == 0 { return count == 0 }
            guard page.address & UInt64(HL_IMAGE_PAGE_BYTES - 1) == 0, page.address > pages.last?.address ?? 0 else { return false }
            pages.append(Page(address: page.address, offset: offset))
            wordCount += count
            offset += Self.headerBytes + count * 8
            if offset > buffer.count { return false }
        }
        return false
    }

    /// Calls `body` with every kept word and where it stood, by address.
    package func forEachWord(_ body: (_ address: UInt64, _ value: UInt64) -> Void) {
        forEachWord(inPages: 0..<pages.count, body)
    }

    /// How many pages have kept words.
    var pageCount: Int { pages.count }

    /// Where a page begins, by its number in the order of addresses.
    func pageAddress(_ number: Int) -> UInt64 { pages[number].address }

    /// The pages of one of `count` parts that have about as many words each.
    func pages(ofPart part: Int, of count: Int) -> Range<Int> {
        /// The first page that begins in this part or a later one.
        func start(_ part: Int) -> Int {
            let offset = pagesOffset + (buffer.count - pagesOffset) * part / count
            var low = 0
            var high = pages.count
            while low < high {
                let middle = (low + high) / 2
                if pages[middle].offset < offset { low = middle + 1 } else { high = middle }
            }
            return low
        }
        return start(part)..<(part + 1 == count ? pages.count : start(part + 1))
    }

    /// The same for some pages.
    func forEachWord(inPages range: Range<Int>, _ body: (_ address: UInt64, _ value: UInt64) -> Void) {
        for page in pages[range] {
            let base = unsafe buffer.base + page.offset
            var next = unsafe base + Self.headerBytes
            for group in 0..<8 {
                var present = unsafe base.load(fromByteOffset: 8 + group * 8, as: UInt64.self)
                while present != 0 {
                    let bit = present.trailingZeroBitCount
                    present &= present &- 1
                    body(page.address &+ UInt64(group * 64 + bit) &* 8, unsafe next.load(as: UInt64.self))
                    unsafe next += 8
                }
            }
        }
    }

    /// The word at an address; nil when it was none that could be an address.
    package func word(at address: UInt64) -> UInt64? {
        guard address & 7 == 0 else { return nil }
        let pageAddress = address & ~UInt64(HL_IMAGE_PAGE_BYTES - 1)
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if pages[middle].address < pageAddress { low = middle + 1 } else { high = middle }
        }
        guard low < pages.count, pages[low].address == pageAddress else { return nil }
        let base = unsafe buffer.base + pages[low].offset
        let index = Int(address - pageAddress) / 8
        var before = 0
        for group in 0..<(index / 64) {
            before += unsafe base.load(fromByteOffset: 8 + group * 8, as: UInt64.self).nonzeroBitCount
        }
        let present = unsafe base.load(fromByteOffset: 8 + index / 64 * 8, as: UInt64.self)
        let bit = UInt64(1) << UInt64(index % 64)
        guard present & bit != 0 else { return nil }
        before += (present & (bit - 1)).nonzeroBitCount
        return unsafe base.load(fromByteOffset: Self.headerBytes + before * 8, as: UInt64.self)
    }

    private static func load<T: BitwiseCopyable>(_ buffer: borrowing Buffer, _ offset: Int, as type: T.Type) -> T? {
        guard offset >= 0, buffer.count - offset >= MemoryLayout<T>.size else { return nil }
        return unsafe (buffer.base + offset).loadUnaligned(as: type)
    }
}
