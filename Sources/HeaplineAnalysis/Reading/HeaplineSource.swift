// SPDX-License-Identifier: Apache-2.0
//
// A .heapline file. Opening it walks all chunks once: takes in and checks what is said once (processes, nodes, notes, counts),
// and remembers where the events of each core lie. Events are checked and decoded when they are replayed.

package import CHeaplineFormat
package import HeaplineCollector

package final class HeaplineSource: TraceSource {
    package let kind = TraceKind.heapline
    package var path: String { reader.file.path }
    package private(set) var state = TraceState.unfinished
    package private(set) var startUnixNanoseconds: UInt64 = 0
    package private(set) var processes: [TraceProcess] = []
    /// Where the chunk lies that closes the file; more chunks may be written in its place.
    private(set) var contentEnd: UInt64 = 0

    private let reader: ChunkReader
    private var file: TraceFile { reader.file }
    private var tables: [NodeTable] = []
    private var streams: [Stream] = []
    private var streamIndex: [UInt64: Int] = [:]  // by process << 32 | core
    private var noteChunks: [Chunk] = []
    private var symbolChunks: [Chunk] = []
    private var imageChunks: [Chunk] = []

    /// The events chunks of one core of one process, in order.
    struct Stream {
        var process: Int
        var core: Int
        var chunks: [Chunk] = []
    }

    /// Whether a file begins as a .heapline file does.
    static func recognises(_ prefix: [UInt8]) -> Bool { prefix.starts(with: HL_FILE_MAGIC.utf8) }

    init(_ file: TraceFile) throws(TraceError) {
        reader = ChunkReader(file)
        var (offset, start) = try reader.fileHeader()
        startUnixNanoseconds = start
        do throws(TraceError) {
            while true {
                guard let chunk = try reader.chunk(at: offset) else {
                    if offset < file.size, state != .complete { state = .cut(offset: offset) }
                    break
                }
                try take(chunk)
                offset = chunk.end
            }
        } catch {
            // All events passed so far lie before it: damage among them is the first there is. Else they are checked when they are read.
            for chunk in streams.flatMap(\.chunks).sorted(by: { $0.offset < $1.offset }) { try reader.verify(chunk) }
            throw error
        }
        for index in processes.indices {
            processes[index].notes.sort { $0.ticks < $1.ticks }
            processes[index].resident.sort { $0.ticks < $1.ticks }
        }
    }

    private func take(_ chunk: Chunk) throws(TraceError) {
        let header = chunk.header
        let process = Int(header.process)
        switch chunk.kind {
        case HL_CHUNK_PROCESS:
            guard process == processes.count else { throw reader.damaged(chunk, "announces processes out of order") }
            let bytes = unsafe try reader.payload(chunk)
            guard let fixed = unsafe NoteParser.load(bytes, as: hl_process.self), fixed.magic == HL_PROCESS_MAGIC else {
                throw reader.damaged(chunk, "has a damaged process description")
            }
            add(fixed)
            return
        case HL_CHUNK_END:
            if state != .complete { contentEnd = chunk.offset }
            state = .complete
            return
        case HL_CHUNK_EVENTS, HL_CHUNK_NODES, HL_CHUNK_NOTES, HL_CHUNK_COUNTS, HL_CHUNK_SYMBOLS, HL_CHUNK_MEMORY,
            HL_CHUNK_OVERHEAD:
            guard process < processes.count else { throw reader.damaged(chunk, "mentions a process before announcing it") }
        default:
            return
        }
        switch chunk.kind {
        case HL_CHUNK_EVENTS:
            guard header.count > 0, header.count <= HL_EVENTS_MAX else {
                throw reader.damaged(chunk, "has an impossible number of events")
            }
            let key = UInt64(header.process) << 32 | UInt64(header.core)
            let index = streamIndex[key] ?? streams.count
            if index == streams.count {
                streamIndex[key] = index
                streams.append(Stream(process: process, core: Int(header.core)))
            }
            streams[index].chunks.append(chunk)
        case HL_CHUNK_NODES: try takeNodes(chunk)
        case HL_CHUNK_NOTES:
            let bytes = unsafe try reader.payload(chunk)
            var hasBlocks = false
            let sound = unsafe NoteParser.forEach(bytes, count: Int(header.count)) { note in
                if note.kind == HL_NOTE_BLOCK { hasBlocks = true }
                return NoteParser.take(note, into: &processes[process])
            }
            guard sound else { throw reader.damaged(chunk, "has damaged notes") }
            if hasBlocks { noteChunks.append(chunk) }
        case HL_CHUNK_COUNTS:
            let bytes = unsafe try reader.payload(chunk)
            guard let counts = unsafe NoteParser.load(bytes, as: hl_counts.self) else {
                throw reader.damaged(chunk, "has damaged counts")
            }
            processes[process].counts = RecordedCounts(counts)
        case HL_CHUNK_OVERHEAD:
            let bytes = unsafe try reader.payload(chunk)
            guard let overhead = unsafe NoteParser.load(bytes, as: hl_overhead.self) else {
                throw reader.damaged(chunk, "has a damaged account of what recording cost")
            }
            processes[process].overhead = RecordedOverhead(overhead)
        case HL_CHUNK_MEMORY:
            try reader.verify(chunk)
            imageChunks.append(chunk)
        default:
            try reader.verify(chunk)
            symbolChunks.append(chunk)
        }
    }

    private func takeNodes(_ chunk: Chunk) throws(TraceError) {
        let header = chunk.header
        let table = tables[Int(header.process)]
        // A node takes at least two bytes, and ids leave no gap.
        guard header.count <= header.raw_bytes / 2, header.first >= UInt64(HL_ROOT_COUNT.rawValue),
            header.first <= UInt64(table.count)
        else { throw reader.damaged(chunk, "has stack nodes that do not follow the ones before") }
        let bytes = unsafe try reader.payload(chunk)
        let nodes = UnsafeMutableBufferPointer<hl_node>.allocate(capacity: Int(header.count))
        defer { unsafe nodes.deallocate() }
        guard header.count > 0, let base = bytes.baseAddress, let out = nodes.baseAddress else { return }
        let result = unsafe hl_nodes_decode(
            base.assumingMemoryBound(to: UInt8.self), bytes.count, header.count, header.first, out)
        guard result == 0 else { throw reader.damaged(chunk, "has stack nodes that cannot be decoded") }
        unsafe table.add(UnsafeBufferPointer(nodes), first: Int(header.first))
    }

    private func add(_ fixed: hl_process) {
        // Wall clocks may be set while a program runs; a process never starts before its trace.
        let start = max(fixed.start_unix_ns, startUnixNanoseconds)
        let clock = Clock(hz: fixed.clock_hz, offset: startUnixNanoseconds == 0 ? 0 : start - startUnixNanoseconds)
        var process = TraceProcess(id: processes.count, clock: clock)
        process.pid = fixed.pid
        process.source = fixed.source == HL_SOURCE_ESP.rawValue ? .esp : .linux
        process.mode =
            switch fixed.mode {
            case HL_MODE_OFF.rawValue: .off
            case HL_MODE_COUNT.rawValue: .count
            case HL_MODE_SAMPLE.rawValue: .sample
            case HL_MODE_LEAKS.rawValue: .leaks
            default: .all
            }
        process.depth = Int(fixed.depth)
        process.sampleBytes = fixed.sample_bytes
        processes.append(process)
        tables.append(NodeTable())
    }

    // MARK: TraceSource

    package func nodes(of process: Int) -> NodeTable { tables[process] }

    package func replay(
        processes wanted: Set<Int>?, _ body: (Int, UnsafeBufferPointer<hl_record>) throws(TraceError) -> Bool
    ) throws(TraceError) {
        let chosen = wanted.map { wanted in streams.filter { wanted.contains($0.process) } } ?? streams
        var merge = StreamMerge(chosen, clocks: processes.map(\.clock), reader: reader)
        unsafe try merge.run(body)
    }

    // The next three may be called while events are replayed or each other runs: each reads with a reader of its own.

    package func dumpedBlocks(process: Int, _ body: (DumpedBlock) -> Void) throws(TraceError) {
        guard !noteChunks.isEmpty else { return }
        let reader = ChunkReader(file)
        for chunk in noteChunks where Int(chunk.header.process) == process {
            let bytes = unsafe try reader.payload(chunk)
            _ = unsafe NoteParser.forEach(bytes, count: Int(chunk.header.count)) { note in
                guard note.kind == HL_NOTE_BLOCK,
                    let block = unsafe NoteParser.load(note.payload, as: hl_note_block.self)
                else { return true }
                body(
                    DumpedBlock(
                        address: block.address, firstWord: block.first_word,
                        verdict: DumpedBlock.Verdict(rawValue: Int(block.verdict)) ?? .unknown))
                return true
            }
        }
    }

    package func memoryImage(process: Int) throws(TraceError) -> MemoryImage? {
        let own = imageChunks.filter { Int($0.header.process) == process }
        guard !own.isEmpty else { return nil }
        let reader = ChunkReader(file)
        // The last whole one: a process that was killed while it made one may have left an earlier one.
        for number in Set(own.map(\.header.core)).sorted(by: >) {
            let parts = own.filter { $0.header.core == number }.sorted { $0.header.first < $1.header.first }
            var image = MemoryImage.Buffer(capacity: parts.reduce(0) { $0 + Int($1.header.raw_bytes) })
            var expected: UInt64 = 0
            for part in parts where part.header.first == expected {
                unsafe image.append(try reader.payload(part))
                expected += UInt64(part.header.raw_bytes)
            }
            if let whole = MemoryImage(image) { return whole }
        }
        return nil
    }

    package func embeddedSymbols(_ body: (Int, [UInt8]) -> Void) throws(TraceError) {
        guard !symbolChunks.isEmpty else { return }
        let reader = ChunkReader(file)
        for chunk in symbolChunks {
            let bytes = unsafe try reader.payload(chunk)
            unsafe body(Int(chunk.header.process), Array(bytes))
        }
    }
}

extension RecordedCounts {
    init(_ counts: hl_counts) {
        ticks = counts.ticks
        allocations = counts.sums.allocations
        frees = counts.sums.frees
        reallocations = counts.sums.reallocations
        bytesAllocated = counts.sums.bytes
        failures = counts.sums.failures
        recorded = counts.recorded
        filtered = counts.filtered
        filteredAllocations = counts.filtered_allocations
        filteredBytes = counts.filtered_bytes
        filteredPeakBytes = counts.filtered_peak_bytes
        isFinal = counts.final != 0
        unsafe withUnsafeBytes(of: counts.lost) { bytes in
            // Else it would write "unsafebuffer" for "unsafe buffer" here.
            // swift-format-ignore
            for unsafe (index, number) in unsafe bytes.bindMemory(to: UInt64.self).enumerated() where number > 0 {
                lost[LossCause(rawValue: index) ?? .unknown, default: 0] &+= number
            }
        }
    }
}
