// SPDX-License-Identifier: Apache-2.0
//
// Mode leaks: a record leaves when its block is freed, so what is kept is bounded by the live set. Records of all cores
// pass through in time order; what remains at the end is the trace.

internal import CHeaplineFormat

/// The live set of one process, as records.
@safe final class LeakFilter {
    /// Pairs left out so far, and the bytes they had asked for.
    private(set) var filteredRecords: UInt64 = 0
    private(set) var filteredAllocations: UInt64 = 0
    private(set) var filteredBytes: UInt64 = 0
    private(set) var liveBytes: UInt64 = 0
    private(set) var peakBytes: UInt64 = 0

    private var live: [UInt64: hl_record] = [:]
    private var reallocating: [UInt32: hl_record] = [:]  // by thread: old blocks between the halves of a realloc
    private var waiting: [hl_record] = []  // drained, but an earlier one may still come
    // Blocks whose address was allocated again before their free came: two stamps the wrong way round (see
    // HeaplineAnalysis, ProcessHistory+Order). The next free there is theirs.
    private var replaced: [UInt64: hl_record] = [:]
    private var others: [hl_record] = []  // kept as they are: frees of unknown blocks, failures

    func add(_ records: UnsafeBufferPointer<hl_record>) {
        unsafe waiting.append(contentsOf: records)
    }

    /// Settles all events before `ticks`: no core will bring an earlier one.
    func settle(before ticks: UInt64) {
        guard !waiting.isEmpty else { return }
        waiting.sort { $0.time_kind >> 8 < $1.time_kind >> 8 }
        var settled = 0
        while settled < waiting.count, waiting[settled].time_kind >> 8 < ticks {
            see(waiting[settled])
            settled += 1
        }
        waiting.removeFirst(settled)
    }

    /// What remains, in time order.
    func rest() -> [hl_record] {
        settle(before: .max)
        return (Array(live.values) + Array(reallocating.values) + Array(replaced.values) + others).sorted { $0.time_kind >> 8 < $1.time_kind >> 8 }
    }

    private func see(_ record: hl_record) {
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
            if !replaced.isEmpty, let block = replaced.removeValue(forKey: record.address) {
                leave(block, with: 2)
            } else if let block = live.removeValue(forKey: record.address) {
                liveBytes -= block.size
                leave(block, with: 2)
            } else {
                others.append(record)
            }
        case HL_KIND_REALLOC_FREE.rawValue:
            if let block = live.removeValue(forKey: record.address) {
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

    private func begin(_ block: hl_record) {
        if let before = live.updateValue(block, forKey: block.address) {
            liveBytes -= before.size
            replaced[block.address] = before
        }
        liveBytes += block.size
        peakBytes = max(peakBytes, liveBytes)
    }

    private func leave(_ block: hl_record, with records: UInt64) {
        filteredRecords += records
        filteredAllocations += 1
        filteredBytes += block.size
    }
}
