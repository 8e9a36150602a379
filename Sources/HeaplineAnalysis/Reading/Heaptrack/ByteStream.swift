// SPDX-License-Identifier: Apache-2.0
//
// A file's bytes from front to back, unpacked on the way when they are gzip or zstd. libzstd and libz are found at run time,
// as the files that need them are not ours. A stream that ends early just ends: `isCut` says so.

internal import Glibc
internal import HeaplineCollector

/// Safe because its buffers are private and every call of a library gets their true sizes.
@safe
final class ByteStream {
    private let file: TraceFile
    private var offset: UInt64 = 0
    private var input = [UInt8](repeating: 0, count: 1 << 17)
    private var inputAt = 0
    private var inputEnd = 0
    private let packing: Packing
    private var state: UnsafeMutableRawPointer?  // ZSTD_DStream, or z_stream
    private var ended = false
    private var needsMore = false  // inside a compressed frame
    /// Whether the file ended inside a compressed frame.
    private(set) var isCut = false

    private enum Packing {
        case none
        case zstd(Zstd)
        case gzip(Zlib)
    }

    // The libraries' own layouts, on 64-bit systems.
    @safe private struct ZstdBuffer {
        var bytes: UnsafeMutableRawPointer?
        var size: Int
        var position: Int
    }
    @safe private struct Zstd {
        let create: @convention(c) () -> UnsafeMutableRawPointer?
        let release: @convention(c) (UnsafeMutableRawPointer?) -> Int
        let decompress: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int
        let isError: @convention(c) (Int) -> UInt32
    }
    @safe private struct Zlib {
        static let streamBytes = 112
        static let nextIn = 0, availableIn = 8, nextOut = 24, availableOut = 32
        let begin: @convention(c) (UnsafeMutableRawPointer, Int32, UnsafePointer<CChar>, Int32) -> Int32
        let inflate: @convention(c) (UnsafeMutableRawPointer, Int32) -> Int32
        let reset: @convention(c) (UnsafeMutableRawPointer) -> Int32
        let end: @convention(c) (UnsafeMutableRawPointer) -> Int32
    }

    init(_ file: TraceFile) throws(TraceError) {
        self.file = file
        let magic = try file.prefix(4)
        if magic == [0x28, 0xb5, 0x2f, 0xfd] {
            guard let zstd = Self.zstd(), let made = unsafe zstd.create() else { throw Self.missing(file, "zstd", "libzstd.so.1") }
            packing = .zstd(zstd)
            unsafe state = made
        } else if magic.starts(with: [0x1f, 0x8b]) {
            guard let zlib = Self.zlib() else { throw Self.missing(file, "gzip", "libz.so.1") }
            let stream = UnsafeMutableRawPointer.allocate(byteCount: Zlib.streamBytes, alignment: 16)
            unsafe stream.initializeMemory(as: UInt8.self, repeating: 0, count: Zlib.streamBytes)
            // 15 bits of window, plus 16: a gzip header is expected.
            guard unsafe zlib.begin(stream, 31, "1.2.11", Int32(Zlib.streamBytes)) == 0 else {
                unsafe stream.deallocate()
                throw Self.missing(file, "gzip", "a libz.so.1 that works")
            }
            packing = .gzip(zlib)
            unsafe state = stream
        } else {
            packing = .none
        }
    }

    deinit {
        switch packing {
        case .none: break
        case .zstd(let zstd): _ = unsafe zstd.release(state)
        case .gzip(let zlib):
            if let state = unsafe state {
                _ = unsafe zlib.end(state)
                unsafe state.deallocate()
            }
        }
    }

