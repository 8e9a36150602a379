// SPDX-License-Identifier: Apache-2.0
//
// Mode leaks: a record leaves when its block is freed, so what is kept is bounded by the live set. Records of all cores
// pass through in time order; what remains at the end is the trace.

internal import CHeaplineFormat

/// The live set of one process, as records.
@safe struct LeakFilter: ~Copyable {
    /// Pairs left out so far, and the bytes they had asked for.
    private(set) var filteredRecords: UInt64 = 0
    private(set) var filteredAllocations: UInt64 = 0
    private(set) var filteredBytes: UInt64 = 0
    private(set) var liveBytes: UInt64 = 0
    private(set) var peakBytes: UInt64 = 0

    private var live = RecordTable()
    private var reallocating: [UInt32: hl_record] = [:]  // by thread: old blocks between the halves of a realloc
    private var waiting: [Queue]  // by core: drained, but an earlier one of another core may still come
    // Blocks whose address was allocated again before their free came: two stamps the wrong way round (see
    // HeaplineAnalysis, ProcessHistory+Order). The next free there is theirs.
    private var replaced = RecordTable()
    // Frees of unknown blocks, the newest last: another core's allocation with a later stamp may be theirs.
    private var early: [hl_record] = []
    private static let mostEarly = 16
    private let window: UInt64  // ticks of 10 µs, as in HeaplineAnalysis
    private var others: [hl_record] = []  // kept as they are: frees of unknown blocks, failures

    /// Records of one core in its order; those before `first` are settled.
    private struct Queue {
        var records: [hl_record] = []
        var first = 0
    }

    /// - Parameter hz: ticks a second.
    init(cores: Int, hz: UInt64) {
        window = hz / 100_000
        waiting = Array(repeating: Queue(), count: cores)
    }

    mutating func add(_ records: UnsafeBufferPointer<hl_record>, core: Int) {
        unsafe waiting[core].records.append(contentsOf: records)
    }

    /// Settles all events before `ticks`: no core will bring an earlier one.
    mutating func settle(before ticks: UInt64) {
        while true {
            // The core whose turn it is, and until when: until the next of another core.
            var turn = -1
            var earliest = ticks
            var until = ticks
            for core in waiting.indices where waiting[core].first < waiting[core].records.count {
                let time = waiting[core].records[waiting[core].first].time_kind >> 8
                if time < earliest {
                    if turn >= 0 { until = earliest }
                    earliest = time
                    turn = core
                } else if time < until {
                    until = time
                }
            }
            if turn < 0 { break }
            see(turn, until: until)
        }
        for core in waiting.indices where waiting[core].first > 0 {
            if waiting[core].first == waiting[core].records.count {
                waiting[core].records.removeAll(keepingCapacity: true)
            } else {
                waiting[core].records.removeFirst(waiting[core].first)
            }
            waiting[core].first = 0
        }
    }

    /// What remains, in time order.
    mutating func rest() -> [hl_record] {
        settle(before: .max)
        return (live.all + Array(reallocating.values) + replaced.all + early + others).sorted { $0.time_kind >> 8 < $1.time_kind >> 8 }
    }

    /// Sees the first waiting record of a core, and those after it that come before `ticks`.
    private mutating func see(_ core: Int, until ticks: UInt64) {
        let records = waiting[core].records  // shared for the moment, not copied
        var next = waiting[core].first
        repeat {
            see(records[next])
            next += 1
        } while next < records.count && records[next].time_kind >> 8 < ticks
        waiting[core].first = next
    }

    private mutating func see(_ record: hl_record) {
        switch UInt32(record.time_kind & 0xff) {
        case HL_KIND_ALLOC.rawValue:
            begin(record)
        case HL_KIND_REALLOC_ALLOC.rawValue:
            if let old = reallocating.removeValue(forKey: record.thread) { leave(old, with: 2) }
            // The other half has left: what remains is an allocation.
            var alone = record
            alone.time_kind = record.time_kind & ~0xff | UInt64(HL_KIND_ALLOC.rawValue)
            begin(alone)
        case HL_KIND_FREE.rawValue:
            if replaced.count > 0, let block = replaced.remove(record.address) {
                leave(block, with: 2)
            } else if let block = live.remove(record.address) {
                liveBytes -= block.size
                leave(block, with: 2)
            } else {
                if early.count == Self.mostEarly { others.append(early.removeFirst()) }
                early.append(record)
            }
        case HL_KIND_REALLOC_FREE.rawValue:
            if let block = live.remove(record.address) {
                liveBytes -= block.size
                reallocating[record.thread] = block
            }
        case HL_KIND_REALLOC_FAIL.rawValue:
            if let block = reallocating.removeValue(forKey: record.thread) { begin(block) }
            filteredRecords += 2
        default:
            others.append(record)
        }
    }

    private mutating func begin(_ block: hl_record) {
        if !early.isEmpty, freeEarly(block) { return }
        if let before = live.insert(block) {
            liveBytes -= before.size
            _ = replaced.insert(before)
        }
        liveBytes += block.size
        peakBytes = max(peakBytes, liveBytes)
    }

    /// Whether the block's free has been here already.
    private mutating func freeEarly(_ block: hl_record) -> Bool {
        let time = block.time_kind >> 8
        let own = early.lastIndex {
            $0.address == block.address && $0.thread != block.thread && time &- $0.time_kind >> 8 <= window
        }
        guard let own else { return false }
        early.remove(at: own)
        leave(block, with: 2)
        return true
    }

    private mutating func leave(_ block: hl_record, with records: UInt64) {
        filteredRecords += records
        filteredAllocations += 1
        filteredBytes += block.size
    }
}
