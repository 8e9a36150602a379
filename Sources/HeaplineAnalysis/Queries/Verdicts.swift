// SPDX-License-Identifier: Apache-2.0
//
// The verdicts on the live blocks of a history, process by process: from the memory image of its last dump, or as the trace has them.
// A dump at the program's end speaks about what is alive at the end. One that was asked for earlier speaks about what was alive then: blocks
// made since are not examined, and the events are read once more, up to then.

internal import CHeaplineFormat
internal import Glibc
public import HeaplineCollector

/// What leads to the live blocks of each process, where that was examined.
public struct Verdicts {
    /// What is known about one process.
    public enum Examined: Sendable, Hashable {
        /// Its memory was searched, at that moment (nanoseconds since the trace's start). Threads that were left alone meanwhile: those
        /// asleep told part of their registers only, the others nothing.
        case searched(time: UInt64, isAtEnd: Bool, asleep: Int, silent: Int)
        /// A search was wanted but could not be made, and why.
        case failed(String)
        /// Nobody looked: switched off, the mode keeps no blocks, or the process was killed.
        case no
    }

    fileprivate struct Table {
        var blocks: LiveSet
        var verdicts: [DumpedBlock.Verdict]
        var firstWords: [UInt64]
        /// Where each block of the history stands in `blocks`, by its number; nil unless all of them were examined.
        var places: [UInt32]?
    }
    private var tables: [Int: Table] = [:]
    private var images: [Int: MemoryImage] = [:]
    public private(set) var examined: [Int: Examined] = [:]

    /// Nothing was examined.
    fileprivate init() {}

    public init(_ history: History) throws(TraceError) {
        for process in history.trace.processes where history.options.processes?.contains(process.id) ?? true {
            try take(process, history)
        }
    }

    private mutating func take(_ process: TraceProcess, _ history: History) throws(TraceError) {
        let clock = process.clock
        examined[process.id] = .no
        for note in process.notes {
            guard case .dump(let text) = note.kind, let colon = text.firstIndex(of: ":") else { continue }
            examined[process.id] = .failed(String(text[text.index(after: colon)...].drop { $0 == " " }))
        }
        var said: [DumpedBlock] = []
        try history.trace.dumpedBlocks(process: process.id) { said.append($0) }
        if !said.isEmpty {
            said.sort { $0.address < $1.address }
            // Of blocks said more than once the last dump counts; sorting keeps their order.
            said = said.indices.filter { $0 + 1 == said.count || said[$0 + 1].address != said[$0].address }.map { said[$0] }
            tables[process.id] = Table(
                blocks: LiveSet(said.map { ($0.address, 1) }), verdicts: said.map(\.verdict), firstWords: said.map(\.firstWord))
            let time = process.notes.last { if case .dump = $0.kind { true } else { false } }?.ticks ?? process.lastKnownTicks
            examined[process.id] = .searched(time: clock.nanoseconds(time), isAtEnd: true, asleep: 0, silent: 0)
            return
        }
        // In the other modes the set that was alive is not known.
        guard process.mode == .all || process.mode == .leaks,
            let image = try history.trace.source.memoryImage(process: process.id)
        else { return }
        let time = clock.nanoseconds(image.ticks)
        if let until = history.options.until, until < time { return }
        let isLater = !image.isAtExit
        if isLater, process.mode == .leaks { return }
        let then = isLater ? try history.trace.history(upTo: time, processes: [process.id]) : history
        guard let box = then.live.first(where: { $0.process == process.id }) else { return }
        let end = time == .max ? .max : clock.ticks(atOrAfter: time + 1)
        var later = 0
        box.table.forEach { if $0.ticks >= end { later += 1 } }
        let isWhole = later == 0
        let blocks: LiveSet
        if isWhole {
            blocks = LiveSet(addresses: box.byAddress.addresses, sizes: box.byAddress.sizes, rounding: SizeRounding(process))
        } else {
            var listed: [(address: UInt64, size: UInt64)] = []
            box.table.forEach { if $0.ticks < end { listed.append(($0.address, $0.size)) } }
            blocks = LiveSet(listed, rounding: SizeRounding(process))
        }
        let reachability = Reachability(image, blocks)
        var places: [UInt32]?
        if isWhole, !isLater {
            var found = [UInt32](repeating: 0, count: blocks.count)
            for (place, number) in box.byAddress.numbers.enumerated() { found[Int(number)] = UInt32(place) }
            places = found
        }
        tables[process.id] = Table(
            blocks: blocks, verdicts: reachability.verdicts, firstWords: reachability.firstWords, places: places)
        images[process.id] = image
        examined[process.id] = .searched(
            time: time, isAtEnd: image.isAtExit, asleep: image.threads.count { $0.isAsleep },
            silent: image.threads.count { $0.isSilent })
    }

