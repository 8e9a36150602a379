// SPDX-License-Identifier: Apache-2.0
//
// Chunks of a .heapline file: found, checked and unpacked. Everything from the file is hostile until its checksum and
// limits held. Memory: one stored and one raw payload at a time.

internal import CHeaplineFormat
internal import HeaplineCollector

/// Where a chunk lies, and its checked header.
struct Chunk {
    var offset: UInt64
    var header: hl_chunk

    var payloadOffset: UInt64 { offset + UInt64(MemoryLayout<hl_chunk>.size) }
    /// Where the next chunk begins.
    var end: UInt64 { payloadOffset + (UInt64(header.stored_bytes) + 7) & ~7 }
    var kind: hl_chunk_kind { hl_chunk_kind(rawValue: UInt32(header.kind)) }
}

/// Reads chunks of one file into memory that it reuses.
///
/// Safe because its two buffers are private, sized before each use, and handed out only for the length of a call.
@safe
final class ChunkReader {
    let file: TraceFile
    private var stored: UnsafeMutableRawBufferPointer
    private var raw: UnsafeMutableRawBufferPointer
    private let scratch: UnsafeMutableRawPointer  // for hl_events_decode

    /// No payload is larger: what an honest writer makes is far below, and a damaged size must not exhaust memory.
    private static let largestPayload: UInt32 = 256 << 20

    init(_ file: TraceFile) {
        self.file = file
        unsafe stored = .allocate(byteCount: 1 << 16, alignment: 64)
        unsafe raw = .allocate(byteCount: 1 << 16, alignment: 64)
        unsafe scratch = .allocate(byteCount: Int(HL_EVENTS_SCRATCH_BYTES), alignment: 64)
        unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: Int(HL_EVENTS_SCRATCH_BYTES))
    }

    deinit {
        unsafe stored.deallocate()
        unsafe raw.deallocate()
        unsafe scratch.deallocate()
    }

    /// Checks the file header and returns the offset of the first chunk and the wall clock at the start.
    func fileHeader() throws(TraceError) -> (first: UInt64, startUnixNanoseconds: UInt64) {
        let size = MemoryLayout<hl_file_header>.size
        var header = hl_file_header()
        let bytes = try file.prefix(size)
        guard bytes.count == size else {
            throw TraceError(
                .damaged, path: file.path, offset: file.size, message: "ends inside the header of a Heapline trace")
        }
        unsafe withUnsafeMutableBytes(of: &header) { unsafe $0.copyBytes(from: bytes) }
        guard header.version == HL_FORMAT_VERSION else {
            throw TraceError(
                .version, path: file.path, offset: 8,
                message: "has version \(header.version) of the trace format; this heapline reads version "
                    + "\(HL_FORMAT_VERSION): use the version that recorded it")
        }
        let checksum = unsafe bytes.withUnsafeBytes { bytes in
            unsafe hl_crc32c(0, bytes.baseAddress!, MemoryLayout<hl_file_header>.offset(of: \.checksum)!)
        }
        guard checksum == header.checksum, Int(header.header_bytes) >= size else {
            throw TraceError(.damaged, path: file.path, offset: 0, message: "has a damaged header")
        }
        return (UInt64(header.header_bytes), header.start_unix_ns)
    }

    /// The chunk at `offset`, or nil when the file ends before the chunk does.
    func chunk(at offset: UInt64) throws(TraceError) -> Chunk? {
        let size = MemoryLayout<hl_chunk>.size
        guard offset <= file.size, file.size - offset >= UInt64(size) else { return nil }
        unsafe try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: stored[0..<size]))
        var header = unsafe stored.loadUnaligned(as: hl_chunk.self)
        guard unsafe hl_chunk_check(&header) == 0 else {
            throw TraceError(.damaged, path: file.path, offset: offset, message: "has a damaged chunk header")
        }
        guard header.raw_bytes <= Self.largestPayload, header.stored_bytes <= Self.largestPayload else {
            throw TraceError(.damaged, path: file.path, offset: offset, message: "has a chunk of impossible size")
        }
        let chunk = Chunk(offset: offset, header: header)
        return chunk.payloadOffset + UInt64(header.stored_bytes) <= file.size ? chunk : nil
    }

    /// Checks a payload's checksum without unpacking it.
    func verify(_ chunk: Chunk) throws(TraceError) {
        let count = Int(chunk.header.stored_bytes)
        guard count > 0 else { return }
        unsafe Self.make(&stored, hold: count)
        unsafe try file.read(at: chunk.payloadOffset, into: UnsafeMutableRawBufferPointer(rebasing: stored[0..<count]))
        guard unsafe hl_crc32c(0, stored.baseAddress!, count) == chunk.header.payload_checksum else {
            throw damaged(chunk, "has a damaged payload (checksum)")
        }
    }

    /// The payload, checked and decompressed; valid until the next call.
    func payload(_ chunk: Chunk) throws(TraceError) -> UnsafeRawBufferPointer {
        try verify(chunk)
        let count = Int(chunk.header.stored_bytes)
        let size = Int(chunk.header.raw_bytes)
        switch UInt32(chunk.header.codec) {
        case HL_CODEC_NONE.rawValue:
            guard count == size else { throw damaged(chunk, "has a chunk whose sizes contradict each other") }
            return unsafe UnsafeRawBufferPointer(rebasing: stored[0..<count])
        default:
            guard hl_zstd_available() != 0 else {
                throw TraceError(
                    .library, path: file.path, offset: chunk.offset,
                    message: "is compressed with zstd and libzstd.so.1 was not found: install libzstd")
            }
            unsafe Self.make(&raw, hold: size)
            let written = unsafe hl_zstd_decompress(stored.baseAddress!, count, raw.baseAddress!, size)
            guard written == size, size > 0 else { throw damaged(chunk, "has a chunk that does not decompress") }
            return unsafe UnsafeRawBufferPointer(rebasing: raw[0..<size])
        }
    }

    /// Decodes the records of an events chunk into `out`, which holds at least `header.count`.
    ///
    /// - Returns: whether they are in the order in which ``CoreMerge`` takes them, each and every one.
    func events(_ chunk: Chunk, into out: UnsafeMutablePointer<hl_record>) throws(TraceError) -> Bool {
        let bytes = unsafe try payload(chunk)
        guard chunk.header.count > 0, let base = bytes.baseAddress else { throw damaged(chunk, "has an empty chunk of events") }
        let result = unsafe hl_events_decode(
            base.assumingMemoryBound(to: UInt8.self), bytes.count, chunk.header.count, chunk.header.first, out, scratch)
        guard result == 0 else { throw damaged(chunk, "has events that cannot be decoded") }
        return unsafe hl_events_in_order(scratch) != 0
    }

    func damaged(_ chunk: Chunk, _ message: String) -> TraceError {
        TraceError(.damaged, path: file.path, offset: chunk.offset, message: message)
    }

    private static func make(_ buffer: inout UnsafeMutableRawBufferPointer, hold count: Int) {
        guard buffer.count < count else { return }
        unsafe buffer.deallocate()
        unsafe buffer = .allocate(byteCount: count, alignment: 64)
    }
}
