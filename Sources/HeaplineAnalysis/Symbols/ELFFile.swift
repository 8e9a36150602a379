// SPDX-License-Identifier: Apache-2.0
//
// The parts of an ELF64 file that symbolisation needs: segments, sections, build-id and the link to a separate debug
// file. Every offset is checked, so a damaged file is an `ELFError` with an offset and never a trap.
// DWARF is not read here: that is llvm-symbolizer's business (LineSymbolizer.swift).

/// Why a file could not be read as ELF64, and where.
struct ELFError: Error, Equatable, CustomStringConvertible {
    enum Code: Equatable {
        case notELF, not64Bit, notLittleEndian, truncatedHeader, damagedSegments, damagedSections
    }
    var code: Code
    var offset: Int

    var description: String {
        let what =
            switch code {
            case .notELF: "not an ELF file"
            case .not64Bit: "a 32-bit ELF file, which is not supported"
            case .notLittleEndian: "a big-endian ELF file, which is not supported"
            case .truncatedHeader: "ELF header cut off"
            case .damagedSegments: "program header table outside the file"
            case .damagedSections: "section table outside the file"
            }
        return "\(what) (offset \(offset))"
    }
}

/// An ELF64 little-endian file, or an image of one in memory.
struct ELFFile {
    struct Segment {
        var type: UInt32
        var flags: UInt32
        var offset: UInt64
        var address: UInt64
        var fileSize: UInt64
        var memorySize: UInt64
        var alignment: UInt64
    }

    struct Section {
        var name: String
        var type: UInt32
        var flags: UInt64
        var address: UInt64
        var offset: UInt64
        var size: UInt64
        var link: UInt32

        var isExecutable: Bool { flags & 4 != 0 }
        var hasContent: Bool { type != 0 && type != ELFFile.noBits }

        func contains(_ virtualAddress: UInt64) -> Bool {
            virtualAddress >= address && virtualAddress - address < size
        }
    }

    static let noBits: UInt32 = 8
    static let noteSection: UInt32 = 7
    static let dynamicSegment: UInt32 = 2
    static let noteSegment: UInt32 = 4
    static let ehFrameHeaderSegment: UInt32 = 0x6474_e550

    let store: ByteStore
    let machine: UInt16
    let segments: [Segment]
    let sections: [Section]

    init(_ store: ByteStore) throws(ELFError) {
        self.store = store
        guard store.integer(at: 0, as: UInt32.self) == 0x464c_457f else { throw ELFError(code: .notELF, offset: 0) }
        guard store.integer(at: 4, as: UInt8.self) == 2 else { throw ELFError(code: .not64Bit, offset: 4) }
        guard store.integer(at: 5, as: UInt8.self) == 1 else { throw ELFError(code: .notLittleEndian, offset: 5) }
        guard store.contains(offset: 0, count: 64) else { throw ELFError(code: .truncatedHeader, offset: store.count) }
        machine = store.integer(at: 18, as: UInt16.self)!
        sections = try Self.readSections(store)
        segments = try Self.readSegments(store)
    }

    func section(named name: String) -> Section? { sections.first { $0.name == name } }

    /// The content of a section that is in the file; nil for `.bss`-like sections and for damaged ones.
    func content(of section: Section) -> [UInt8]? {
        guard section.hasContent, let offset = Int(exactly: section.offset), let size = Int(exactly: section.size)
        else {
            return nil
        }
        return store.bytes(at: offset, count: size)
    }

    /// Whether the file has line information of its own.
    var hasDebugInfo: Bool {
        sections.contains { section in
            section.hasContent && section.size > 0
                && (section.name == ".debug_info" || section.name == ".debug_line" || section.name == ".zdebug_info")
        }
    }

    /// The offset in the file of a virtual address, as the program headers map it.
    func fileOffset(of address: UInt64) -> Int? {
        for segment in segments where segment.type == 1 && address >= segment.address {
            let distance = address - segment.address
            guard distance < segment.fileSize else { continue }
            let (offset, overflow) = segment.offset.addingReportingOverflow(distance)
            return overflow ? nil : Int(exactly: offset)
        }
        return nil
    }
}

extension ELFFile {
    private static func readSegments(_ store: ByteStore) throws(ELFError) -> [Segment] {
        let start = store.integer(at: 32, as: UInt64.self)!
        let entrySize = Int(store.integer(at: 54, as: UInt16.self)!)
        var count = Int(store.integer(at: 56, as: UInt16.self)!)
        guard start != 0, count > 0 else { return [] }
        // 0xffff: the real number is in the first section header's sh_info.
        if count == 0xffff, let first = Int(exactly: store.integer(at: 40, as: UInt64.self)!), first > 0,
            first < store.count, let many = store.integer(at: first + 44, as: UInt32.self)
        {
            count = Int(many)
        }
        guard let base = Int(exactly: start), entrySize >= 56, count <= store.count / entrySize,
            store.contains(offset: base, count: count * entrySize)
        else { throw ELFError(code: .damagedSegments, offset: 32) }
        return (0..<count).map { index in
            let at = base + index * entrySize
            return Segment(
                type: store.integer(at: at, as: UInt32.self)!, flags: store.integer(at: at + 4, as: UInt32.self)!,
                offset: store.integer(at: at + 8, as: UInt64.self)!,
                address: store.integer(at: at + 16, as: UInt64.self)!,
                fileSize: store.integer(at: at + 32, as: UInt64.self)!,
                memorySize: store.integer(at: at + 40, as: UInt64.self)!,
                alignment: store.integer(at: at + 48, as: UInt64.self)!)
        }
    }

    private static func readSections(_ store: ByteStore) throws(ELFError) -> [Section] {
        let start = store.integer(at: 40, as: UInt64.self)!
        let entrySize = Int(store.integer(at: 58, as: UInt16.self)!)
        var count = Int(store.integer(at: 60, as: UInt16.self)!)
        var namesIndex = Int(store.integer(at: 62, as: UInt16.self)!)
        guard start != 0 else { return [] }
        guard let base = Int(exactly: start), entrySize >= 64, store.contains(offset: base, count: entrySize) else {
            throw ELFError(code: .damagedSections, offset: 40)
        }
        // Large files keep the two numbers in the first, otherwise empty, section header.
        if count == 0 { count = Int(exactly: store.integer(at: base + 32, as: UInt64.self)!) ?? Int.max }
        if namesIndex == 0xffff { namesIndex = Int(store.integer(at: base + 40, as: UInt32.self)!) }
        guard count <= store.count / entrySize, store.contains(offset: base, count: count * entrySize) else {
            throw ELFError(code: .damagedSections, offset: 60)
        }
        func value(_ index: Int, _ field: Int) -> UInt64 {
            store.integer(at: base + index * entrySize + field, as: UInt64.self)!
        }
        var names = 0..<0
        if namesIndex < count, let offset = Int(exactly: value(namesIndex, 24)),
            let size = Int(exactly: value(namesIndex, 32)), store.contains(offset: offset, count: size)
        {
            names = offset..<(offset + size)
        }
        return (0..<count).map { index in
            let at = base + index * entrySize
            let nameOffset = Int(store.integer(at: at, as: UInt32.self)!)
            let name =
                nameOffset < names.count ? store.string(at: names.lowerBound + nameOffset, end: names.upperBound) : nil
            return Section(
                name: name ?? "", type: store.integer(at: at + 4, as: UInt32.self)!, flags: value(index, 8),
                address: value(index, 16), offset: value(index, 24), size: value(index, 32),
                link: store.integer(at: at + 40, as: UInt32.self)!)
        }
    }
}