    /// Whether anything was examined.
    public var isEmpty: Bool { tables.isEmpty }

    /// The verdict on a live block; nil when nobody looked at its process. A block made after the search is `.unknown`.
    public func verdict(_ block: Block) -> DumpedBlock.Verdict? {
        guard let table = tables[block.process] else { return nil }
        guard let index = index(table, block) else { return .unknown }
        return table.verdicts[index]
    }

    /// The first word of a live block, if it could be an address.
    public func firstWord(_ block: Block) -> UInt64? {
        guard let table = tables[block.process], let index = index(table, block) else { return nil }
        return table.firstWords[index]
    }

    /// Whether a process's blocks were examined.
    func hasVerdicts(_ process: Int) -> Bool { tables[process] != nil }

    /// The same for all blocks of a process of the history, by their numbers (``AddressOrder``).
    struct ByNumber {
        fileprivate var table: Table
        fileprivate var places: [UInt32]

        func verdict(_ number: Int) -> DumpedBlock.Verdict { table.verdicts[Int(places[number])] }
        func firstWord(_ number: Int) -> UInt64 { table.firstWords[Int(places[number])] }
    }

    /// Nil when not all of the process's blocks were examined, or none; then they have to be asked for one by one.
    func byNumber(_ process: Int) -> ByNumber? {
        guard let table = tables[process], let places = table.places else { return nil }
        return ByNumber(table: table, places: places)
    }

    /// What is known of a process's memory.
    func image(of process: Int) -> MemoryImage? { images[process] }

    private func index(_ table: Table, _ block: Block) -> Int? {
        if case .searched(let time, _, _, _)? = examined[block.process], block.time > time { return nil }
        return table.blocks.index(at: block.address)
    }
}

extension Verdicts {
    /// Names the stacks of a history and examines its blocks at the same time: the one mostly waits for other programs, the other computes.
    public static func withTree(
        _ history: History, symbols: SymbolizerOptions = SymbolizerOptions()
    ) throws(TraceError) -> (tree: CallTree, verdicts: Verdicts) {
        let errand = VerdictsErrand(history)
        guard Processors.count > 1, let thread = Processors.begin({ errand.run() }) else {
            return (try CallTree(history, symbols: symbols), try Verdicts(history))
        }
        let tree: Result<CallTree, TraceError>
        do throws(TraceError) {
            tree = .success(try CallTree(history, symbols: symbols))
        } catch {
            tree = .failure(error)
        }
        pthread_join(thread, nil)
        return (try tree.get(), try errand.result.get())
    }
}

/// Verdicts on their way from the thread that makes them.
///
/// `@unchecked Sendable`: `result` is written by that thread and read once it was joined. What both threads see of the history and its trace
/// does not change, but for the order of its live blocks by address, which is made by the one that examines them; and of the source the one
/// reads symbols only, see ``TraceSource``.
private final class VerdictsErrand: @unchecked Sendable {
    private let history: History
    private(set) var result: Result<Verdicts, TraceError> = .success(Verdicts())

    init(_ history: History) { self.history = history }

    func run() {
        do throws(TraceError) { result = .success(try Verdicts(history)) } catch { result = .failure(error) }
    }
}

extension MemoryImage.Thread {
    var isAsleep: Bool { state == HL_THREAD_ASLEEP }
    var isSilent: Bool { state == HL_THREAD_UNKNOWN }
}
