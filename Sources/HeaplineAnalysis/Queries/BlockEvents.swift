// SPDX-License-Identifier: Apache-2.0
//
// A second pass over the events that tells of blocks instead of sums: for formats made of events, and for what a history
// does not add up. It pairs allocations and frees exactly as ProcessHistory does, so what it tells adds up to the same:
//
//   number of .allocated == totals.allocations        number of .freed == totals.frees
//   highest sum of live sizes == totals.peakBytes, for one process
//
// (in mode all; in the others, to what was recorded).

internal import CHeaplineFormat
public import HeaplineCollector

/// The beginning or the end of a block.
public enum BlockEvent: Sendable, Hashable {
    case allocated(Block)
    /// Freed, or ended by a reallocation, at a time in nanoseconds since the trace's start.
    case freed(Block, at: UInt64)
}

extension History {
    /// Reads the events again and tells of each block of this history, in time order.
    ///
    /// - Complexity: as ``Trace/history(_:)``.
    public func forEachBlockEvent(_ body: (BlockEvent) -> Void) throws(TraceError) {
        let count = trace.processes.count
        let states = UnsafeMutablePointer<BlockPairing>.allocate(capacity: count)
        defer {
            unsafe states.deinitialize(count: count)
            unsafe states.deallocate()
        }
        for process in trace.processes {
            unsafe (states + process.id).initialize(to: BlockPairing(process, nodeCount: trace.nodes(of: process.id).count))
        }
        for site in sites { unsafe states[site.process].siteOf[site.stack] = UInt32(site.id) }
        let limits = trace.processes.map { process in
            options.until.map { $0 == .max ? UInt64.max : process.clock.ticks(atOrAfter: $0 + 1) } ?? .max
        }
        unsafe try trace.source.replay(processes: options.processes) { process, records in
            unsafe states[process].take(records, before: limits[process], body)
        }
        for process in trace.processes {
            unsafe states[process.id].end(hasLosses: (process.counts?.lostTotal ?? 0) > 0, body)
        }
    }
}

/// The live blocks of one process while events pass. A structure, and reached by a pointer: checks of who uses it would take a third of
/// the time.
private struct BlockPairing: ~Copyable {
    var siteOf: [UInt32]
    private let process: Int
    private let clock: Clock
    private var live = LiveTable()
    private var pending: [UInt32: [LiveBlock]] = [:]  // by thread: reallocations under way, address 0 for unknown blocks
    private var inversions: Inversions
    private var lastTicks: UInt64 = 0

    init(_ process: TraceProcess, nodeCount: Int) {
        self.process = process.id
        clock = process.clock
        inversions = Inversions(hz: process.clock.hz)
        siteOf = [UInt32](repeating: 0, count: nodeCount)
    }

    // Far enough ahead for a load from memory: first the tags of the table of live blocks, then the block they lead to.
    private static let ahead = 16
    private static let farAhead = 32

    /// Returns whether there may be more before `limit`.
    mutating func take(
        _ records: UnsafeBufferPointer<hl_record>, before limit: UInt64, _ body: (BlockEvent) -> Void
    ) -> Bool {
        for index in 0..<records.count {
            if index &+ Self.farAhead < records.count {
                live.prefetchTags(live.place(unsafe records[index &+ Self.farAhead].address))
                let near = unsafe records[index &+ Self.ahead]
                live.prefetch(live.place(near.address), isNew: near.time_kind & 0xff == UInt64(HL_KIND_ALLOC.rawValue))
            }
            let record = unsafe records[index]
            if record.time_kind >> 8 >= limit { return false }
            take(record, body)
        }
        return true
    }

