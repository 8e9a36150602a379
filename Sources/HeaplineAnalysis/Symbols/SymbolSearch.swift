// SPDX-License-Identifier: Apache-2.0
//
// Finds the symbol that holds each of a set of addresses in one pass over a symbol table. The table is never sorted or
// copied: memory is proportional to the addresses asked for, not to the 300,000 symbols of a compiler.
//
// The sorted addresses cut the address space into gaps; slot k stands for symbols that start after address k-1 and
// not after address k. Per slot two symbols are kept, the one that starts last and the one that reaches furthest;
// the second answers for code nested in it whose own symbol has ended.

/// A search for the symbols of a fixed set of virtual addresses, over any number of symbol tables.
struct SymbolSearch {
    private struct Candidate {
        var start: UInt64
        var end: UInt64  // first address after the symbol; for one without size, after its section
        var rank: UInt8
        var table: Int32
        var nameOffset: UInt32
    }

    // In a damaged table every name may seem to run to the end of the file.
    private static let longestName = 65536

    private let addresses: [UInt64]  // sorted, unique
    private var nearest: [Candidate?]
    private var furthest: [Candidate?]
    private var names: [(file: ELFFile, range: Range<Int>)] = []

    /// - Parameter addresses: sorted and without repetitions.
    init(addresses: [UInt64]) {
        self.addresses = addresses
        nearest = Array(repeating: nil, count: addresses.count)
        furthest = nearest
    }

    /// Considers every function of one symbol table.
    ///
    /// - Complexity: O(*s* log *a*) for *s* symbols and *a* addresses.
    mutating func scan(_ file: ELFFile, table: ELFFile.Section) {
        guard !addresses.isEmpty, table.hasContent, table.link < file.sections.count,
            let offset = Int(exactly: table.offset), let size = Int(exactly: table.size)
        else { return }
        let strings = file.sections[Int(table.link)]
        guard strings.hasContent, let stringsOffset = Int(exactly: strings.offset),
            let stringsSize = Int(exactly: strings.size), file.store.contains(offset: stringsOffset, count: stringsSize)
        else { return }
        scan(file, symbols: offset, size: size, strings: stringsOffset..<(stringsOffset + stringsSize))
    }

    /// As `scan(_:table:)`, with the places in the file of the symbols and of their names.
    mutating func scan(_ file: ELFFile, symbols offset: Int, size: Int, strings: Range<Int>) {
        let entrySize = 24
        let number = Int32(names.count)
        names.append((file, strings))
        let sections = file.sections
        let store = file.store
        let addresses = addresses
        guard let last = addresses.last else { return }
        var found: [(slot: Int, Candidate)] = []
        _ = file.store.withBytes(at: offset, count: size - size % entrySize) { bytes in
            for at in stride(from: 0, to: bytes.byteCount, by: entrySize) {
                let start = unsafe UInt64(
                    littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at + 8, as: UInt64.self))
                guard start <= last, start > 0 else { continue }
                let head = unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
                let info = UInt8(truncatingIfNeeded: head >> 32)
                let sectionIndex = Int(UInt16(truncatingIfNeeded: head >> 48))
                let type = info & 15
                // Functions, indirect functions, and untyped symbols (assembly), of this file only.
                guard type == 2 || type == 10 || type == 0, sectionIndex != 0 else { continue }
                let length = unsafe UInt64(
                    littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: at + 16, as: UInt64.self))
                var end = start &+ length
                let section = sectionIndex < sections.count ? sections[sectionIndex] : nil
                if let section {
                    guard section.isExecutable, section.contains(start) else { continue }
                    if length == 0 { end = section.address &+ section.size }
                } else if type == 0 || length == 0 {
                    continue
                }
                guard end > start else { continue }
                // $x, $d and the like mark where instructions and data begin on Arm and RISC-V.
                let nameOffset = UInt32(truncatingIfNeeded: head)
                if info == 0, Int(nameOffset) < strings.count,
                    store.integer(at: strings.lowerBound + Int(nameOffset), as: UInt8.self) == UInt8(ascii: "$")
                {
                    continue
                }
                let slot = addresses.partitioningIndex { $0 >= start }
                let binding = info >> 4
                let rank: UInt8 = (length > 0 ? 8 : 0) | (type == 0 ? 0 : 4) | (binding == 1 ? 2 : binding == 2 ? 1 : 0)
                found.append(
                    (
                        slot,
                        Candidate(
                            start: start, end: end, rank: rank, table: number,
                            nameOffset: nameOffset)
                    ))
                if found.count == 65536 {
                    for (slot, candidate) in found { consider(candidate, at: slot) }
                    found.removeAll(keepingCapacity: true)
                }
            }
        }
        for (slot, candidate) in found { consider(candidate, at: slot) }
    }

    private mutating func consider(_ new: Candidate, at slot: Int) {
        if prefers(new, nearest[slot], by: { ($0.start, UInt64($0.rank), 0) }) { nearest[slot] = new }
        // Only sized symbols enclose others; one without size reaches to the end of its section by assumption alone.
        guard new.rank & 8 != 0 else { return }
        if prefers(new, furthest[slot], by: { ($0.end, $0.start, $0.rank) }) { furthest[slot] = new }
    }

    // A total order, so that the answer depends neither on the order of the table nor on the other addresses asked for.
    private func prefers(
        _ new: Candidate, _ old: Candidate?, by key: (Candidate) -> (UInt64, UInt64, UInt8)
    ) -> Bool {
        guard let old else { return true }
        let (a, b) = (key(new), key(old))
        return a == b ? isPlainer(new, old) : a > b
    }

    // Of two names for the same code: the one with fewer leading underscores, then the shorter, then the first in
    // alphabetical order.
    private func isPlainer(_ new: Candidate, _ old: Candidate) -> Bool {
        guard let a = name(of: new), let b = name(of: old) else { return name(of: old) == nil }
        func key(_ name: String) -> (Int, Int, String) {
            (name.utf8.prefix { $0 == UInt8(ascii: "_") }.count, name.utf8.count, name)
        }
        return key(a) < key(b)
    }

    /// The symbol that holds each address, in the order of the addresses; nil where no symbol does.
    func results() -> [(name: String, start: UInt64)?] {
        var last: Candidate?
        var reaching: Candidate?
        return addresses.indices.map { k in
            let address = addresses[k]
            if let candidate = nearest[k] { last = candidate }
            if let candidate = furthest[k], candidate.end >= reaching?.end ?? 0 { reaching = candidate }
            // A label without size inside a function is a place in it, not another function.
            if let label = last, label.rank & 8 == 0, let reaching, label.start < reaching.end {
                return address < reaching.end ? result(reaching) : nil
            }
            for case let candidate? in [last, reaching] where address < candidate.end {
                if let result = result(candidate) { return result }
            }
            return nil
        }
    }

    private func result(_ candidate: Candidate) -> (name: String, start: UInt64)? {
        guard let name = name(of: candidate), !name.isEmpty else { return nil }
        return (name, candidate.start)
    }

    private func name(of candidate: Candidate) -> String? {
        let (file, range) = names[Int(candidate.table)]
        let offset = Int(candidate.nameOffset)
        guard offset < range.count else { return nil }
        let start = range.lowerBound + offset
        return file.store.string(at: start, end: min(range.upperBound, start + Self.longestName))
    }
}
