// SPDX-License-Identifier: Apache-2.0
//
// The instructions of the hot path, read from the library that is shipped: one row for each entry point, one column for each
// class of instruction. Followed is the straight path: no conditional jump is taken, every other jump is. The compiler lays
// out the usual case that way, since all else is marked unlikely.
//
// Two things are demanded whatever the compiler and the golden file say: no locked instruction, and no call but to what is listed
// below.

internal import Foundation

struct FastPath {
    static let entries = ["malloc", "free", "calloc", "realloc"]
    /// Where they go on when recording or counting, if the compiler left that a function of its own.
    static let continuations = entries.map { $0 + "_recorded" } + entries.map { $0 + "_counted" }
    /// What the straight path may call by name: the capture of a stack, and what counts and samples. Calls through a pointer go to the next allocator.
    static let allowed: Set<String> = [
        "hl_stack_capture", "hl_record_alloc_otherwise", "hl_record_free_otherwise", "realloc_otherwise",
    ]

    struct Row: Equatable {
        var entry: String
        var total = 0, loads = 0, stores = 0, conditional = 0, jumps = 0, locked = 0, clock = 0
        var direct: [String] = []
        var indirect = 0

        /// As `columns` names them.
        var numbers: [Int] { [total, loads, stores, conditional, jumps, locked, clock, indirect] }

        var line: String {
            ([entry] + numbers.map(String.init) + [direct.isEmpty ? "-" : direct.joined(separator: ",")]).joined(separator: "\t")
        }
    }

    static let columns = ["instructions", "loads", "stores", "conditional", "jumps", "locked", "clock", "indirect"]
    static let header = "# entry\t\(columns.joined(separator: "\t"))\tcalls"

    /// Locks, clock readings and calls are never a matter of code generation.
    static func slack(_ column: String, _ slack: Gates.Slack) -> Int {
        switch column {
        case "instructions": slack.path.total
        case "loads", "stores", "conditional", "jumps": slack.path.each
        default: 0
        }
    }

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    struct Instruction {
        var mnemonic: String
        var operands: String
        var next: UInt64
    }

    var code: [UInt64: Instruction] = [:]
    var symbols: [String: UInt64] = [:]
    let isX86: Bool

    init(library: String, tools: Toolbox) throws {
        guard let tool = Toolbox.find("llvm-objdump") ?? Toolbox.find("objdump") else {
            throw Problem(description: "neither llvm-objdump nor objdump found")
        }
        let (status, text) = tools.capture([tool, "-d", "--no-show-raw-insn", library], timeout: 60)
        guard status == 0 else { throw Problem(description: "\(tool) failed on \(library)") }
        isX86 = text.contains("x86-64") || text.contains("x86_64")
        var last: UInt64?
        for line in text.split(separator: "\n") {
            if line.hasSuffix(">:") {
                let parts = line.dropLast(2).split(separator: "<", maxSplits: 1)
                if parts.count == 2, let address = UInt64(parts[0].trimmingCharacters(in: .whitespaces), radix: 16) {
                    symbols[String(parts[1])] = address
                }
                last = nil
                continue
            }
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let address = UInt64(parts[0].trimmingCharacters(in: .whitespaces), radix: 16) else { continue }
            let words = parts[1].split(whereSeparator: \.isWhitespace).map(String.init)
            guard let mnemonic = words.first, mnemonic != "..." else { continue }
            code[address] = Instruction(mnemonic: mnemonic, operands: words.dropFirst().joined(separator: " "), next: 0)
            if let last { code[last]?.next = address }
            last = address
        }
    }

    /// `callq 0x66a0 <hl_stack_capture>`: the address and the name.
    private static func target(_ operands: String) -> (address: UInt64, name: String)? {
        let words = operands.split(separator: " ")
        let number = words.first.map { $0.hasPrefix("0x") ? $0.dropFirst(2) : $0 }
        guard let number, let address = UInt64(number, radix: 16), let open = operands.firstIndex(of: "<"),
            let close = operands.firstIndex(of: ">")
        else { return nil }
        let name = operands[operands.index(after: open)..<close].prefix { $0 != "+" && $0 != "@" }
        return (address, String(name))
    }

    func row(_ entry: String) throws -> Row {
        guard var at = symbols[entry] else { throw Problem(description: "no \(entry) in the library") }
        var row = Row(entry: entry)
        for _ in 0..<2000 {
            guard let instruction = code[at] else { throw Problem(description: "\(entry): the path leaves the code") }
            let mnemonic = instruction.mnemonic, operands = instruction.operands
            row.total += 1
            if mnemonic == "lock" || mnemonic.hasPrefix("xchg") || Self.isExclusive(mnemonic) { row.locked += 1 }
            if mnemonic == "rdtsc" || operands.lowercased().contains("cntvct_el0") { row.clock += 1 }
            if isX86 { countX86(mnemonic, operands, &row) } else { countArm(mnemonic, &row) }
            if mnemonic.hasPrefix("ret") { return row }
            if mnemonic.hasPrefix("call") || mnemonic == "bl" {
                if let target = Self.target(operands) { row.direct.append(target.name) } else { row.indirect += 1 }
            } else if mnemonic == "blr" {
                row.indirect += 1
            } else if mnemonic == "jmp" || mnemonic == "jmpq" || mnemonic == "b" || mnemonic == "br" {
                row.jumps += 1
                guard let target = Self.target(operands) else { // a tail call through a pointer
                    row.indirect += 1
                    return row
                }
                if let start = symbols[target.name], start == target.address, target.name != entry {
                    row.direct.append(target.name)
                    return row
                }
                at = target.address
                continue
            } else if mnemonic.hasPrefix("j") || mnemonic.hasPrefix("b.") || mnemonic.hasPrefix("cb") || mnemonic.hasPrefix("tb") {
                row.conditional += 1
            }
            guard instruction.next != 0 else { throw Problem(description: "\(entry): the path leaves its function") }
            at = instruction.next
        }
        throw Problem(description: "\(entry): the path has no end")
    }

    private static func isExclusive(_ mnemonic: String) -> Bool {
        ["ldxr", "ldaxr", "stxr", "stlxr", "cas", "ldadd", "swp"].contains { mnemonic.hasPrefix($0) }
    }

    private func countX86(_ mnemonic: String, _ operands: String, _ row: inout Row) {
        if mnemonic.hasPrefix("push") { row.stores += 1 }
        if mnemonic.hasPrefix("pop") { row.loads += 1 }
        guard operands.contains("("), !mnemonic.hasPrefix("lea"), !mnemonic.hasPrefix("nop") else { return }
        // AT&T: the destination comes last.
        let writes = operands.split(separator: "#")[0].trimmingCharacters(in: .whitespaces).hasSuffix(")")
        let onlyReads = ["cmp", "test", "bt", "call", "jmp"].contains { mnemonic.hasPrefix($0) }
        let onlyWrites = mnemonic.hasPrefix("mov")
        if writes, !onlyReads { row.stores += 1 }
        if !(writes && onlyWrites) { row.loads += 1 }
    }

    private func countArm(_ mnemonic: String, _ row: inout Row) {
        if mnemonic.hasPrefix("ld") { row.loads += 1 }
        if mnemonic.hasPrefix("st") { row.stores += 1 }
    }
}
