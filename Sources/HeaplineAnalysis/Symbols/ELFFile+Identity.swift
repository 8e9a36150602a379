// SPDX-License-Identifier: Apache-2.0
//
// What ties an ELF file to a recording and to its debug file: the build-id note, and .gnu_debuglink with its CRC.

extension ELFFile {
    /// The GNU build-id, or empty when the linker wrote none.
    var buildID: [UInt8] {
        // Sections first: a separate debug file keeps the program headers of the original, whose offsets mean nothing there.
        for section in sections where section.type == Self.noteSection {
            if let id = buildID(offset: section.offset, size: section.size, alignment: 4) { return id }
        }
        for segment in segments where segment.type == Self.noteSegment {
            if let id = buildID(
                offset: segment.offset, size: segment.fileSize, alignment: Int(clamping: segment.alignment))
            {
                return id
            }
        }
        return []
    }

    // A note is (name size, description size, type), name, description, each padded to the alignment.
    private func buildID(offset: UInt64, size: UInt64, alignment: Int) -> [UInt8]? {
        guard var at = Int(exactly: offset), let length = Int(exactly: size), store.contains(offset: at, count: length)
        else {
            return nil
        }
        let end = at + length
        let padding = alignment == 8 ? 7 : 3
        while end - at >= 12 {
            let nameSize = Int(store.integer(at: at, as: UInt32.self)!)
            let descriptionSize = Int(store.integer(at: at + 4, as: UInt32.self)!)
            let type = store.integer(at: at + 8, as: UInt32.self)!
            let name = at + 12
            let description = name + ((nameSize + padding) & ~padding)
            guard description <= end, descriptionSize <= end - description else { return nil }
            if type == 3, nameSize == 4, store.bytes(at: name, count: 4) == [0x47, 0x4e, 0x55, 0] {
                return descriptionSize <= 64 ? store.bytes(at: description, count: descriptionSize) : nil
            }
            at = description + ((descriptionSize + padding) & ~padding)
        }
        return nil
    }

    /// The file name and CRC-32 of the separate debug file this one names.
    var debugLink: (name: String, crc: UInt32)? {
        guard let section = section(named: ".gnu_debuglink"), let bytes = content(of: section),
            let end = bytes.firstIndex(of: 0), end > 0
        else { return nil }
        let at = (end + 4) & ~3
        guard at + 4 <= bytes.count else { return nil }
        let crc = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
        let name = String(decoding: bytes[..<end], as: UTF8.self)
        // A name, not a path: a damaged or hostile file must not lead elsewhere.
        guard !name.utf8.contains(UInt8(ascii: "/")), name != "." && name != ".." else { return nil }
        return (name, crc)
    }
}

/// The CRC-32 of .gnu_debuglink (polynomial 0xEDB88320, reflected, inverted at both ends: the CRC of zlib).
struct DebugLinkChecksum {
    // tables[k][b]: the CRC of byte b followed by k zero bytes, which lets eight bytes be folded at once.
    private static let tables: [[UInt32]] = {
        var tables = [[UInt32]](repeating: [UInt32](repeating: 0, count: 256), count: 8)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
            tables[0][byte] = value
        }
        for k in 1..<8 {
            for byte in 0..<256 {
                let previous = tables[k - 1][byte]
                tables[k][byte] = tables[0][Int(previous & 0xff)] ^ (previous >> 8)
            }
        }
        return tables
    }()

    static func checksum(_ store: ByteStore) -> UInt32 {
        store.withBytes(at: 0, count: store.count) { checksum($0) } ?? 0
    }

    static func checksum(_ bytes: borrowing RawSpan) -> UInt32 {
        let table = tables.flatMap { $0 }
        var crc: UInt32 = 0xffff_ffff
        var at = 0
        let count = bytes.byteCount
        while count - at >= 8 {
            let word =
                unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
                ^ UInt64(crc)
            crc = 0
            for k in 0..<8 { crc ^= table[(7 - k) * 256 + Int((word >> (8 * UInt64(k))) & 0xff)] }
            at += 8
        }
        while at < count {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: at, as: UInt8.self)
            crc = table[Int((crc ^ UInt32(byte)) & 0xff)] ^ (crc >> 8)
            at += 1
        }
        return ~crc
    }
}
