// SPDX-License-Identifier: Apache-2.0
//
// The events of all cores of one process as one sequence in time. Each core's chunks are in order already; what is left is to merge them.
//
//   key(record) = (time << 1) | (frees ? 0 : 1)
//
// A free is stamped before it happens and an allocation after, so where two cores show the same tick the free came first.
//
// Threads that run at once take turns after one or two events. So events are merged window by window: up to the earliest moment for which
// a core's next chunk would have to be known, and no more at once than fit the caches, every core has what belongs into the window at hand, and
// pairs of cores are merged without a branch. While only one core has events, they are handed on as they were decoded.
//
// Memory: a decoded chunk for each core that is inside one, and two windows. A core goes on to its next chunk when the turn of that
// comes, as the chunk's header says when that is.

internal import CHeaplineFormat
internal import HeaplineCollector

/// Safe because buffers are private and as large as is worked out here, and chunks of more than HL_EVENTS_MAX records were refused on opening.
@safe
struct CoreMerge: ~Copyable {
    /// One core, and where the events that come next lie.
    @safe private struct Core {
        let chunks: [Chunk]
        let places: [Int]  // of the chunks in the order of all
        var nextChunk = 0
        var records: UnsafeMutablePointer<hl_record>?
        var isInOrder = false
        var at = 0
        var count = 0

        var isOpen: Bool { unsafe records != nil }
        var head: UInt64 { unsafe CoreMerge.key(records![at]) }
    }
    @safe private struct Slice {
        var records: UnsafeMutablePointer<hl_record>
        var count: Int
    }

    private var cores: [Core] = []
    private let reader: ChunkReader
    private let ahead: DecodeAhead
    private let window: Int
    private var buffers: [UnsafeMutablePointer<hl_record>] = unsafe []  // two, or none as long as one core is enough

    /// - Parameter cores: the chunks of each core, and their places in what `ahead` decodes.
    init(_ cores: [(chunks: [Chunk], places: [Int])], reader: ChunkReader, ahead: DecodeAhead) {
        for core in cores where !core.chunks.isEmpty {
            unsafe self.cores.append(Core(chunks: core.chunks, places: core.places))
        }
        self.reader = reader
        self.ahead = ahead
        // 128 KiB; of each core enough to be worth a window.
        window = max(4096, 64 * cores.count)
    }

    deinit {
        for core in cores { unsafe core.records?.deallocate() }
        // Else it would write "unsafebuffer" for "unsafe buffer" here.
        // swift-format-ignore
        for unsafe buffer in unsafe buffers { unsafe buffer.deallocate() }
    }

    /// The events that come next; nil at the end. Valid until the next call.
    mutating func next() throws(TraceError) -> UnsafeBufferPointer<hl_record>? {
        closeFinished()
        while true {
            var head = UInt64.max  // of all open cores
            var limit = UInt64.max
            var isOne = true
            var unopened = (key: UInt64.max, core: -1)
            for index in cores.indices {
                if cores[index].isOpen {
                    isOne = head == .max
                    head = min(head, cores[index].head)
                    // One that is not in order shows one record at a time.
                    limit = min(limit, cores[index].isInOrder ? key(index, cores[index].count - 1) : cores[index].head)
                } else if cores[index].nextChunk < cores[index].chunks.count {
                    let first = Self.key(ticks: cores[index].chunks[cores[index].nextChunk].header.first)
                    if unopened.core < 0 || first < unopened.key { unopened = (first, index) }
                }
            }
            if unopened.core >= 0, unopened.key <= head {
                try open(unopened.core)
                continue
            }
            guard head != .max else { return nil }
            return unsafe take(upTo: min(limit, unopened.key), isOne)
        }
    }

    /// Takes what comes up to a key, or less.
    private mutating func take(upTo limit: UInt64, _ isOne: Bool) -> UnsafeBufferPointer<hl_record> {
        var limit = limit
        let isIn = cores.indices.filter { cores[$0].isOpen && cores[$0].head <= limit }
        let share = isOne || isIn.count < 2 ? Int(HL_EVENTS_MAX) : window / isIn.count
        for index in isIn where cores[index].isInOrder {
            limit = min(limit, key(index, min(cores[index].at + share, cores[index].count) - 1))
        }
        var slices: [Slice] = []
        for index in isIn {
            let end = end(index, limit, share)
            guard end > cores[index].at else { continue }
            unsafe slices.append(Slice(records: cores[index].records! + cores[index].at, count: end - cores[index].at))
            cores[index].at = end
        }
        if slices.count > 1 { merge(&slices) }
        return unsafe UnsafeBufferPointer(start: slices[0].records, count: slices[0].count)
    }

    /// Merges neighbours until one is left.
    private mutating func merge(_ slices: inout [Slice]) {
        if unsafe buffers.isEmpty {
            unsafe buffers = [.allocate(capacity: window), .allocate(capacity: window)]
        }
        while slices.count > 1 {
            var merged: [Slice] = []
            var out = unsafe buffers[0]
            for index in stride(from: 0, to: slices.count, by: 2) {
                let first = slices[index]
                // The last of an odd number is copied, as its memory is wanted next.
                let second = unsafe index + 1 < slices.count ? slices[index + 1] : Slice(records: first.records, count: 0)
                unsafe hl_records_merge(first.records, first.count, second.records, second.count, out)
                unsafe merged.append(Slice(records: out, count: first.count + second.count))
                unsafe out += first.count + second.count
            }
            slices = merged
            unsafe buffers.swapAt(0, 1)
        }
    }

    /// One past a core's last record that comes before or at a key, at most so many further.
    private func end(_ index: Int, _ limit: UInt64, _ most: Int) -> Int {
        var end = cores[index].at
        var beyond = min(cores[index].at + most, cores[index].count)
        guard cores[index].isInOrder else {
            while end < beyond, key(index, end) <= limit { end += 1 }
            return end
        }
        while end < beyond {
            let middle = (end + beyond) / 2
            if key(index, middle) <= limit { end = middle + 1 } else { beyond = middle }
        }
        return end
    }

    private mutating func open(_ index: Int) throws(TraceError) {
        let number = cores[index].nextChunk
        let chunk = try ahead.take(cores[index].places[number], reader)
        unsafe cores[index].records = chunk.records
        cores[index].isInOrder = chunk.isInOrder
        cores[index].at = 0
        cores[index].count = Int(cores[index].chunks[number].header.count)
        cores[index].nextChunk += 1
    }

    private mutating func closeFinished() {
        for index in cores.indices where cores[index].isOpen && cores[index].at == cores[index].count {
            unsafe ahead.giveBack(cores[index].records!)
            unsafe cores[index].records = nil
        }
    }

    // MARK: Keys

    private func key(_ index: Int, _ record: Int) -> UInt64 { unsafe Self.key(cores[index].records![record]) }

    @inline(__always)
    static func key(_ record: hl_record) -> UInt64 {
        let kind = UInt32(truncatingIfNeeded: record.time_kind & 0xff)
        let frees = kind == HL_KIND_FREE.rawValue || kind == HL_KIND_REALLOC_FREE.rawValue
        return (record.time_kind >> 8) << 1 | (frees ? 0 : 1)
    }

    /// The least that a record of that time may have.
    static func key(ticks: UInt64) -> UInt64 { min(ticks, UInt64.max >> 8) << 1 }
}
