// SPDX-License-Identifier: Apache-2.0
//
// The few facts about an executable that decide whether a preloaded library can trace it: read from its ELF headers and
// dynamic symbol table, never by running it. A damaged file yields what could be read.

internal import Glibc

struct ExecutableFile {
    enum Kind: Equatable {
        case elf
        case script(interpreter: [String])
        case unknown
    }

    var path: String
    var kind: Kind = .unknown
    var is64Bit = true
    var machine: UInt16 = 0
    var interpreter: String?  // the loader; none: statically linked
    var isDynamic = false
    var needed: [String] = []
    var definesMalloc = false
    var symbols: Set<String> = []  // of `marks`, those that occur
    var setsID = false

    private static let marks: Set<String> = [
        "__asan_init", "__tsan_init", "__msan_init", "__lsan_init", "__hwasan_init", "_rjem_malloc", "mi_malloc", "runtime.goexit",
    ]

    /// Reads `path`; nil when it cannot be opened.
    init?(path: String) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        self.path = path
        var status = stat()
        unsafe fstat(file, &status)
        setsID = status.st_mode & mode_t(S_ISUID | S_ISGID) != 0 && status.st_uid != getuid()
        let reader = Reader(file: file)
        guard let head = reader.bytes(0, 64), head.count >= 4 else { return }
        if head.starts(with: [0x23, 0x21]) {
            let line = Array((reader.bytes(2, 254) ?? []).prefix { $0 != 10 })
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 1).map(String.init)
            kind = .script(interpreter: words)
            return
        }
        guard head.starts(with: [0x7f, 0x45, 0x4c, 0x46]), head.count == 64 else { return }
        kind = .elf
        is64Bit = head[4] == 2
        machine = UInt16(head[18]) | UInt16(head[19]) << 8
        if is64Bit { readELF(reader, head) }
    }

    private mutating func readELF(_ reader: Reader, _ head: [UInt8]) {
        let programHeaders = reader.word64(32)
        let count = Int(head[56]) | Int(head[57]) << 8
        var dynamic: (offset: UInt64, size: UInt64)?
        for index in 0..<min(count, 256) {
            let at = programHeaders + UInt64(index) * 56
            switch reader.word32(at) {
            case 3:  // PT_INTERP
                if let bytes = reader.bytes(reader.word64(at + 8), Int(min(reader.word64(at + 32), 4096))) {
                    interpreter = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
            case 2:  // PT_DYNAMIC
                dynamic = (reader.word64(at + 8), reader.word64(at + 32))
            default: break
            }
        }
        isDynamic = dynamic != nil
        readSymbols(reader, head, dynamic)
    }

    private mutating func readSymbols(_ reader: Reader, _ head: [UInt8], _ dynamic: (offset: UInt64, size: UInt64)?) {
        let sections = reader.word64(40)
        let count = Int(head[60]) | Int(head[61]) << 8
        for index in 0..<min(count, 1024) {
            let at = sections + UInt64(index) * 64
            let type = reader.word32(at + 4)
            guard type == 11 || type == 2 else { continue }  // SHT_DYNSYM, SHT_SYMTAB
            let link = UInt64(reader.word32(at + 40))
            let strings = sections + link * 64
            let size = min(reader.word64(at + 32), 64 << 20)
            guard let table = reader.bytes(reader.word64(at + 24), Int(size)),
                let names = reader.bytes(reader.word64(strings + 24), Int(min(reader.word64(strings + 32), 256 << 20)))
            else { continue }
            for entry in stride(from: 0, to: table.count - 23, by: 24) {
                let name =
                    Int(table[entry]) | Int(table[entry + 1]) << 8 | Int(table[entry + 2]) << 16
                    | Int(table[entry + 3]) << 24
                guard name > 0, name < names.count else { continue }
                // Most names are ruled out by their first byte.
                let first = names[name]
                guard first == 0x5f || first == 0x6d || first == 0x72 else { continue }
                let text = names[name...].prefix(20).prefix { $0 != 0 }
                if type == 11, text.elementsEqual("malloc".utf8) {
                    let section = Int(table[entry + 6]) | Int(table[entry + 7]) << 8
                    if section != 0 { definesMalloc = true }
                } else {
                    let string = String(decoding: text, as: UTF8.self)
                    if Self.marks.contains(string) { symbols.insert(string) }
                }
            }
            if type == 11, let dynamic, let entries = reader.bytes(dynamic.offset, Int(min(dynamic.size, 65536))) {
                for entry in stride(from: 0, to: entries.count - 15, by: 16) where entries[entry] == 1 {  // DT_NEEDED
                    let name = Int(entries[entry + 8]) | Int(entries[entry + 9]) << 8 | Int(entries[entry + 10]) << 16
                    guard name < names.count else { continue }
                    needed.append(String(decoding: names[name...].prefix { $0 != 0 }, as: UTF8.self))
                }
            }
        }
    }

    private struct Reader {
        var file: CInt
        func bytes(_ offset: UInt64, _ count: Int) -> [UInt8]? {
            guard offset < 1 << 40, count > 0 else { return nil }
            var bytes = [UInt8](repeating: 0, count: count)
            let got = unsafe pread(file, &bytes, count, off_t(offset))
            return got > 0 ? Array(bytes[..<got]) : nil
        }
        func word32(_ offset: UInt64) -> UInt32 {
            (bytes(offset, 4) ?? []).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        func word64(_ offset: UInt64) -> UInt64 {
            (bytes(offset, 8) ?? []).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
