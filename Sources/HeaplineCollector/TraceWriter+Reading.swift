// SPDX-License-Identifier: Apache-2.0
//
// Reads events back from the trace that is being written: which blocks of a process are alive is known once all its events are there,
// and keeping count all the time would cost every event.

internal import CHeaplineFormat
internal import Glibc

extension TraceWriter {
    /// What is left of the process's events up to `ticks` when everything freed is gone, as `LeakFilter` leaves it; nil when the file cannot
    /// be read back.
    ///
    /// - Complexity: O(events).
    func blocksAlive(in process: Int, hz: UInt64, upTo ticks: UInt64) -> [hl_record]? {
        guard let chunks = eventChunks(of: process) else { return nil }
        var filter = LeakFilter(cores: 1 + Int(chunks.map(\.header.core).max() ?? 0), hz: hz)
        var decoder = ChunkDecoder()
        for (number, chunk) in chunks.enumerated() where chunk.header.first <= ticks {
            guard
                unsafe decoder.decode(
                    chunk, of: self,
                    {
                        let end = unsafe $0.firstIndex { $0.time_kind >> 8 > ticks } ?? $0.count
                        unsafe filter.add(UnsafeBufferPointer(rebasing: $0[..<end]), core: Int(chunk.header.core))
                    })
            else { return nil }
            // Chunks come by their first event: none to come has an earlier one.
            if number + 1 < chunks.count { filter.settle(before: chunks[number + 1].header.first) }
        }
        return filter.rest()
    }

    fileprivate struct EventChunk {
        var offset: UInt64  // of the payload
        var header: hl_chunk
    }

    /// By the time of their first event; those of one core stay in their order.
    private func eventChunks(of process: Int) -> [EventChunk]? {
        guard let extent = extent(of: process) else { return nil }
        var chunks: [EventChunk] = []
        var offset = extent.lowerBound
        var header = hl_chunk()
        let size = MemoryLayout<hl_chunk>.size
        while offset < extent.upperBound {
            let isWhole = unsafe withUnsafeMutableBytes(of: &header) { unsafe read(into: $0, at: offset) }
            guard isWhole, unsafe hl_chunk_check(&header) == 0 else { return nil }
            if Int(header.kind) == Int(HL_CHUNK_EVENTS.rawValue), header.process == UInt32(process) {
                chunks.append(EventChunk(offset: offset + UInt64(size), header: header))
            }
            offset += UInt64(size) + (UInt64(header.stored_bytes) + 7) & ~7
        }
        let order = chunks.enumerated().sorted { ($0.element.header.first, $0.offset) < ($1.element.header.first, $1.offset) }
        return order.map(\.element)
    }

    fileprivate func read(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Bool {
        var done = 0
        while done < bytes.count {
            let got = unsafe pread(file, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
            if got <= 0, !(got < 0 && errno == EINTR) { return false }
            if got > 0 { done += got }
        }
        return true
    }
}

/// The memory that decoding takes, for one chunk after the other.
@safe private struct ChunkDecoder: ~Copyable {
    private let records: UnsafeMutableBufferPointer<hl_record>
    private let scratch: UnsafeMutableRawPointer
    private var stored: [UInt8] = []
    private var plain: [UInt8] = []

    init() {
        unsafe records = .allocate(capacity: Int(HL_EVENTS_MAX))
        unsafe scratch = .allocate(byteCount: Int(HL_EVENTS_SCRATCH_BYTES), alignment: 64)
        unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: Int(HL_EVENTS_SCRATCH_BYTES))
    }

    deinit {
        unsafe records.deallocate()
        unsafe scratch.deallocate()
    }

    /// Calls `body` with the chunk's events; false when they cannot be read.
    mutating func decode(
        _ chunk: TraceWriter.EventChunk, of writer: TraceWriter, _ body: (UnsafeBufferPointer<hl_record>) -> Void
    ) -> Bool {
        let header = chunk.header
        let count = Int(header.count)
        let bytes = Int(header.stored_bytes)
        let raw = Int(header.raw_bytes)
        guard count > 0, count <= Int(HL_EVENTS_MAX) else { return false }
        if stored.count < bytes { stored = Array(repeating: 0, count: bytes) }
        if plain.count < raw { plain = Array(repeating: 0, count: raw) }
        let isRead = unsafe stored.withUnsafeMutableBytes {
            unsafe writer.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<bytes]), at: chunk.offset)
        }
        guard isRead else { return false }
        if header.codec == UInt16(HL_CODEC_ZSTD.rawValue) {
            guard unsafe hl_zstd_decompress(stored, bytes, &plain, plain.count) == raw else { return false }
        } else {
            guard bytes == raw else { return false }
            plain.replaceSubrange(..<bytes, with: stored[..<bytes])
        }
        let damage = unsafe hl_events_decode(plain, raw, header.count, header.first, records.baseAddress!, scratch)
        guard damage == 0 else { return false }
        unsafe body(UnsafeBufferPointer(rebasing: records[..<count]))
        return true
    }
}