    private mutating func take(_ record: hl_record, _ body: (BlockEvent) -> Void) {
        let ticks = record.time_kind >> 8
        lastTicks = ticks
        switch UInt32(truncatingIfNeeded: record.time_kind & 0xff) {
        case HL_KIND_ALLOC.rawValue: allocate(record, ticks, chain: 0, body)
        case HL_KIND_FREE.rawValue:
            if ticks <= inversions.lateUntil, isLateFree(record, ticks) { return }
            var block = Self.none
            if live.remove(record.address, live.place(record.address), into: &block) {
                body(.freed(told(block), at: clock.nanoseconds(ticks)))
            } else {
                inversions.freedNothing(record.address, ticks, by: Int(record.thread))
            }
        case HL_KIND_REALLOC_FREE.rawValue:
            var block = Self.none
            _ = live.remove(record.address, into: &block)
            pending[record.thread, default: []].append(block)
        case HL_KIND_REALLOC_ALLOC.rawValue:
            guard let old = pending[record.thread]?.popLast() else { return allocate(record, ticks, chain: 0, body) }
            guard old.address != 0 else { return allocate(record, ticks, chain: 0, body) }
            body(.freed(told(old), at: clock.nanoseconds(ticks)))
            allocate(record, ticks, chain: min(old.stamp & 0xff + 1, 255), body)
        case HL_KIND_REALLOC_FAIL.rawValue:
            if let old = pending[record.thread]?.popLast(), old.address != 0 { putBack(old, ticks, body) }
        default: break
        }
    }

    /// No more events come: reallocations under way are settled.
    mutating func end(hasLosses: Bool, _ body: (BlockEvent) -> Void) {
        for thread in pending.keys.sorted() {
            for block in (pending[thread] ?? []).reversed() where block.address != 0 {
                if hasLosses {
                    body(.freed(told(block), at: clock.nanoseconds(lastTicks)))
                } else {
                    putBack(block, lastTicks, body)
                }
            }
        }
        pending = [:]
    }

    private static let none = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)

    private mutating func allocate(_ record: hl_record, _ ticks: UInt64, chain: UInt64, _ body: (BlockEvent) -> Void) {
        guard record.address != 0 else { return }
        let stack = Int(record.stack) < siteOf.count ? Int(record.stack) : StackEnd.missing.rawValue
        let block = LiveBlock(
            address: record.address, size: record.size, stamp: ticks << 8 | chain, site: siteOf[stack],
            thread: record.thread)
        var old = Self.none
        if !live.insertNew(block, live.place(block.address)), live.insert(block, replaced: &old) {
            inversions.replaced(old.address, ticks, owner: Int(old.thread))
            body(.freed(told(old), at: clock.nanoseconds(ticks)))
        }
        body(.allocated(told(block)))
        guard ticks <= inversions.earlyUntil,
            inversions.earlyFree(of: record.address, ticks, allocatedBy: Int(record.thread)) != nil,
            live.remove(record.address, into: &old)
        else { return }
        body(.freed(told(old), at: clock.nanoseconds(ticks)))
    }

    /// Whether a free is that of a block whose address was allocated again meanwhile; see ProcessHistory+Order.swift.
    private mutating func isLateFree(_ record: hl_record, _ ticks: UInt64) -> Bool {
        var block = Self.none
        guard live.remove(record.address, into: &block) else { return false }
        var none = Self.none
        _ = live.insert(block, replaced: &none)
        return block.thread != record.thread && inversions.lateOwner(of: record.address, ticks) != nil
    }

    /// Puts back a block whose reallocation failed; one that is there by now must have been freed unseen.
    private mutating func putBack(_ block: LiveBlock, _ ticks: UInt64, _ body: (BlockEvent) -> Void) {
        var old = Self.none
        if live.insert(block, replaced: &old) { body(.freed(told(old), at: clock.nanoseconds(ticks))) }
    }

    private func told(_ block: LiveBlock) -> Block {
        Block(
            process: process, address: block.address, size: block.size, site: Int(block.site),
            thread: Int(block.thread), time: clock.nanoseconds(block.ticks), reallocations: Int(block.stamp & 0xff))
    }
}
