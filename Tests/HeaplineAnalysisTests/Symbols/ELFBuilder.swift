// SPDX-License-Identifier: Apache-2.0
//
// Writes small ELF files whose content is known by construction, so the reader is tested without a compiler.

/// An ELF64 file with one executable section and what else a test asks for.
struct ELFBuilder {
    struct Symbol: Equatable {
        var name: String
        var address: UInt64
        var size: UInt64
        var type: UInt8 = 2
        var binding: UInt8 = 1
    }

    var textAddress: UInt64 = 0x1000
    var textSize: UInt64 = 0x1000
    var symbols: [Symbol] = []
    var dynamicSymbols: [Symbol] = []
    var buildID: [UInt8] = []
    var debugLink: (name: String, crc: UInt32)?
    var extraSections: [(name: String, bytes: [UInt8])] = []
    /// Starts and sizes of functions, for `.eh_frame_hdr` and `.eh_frame`.
    var functions: [(start: UInt64, size: UInt32)] = []

    private struct Section {
        var name: String
        var type: UInt32
        var flags: UInt64 = 0
        var address: UInt64 = 0
        var bytes: [UInt8]
        var size: UInt64
        var link: UInt32 = 0
    }

    func build() -> [UInt8] {
        var sections = [Section(name: "", type: 0, bytes: [], size: 0)]
        func add(_ name: String, _ type: UInt32, _ bytes: [UInt8]) {
            sections.append(Section(name: name, type: type, bytes: bytes, size: UInt64(bytes.count)))
        }
        // Not in the file, as in a separate debug file; the reader never looks at code.
        sections.append(Section(name: ".text", type: 8, flags: 6, address: textAddress, bytes: [], size: textSize))
        if !buildID.isEmpty {
            var note = Self.number(UInt32(4)) + Self.number(UInt32(buildID.count)) + Self.number(UInt32(3))
            note += Array("GNU\0".utf8) + buildID
            add(".note.gnu.build-id", 7, note)
        }
        for (table, type, name, names) in [
            (symbols, UInt32(2), ".symtab", ".strtab"), (dynamicSymbols, 11, ".dynsym", ".dynstr"),
        ] where !table.isEmpty {
            var entries = [UInt8](repeating: 0, count: 24)
            var strings: [UInt8] = [0]
            for symbol in table {
                entries += Self.number(UInt32(strings.count)) + [symbol.binding << 4 | symbol.type, 0]
                entries += Self.number(UInt16(1)) + Self.number(symbol.address) + Self.number(symbol.size)
                strings += Array(symbol.name.utf8) + [0]
            }
            add(name, type, entries)
            sections[sections.count - 1].link = UInt32(sections.count)
            add(names, 3, strings)
        }
        if let (name, crc) = debugLink {
            var bytes = Array(name.utf8) + [0]
            while bytes.count % 4 != 0 { bytes.append(0) }
            add(".gnu_debuglink", 1, bytes + Self.number(crc))
        }
        for (name, bytes) in extraSections { add(name, 1, bytes) }
        var segments: [[UInt8]] = []
        let frameAddress: UInt64 = 0x8_0000
        if !functions.isEmpty {
            add(".eh_frame_hdr+.eh_frame", 1, unwindTables(at: frameAddress))
        }

        var names: [UInt8] = []
        var nameOffsets: [UInt32] = []
        sections.append(Section(name: ".shstrtab", type: 3, bytes: [], size: 0))
        for section in sections {
            nameOffsets.append(UInt32(names.count))
            names += Array(section.name.utf8) + [0]
        }
        sections[sections.count - 1].bytes = names
        sections[sections.count - 1].size = UInt64(names.count)

        var body: [UInt8] = []
        var headers: [UInt8] = []
        let segmentCount = functions.isEmpty ? 0 : 2
        let start = 64 + 56 * segmentCount
        for (section, nameOffset) in zip(sections, nameOffsets) {
            while body.count % 8 != 0 { body.append(0) }
            let offset = UInt64(start + body.count)
            if section.name.hasPrefix(".eh_frame_hdr") {
                for type in [UInt32(1), 0x6474_e550] {
                    segments.append(
                        Self.number(type) + Self.number(UInt32(4)) + Self.number(offset) + Self.number(frameAddress)
                            + Self.number(frameAddress) + Self.number(section.size) + Self.number(section.size)
                            + Self.number(UInt64(4)))
                }
            }
            body += section.bytes
            headers += Self.number(nameOffset) + Self.number(section.type) + Self.number(section.flags)
            headers += Self.number(section.address) + Self.number(offset) + Self.number(section.size)
            headers +=
                Self.number(section.link) + Self.number(UInt32(0)) + Self.number(UInt64(1)) + Self.number(UInt64(0))
        }
        while body.count % 8 != 0 { body.append(0) }
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
        file += Self.number(UInt16(3)) + Self.number(UInt16(62)) + Self.number(UInt32(1)) + Self.number(UInt64(0))
        file += Self.number(UInt64(segmentCount == 0 ? 0 : 64)) + Self.number(UInt64(start + body.count))
        file += Self.number(UInt32(0)) + Self.number(UInt16(64)) + Self.number(UInt16(56))
        file += Self.number(UInt16(segmentCount)) + Self.number(UInt16(64)) + Self.number(UInt16(sections.count))
        file += Self.number(UInt16(sections.count - 1))
        return file + segments.flatMap { $0 } + body + headers
    }

    // The header (version, encodings, pointer, count), its sorted table, then one frame description per function.
    private func unwindTables(at address: UInt64) -> [UInt8] {
        let sorted = functions.sorted { $0.start < $1.start }
        let frames = address + 12 + UInt64(sorted.count * 8)
        var table: [UInt8] = [1, 0x1b, 0x03, 0x3b] + Self.number(Int32(0)) + Self.number(UInt32(sorted.count))
        var descriptions: [UInt8] = []
        for (index, function) in sorted.enumerated() {
            let frame = frames + UInt64(index * 16)
            table += Self.number(Int32(Int64(function.start) - Int64(address)))
            table += Self.number(Int32(Int64(frame) - Int64(address)))
            descriptions += Self.number(UInt32(12)) + Self.number(UInt32(0))
            descriptions += Self.number(Int32(Int64(function.start) - Int64(frame + 8))) + Self.number(function.size)
        }
        return table + descriptions
    }

    static func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        (0..<MemoryLayout<T>.size).map { UInt8(truncatingIfNeeded: value >> (T(8) * T($0))) }
    }
}

/// Random numbers that a printed seed repeats (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Array where Element == UInt8 {
    /// A copy with a few bytes changed, a piece cut off, or a number made large: what damage and attacks look like.
    func mutated(_ random: inout SeededRandom) -> [UInt8] {
        var copy = self
        guard !copy.isEmpty else { return copy }
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let at = Int.random(in: 0..<copy.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: copy[at] = UInt8.random(in: 0...255, using: &random)
            case 1: copy[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: for index in at..<Swift.min(at + 8, copy.count) { copy[index] = 0xff }
            case 3: for index in at..<Swift.min(at + 4, copy.count) { copy[index] = 0 }
            default: if copy.count > 1, Bool.random(using: &random) { copy.removeLast(copy.count - Swift.max(at, 1)) }
            }
        }
        return copy
    }
}
