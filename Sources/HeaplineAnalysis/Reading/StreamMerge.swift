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
// Memory: a decoded chunk for each stream that is inside one. A stream is decoded when its next chunk's turn comes, as
// the chunk's header says when that is.

internal import CHeaplineFormat
internal import HeaplineCollector

/// Safe because buffers are private, hold HL_EVENTS_MAX records each, and chunks of more were refused on opening.
@safe
struct StreamMerge: ~Copyable {
    @safe private struct Stream {
        let process: Int
        let chunks: [Chunk]
        var nextChunk = 0
        var records: UnsafeMutablePointer<hl_record>?
        var at = 0
        var count = 0
    }
    private struct Entry {
        var key: UInt64
        var stream: Int
    }

    private var streams: [Stream] = []
    private var heap: [Entry] = []
    private var spare: [UnsafeMutablePointer<hl_record>] = unsafe []
    private let clocks: [Clock]
    private let reader: ChunkReader
    private let isSingle: Bool

    init(_ chosen: [HeaplineSource.Stream], clocks: [Clock], reader: ChunkReader) {
        self.clocks = clocks
        self.reader = reader
        isSingle = Set(chosen.map(\.process)).count <= 1
        for stream in chosen where !stream.chunks.isEmpty {
            unsafe streams.append(Stream(process: stream.process, chunks: stream.chunks))
            let index = streams.count - 1
            heap.append(Entry(key: key(ticks: stream.chunks[0].header.first, process: stream.process), stream: index))
        }
        heap.sort { $0.key < $1.key }  // a sorted array is a heap
    }

    deinit {
        for unsafe buffer in unsafe spare { unsafe buffer.deallocate() }
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

    /// Decodes the next chunk of a stream.
    private mutating func open(_ index: Int) throws(TraceError) {
        let chunk = streams[index].chunks[streams[index].nextChunk]
        let buffer = unsafe spare.popLast() ?? .allocate(capacity: Int(HL_EVENTS_MAX))
        do throws(TraceError) {
            unsafe try reader.events(chunk, into: buffer)
        } catch {
            unsafe spare.append(buffer)
            throw error
        }
        unsafe streams[index].records = buffer
        streams[index].at = 0
        streams[index].count = Int(chunk.header.count)
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
        if isSingle {
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
        unsafe spare.append(streams[index].records!)
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
        isSingle ? key(record) : time(record.time_kind >> 8, process) << 1 | key(record) & 1
    }

    private func key(ticks: UInt64, process: Int) -> UInt64 {
        (isSingle ? min(ticks, UInt64.max >> 8) : time(ticks, process)) << 1
    }

    /// Sixteenths of nanoseconds since the trace's start, at most UInt64.max / 2.
    private func time(_ ticks: UInt64, _ process: Int) -> UInt64 {
        let clock = clocks[process]
        let (high, low) = ticks.multipliedFullWidth(by: 16_000_000_000)
        guard high < clock.hz else { return .max >> 1 }
        let span = clock.hz.dividingFullWidth((high, low)).quotient
        let (base, overflow) = clock.offset.multipliedReportingOverflow(by: 16)
        let (sum, more) = base.addingReportingOverflow(span)
        return overflow || more || sum > .max >> 1 ? .max >> 1 : sum
    }
}
