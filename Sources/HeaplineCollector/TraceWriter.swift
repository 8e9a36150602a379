// SPDX-License-Identifier: Apache-2.0
//
// Writes a trace file: a header, then chunks (heapline_format.h, "The trace file"). It encodes, compresses, seals and
// buffers; it does not decide what belongs in the trace or when. Used by one thread at a time.
//
// When the file system refuses bytes, the file is cut back to its last whole chunk, `failure` says why, and everything
// given from then on is dropped and its records counted. finish() then gives up a few chunks more, to make room for the
// final counts: the trace stays readable and says what it lost.

package import CHeaplineFormat
internal import Glibc

@safe package final class TraceWriter {
    package let path: String
    /// Why the file could not be written any further, or nil. Set once.
    package private(set) var failure: TraceError?
    /// Bytes of the file so far, those still in the buffer included.
    package var bytes: UInt64 { written + UInt64(used) }

    let file: CInt
    private let level: CInt?
    private var written: UInt64 = 0  // bytes in the file
    private var used = 0  // bytes in `buffer`, waiting
    private let buffer: UnsafeMutableRawPointer  // `capacity` bytes
    private var capacity: Int
    private var plain: UnsafeMutablePointer<UInt8>  // one payload before compression
    private var plainCapacity: Int
    private let scratch: UnsafeMutableRawPointer  // HL_EVENTS_SCRATCH_BYTES, for hl_events_encode
    private var recent: [Written] = []  // the last chunks, oldest first; see makeRoom()
    private var tallies: [Tally] = []  // by process
    private var finished = false
    private var announced: UInt64 = 0  // where the last chunk that announces a process ends; it is never given up

    /// A chunk as it lies in the file, remembered in case it must be given up again.
    private struct Written {
        var offset: UInt64
        var process: Int
        var records: UInt64
    }
    /// records given == recorded + dropped
    private struct Tally {
        var recorded: UInt64 = 0
        var dropped: UInt64 = 0
        var counts: hl_counts?
        var start: UInt64 = 0  // where the process is announced: all of its chunks come after
    }

    private static let flushAt = 1 << 20
    private static let reserve: UInt64 = 256 << 10  // room that finish() makes in a full file system
    private static let remembered = 64

    /// Creates the file at `path` and writes its header.
    ///
    /// - Parameters:
    ///   - force: replace an existing file; otherwise one is an error of code `.exists`.
    ///   - level: zstd's, or nil for none. Without libzstd the file is larger, not unreadable.
    package convenience init(path: String, force: Bool, startUnixNs: UInt64, level: CInt? = 1) throws(TraceError) {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL)
        let opened = unsafe Glibc.open(path, flags, 0o644)
        if opened < 0 {
            let reason = errno
            throw reason == EEXIST
                ? TraceError(.exists, path: path, message: "exists already; --force replaces it")
                : TraceError(.system, path: path, errno: reason, message: "cannot create the trace")
        }
        self.init(path: path, file: opened, level: level)
        var header = hl_file_header()
        unsafe withUnsafeMutableBytes(of: &header) { bytes in
            unsafe bytes.copyBytes(from: HL_FILE_MAGIC.utf8)
        }
        header.version = HL_FORMAT_VERSION
        header.header_bytes = UInt32(MemoryLayout<hl_file_header>.size)
        header.start_unix_ns = startUnixNs
        header.checksum = unsafe withUnsafeBytes(of: &header) { bytes in
            unsafe hl_crc32c(0, bytes.baseAddress!, MemoryLayout<hl_file_header>.offset(of: \.checksum)!)
        }
        unsafe withUnsafeBytes(of: &header) { bytes in
            unsafe buffer.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        }
        used = MemoryLayout<hl_file_header>.size
        flush()
        if let failure {
            close(file)
            finished = true
            throw failure
        }
    }

    /// Goes on with a file of `processes` processes at `end`, where its closing chunk lies: what follows is replaced.
    package convenience init(continuing path: String, at end: UInt64, processes: Int, level: CInt? = 1) throws(TraceError) {
        let opened = unsafe Glibc.open(path, O_WRONLY | O_CLOEXEC)
        guard opened >= 0 else {
            throw TraceError(.system, path: path, errno: errno, message: "cannot be written to")
        }
        self.init(path: path, file: opened, level: level)
        written = end
        announced = end  // nothing of what was there is ever given up
        tallies = Array(repeating: Tally(), count: processes)
        ftruncate(file, off_t(end))
    }

    private init(path: String, file: CInt, level: CInt?) {
        self.path = path
        self.file = file
        self.level = level
        plainCapacity = hl_events_bound(HL_EVENTS_MAX)
        capacity = Self.flushAt + 2 * MemoryLayout<hl_chunk>.size + max(hl_zstd_bound(plainCapacity), plainCapacity)
        unsafe buffer = .allocate(byteCount: capacity, alignment: 64)
        unsafe plain = .allocate(capacity: plainCapacity)
        unsafe scratch = .allocate(byteCount: Int(HL_EVENTS_SCRATCH_BYTES), alignment: 64)
        unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: Int(HL_EVENTS_SCRATCH_BYTES))
    }

    deinit {
        if !finished { finish() }
        unsafe buffer.deallocate()
        unsafe plain.deallocate()
        unsafe scratch.deallocate()
    }

    // MARK: Chunks

    /// Announces a process. `clock_hz` must be known by now.
    ///
    /// - Returns: its index, for the calls below: 0, 1, 2, …
    @discardableResult
    package func process(_ header: UnsafePointer<hl_process>) -> Int {
        let index = tallies.count
        tallies.append(Tally(start: bytes))
        let size = MemoryLayout<hl_process>.size
        unsafe plain.update(from: UnsafeRawPointer(header).assumingMemoryBound(to: UInt8.self), count: size)
        write(HL_CHUNK_PROCESS, process: index, size: size)
        announced = bytes
        return index
    }

    /// Writes records of one core, in that core's order; any number of them.
    package func events(_ records: UnsafeBufferPointer<hl_record>, process: Int, core: Int) {
        guard failure == nil else {
            tallies[process].dropped += UInt64(records.count)
            return
        }
        var start = 0
        while start < records.count {
            let count = min(records.count - start, Int(HL_EVENTS_MAX))
            let part = unsafe UnsafeBufferPointer(rebasing: records[start..<start + count])
            let size = unsafe hl_events_encode(part.baseAddress!, UInt32(count), plain, scratch)
            write(
                HL_CHUNK_EVENTS, process: process, size: size, count: count, core: core,
                first: unsafe part[0].time_kind >> 8, last: unsafe part[count - 1].time_kind >> 8)
            start += count
        }
    }

    /// Writes nodes that follow each other from id `first`; across calls a process's ids leave no gap.
    package func nodes(_ nodes: UnsafeBufferPointer<hl_node>, first: Int, process: Int) {
        var start = 0
        while start < nodes.count, failure == nil {
            let count = min(nodes.count - start, plainCapacity / 24)
            let part = unsafe UnsafeBufferPointer(rebasing: nodes[start..<start + count])
            let size = unsafe hl_nodes_encode(part.baseAddress!, UInt32(count), UInt64(first + start), plain)
            write(HL_CHUNK_NODES, process: process, size: size, count: count, first: UInt64(first + start))
            start += count
        }
    }

    /// Writes `count` whole notes, each padded to 8 bytes, as they lie in the process file. At most 1 MiB at a time.
    package func notes(_ bytes: UnsafeRawBufferPointer, count: Int, process: Int) {
        guard bytes.count > 0 else { return }
        precondition(bytes.count <= plainCapacity, "notes are written at most \(plainCapacity) bytes at a time")
        unsafe UnsafeMutableRawPointer(plain).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        write(HL_CHUNK_NOTES, process: process, size: bytes.count, count: count)
    }

    /// Writes one note.
    package func note(_ kind: hl_note_kind, ticks: UInt64, payload: UnsafeRawBufferPointer, process: Int) {
        let header = MemoryLayout<hl_note>.size
        let size = min(payload.count, (1 << 20) - header)
        let padded = (header + size + 7) & ~7
        let note = hl_note(size: UInt32(header + size), kind: UInt32(kind.rawValue), ticks: ticks)
        let place = unsafe UnsafeMutableRawPointer(plain)
        unsafe place.initializeMemory(as: UInt8.self, repeating: 0, count: padded)
        unsafe place.storeBytes(of: note, as: hl_note.self)
        if size > 0 { unsafe (place + header).copyMemory(from: payload.baseAddress!, byteCount: size) }
        write(HL_CHUNK_NOTES, process: process, size: padded, count: 1)
    }

    /// Writes the sums of a process. `recorded` and the losses to a full disk are the writer's to know: it replaces the
    /// one and adds to the other.
    package func counts(_ counts: hl_counts, process: Int) {
        tallies[process].counts = counts
        writeCounts(process)
    }

    /// Writes what recording a process has cost so far.
    package func overhead(_ overhead: hl_overhead, process: Int) {
        unsafe UnsafeMutableRawPointer(plain).storeBytes(of: overhead, as: hl_overhead.self)
        write(HL_CHUNK_OVERHEAD, process: process, size: MemoryLayout<hl_overhead>.size, count: 1)
    }

    /// Writes symbols in the encoding of HeaplineAnalysis/Symbols.
    package func symbols(_ bytes: UnsafeRawBufferPointer, process: Int) {
        guard bytes.count > 0 else { return }
        if bytes.count > plainCapacity {
            unsafe plain.deallocate()
            plainCapacity = bytes.count
            unsafe plain = .allocate(capacity: plainCapacity)
        }
        unsafe UnsafeMutableRawPointer(plain).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        write(HL_CHUNK_SYMBOLS, process: process, size: bytes.count)
    }

    /// Writes a part of memory image `number`: its bytes from `offset` on. At most 1 MiB at a time.
    package func memory(_ bytes: UnsafeRawBufferPointer, number: Int, offset: UInt64, process: Int) {
        guard bytes.count > 0 else { return }
        precondition(bytes.count <= plainCapacity, "images are written at most \(plainCapacity) bytes at a time")
        unsafe UnsafeMutableRawPointer(plain).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
        write(HL_CHUNK_MEMORY, process: process, size: bytes.count, core: number, first: offset)
    }

    /// Closes the file in order. Nothing may be written afterwards.
    package func finish() {
        guard !finished else { return }
        flush()
        let problem = failure
        if problem != nil {
            makeRoom()
            failure = nil
            for process in tallies.indices where tallies[process].counts != nil { writeCounts(process) }
        }
        write(HL_CHUNK_END, process: 0, size: 0)
        flush()
        failure = problem ?? failure
        finished = true
        close(file)
    }

    private func writeCounts(_ process: Int) {
        guard var counts = tallies[process].counts else { return }
        counts.recorded = tallies[process].recorded
        counts.lost.1 += tallies[process].dropped  // HL_LOSS_NO_SPACE
        unsafe UnsafeMutableRawPointer(plain).storeBytes(of: counts, as: hl_counts.self)
        write(HL_CHUNK_COUNTS, process: process, size: MemoryLayout<hl_counts>.size)
    }

    /// Where the chunks of a process lie in the file by now: between these; nil when the file is not whole.
    func extent(of process: Int) -> Range<UInt64>? {
        flush()
        return failure == nil && !finished ? tallies[process].start..<written : nil
    }

    // MARK: Bytes

    /// Appends a chunk whose payload is the first `size` bytes of `plain`.
    private func write(
        _ kind: hl_chunk_kind, process: Int, size: Int, count: Int = 0, core: Int = 0, first: UInt64 = 0,
        last: UInt64 = 0
    ) {
        let records = kind == HL_CHUNK_EVENTS ? UInt64(count) : 0
        if tallies.indices.contains(process) { tallies[process].dropped += records }
        guard failure == nil, !finished else { return }

        let headerBytes = MemoryLayout<hl_chunk>.size
        var chunk = hl_chunk()
        chunk.kind = UInt16(kind.rawValue)
        chunk.process = UInt32(process)
        chunk.core = UInt32(core)
        chunk.count = UInt32(count)
        chunk.raw_bytes = UInt32(size)
        chunk.first = first
        chunk.last = last

        var place = unsafe buffer + used + headerBytes
        if used + headerBytes + max(hl_zstd_bound(size), size) + 8 > capacity {
            flush()
            if failure != nil { return }
            unsafe place = buffer + headerBytes
        }
        // Symbols may be larger than the buffer was made for.
        let needed = headerBytes + max(hl_zstd_bound(size), size) + 8
        let large: UnsafeMutableRawPointer? =
            needed > capacity ? .allocate(byteCount: needed, alignment: 64) : nil
        defer { unsafe large?.deallocate() }
        if let large = unsafe large { unsafe place = large + headerBytes }

        var stored = 0
        if let level, size > 64 {
            stored = unsafe hl_zstd_compress(plain, size, place, hl_zstd_bound(size), level)
        }
        if stored > 0 && stored < size {
            chunk.codec = UInt16(HL_CODEC_ZSTD.rawValue)
        } else {
            stored = size
            unsafe place.copyMemory(from: plain, byteCount: size)
        }
        chunk.stored_bytes = UInt32(stored)
        let padding = -stored & 7
        unsafe (place + stored).initializeMemory(as: UInt8.self, repeating: 0, count: padding)
        unsafe hl_chunk_seal(&chunk, place)
        unsafe (place - headerBytes).storeBytes(of: chunk, as: hl_chunk.self)

        recent.append(Written(offset: bytes, process: process, records: records))
        if tallies.indices.contains(process) {
            tallies[process].recorded += records
            tallies[process].dropped -= records
        }
        if let large = unsafe large {
            unsafe put(large, headerBytes + stored + padding)
        } else {
            used += headerBytes + stored + padding
            if used >= Self.flushAt { flush() }
        }
    }

    /// Hands everything buffered to the file system.
    package func flush() {
        let count = used
        used = 0
        if count > 0, failure == nil { unsafe put(buffer, count) }
        if recent.count > Self.remembered { recent.removeFirst(recent.count - Self.remembered) }
    }

    private func put(_ bytes: UnsafeMutableRawPointer, _ count: Int) {
        var done = 0
        while done < count {
            let result = unsafe pwrite(file, bytes + done, count - done, off_t(written) + off_t(done))
            if result > 0 {
                done += result
            } else if !(result < 0 && errno == EINTR) {
                failure = TraceError(
                    .system, path: path, offset: written, errno: result < 0 ? errno : ENOSPC,
                    message: "cannot write the trace")
                // Chunks that are not wholly there never were.
                cut(to: recent.last { $0.offset <= written + UInt64(done) }?.offset ?? written)
                return
            }
        }
        written += UInt64(count)
    }

    /// Takes back the chunks from `offset` on, and counts their records as dropped.
    private func cut(to offset: UInt64) {
        while let last = recent.last, last.offset >= offset {
            recent.removeLast()
            if tallies.indices.contains(last.process) {
                tallies[last.process].recorded -= last.records
                tallies[last.process].dropped += last.records
            }
        }
        written = offset
        ftruncate(file, off_t(offset))
    }

    /// Gives up the last chunks, so that the final counts find room in a full file system.
    private func makeRoom() {
        guard let end = recent.last?.offset else { return }
        let place = recent.last { $0.offset + Self.reserve <= end } ?? recent[0]
        // What announces a process stays: without it the rest says nothing.
        cut(to: max(place.offset, min(announced, written)))
    }
}
