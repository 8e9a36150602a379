// SPDX-License-Identifier: Apache-2.0
//
// Mode leaks leaves out what is freed, also where two cores' stamps are the wrong way round.

import CHeaplineFormat
import Testing

@testable import HeaplineCollector

@Suite struct LeakFilterTests {
    private let hz: UInt64 = 1_000_000_000  // 10 µs are 10,000 ticks

    private func record(_ kind: hl_kind, _ ticks: UInt64, thread: UInt32, address: UInt64 = 0x1000) -> hl_record {
        var record = hl_record()
        record.time_kind = ticks << 8 | UInt64(kind.rawValue)
        record.address = address
        record.size = 64
        record.thread = thread
        return record
    }

    private func rest(_ cores: [[hl_record]]) -> [UInt64] {
        var filter = LeakFilter(cores: cores.count, hz: hz)
        for (core, records) in cores.enumerated() {
            unsafe records.withUnsafeBufferPointer { unsafe filter.add($0, core: core) }
        }
        return filter.rest().map(\.time_kind)
    }

    /// The free of another core has the earlier stamp; what comes at that address later must not be taken for the block's.
    @Test func aFreeWithAnEarlierStampEndsItsBlock() {
        let first = record(HL_KIND_ALLOC, 1000, thread: 0)
        let free = record(HL_KIND_FREE, 990, thread: 1)
        #expect(rest([[first], [free]]) == [])
        let again = record(HL_KIND_ALLOC, 500_000, thread: 0)
        #expect(rest([[first, again], [free]]) == [again.time_kind])
        #expect(rest([[first, again, record(HL_KIND_FREE, 600_000, thread: 0)], [free]]) == [])
    }

    /// A free of memory that was there before the recording is no block's of later.
    @Test func aFreeOfNothingEndsNothing() {
        let block = record(HL_KIND_ALLOC, 100_000, thread: 0)
        let longAgo = record(HL_KIND_FREE, 1000, thread: 1)
        let sameThread = record(HL_KIND_FREE, 99_990, thread: 0)
        #expect(rest([[block], [longAgo]]) == [longAgo.time_kind, block.time_kind])
        #expect(rest([[sameThread, block]]) == [sameThread.time_kind, block.time_kind])
    }

    /// More frees of nothing than are remembered are all kept.
    @Test func everyFreeOfNothingIsKept() {
        let frees = (0..<100).map { record(HL_KIND_FREE, 1000 + $0, thread: 1, address: 0x1000 + 64 * $0) }
        #expect(rest([frees]) == frees.map(\.time_kind))
    }
}
