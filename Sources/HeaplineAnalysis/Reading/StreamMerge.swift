// SPDX-License-Identifier: Apache-2.0
//
// The events of all cores as one sequence in time. Each core's chunks are in order already, so this is a merge: a heap of
// streams by the time of their next record, and from the earliest one as many records at once as come before the second.
//
//   key(record) = (time << 1) | (frees ? 0 : 1)
//
// A free is stamped before it happens and an allocation after, so where two cores show the same tick the free came first.
// `time` is ticks when there is one process, else sixteenths of nanoseconds since the trace's start: fine enough to keep
// the order of ticks for clocks up to 16 GHz.
//
// Memory: a decoded chunk for each stream that is inside one, and those of DecodeAhead. A stream goes on to its next chunk when the
// turn of that comes, as the chunk's header says when that is.

internal import CHeaplineFormat
internal import HeaplineCollector

/// Safe because buffers are private, hold HL_EVENTS_MAX records each, and chunks of more were refused on opening.
@safe
struct StreamMerge: ~Copyable {
    @safe private struct Stream {
        let process: Int
        let chunks: [Chunk]
        var places: [Int] = []  // of the chunks in the order of all
        var nextChunk = 0
        var records: UnsafeMutablePointer<hl_record>?
        var isInOrder = false
        var at = 0
        var count = 0
    }
    private struct Entry {
        var key: UInt64
        var stream: Int
    }

    private var streams: [Stream] = []
    private var heap: [Entry] = []
    private let clocks: [Clock]
    private let reader: ChunkReader
    private let ahead: DecodeAhead
    private let isSingle: Bool

    init(_ chosen: [HeaplineSource.Stream], clocks: [Clock], reader: ChunkReader) {
        self.clocks = clocks
        self.reader = reader
        let isSingle = Set(chosen.map(\.process)).count <= 1
        self.isSingle = isSingle
        var order: [(key: UInt64, stream: Int, chunk: Int)] = []
        for stream in chosen where !stream.chunks.isEmpty {
            for (number, chunk) in stream.chunks.enumerated() {
                let key = Self.key(ticks: chunk.header.first, isSingle ? nil : clocks[stream.process])
                order.append((key, streams.count, number))
            }
            unsafe streams.append(
                Stream(process: stream.process, chunks: stream.chunks, places: Array(repeating: 0, count: stream.chunks.count)))
        }
        order.sort { ($0.key, $0.stream, $0.chunk) < ($1.key, $1.stream, $1.chunk) }
        for (place, entry) in order.enumerated() { streams[entry.stream].places[entry.chunk] = place }
        let streams = streams
        ahead = DecodeAhead(reader.file, order.map { streams[$0.stream].chunks[$0.chunk] })
        for (index, stream) in streams.enumerated() {
            heap.append(Entry(key: key(ticks: stream.chunks[0].header.first, process: stream.process), stream: index))
        }
        heap.sort { $0.key < $1.key }  // a sorted array is a heap
    }

    deinit {
        ahead.finish()
        for stream in streams { unsafe stream.records?.deallocate() }
    }

    mutating func run(
        _ body: (Int, UnsafeBufferPointer<hl_record>) throws(TraceError) -> Bool
    ) throws(TraceError) {
        while let first = heap.first {
            let index = first.stream
            if unsafe streams[index].records == nil {
                // Its turn has come: now the true time of its first record is known.
                try open(index)
                settleTop(key: unsafe key(streams[index].records![0], process: streams[index].process))
                continue
            }
            let end = endOfRun(index)
            let start = streams[index].at
            let run = unsafe UnsafeBufferPointer(start: streams[index].records! + start, count: end - start)
            guard unsafe try body(streams[index].process, run) else { return }
            streams[index].at = end
            advance(index)
        }
    }

    /// Gets the records of the next chunk of a stream.
    private mutating func open(_ index: Int) throws(TraceError) {
        let number = streams[index].nextChunk
        let chunk = try ahead.take(streams[index].places[number], reader)
        unsafe streams[index].records = chunk.records
        streams[index].isInOrder = chunk.isInOrder
        streams[index].at = 0
        streams[index].count = Int(streams[index].chunks[number].header.count)
        streams[index].nextChunk += 1
    }

