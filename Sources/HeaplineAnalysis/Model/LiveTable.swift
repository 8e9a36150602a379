// SPDX-License-Identifier: Apache-2.0
//
// The blocks that are alive, by address: the one structure whose size is the program's and not ours.
//
// Open addressing with linear probing, in 64 shards chosen by the hash's top bits. Within a shard the home slot grows
// with the hash (home = hash * capacity / 2^32), so capacities need not be powers of two: a shard grows by a quarter when
// it is 70 % full, and only that shard is in memory twice while it does. So for each block there are at most
// 32 / 0.56 = 57 bytes. Removal shifts the followers back; there are no tombstones.
//
//   count <= capacity * 7/10          every block is reachable from its home without an empty slot in between

internal import CHeaplineFormat

/// A block that is alive. `address` is never 0: that marks an empty slot.
struct LiveBlock: BitwiseCopyable {
    var address: UInt64
    var size: UInt64
    var stamp: UInt64  // ticks << 8 | how many reallocations led here, at most 255
    var site: UInt32
    var thread: UInt32

    var ticks: UInt64 { stamp >> 8 }
}

/// Safe because slots are reached by home < capacity and wrapped increments only, and all memory is private.
@safe
struct LiveTable: ~Copyable {
    @safe private struct Shard: BitwiseCopyable {
        var base: UnsafeMutablePointer<LiveBlock>
        var capacity: UInt32
        var count: UInt32
        var limit: UInt32  // count at which it grows
    }
    private static let shardCount = 64
    private static let firstCapacity: UInt32 = 10

    private let shards: UnsafeMutablePointer<Shard>

    init() {
        unsafe shards = .allocate(capacity: Self.shardCount)
        for index in 0..<Self.shardCount {
            unsafe (shards + index).initialize(to: Self.make(Self.firstCapacity))
        }
    }

    deinit {
        for index in 0..<Self.shardCount { unsafe shards[index].base.deallocate() }
        unsafe shards.deallocate()
    }

    /// How many blocks are alive.
    var count: Int {
        var sum = 0
        for index in 0..<Self.shardCount { unsafe sum += Int(shards[index].count) }
        return sum
    }

    /// Starts loading the slots where `address` is or would be; worth it once the table is larger than the caches.
    @inline(__always)
    func prefetch(_ address: UInt64) {
        let hash = Self.hash(address)
        let shard = unsafe shards + Int(hash >> 58)
        unsafe hl_prefetch(shard.pointee.base + Int(Self.home(hash, shard.pointee.capacity)))
    }

    /// Adds a block. When one was alive at its address already, that one is replaced and put into `old`.
    ///
    /// - Returns: whether one was replaced.
    @inline(__always)
    mutating func insert(_ block: LiveBlock, replaced old: inout LiveBlock) -> Bool {
        let hash = Self.hash(block.address)
        let shard = unsafe shards + Int(hash >> 58)
        if unsafe shard.pointee.count >= shard.pointee.limit { grow(Int(hash >> 58)) }
        let base = unsafe shard.pointee.base
        let capacity = unsafe shard.pointee.capacity
        var slot = Self.home(hash, capacity)
        while true {
            let address = unsafe base[Int(slot)].address
            if address == 0 { break }
            if address == block.address {
                unsafe old = base[Int(slot)]
                unsafe base[Int(slot)] = block
                return true
            }
            slot = slot &+ 1 == capacity ? 0 : slot &+ 1
        }
        unsafe base[Int(slot)] = block
        unsafe shard.pointee.count &+= 1
        return false
    }

    /// Takes out the block at `address` and puts it into `block`.
    ///
    /// - Returns: whether there was one.
    @inline(__always)
    mutating func remove(_ address: UInt64, into block: inout LiveBlock) -> Bool {
        let hash = Self.hash(address)
        let shard = unsafe shards + Int(hash >> 58)
        let base = unsafe shard.pointee.base
        let capacity = unsafe shard.pointee.capacity
        var slot = Self.home(hash, capacity)
        while true {
            let found = unsafe base[Int(slot)].address
            if found == address { break }
            if found == 0 { return false }
            slot = slot &+ 1 == capacity ? 0 : slot &+ 1
        }
        guard address != 0 else { return false }
        unsafe block = base[Int(slot)]
        // Pull followers back into the hole when the hole lies between their home and them.
        var hole = slot
        while true {
            slot = slot &+ 1 == capacity ? 0 : slot &+ 1
            let follower = unsafe base[Int(slot)].address
            if follower == 0 { break }
            let home = Self.home(Self.hash(follower), capacity)
            let distance = slot >= home ? slot &- home : slot &+ capacity &- home
            let gap = slot >= hole ? slot &- hole : slot &+ capacity &- hole
            if distance >= gap {
                unsafe base[Int(hole)] = base[Int(slot)]
                hole = slot
            }
        }
        unsafe base[Int(hole)].address = 0
        unsafe shard.pointee.count &-= 1
        return true
    }

