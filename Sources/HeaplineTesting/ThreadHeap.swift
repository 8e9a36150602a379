// SPDX-License-Identifier: Apache-2.0
//
// What one thread did, out of a trace of the whole process: other tests run at the same time.

internal import CHeaplineFormat
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector

/// The kernel's id of the calling thread.
func currentThread() -> UInt32 {
    var link = [CChar](repeating: 0, count: 64)  // "PID/task/TID"
    let count = unsafe readlink("/proc/thread-self", &link, link.count)
    let text = String(decoding: link.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.split(separator: "/").last.flatMap { UInt32($0) } ?? 0
}

/// The blocks that one thread allocated, whoever freed them.
struct ThreadHeap {
    struct Live {
        var size: UInt64
        var stack: UInt32
    }
    private(set) var allocations: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    private(set) var peak: UInt64 = 0
    /// What is still allocated, by address.
    private(set) var live: [UInt64: Live] = [:]
    /// Bytes and allocations by stack.
    private(set) var stacks: [UInt32: (allocations: UInt64, bytes: UInt64)] = [:]

    private var liveBytes: UInt64 = 0

    /// Leaves out allocations whose stack `isForeign`.
    init(_ trace: Trace, thread tid: UInt32, isForeign: (UInt32) -> Bool) throws(TraceError) {
        let indexes = Set(
            trace.processes[0].threads.indices.filter { trace.processes[0].threads[$0].tid == tid }.map(UInt32.init))
        var foreign: [UInt32: Bool] = [:]
        unsafe try trace.source.replay(processes: nil) { _, records in
            for index in records.indices {
                let record = unsafe records[index]
                switch UInt32(record.time_kind & 0xff) {
                case HL_KIND_ALLOC.rawValue, HL_KIND_REALLOC_ALLOC.rawValue:
                    remove(record.address)
                    guard indexes.contains(record.thread) else { continue }
                    if let known = foreign[record.stack] {
                        if known { continue }
                    } else {
                        foreign[record.stack] = isForeign(record.stack)
                        if foreign[record.stack] == true { continue }
                    }
                    add(record.address, Live(size: record.size, stack: record.stack))
                case HL_KIND_FREE.rawValue, HL_KIND_REALLOC_FREE.rawValue:
                    remove(record.address)
                default: continue
                }
            }
            return true
        }
    }

    private mutating func add(_ address: UInt64, _ block: Live) {
        allocations += 1
        bytes &+= block.size
        stacks[block.stack, default: (0, 0)].allocations += 1
        stacks[block.stack]!.bytes &+= block.size
        live[address] = block
        liveBytes &+= block.size
        peak = max(peak, liveBytes)
    }

    private mutating func remove(_ address: UInt64) {
        guard let block = live.removeValue(forKey: address) else { return }
        liveBytes &-= block.size
    }
}
