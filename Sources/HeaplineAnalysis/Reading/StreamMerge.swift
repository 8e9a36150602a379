// SPDX-License-Identifier: Apache-2.0
//
// The events of all processes as one sequence in time: a heap of processes by the time of their next record, and from the earliest one as many
// records at once as come before the second. Within a process CoreMerge has put them in order.
//
//   key(record) = CoreMerge's, of sixteenths of nanoseconds since the trace's start instead of ticks: fine enough to keep the order of
//   ticks for clocks up to 16 GHz

internal import CHeaplineFormat
internal import HeaplineCollector

/// Safe because runs of records lie within what CoreMerge handed out, and are given on only for the length of a call.
@safe
struct StreamMerge: ~Copyable {
    /// A process, boxed because a ``CoreMerge`` is not copied.
    @safe private final class Process {
        let id: Int
        var cores: CoreMerge
        var records = unsafe UnsafeBufferPointer<hl_record>(start: nil, count: 0)
        var at = 0

        init(_ id: Int, _ cores: consuming CoreMerge) {
            self.id = id
            self.cores = cores
        }
    }
    private struct Entry {
        var key: UInt64
        var process: Process
    }

    private var heap: [Entry] = []
    private let clocks: [Clock]
    private let ahead: DecodeAhead

    init(_ chosen: [HeaplineSource.Stream], clocks: [Clock], reader: ChunkReader) {
        self.clocks = clocks
        let streams = chosen.filter { !$0.chunks.isEmpty }
        let isSingle = Set(streams.map(\.process)).count <= 1
        var order: [(key: UInt64, stream: Int, chunk: Int)] = []
        for (index, stream) in streams.enumerated() {
            for (number, chunk) in stream.chunks.enumerated() {
                let key = isSingle ? CoreMerge.key(ticks: chunk.header.first) : Self.time(chunk.header.first, clocks[stream.process]) << 1
                order.append((key, index, number))
            }
        }
        order.sort { ($0.key, $0.stream, $0.chunk) < ($1.key, $1.stream, $1.chunk) }
        var places = streams.map { Array(repeating: 0, count: $0.chunks.count) }
        for (place, entry) in order.enumerated() { places[entry.stream][entry.chunk] = place }
        ahead = DecodeAhead(reader.file, order.map { streams[$0.stream].chunks[$0.chunk] })
        for id in Set(streams.map(\.process)).sorted() {
            let cores = streams.indices.filter { streams[$0].process == id }
            let first = cores.map { streams[$0].chunks[0].header.first }.min() ?? 0
            let merge = CoreMerge(cores.map { (streams[$0].chunks, places[$0]) }, reader: reader, ahead: ahead)
            heap.append(Entry(key: Self.time(first, clocks[id]) << 1, process: Process(id, merge)))
        }
        heap.sort { $0.key < $1.key }  // a sorted array is a heap
    }

    deinit { ahead.finish() }

    mutating func run(
        _ body: (Int, UnsafeBufferPointer<hl_record>) throws(TraceError) -> Bool
    ) throws(TraceError) {
        while let process = heap.first?.process {
            if unsafe process.at == process.records.count {
                process.at = 0
                guard let records = unsafe try process.cores.next() else {
                    removeTop()
                    continue
                }
                // Its turn had come as far as was known; now the true time of its next record is.
                unsafe process.records = unsafe records
                settleTop()
                continue
            }
            let end = endOfRun(process)
            let run = unsafe UnsafeBufferPointer(rebasing: process.records[process.at..<end])
            guard unsafe try body(process.id, run) else { return }
            process.at = end
            if unsafe end < process.records.count { settleTop() }
        }
    }

    /// One past the last record of the top process that comes before every other process's next; at least one further.
    private func endOfRun(_ process: Process) -> Int {
        let count = unsafe process.records.count
        guard heap.count > 1 else { return count }
        let limit = heap.count > 2 ? min(heap[1].key, heap[2].key) : heap[1].key
        var end = process.at + 1
        // Most runs end well within a window: compare ticks, and convert only near the limit.
        let near = clocks[process.id].ticks(atOrAfter: limit >> 5)
        let sure = near > 1 ? near - 2 : 0
        while unsafe end < count && process.records[end].time_kind >> 8 < sure { end += 1 }
        while end < count && key(process, end) <= limit { end += 1 }
        return end
    }

    private mutating func removeTop() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        settleTop(key: last.key)
    }

    /// Puts the top process where its next record belongs.
    private mutating func settleTop() {
        let process = heap[0].process
        if heap.count > 1 { settleTop(key: key(process, process.at)) }
    }

    private mutating func settleTop(key: UInt64) {
        let entry = Entry(key: key, process: heap[0].process)
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

    private func key(_ process: Process, _ index: Int) -> UInt64 {
        let record = unsafe process.records[index]
        return Self.time(record.time_kind >> 8, clocks[process.id]) << 1 | CoreMerge.key(record) & 1
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
