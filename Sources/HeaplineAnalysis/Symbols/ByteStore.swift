// SPDX-License-Identifier: Apache-2.0
//
// Bytes of a file or of memory, read with bounds checks: an offset outside is nil, never a trap.
// Files are mapped read-only, so a 200 MB binary costs only the pages that are looked at.
// A file that shrinks while it is mapped would raise SIGBUS; linkers and package managers replace files by rename, so
// the mapping keeps the old content.

import Glibc

/// Immutable bytes with checked reads; offsets are `Int` and anything outside `0..<count` reads as nil.
///
/// Safe because `base` is private, every read is checked against `count`, and the memory lives as long as the object.
@safe
final class ByteStore {
    private let base: UnsafeRawPointer
    let count: Int
    private let isMapped: Bool

    /// Maps a regular file read-only; the error is the `errno` of the call that failed.
    init(mapping path: String) throws(SystemError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw SystemError.current }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw SystemError.current }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(rawValue: ENOTSUP) }
        let size = Int(status.st_size)
        guard size > 0 else {
            unsafe base = UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))
            count = 0
            isMapped = false
            return
        }
        guard let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
            unsafe address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw SystemError.current }
        unsafe base = UnsafeRawPointer(address)
        count = size
        isMapped = true
    }

    /// Copies bytes that are already in memory.
    init(_ bytes: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        unsafe bytes.withUnsafeBytes { source in unsafe copy.copyMemory(from: source) }
        unsafe base = UnsafeRawPointer(copy.baseAddress!)
        count = bytes.count
        isMapped = false
    }

    deinit {
        if isMapped {
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
        } else {
            unsafe base.deallocate()
        }
    }

    /// Whether `count` bytes exist at `offset`.
    func contains(offset: Int, count length: Int) -> Bool {
        offset >= 0 && length >= 0 && offset <= count && length <= count - offset
    }

    /// The little-endian integer at `offset`.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T? {
        guard contains(offset: offset, count: MemoryLayout<T>.size) else { return nil }
        return unsafe T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// The string that starts at `offset` and ends before a zero byte or `end`; nil when it starts outside.
    func string(at offset: Int, end: Int) -> String? {
        let limit = min(end, count)
        guard offset >= 0, offset < limit else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: base + offset, count: limit - offset)
        let length = unsafe memchr(base + offset, 0, limit - offset).map {
            unsafe UnsafeRawPointer($0) - (base + offset)
        }
        return unsafe String(decoding: bytes.prefix(length ?? bytes.count), as: UTF8.self)
    }

    /// A copy of part of the bytes.
    func bytes(at offset: Int, count length: Int) -> [UInt8]? {
        guard contains(offset: offset, count: length) else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: base + offset, count: length))
    }

    /// Reads part of the bytes in place; nil when it is not all there.
    func withBytes<R>(at offset: Int, count length: Int, _ body: (borrowing RawSpan) -> R) -> R? {
        guard contains(offset: offset, count: length) else { return nil }
        let buffer = unsafe UnsafeRawBufferPointer(start: base + offset, count: length)
        return unsafe body(buffer.bytes)
    }

    /// Where `byte` first occurs in `range`.
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        guard contains(offset: range.lowerBound, count: range.count), !range.isEmpty else { return nil }
        let found = unsafe memchr(base + range.lowerBound, Int32(byte), range.count)
        return unsafe found.map { unsafe UnsafeRawPointer($0) - base }
    }

    /// Whether the bytes of `pattern` occur anywhere.
    func contains(_ pattern: [UInt8]) -> Bool {
        unsafe findMemory(base, count, pattern, pattern.count) != nil
    }
}

extension ByteStore {
    /// An error number of the system, with its text.
    struct SystemError: Error, Equatable, CustomStringConvertible {
        var rawValue: Int32

        static var current: SystemError { SystemError(rawValue: errno) }

        var description: String {
            guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
            return unsafe String(cString: text)
        }
    }
}

// Declared by <string.h> only for _GNU_SOURCE, which Swift's Glibc module is built without.
@_silgen_name("memmem")
private func findMemory(
    _ haystack: UnsafeRawPointer, _ haystackLength: Int, _ needle: UnsafeRawPointer, _ needleLength: Int
) -> UnsafeMutableRawPointer?