    /// Puts the next bytes into `target` and returns how many; 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
        while !ended {
            if inputAt == inputEnd { try refill() }
            if inputAt == inputEnd {
                ended = true
                isCut = needsMore
                break
            }
            let wrote: Int
            switch packing {
            case .none:
                wrote = min(target.count, inputEnd - inputAt)
                unsafe input.withUnsafeBytes { bytes in
                    unsafe target.baseAddress!.copyMemory(from: bytes.baseAddress! + inputAt, byteCount: wrote)
                }
                inputAt += wrote
            case .zstd(let zstd): wrote = unsafe try readZstd(zstd, target)
            case .gzip(let zlib): wrote = unsafe try readGzip(zlib, target)
            }
            if wrote > 0 { return wrote }
        }
        return 0
    }

    private func refill() throws(TraceError) {
        let count = Int(min(UInt64(input.count), file.size - offset))
        inputAt = 0
        inputEnd = 0
        guard count > 0 else { return }
        var failure: TraceError?
        unsafe input.withUnsafeMutableBytes { buffer in
            do throws(TraceError) {
                unsafe try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        offset += UInt64(count)
        inputEnd = count
    }

    private func damaged() -> TraceError {
        TraceError(
            .damaged, path: file.path, offset: offset - UInt64(inputEnd - inputAt), message: "has damaged compressed data")
    }

    private func readZstd(_ zstd: Zstd, _ target: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
        var wrote = 0
        var failed = false
        unsafe input.withUnsafeMutableBytes { bytes in
            var from = unsafe ZstdBuffer(bytes: bytes.baseAddress, size: inputEnd, position: inputAt)
            var to = unsafe ZstdBuffer(bytes: target.baseAddress, size: target.count, position: 0)
            let left = unsafe zstd.decompress(state, &to, &from)
            failed = zstd.isError(left) != 0
            needsMore = left != 0
            inputAt = from.position
            wrote = to.position
        }
        if failed { throw damaged() }
        return wrote
    }

    private func readGzip(_ zlib: Zlib, _ target: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
        guard let stream = unsafe state, let out = target.baseAddress else { return 0 }
        let given = inputEnd - inputAt
        var result: Int32 = 0
        unsafe input.withUnsafeMutableBytes { bytes in
            unsafe stream.storeBytes(of: bytes.baseAddress! + inputAt, toByteOffset: Zlib.nextIn, as: UnsafeMutableRawPointer.self)
            unsafe stream.storeBytes(of: UInt32(given), toByteOffset: Zlib.availableIn, as: UInt32.self)
            unsafe stream.storeBytes(of: out, toByteOffset: Zlib.nextOut, as: UnsafeMutableRawPointer.self)
            unsafe stream.storeBytes(of: UInt32(target.count), toByteOffset: Zlib.availableOut, as: UInt32.self)
            unsafe result = zlib.inflate(stream, 0)
        }
        let left = unsafe stream.load(fromByteOffset: Zlib.availableIn, as: UInt32.self)
        let room = unsafe stream.load(fromByteOffset: Zlib.availableOut, as: UInt32.self)
        inputAt = inputEnd - Int(left)
        let wrote = target.count - Int(room)
        switch result {
        case 1:  // Z_STREAM_END: another member may follow
            needsMore = false
            _ = unsafe zlib.reset(stream)
        case 0, -5: needsMore = true  // Z_OK, Z_BUF_ERROR
        default: throw damaged()
        }
        return wrote
    }

    // MARK: Libraries

    private static func missing(_ file: TraceFile, _ packing: String, _ library: String) -> TraceError {
        TraceError(
            .library, path: file.path, message: "is compressed with \(packing) and \(library) was not found: unpack it first")
    }

    private static func zstd() -> Zstd? {
        guard let library = DynamicLibrary("libzstd.so.1"),
            let create = unsafe library.address(of: "ZSTD_createDStream"),
            let release = unsafe library.address(of: "ZSTD_freeDStream"),
            let decompress = unsafe library.address(of: "ZSTD_decompressStream"),
            let isError = unsafe library.address(of: "ZSTD_isError")
        else { return nil }
        return unsafe Zstd(
            create: unsafeBitCast(create, to: (@convention(c) () -> UnsafeMutableRawPointer?).self),
            release: unsafeBitCast(release, to: (@convention(c) (UnsafeMutableRawPointer?) -> Int).self),
            decompress: unsafeBitCast(
                decompress,
                to: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Int).self),
            isError: unsafeBitCast(isError, to: (@convention(c) (Int) -> UInt32).self))
    }

    private static func zlib() -> Zlib? {
        guard let library = DynamicLibrary("libz.so.1"),
            let begin = unsafe library.address(of: "inflateInit2_"), let inflate = unsafe library.address(of: "inflate"),
            let reset = unsafe library.address(of: "inflateReset"), let end = unsafe library.address(of: "inflateEnd")
        else { return nil }
        return unsafe Zlib(
            begin: unsafeBitCast(
                begin, to: (@convention(c) (UnsafeMutableRawPointer, Int32, UnsafePointer<CChar>, Int32) -> Int32).self),
            inflate: unsafeBitCast(inflate, to: (@convention(c) (UnsafeMutableRawPointer, Int32) -> Int32).self),
            reset: unsafeBitCast(reset, to: (@convention(c) (UnsafeMutableRawPointer) -> Int32).self),
            end: unsafeBitCast(end, to: (@convention(c) (UnsafeMutableRawPointer) -> Int32).self))
    }
}