    /// One past the last record of the top stream that comes before every other stream's next; at least one further.
    private func endOfRun(_ index: Int) -> Int {
        let count = streams[index].count
        guard heap.count > 1 else { return count }
        let process = streams[index].process
        let second = heap.count > 2 && heap[2].key < heap[1].key ? heap[2] : heap[1]
        // The first record time (ticks of this process, with the rank bit) that does not belong to the run any more.
        let limit = second.key
        let records = unsafe streams[index].records!
        var end = streams[index].at + 1
        if isSingle, streams[index].isInOrder {
            // Nearly always: then whole runs need not be looked at, only where they end.
            if unsafe key(records[count - 1]) <= limit { return count }
            var beyond = count - 1
            while end < beyond {
                let middle = (end + beyond) / 2
                if unsafe key(records[middle]) <= limit { end = middle + 1 } else { beyond = middle }
            }
        } else if isSingle {
            while unsafe end < count && key(records[end]) <= limit { end += 1 }
        } else {
            // Most runs end well within a chunk: compare ticks, and convert only near the limit.
            let near = clocks[process].ticks(atOrAfter: limit >> 5)
            let sure = near > 1 ? near - 2 : 0
            while unsafe end < count && records[end].time_kind >> 8 < sure { end += 1 }
            while unsafe end < count && key(records[end], process: process) <= limit { end += 1 }
        }
        return end
    }

    /// Puts the top stream where its next record belongs, or takes it out when it has none.
    private mutating func advance(_ index: Int) {
        if streams[index].at < streams[index].count {
            settleTop(key: unsafe key(streams[index].records![streams[index].at], process: streams[index].process))
            return
        }
        unsafe ahead.giveBack(streams[index].records!)
        unsafe streams[index].records = nil
        if streams[index].nextChunk < streams[index].chunks.count {
            let next = streams[index].chunks[streams[index].nextChunk]
            settleTop(key: key(ticks: next.header.first, process: streams[index].process))
        } else {
            let last = heap.removeLast()
            unsafe streams[index].records = nil
            if !heap.isEmpty {
                heap[0] = last
                settleTop(key: last.key)
            }
        }
    }

    private mutating func settleTop(key: UInt64) {
        let entry = Entry(key: key, stream: heap[0].stream)
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
            guard heap[child].key < entry.key else { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = entry
    }

    // MARK: Keys

    @inline(__always)
    private func key(_ record: hl_record) -> UInt64 {
        let kind = UInt32(truncatingIfNeeded: record.time_kind & 0xff)
        let frees = kind == HL_KIND_FREE.rawValue || kind == HL_KIND_REALLOC_FREE.rawValue
        return (record.time_kind >> 8) << 1 | (frees ? 0 : 1)
    }

    private func key(_ record: hl_record, process: Int) -> UInt64 {
        isSingle ? key(record) : Self.time(record.time_kind >> 8, clocks[process]) << 1 | key(record) & 1
    }

    private func key(ticks: UInt64, process: Int) -> UInt64 { Self.key(ticks: ticks, isSingle ? nil : clocks[process]) }

    /// - Parameter clock: nil when all is of one process.
    private static func key(ticks: UInt64, _ clock: Clock?) -> UInt64 {
        (clock.map { time(ticks, $0) } ?? min(ticks, UInt64.max >> 8)) << 1
    }

    /// Sixteenths of nanoseconds since the trace's start, at most UInt64.max / 2.
    private static func time(_ ticks: UInt64, _ clock: Clock) -> UInt64 {
        let (high, low) = ticks.multipliedFullWidth(by: 16_000_000_000)
        guard high < clock.hz else { return .max >> 1 }
        let span = clock.hz.dividingFullWidth((high, low)).quotient
        let (base, overflow) = clock.offset.multipliedReportingOverflow(by: 16)
        let (sum, more) = base.addingReportingOverflow(span)
        return overflow || more || sum > .max >> 1 ? .max >> 1 : sum
    }
}
