// SPDX-License-Identifier: Apache-2.0
//
// What an ELF file says about its data: which variable an address is in, and what the loader puts into a word.

extension ELFFile {
    /// The variables of a file, by address.
    struct DataSymbols {
        struct Symbol {
            var address: UInt64
            var size: UInt64
            var name: Int  // offset in the file
            var end: Int  // of the table that holds the name
        }
        private let file: ELFFile
        private var symbols: [Symbol] = []

        init(_ file: ELFFile) {
            self.file = file
            for section in file.sections where section.type == 2 || section.type == 11 { scan(section) }
            symbols.sort { ($0.address, $1.size) < ($1.address, $0.size) }
        }

        private mutating func scan(_ table: Section) {
            guard Int(table.link) < file.sections.count, let start = Int(exactly: table.offset), let size = Int(exactly: table.size),
                file.store.contains(offset: start, count: size)
            else { return }
            let strings = file.sections[Int(table.link)]
            guard let names = Int(exactly: strings.offset), let length = Int(exactly: strings.size),
                file.store.contains(offset: names, count: length)
            else { return }
            for at in stride(from: start, to: start + size - 23, by: 24) {
                guard file.store.integer(at: at + 4, as: UInt8.self).map({ $0 & 15 }) == 1,  // an object
                    let section = file.store.integer(at: at + 6, as: UInt16.self), section != 0,
                    let name = file.store.integer(at: at, as: UInt32.self), Int(name) < length,
                    let address = file.store.integer(at: at + 8, as: UInt64.self),
                    let size = file.store.integer(at: at + 16, as: UInt64.self)
                else { continue }
                symbols.append(Symbol(address: address, size: size, name: names + Int(name), end: names + length))
            }
        }

        /// Names of variables that begin at or shortly before an address and hold it, the nearest first.
        func names(holding address: UInt64) -> [(name: String, start: UInt64)] {
            var low = 0
            var high = symbols.count
            while low < high {
                let middle = (low + high) / 2
                if symbols[middle].address <= address { low = middle + 1 } else { high = middle }
            }
            var found: [(name: String, start: UInt64)] = []
            while low > 0, found.count < 8, address - symbols[low - 1].address < 1 << 16 {
                low -= 1
                let symbol = symbols[low]
                guard address == symbol.address || address - symbol.address < symbol.size else {
                    if address - symbol.address > 4096 { break }
                    continue
                }
                if let name = file.store.string(at: symbol.name, end: symbol.end) { found.append((name, symbol.address)) }
            }
            return found
        }
    }

    /// The words of a file that the loader fills with an address of the same file, by place.
    func relocatedWords() -> [UInt64: UInt64] {
        // R_X86_64_RELATIVE, R_AARCH64_RELATIVE
        let relative: UInt64 = machine == 62 ? 8 : 1027
        var words: [UInt64: UInt64] = [:]
        for section in sections where section.type == 4 {
            guard let start = Int(exactly: section.offset), let size = Int(exactly: section.size),
                store.contains(offset: start, count: size)
            else { continue }
            for at in stride(from: start, to: start + size - 23, by: 24) {
                guard store.integer(at: at + 8, as: UInt64.self).map({ $0 & 0xffff_ffff }) == relative,
                    let place = store.integer(at: at, as: UInt64.self), let value = store.integer(at: at + 16, as: UInt64.self)
                else { continue }
                words[place] = value
            }
        }
        return words
    }
}