    /// Whether a block is alive at `address`.
    func contains(_ address: UInt64) -> Bool {
        guard address != 0 else { return false }
        let hash = Self.hash(address)
        let shard = unsafe shards + Int(hash >> 58)
        let capacity = unsafe shard.pointee.capacity
        var slot = Self.home(hash, capacity)
        while true {
            let found = unsafe shard.pointee.base[Int(slot)].address
            if found == address { return true }
            if found == 0 { return false }
            slot = slot &+ 1 == capacity ? 0 : slot &+ 1
        }
    }

    /// Calls `body` with every block, in no particular order.
    func forEach(_ body: (LiveBlock) -> Void) {
        for index in 0..<Self.shardCount {
            let shard = unsafe shards[index]
            for slot in 0..<Int(shard.capacity) where unsafe shard.base[slot].address != 0 {
                unsafe body(shard.base[slot])
            }
        }
    }

    /// Bytes of memory in use, and whether the invariant at the top of this file holds; for tests.
    func check() -> (bytes: Int, isSound: Bool) {
        var bytes = Self.shardCount * MemoryLayout<Shard>.stride
        var sound = true
        for index in 0..<Self.shardCount {
            let shard = unsafe shards[index]
            bytes += Int(shard.capacity) * MemoryLayout<LiveBlock>.stride
            var count: UInt32 = 0
            for slot in 0..<shard.capacity {
                let address = unsafe shard.base[Int(slot)].address
                guard address != 0 else { continue }
                count += 1
                let hash = Self.hash(address)
                if Int(hash >> 58) != index { sound = false }
                var at = Self.home(hash, shard.capacity)
                while at != slot {
                    if unsafe shard.base[Int(at)].address == 0 {
                        sound = false
                        break
                    }
                    at = at &+ 1 == shard.capacity ? 0 : at &+ 1
                }
            }
            if count != shard.count || shard.count > shard.limit { sound = false }
        }
        return (bytes, sound)
    }

    // MARK: Hash and growth

    /// Two rounds of multiplication: addresses differ in few, neighbouring bits.
    @inline(__always)
    private static func hash(_ address: UInt64) -> UInt64 {
        var mixed = address &* 0x9e37_79b9_7f4a_7c15
        mixed ^= mixed >> 32
        return mixed &* 0xd6e8_feb8_6659_fd93
    }

    /// The slot where a search begins: grows with bits 26 to 57 of the hash.
    @inline(__always)
    private static func home(_ hash: UInt64, _ capacity: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (((hash << 6) >> 32) &* UInt64(capacity)) >> 32)
    }

    private static func make(_ capacity: UInt32) -> Shard {
        let base = UnsafeMutablePointer<LiveBlock>.allocate(capacity: Int(capacity))
        unsafe base.initialize(
            repeating: LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0), count: Int(capacity))
        return unsafe Shard(
            base: base, capacity: capacity, count: 0, limit: UInt32(UInt64(capacity) * 7 / 10))
    }

    @inline(never)
    private mutating func grow(_ index: Int) {
        let old = unsafe shards[index]
        // By a quarter, and in steps of two blocks so that small shards do not crawl.
        var larger = Self.make(old.capacity + max(old.capacity / 4, 16))
        larger.count = old.count
        for slot in 0..<Int(old.capacity) {
            let block = unsafe old.base[slot]
            guard block.address != 0 else { continue }
            var place = Self.home(Self.hash(block.address), larger.capacity)
            while unsafe larger.base[Int(place)].address != 0 {
                place = place &+ 1 == larger.capacity ? 0 : place &+ 1
            }
            unsafe larger.base[Int(place)] = block
        }
        unsafe old.base.deallocate()
        unsafe shards[index] = larger
    }
}
