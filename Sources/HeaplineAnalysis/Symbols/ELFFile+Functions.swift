// SPDX-License-Identifier: Apache-2.0
//
// Where functions are in an ELF file: its symbol tables, the dynamic table of files without sections, and, for code
// without any symbol, the function starts of .eh_frame_hdr, so that one nameless function is one line in a report.

extension ELFFile {
    enum SymbolTable { case full, dynamic }

    /// Whether the file has a symbol table with local functions, not only the exported ones.
    var hasFullSymbolTable: Bool { sections.contains { $0.type == 2 && $0.hasContent && $0.size > 24 } }

    /// Feeds every function symbol of the file to `search`.
    func scanSymbols(into search: inout SymbolSearch, _ table: SymbolTable) {
        let type: UInt32 = table == .full ? 2 : 11
        for section in sections where section.type == type { search.scan(self, table: section) }
        if table == .dynamic, sections.isEmpty { scanDynamicSegment(into: &search) }
    }

    // A file stripped of its section table still has what the dynamic linker needs. The number of symbols is written
    // nowhere; linkers put the names right after the symbols, so their distance gives it.
    private func scanDynamicSegment(into search: inout SymbolSearch) {
        guard let dynamic = segments.first(where: { $0.type == Self.dynamicSegment }),
            let offset = Int(exactly: dynamic.offset), let size = Int(exactly: dynamic.fileSize),
            store.contains(offset: offset, count: size)
        else { return }
        var symbols: UInt64?
        var strings: UInt64?
        var stringsSize: UInt64?
        for at in stride(from: offset, to: offset + size - 15, by: 16) {
            let value = store.integer(at: at + 8, as: UInt64.self)
            switch store.integer(at: at, as: UInt64.self) {
            case 5: strings = value
            case 6: symbols = value
            case 10: stringsSize = value
            default: break
            }
        }
        guard let symbols = symbols.flatMap(fileOffset(of:)), let strings = strings.flatMap(fileOffset(of:)),
            let length = stringsSize.flatMap({ Int(exactly: $0) }), strings > symbols,
            store.contains(offset: strings, count: length)
        else { return }
        search.scan(self, symbols: symbols, size: strings - symbols, strings: strings..<(strings + length))
    }

    /// The start of the function that holds `address`, from the sorted table of `.eh_frame_hdr`.
    ///
    /// The table is (function start, frame description) in pairs of 32-bit offsets from the header; other encodings
    /// are allowed by the format but written by no linker, and read as nil.
    func functionStart(holding address: UInt64) -> UInt64? {
        guard let segment = segments.first(where: { $0.type == Self.ehFrameHeaderSegment }),
            let base = Int(exactly: segment.offset), store.contains(offset: base, count: 12),
            store.bytes(at: base, count: 4) == [1, 0x1b, 0x03, 0x3b],
            let count = store.integer(at: base + 8, as: UInt32.self).map(Int.init), count > 0,
            store.contains(offset: base + 12, count: count * 8)
        else { return nil }
        func start(_ index: Int) -> UInt64 {
            let offset = store.integer(at: base + 12 + index * 8, as: Int32.self)!
            return segment.address &+ UInt64(bitPattern: Int64(offset))
        }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if start(middle) <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let found = start(low - 1)
        return found <= address && holds(frame: low - 1, base: base, segment: segment, start: found, address)
            ? found : nil
    }

    // The frame description says how long the function is: length, pointer to its common part, start, size. The last
    // two are 32-bit in the encodings compilers use (pc-relative, sdata4); with others the nearest start must do.
    private func holds(frame index: Int, base: Int, segment: Segment, start: UInt64, _ address: UInt64) -> Bool {
        let offset = store.integer(at: base + 16 + index * 8, as: Int32.self)!
        let frameAddress = segment.address &+ UInt64(bitPattern: Int64(offset))
        guard let at = fileOffset(of: frameAddress), let startOffset = store.integer(at: at + 8, as: Int32.self),
            frameAddress &+ 8 &+ UInt64(bitPattern: Int64(startOffset)) == start,
            let size = store.integer(at: at + 12, as: UInt32.self)
        else { return true }
        return address - start < UInt64(size)
    }
}
