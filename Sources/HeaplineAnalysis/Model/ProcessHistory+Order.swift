// SPDX-License-Identifier: Apache-2.0
//
// Order between cores. A free is stamped before it is done and an allocation after, so the stamps of a block that goes
// from core to core rise, but for one thing: the recorder reads the clock without a fence (a fence costs more than half
// as much again), and a processor that runs ahead may read it while an earlier instruction still waits for
// the other core. Two stamps can then be the wrong way round, by no more than such a wait. Within a core, and so within a
// thread between its moves, nothing of the kind happens.
//
// In a correct program, each inversion shows itself:
//
//   early free     a free where nothing is alive, and at once another thread's allocation there:
//                  the allocation came first, and the free ended it
//   late free      an allocation where a block is alive, and at once another thread's free there:
//                  the free came first, and ended the block before
//
// "At once" is `window`. What remains unexplained after it is what it seems: an unknown free, an implied free.

/// The newest events that may be half of an inversion. Rarely holds any.
struct Inversions {
    struct Entry {
        var address: UInt64
        var ticks: UInt64
        var thread: Int  // who freed early; or who owned the block whose free is late
    }
    /// Until when an early or late half may still be met; 0: there is none.
    private(set) var earlyUntil: UInt64 = 0
    private(set) var lateUntil: UInt64 = 0
    private var early: [Entry] = []
    private var late: [Entry] = []
    private let window: UInt64  // ticks of 10 µs
    private static let most = 16

    init(hz: UInt64) { window = hz / 100_000 }

    mutating func freedNothing(_ address: UInt64, _ ticks: UInt64, by thread: Int) {
        if early.count == Self.most { early.removeFirst() }
        early.append(Entry(address: address, ticks: ticks, thread: thread))
        earlyUntil = ticks &+ window
    }

    mutating func replaced(_ address: UInt64, _ ticks: UInt64, owner: Int) {
        if late.count == Self.most { late.removeFirst() }
        late.append(Entry(address: address, ticks: ticks, thread: owner))
        lateUntil = ticks &+ window
    }

    /// The early free of a block that `thread` allocates now.
    mutating func earlyFree(of address: UInt64, _ ticks: UInt64, allocatedBy thread: Int) -> Int? {
        take(&early, address, ticks) { $0 != thread }
    }

    /// The owner of the block that this free ends late.
    mutating func lateOwner(of address: UInt64, _ ticks: UInt64) -> Int? {
        take(&late, address, ticks) { _ in true }
    }

    private func take(_ entries: inout [Entry], _ address: UInt64, _ ticks: UInt64, _ fits: (Int) -> Bool) -> Int? {
        guard
            let index = entries.lastIndex(where: { $0.address == address && ticks &- $0.ticks <= window && fits($0.thread) })
        else { return nil }
        return entries.remove(at: index).thread
    }
}

extension ProcessHistory {
    /// A free found nothing alive.
    @inline(never)
    mutating func freeOfNothing(_ address: UInt64, _ ticks: UInt64, by thread: Int) {
        unknownFrees &+= 1
        threads[thread].frees &+= 1
        inversions.freedNothing(address, ticks, by: thread)
    }

    /// An allocation found a block alive, which was released as if freed.
    @inline(never)
    mutating func replaced(_ old: LiveBlock, _ ticks: UInt64) {
        impliedFrees &+= 1
        inversions.replaced(old.address, ticks, owner: Int(old.thread))
    }

    /// Right after an allocation: its free may have been seen already.
    @inline(never)
    mutating func settleEarlyFree(_ address: UInt64, _ ticks: UInt64, allocatedBy thread: Int, _ shared: inout SharedHistory) {
        guard let freedBy = inversions.earlyFree(of: address, ticks, allocatedBy: thread) else { return }
        var block = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        guard live.remove(address, into: &block) else { return }
        unknownFrees &-= 1
        threads[freedBy].frees &-= 1
        release(block, ticks, freedBy: freedBy, &shared)
    }

    /// Before a free: it may be the late one of a block that was released already. True when it was.
    @inline(never)
    mutating func settleLateFree(_ address: UInt64, _ ticks: UInt64, by thread: Int) -> Bool {
        var block = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        guard live.remove(address, into: &block) else { return false }
        var none = block
        _ = live.insert(block, replaced: &none)  // only looked at; this is rare
        guard Int(block.thread) != thread, let owner = inversions.lateOwner(of: address, ticks) else { return false }
        impliedFrees &-= 1
        threads[thread].frees &+= 1
        if thread != owner { threads[thread].foreignFrees &+= 1 }
        return true
    }
}
