// SPDX-License-Identifier: Apache-2.0
//
// Records by their block's address: open addressing with linear probing in one piece of memory, since every event of mode
// leaks looks here and a Dictionary costs several times as much.

internal import CHeaplineFormat

/// A set of records with distinct addresses, none of them 0. Used by one thread at a time.
@safe struct RecordTable: ~Copyable {
    private(set) var count = 0
    private var slots: UnsafeMutablePointer<hl_record>  // address 0: empty
    private var mask: Int  // slots - 1
    private var shift: UInt64  // 64 - log2(slots)

    init() {
        let slots = 1024
        unsafe self.slots = .allocate(capacity: slots)
        unsafe self.slots.initialize(repeating: hl_record(), count: slots)
        mask = slots - 1
        shift = 54
    }

    deinit { unsafe slots.deallocate() }

    /// Puts `record` in; returns the one whose place it takes, if any.
    mutating func insert(_ record: hl_record) -> hl_record? {
        if count * 8 > mask * 5 { grow() }
        var slot = home(record.address)
        while true {
            let there = unsafe slots[slot].address
            if there == 0 { break }
            if there == record.address {
                let old = unsafe slots[slot]
                unsafe slots[slot] = record
                return old
            }
            slot = (slot + 1) & mask
        }
        unsafe slots[slot] = record
        count += 1
        return nil
    }

    /// Takes out the record at `address`.
    mutating func remove(_ address: UInt64) -> hl_record? {
        if address == 0 { return nil }
        var slot = home(address)
        while unsafe slots[slot].address != address {
            if unsafe slots[slot].address == 0 { return nil }
            slot = (slot + 1) & mask
        }
        let found = unsafe slots[slot]
        // Those behind move up, so that no mark of what was here is needed (Knuth, volume 3, algorithm 6.4 R).
        var next = (slot + 1) & mask
        while unsafe slots[next].address != 0 {
            let wanted = unsafe home(slots[next].address)
            if (next &- wanted) & mask >= (next &- slot) & mask {
                unsafe slots[slot] = slots[next]
                slot = next
            }
            next = (next + 1) & mask
        }
        unsafe slots[slot].address = 0
        count -= 1
        return found
    }

    /// All records, in no order.
    var all: [hl_record] {
        var records: [hl_record] = []
        records.reserveCapacity(count)
        for slot in 0...mask where unsafe slots[slot].address != 0 { unsafe records.append(slots[slot]) }
        return records
    }

    private func home(_ address: UInt64) -> Int {
        Int(truncatingIfNeeded: (address &* 0x9e37_79b9_7f4a_7c15) >> shift)
    }

    private mutating func grow() {
        let old = unsafe slots
        let size = mask + 1
        mask = size * 2 - 1
        shift -= 1
        unsafe slots = .allocate(capacity: size * 2)
        unsafe slots.initialize(repeating: hl_record(), count: size * 2)
        for index in 0..<size where unsafe old[index].address != 0 {
            var slot = unsafe home(old[index].address)
            while unsafe slots[slot].address != 0 { slot = (slot + 1) & mask }
            unsafe slots[slot] = old[index]
        }
        unsafe old.deallocate()
    }
}
