// SPDX-License-Identifier: Apache-2.0
//
// Files of heaptrack (https://invent.kde.org/sdk/heaptrack), as `heaptrack` leaves them: text, usually packed with zstd or
// gzip, formats 0 to 3. One line is one thing, its first character says which; numbers are hexadecimal; indexes count
// from 1, except those of `a`, which count from 0.
//
//   v VERSION FORMAT           X COMMAND LINE           I PAGESIZE PAGES
//   s [LENGTH] TEXT            a string; the length only from format 3 on
//   i IP MODULE {FUNCTION FILE LINE}…     a code address; inner to outer where functions were inlined
//   t IP-INDEX PARENT          a stack node
//   a SIZE NODE                what an allocation looks like
//   + A                        one such allocation              (format 0: + SIZE NODE ADDRESS)
//   - A                        one such block is freed          (format 0: - ADDRESS)
//   c MILLISECONDS             R PAGES resident                 # comment
//
// Since format 1 heaptrack does not say which of several equal blocks is freed: the newest is taken. Totals are the same
// whichever it was; ages are not exact. Threads are not told apart. Time has steps of some milliseconds.

package import CHeaplineFormat
package import HeaplineCollector

package final class HeaptrackSource: TraceSource {
    package let kind = TraceKind.heaptrack
    package var path: String { file.path }
    package private(set) var state = TraceState.complete
    package let startUnixNanoseconds: UInt64 = 0
    package private(set) var processes: [TraceProcess] = []

    private let file: TraceFile
    private let table = NodeTable()
    private var format: UInt64 = 0
    private var strings: [String] = []
    private var places: [UInt64: [EmbeddedFrame]] = [:]  // by address
    private var infos: [Info] = []

    /// What an allocation looks like: `a`.
    private struct Info {
        var size: UInt64
        var stack: UInt32
    }

    private static let firstNode = Int(HL_ROOT_COUNT.rawValue)

    /// Whether a file may be heaptrack's: what it is packed in says nothing, so the first line is unpacked and read.
    static func recognises(_ file: TraceFile) -> Bool {
        guard var lines = try? LineReader(file), let line = unsafe try? lines.next() else { return false }
        return unsafe isVersion(line) != nil
    }

    private static func isVersion(_ line: UnsafeRawBufferPointer) -> UInt64? {
        guard line.count > 2, unsafe line[0] == UInt8(ascii: "v"), unsafe line[1] == UInt8(ascii: " ") else { return nil }
        var fields = unsafe LineFields(line, from: 2)
        guard let version = fields.number(), version >= 0x1_0000, version < 0x10_0000 else { return nil }
        return fields.number() ?? (version == 0x1_0200 ? 1 : 0)
    }

    init(_ file: TraceFile) throws(TraceError) {
        self.file = file
        var process = TraceProcess(id: 0, clock: Clock(hz: 1_000_000_000, offset: 0))
        process.depth = 64
        var addresses: [UInt64] = []  // by index of `i`
        var now: UInt64 = 0
        var pageBytes: UInt64 = 4096
        var lines = try LineReader(file)
        while let line = unsafe try lines.next() {
            guard line.count > 1 else { continue }
            var fields = unsafe LineFields(line, from: 1)
            func bad(_ what: String) -> TraceError {
                TraceError(.damaged, path: file.path, message: "has \(what) in line \(lines.number) of its text")
            }
            switch unsafe line[0] {
            case UInt8(ascii: "v"):
                guard let known = unsafe Self.isVersion(line) else { throw bad("a damaged version") }
                guard known <= 3 else {
                    throw TraceError(
                        .version, path: file.path, message: "has format \(known) of heaptrack; formats up to 3 are known")
                }
                format = known
            case UInt8(ascii: "X"):
                let words = fields.rest().split(separator: " ").map(String.init)
                process.executable = words.first ?? ""
                process.arguments = words
            case UInt8(ascii: "x"): process.executable = fields.rest()
            case UInt8(ascii: "I"): pageBytes = fields.number() ?? pageBytes
            case UInt8(ascii: "s"):
                if format >= 3, fields.number() == nil { throw bad("a string without length") }
                strings.append(fields.rest())
            case UInt8(ascii: "m"):
                throw TraceError(
                    .foreign, path: file.path,
                    message: "is raw data of heaptrack: pass it through heaptrack_interpret, as the heaptrack command does")
            case UInt8(ascii: "i"):
                guard let ip = fields.number() else { throw bad("a damaged code address") }
                addresses.append(ip)
                places[ip] = try frames(ip, &fields, bad)
            case UInt8(ascii: "t"):
                guard let ip = fields.number(), let parent = fields.number(), ip > 0, ip <= UInt64(addresses.count),
                    parent <= UInt64(table.count - Self.firstNode)
                else { throw bad("a stack node that refers to nothing") }
                let outer = parent == 0 ? StackEnd.complete.rawValue : Int(parent) - 1 + Self.firstNode
                _ = table.append(pc: addresses[Int(ip) - 1], parent: outer)
            case UInt8(ascii: "a"):
                guard let size = fields.number(), let node = fields.number(),
                    node <= UInt64(table.count - Self.firstNode)
                else { throw bad("an allocation that refers to nothing") }
                infos.append(Info(size: size, stack: Self.stack(node)))
            case UInt8(ascii: "c"):
                let next = Self.nanoseconds(fields.number() ?? 0)
                now = max(now, next)
            case UInt8(ascii: "R"):
                let pages = fields.number() ?? 0
                process.resident.append(ResidentSample(ticks: now, bytes: pages.multipliedReportingOverflow(by: pageBytes).partialValue))
            default: break
            }
        }
        if lines.isCut { state = .cut(offset: file.size) }
        process.ending = ProcessEnding(ticks: now, reason: .unknown)
        processes = [process]
    }

    private static func nanoseconds(_ milliseconds: UInt64) -> UInt64 {
        let (value, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        // Ticks have 56 bits.
        return overflow || value >> 56 != 0 ? (1 << 56) - 1 : value
    }

    private static func stack(_ node: UInt64) -> UInt32 {
        node == 0 ? UInt32(StackEnd.none.rawValue) : UInt32(clamping: Int(node) - 1 + firstNode)
    }

    /// The functions at a code address.
    private func frames(
        _ ip: UInt64, _ fields: inout LineFields, _ bad: (String) -> TraceError
    ) throws(TraceError) -> [EmbeddedFrame] {
        func text(_ index: UInt64) throws(TraceError) -> String? {
            if index == 0 { return nil }
            guard index <= UInt64(strings.count) else { throw bad("a string that does not exist") }
            return strings[Int(index) - 1]
        }
        let module = try text(fields.number() ?? 0) ?? ""
        var frames: [EmbeddedFrame] = []
        while let function = fields.number() {
            let file = try text(fields.number() ?? 0)
            let line = fields.number()
            frames.append(
                EmbeddedFrame(
                    function: try text(function) ?? "0x" + String(ip, radix: 16), file: file,
                    line: file == nil ? nil : line.flatMap { Int(exactly: $0) }, module: module))
        }
        return frames.isEmpty ? [EmbeddedFrame(function: "0x" + String(ip, radix: 16), module: module)] : frames
    }

    // MARK: TraceSource

    package func nodes(of process: Int) -> NodeTable { table }

    package func embeddedFrames(process: Int, pc: UInt64) -> [EmbeddedFrame]? { places[pc] }

    package func replay(
        processes: Set<Int>?, _ body: (Int, UnsafeBufferPointer<hl_record>) throws(TraceError) -> Bool
    ) throws(TraceError) {
        if let processes, !processes.contains(0) { return }
        var addresses = EqualBlocks(kinds: infos.count)
        var records: [hl_record] = []
        records.reserveCapacity(1 << 12)
        var now: UInt64 = 0
        var lines = try LineReader(file)

        func flush() throws(TraceError) -> Bool {
            guard !records.isEmpty else { return true }
            var failure: TraceError?
            let goOn = unsafe records.withUnsafeBufferPointer { buffer -> Bool in
                do throws(TraceError) {
                    return unsafe try body(0, buffer)
                } catch {
                    failure = error
                    return false
                }
            }
            if let failure { throw failure }
            records.removeAll(keepingCapacity: true)
            return goOn
        }
        func add(_ kind: hl_kind, _ address: UInt64, _ size: UInt64, _ stack: UInt32) {
            records.append(
                hl_record(
                    time_kind: now << 8 | UInt64(kind.rawValue), address: address, size: size, stack: stack, thread: 0))
        }

        while let line = unsafe try lines.next() {
            guard line.count > 1 else { continue }
            var fields = unsafe LineFields(line, from: 1)
            switch unsafe line[0] {
            case UInt8(ascii: "+"):
                guard let first = fields.number() else { continue }
                if format >= 1 {
                    guard first < UInt64(infos.count) else { continue }
                    let info = infos[Int(first)]
                    add(HL_KIND_ALLOC, addresses.allocate(Int(first)), info.size, info.stack)
                } else if let node = fields.number(), let address = fields.number(),
                    node <= UInt64(table.count - Self.firstNode)
                {
                    add(HL_KIND_ALLOC, address, first, Self.stack(node))
                }
            case UInt8(ascii: "-"):
                guard let first = fields.number() else { continue }
                if format == 0 {
                    add(HL_KIND_FREE, first, 0, 0)
                } else if first < UInt64(infos.count), let address = addresses.free(Int(first)) {
                    add(HL_KIND_FREE, address, 0, 0)
                }
            case UInt8(ascii: "c"):
                now = max(now, Self.nanoseconds(fields.number() ?? 0))
            default: continue
            }
            if records.count == records.capacity, try !flush() { return }
        }
        _ = try flush()
    }
}

/// Made-up addresses for blocks that a file tells apart by kind only: of each kind the newest is freed first.
private struct EqualBlocks {
    private var newest: [Int32]  // by kind: index of an entry, or -1
    private var entries: [(address: UInt64, below: Int32)] = []
    private var spare: Int32 = -1
    private var made: UInt64 = 0

    init(kinds: Int) { newest = [Int32](repeating: -1, count: kinds) }

    mutating func allocate(_ kind: Int) -> UInt64 {
        made += 1
        let address = made << 4
        if spare >= 0 {
            let index = Int(spare)
            spare = entries[index].below
            entries[index] = (address, newest[kind])
            newest[kind] = Int32(index)
        } else {
            entries.append((address, newest[kind]))
            newest[kind] = Int32(entries.count - 1)
        }
        return address
    }

    /// The address of the newest block of a kind; nil when none is alive.
    mutating func free(_ kind: Int) -> UInt64? {
        let index = Int(newest[kind])
        guard index >= 0 else { return nil }
        newest[kind] = entries[index].below
        entries[index].below = spare
        spare = Int32(index)
        return entries[index].address
    }
}
