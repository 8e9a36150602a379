// SPDX-License-Identifier: Apache-2.0
//
// A gzip file (RFC 1952) around a deflate stream (RFC 1951). libz makes the stream where this machine has it; otherwise it
// consists of stored blocks, which every reader accepts. compress2 wraps its stream in 2 bytes before and 4 after (RFC 1950).

internal import Glibc

enum Gzip {
    /// A gzip file that holds `bytes`. The same bytes give the same file: it bears no time and no name.
    static func file(_ bytes: [UInt8], allowLibrary: Bool = true) -> [UInt8] {
        var result: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
        result += (allowLibrary ? deflate(bytes) : nil) ?? stored(bytes)
        for value in [checksum(bytes), UInt32(truncatingIfNeeded: bytes.count)] {
            for shift in [UInt32(0), 8, 16, 24] { result.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        return result
    }

    /// CRC-32 as gzip defines it (reflected, polynomial 0xEDB88320).
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = .max
        for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 255)] ^ (crc >> 8) }
        return ~crc
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? 0xedb8_8320 ^ (crc >> 1) : crc >> 1 }
    }

    /// Blocks of at most 65,535 bytes: a byte with the last-block bit, the length, its complement, the bytes.
    private static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        repeat {
            let count = min(65_535, bytes.count - at)
            result.append(at + count == bytes.count ? 1 : 0)
            for value in [UInt16(count), ~UInt16(count)] {
                result += [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
            }
            result += bytes[at..<(at + count)]
            at += count
        } while at < bytes.count
        return result
    }

    private typealias Compress =
        @convention(c) (
            UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt>?, UnsafePointer<UInt8>?, UInt, CInt
        ) -> CInt

    private static func deflate(_ bytes: [UInt8]) -> [UInt8]? {
        guard let library = unsafe dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL) else { return nil }
        defer { unsafe _ = dlclose(library) }
        guard let symbol = unsafe dlsym(library, "compress2") else { return nil }
        let compress = unsafe unsafeBitCast(symbol, to: Compress.self)
        // At most 5 bytes for each stored block of 16 KiB, and the wrapping.
        var capacity = UInt(bytes.count + bytes.count / 1000 + 64)
        var failed = false
        let stream = unsafe [UInt8](unsafeUninitializedCapacity: Int(capacity)) { buffer, count in
            let result = unsafe bytes.withUnsafeBufferPointer { source in
                unsafe compress(buffer.baseAddress, &capacity, source.baseAddress, UInt(bytes.count), 6)
            }
            failed = result != 0 || capacity < 6
            count = failed ? 0 : Int(capacity)
        }
        return failed ? nil : Array(stream[2..<(stream.count - 4)])
    }
}
