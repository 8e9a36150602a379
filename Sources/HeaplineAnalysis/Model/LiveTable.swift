// SPDX-License-Identifier: Apache-2.0
//
// The blocks that are alive, by address: the one structure whose size is the program's and not ours, and the one that
// misses the caches. What it costs is the number of cache lines that an event waits for, and of branches that nobody can
// foretell, so it is made of groups of 15 slots:
//
//   tags    15 bytes, one for each slot, 0 when it is empty; and how many blocks wanted this group and found it full
//   slots   15 blocks of 32 bytes, never across a cache line
//
// A search compares all tags of a group at once and then looks at one block, the right one but for one time in seventeen. Tags
// are a thirtieth of the whole and mostly in a cache; the one line of the block is asked for some events ahead.
// (F14 in Meta's folly is built like this; see "Open-sourcing F14", N. Bronson and X. Shi, 2019.)
//
//   a block lies in the first group, from its home on, that had an empty slot when it came
//   passed(group) == blocks that lie further on although their home is this group or one before it
//                    (at 255 it stays so until the shard grows)
//
// So a search may end at the first group that nobody passed, and a removal leaves nothing behind.
//
// There are 8 shards, by the hash's top bits. Within a shard home grows with the hash (home = hash * groups / 2^32), so
// sizes need not be powers of two: a shard grows by a fifth when it is 70 % full, and only that shard is in memory twice
// while it does. So for each block there are at most (32 + 16/15) / 0.583 = 57 bytes, and 6 more while a shard grows. Fuller tables were
// measured: from 75 % on so many groups have been passed that looking further costs more than the memory saves. Shards of up to
// 4 MiB double, which is quicker, as is a search in what is half empty; so a table may have 65 MB whatever is in it.
// Where it is known how many blocks there will be at the end, the steps between are left out.

internal import CHeaplineFormat
internal import Glibc

/// A block that is alive. `address` is never 0.
struct LiveBlock: BitwiseCopyable {
    var address: UInt64
    var size: UInt64
    var stamp: UInt64  // ticks << 8 | how many reallocations led here, at most 255
    var site: UInt32
    var thread: UInt32

    var ticks: UInt64 { stamp >> 8 }
}

/// Safe because slots are reached by home < groups, wrapped increments and bits below 15 only, and all memory is private.
@safe
struct LiveTable: ~Copyable {
    @safe fileprivate struct Shard: BitwiseCopyable {
        var slots: UnsafeMutablePointer<LiveBlock>  // the start of one piece of memory …
        var tags: UnsafeMutablePointer<UInt8>  // … whose end these are
        var groups: UInt32
        var count: UInt32
        var limit: UInt32  // count at which it grows
    }
    private static let shardBits: UInt64 = 3
    private static let shardCount = 1 << Int(shardBits)
    private static let groupSlots = 15
    private static let groupTags = 16
    private static let passed = 15  // the tag byte that counts
    private static let firstGroups: UInt32 = 4
    private static let fewGroups: UInt32 = 16384  // 65 MB in all shards
    private static let believedGroups: UInt32 = 512

    private let shards: UnsafeMutablePointer<Shard>
    private let expected: Int
    /// How often a shard has grown.
    private(set) var growths = 0

    /// - Parameter expected: how many blocks there will probably be; a wrong number costs time, or memory up to 32 times what blocks there
    ///   are need.
    init(expected: Int = 0) {
        self.expected = expected
        unsafe shards = .allocate(capacity: Self.shardCount)
        for index in 0..<Self.shardCount {
            unsafe (shards + index).initialize(to: Self.make(Self.firstGroups))
        }
    }

    deinit {
        for index in 0..<Self.shardCount { unsafe free(shards[index].slots) }
        unsafe shards.deallocate()
    }

    /// How many blocks are alive.
    var count: Int {
        var sum = 0
        for index in 0..<Self.shardCount { unsafe sum += Int(shards[index].count) }
        return sum
    }

    /// Where the search for an address begins, worked out ahead of its use. Good while ``growths`` stays the same.
    @safe struct Place: BitwiseCopyable {
        fileprivate var tags: UnsafeMutablePointer<UInt8>
        fileprivate var slots: UnsafeMutablePointer<LiveBlock>
        fileprivate var shard: UnsafeMutablePointer<Shard>
        fileprivate var tag: UInt8
    }

    @inline(__always)
    func place(_ address: UInt64) -> Place {
        let hash = Self.hash(address)
        let shard = unsafe shards + Self.shard(hash)
        let group = unsafe Int(Self.home(hash, shard.pointee.groups))
        return unsafe Place(
            tags: shard.pointee.tags + group &* Self.groupTags, slots: shard.pointee.slots + group &* Self.groupSlots, shard: shard,
            tag: Self.tag(hash))
    }

    /// Starts loading the tags among which the block of this place is or would be.
    @inline(__always)
    func prefetchTags(_ place: Place) { unsafe hl_prefetch(place.tags) }

    /// Starts loading the block of this place, or the slot for it when it `isNew`; its tags have been loaded. Worth it once the table is
    /// larger than the caches.
    @inline(__always)
    func prefetch(_ place: Place, isNew: Bool) {
        // None: it lies further on, mostly in the next group.
        let found = unsafe hl_match15(place.tags, isNew ? 0 : place.tag) | 1 << Self.groupSlots
        unsafe hl_prefetch(place.slots + found.trailingZeroBitCount)
    }

    /// Adds a block unless one is alive at its address.
    ///
    /// - Returns: whether it was added; also false when the table has to grow first, which ``insert(_:replaced:)`` does.
    @inline(__always)
    mutating func insertNew(_ block: LiveBlock, _ place: Place) -> Bool {
        guard unsafe place.shard.pointee.count < place.shard.pointee.limit else { return false }
        // Nearly always: nothing looks like it, nobody passed, there is room.
        let empty = unsafe hl_match15(place.tags, 0)
        guard unsafe hl_match15(place.tags, place.tag) == 0, unsafe place.tags[Self.passed] == 0, empty != 0
        else { return insertNewSlowly(block) }
        let slot = empty.trailingZeroBitCount
        unsafe place.tags[slot] = place.tag
        unsafe place.slots[slot] = block
        unsafe place.shard.pointee.count &+= 1
        return true
    }

    @inline(never)
    private mutating func insertNewSlowly(_ block: LiveBlock) -> Bool {
        let hash = Self.hash(block.address)
        let shard = unsafe shards + Self.shard(hash)
        if unsafe find(block.address, hash, shard) >= 0 { return false }
        unsafe Self.put(block, hash, shard)
        unsafe shard.pointee.count &+= 1
        return true
    }

    /// Adds a block. When one was alive at its address already, that one is replaced and put into `old`.
    ///
    /// - Returns: whether one was replaced.
    @inline(never)
    mutating func insert(_ block: LiveBlock, replaced old: inout LiveBlock) -> Bool {
        if insertNew(block, place(block.address)) { return false }
        let hash = Self.hash(block.address)
        let shard = unsafe shards + Self.shard(hash)
        let slot = unsafe find(block.address, hash, shard)
        if slot >= 0 {
            unsafe old = shard.pointee.slots[slot]
            unsafe shard.pointee.slots[slot] = block
            return true
        }
        grow(Self.shard(hash))
        unsafe Self.put(block, hash, shard)
        unsafe shard.pointee.count &+= 1
        return false
    }

    /// Takes out the block at `address`, whose place is given, and puts it into `block`.
    ///
    /// - Returns: whether there was one.
    @inline(__always)
    mutating func remove(_ address: UInt64, _ place: Place, into block: inout LiveBlock) -> Bool {
        // Nearly always the first that looks like it in its home is it.
        let found = unsafe hl_match15(place.tags, place.tag)
        let slot = (found | 1 << 14).trailingZeroBitCount
        let candidate = unsafe place.slots + slot
        guard found != 0, unsafe candidate.pointee.address == address else { return remove(address, into: &block) }
        unsafe block = candidate.pointee
        unsafe place.tags[slot] = 0
        unsafe place.shard.pointee.count &-= 1
        return true
    }

    /// The same for callers without the place.
    @inline(never)
    mutating func remove(_ address: UInt64, into block: inout LiveBlock) -> Bool {
        let hash = Self.hash(address)
        let shard = unsafe shards + Self.shard(hash)
        let slot = unsafe find(address, hash, shard)
        guard slot >= 0 else { return false }
        unsafe block = shard.pointee.slots[slot]
        let tags = unsafe shard.pointee.tags
        let group = slot / Self.groupSlots
        unsafe tags[group &* Self.groupTags &+ (slot &- group &* Self.groupSlots)] = 0
        var at = unsafe Int(Self.home(hash, shard.pointee.groups))
        while at != group {
            let passed = unsafe tags + (at &* Self.groupTags &+ Self.passed)
            if unsafe passed.pointee != 255 { unsafe passed.pointee &-= 1 }
            at = unsafe at &+ 1 == Int(shard.pointee.groups) ? 0 : at &+ 1
        }
        unsafe shard.pointee.count &-= 1
        return true
    }

    /// Whether a block is alive at `address`.
    func contains(_ address: UInt64) -> Bool {
        let hash = Self.hash(address)
        return unsafe find(address, hash, shards + Self.shard(hash)) >= 0
    }

    /// The block at `address`.
    func block(at address: UInt64) -> LiveBlock? {
        let hash = Self.hash(address)
        let shard = unsafe shards + Self.shard(hash)
        let place = unsafe find(address, hash, shard)
        return place < 0 ? nil : unsafe shard.pointee.slots[place]
    }

    /// Calls `body` with every block, in no particular order.
    func forEach(_ body: (LiveBlock) -> Void) {
        for index in 0..<Self.shardCount {
            unsafe Self.forEach(shards[index], body)
        }
    }

    /// Bytes of memory in use; for tests.
    var bytes: Int {
        var sum = Self.shardCount * MemoryLayout<Shard>.stride
        for index in 0..<Self.shardCount { unsafe sum += Self.bytes(shards[index].groups) }
        return sum
    }

    /// Bytes of memory in use, and whether the invariants at the top of this file hold; for tests.
    func check() -> (bytes: Int, isSound: Bool) {
        var bytes = Self.shardCount * MemoryLayout<Shard>.stride
        var sound = true
        for index in 0..<Self.shardCount {
            let shard = unsafe shards[index]
            bytes += Self.bytes(shard.groups)
            var passed = [Int](repeating: 0, count: Int(shard.groups))
            var count: UInt32 = 0
            for group in 0..<Int(shard.groups) {
                for slot in 0..<Self.groupSlots {
                    let tag = unsafe shard.tags[group * Self.groupTags + slot]
                    guard tag != 0 else { continue }
                    count += 1
                    let hash = unsafe Self.hash(shard.slots[group * Self.groupSlots + slot].address)
                    if Self.shard(hash) != index || Self.tag(hash) != tag { sound = false }
                    var at = Int(Self.home(hash, shard.groups))
                    while at != group {
                        passed[at] += 1
                        at = at + 1 == Int(shard.groups) ? 0 : at + 1
                    }
                }
            }
            for group in 0..<Int(shard.groups) {
                let told = unsafe Int(shard.tags[group * Self.groupTags + Self.passed])
                if told != passed[group] && told != 255 { sound = false }
            }
            if count != shard.count || shard.count > shard.limit { sound = false }
        }
        return (bytes, sound)
    }

    // MARK: Search

    /// The slot of the block at `address`, or -1.
    private func find(_ address: UInt64, _ hash: UInt64, _ shard: UnsafeMutablePointer<Shard>) -> Int {
        let slots = unsafe shard.pointee.slots
        let tags = unsafe shard.pointee.tags
        let groups = unsafe shard.pointee.groups
        let tag = Self.tag(hash)
        var group = Int(Self.home(hash, groups))
        for _ in 0..<groups {
            let bytes = unsafe tags + group &* Self.groupTags
            var found = unsafe hl_match15(bytes, tag)
            while found != 0 {
                let place = group &* Self.groupSlots &+ found.trailingZeroBitCount
                if unsafe slots[place].address == address { return place }
                found &= found &- 1
            }
            if unsafe bytes[Self.passed] == 0 { return -1 }
            group = group &+ 1 == Int(groups) ? 0 : group &+ 1
        }
        return -1
    }

    /// Puts a block into the first empty slot from its home on.
    private static func put(_ block: LiveBlock, _ hash: UInt64, _ shard: UnsafeMutablePointer<Shard>) {
        let tags = unsafe shard.pointee.tags
        var group = unsafe Int(home(hash, shard.pointee.groups))
        while true {
            let bytes = unsafe tags + group &* groupTags
            let empty = unsafe hl_match15(bytes, 0)
            if empty != 0 {
                let slot = empty.trailingZeroBitCount
                unsafe bytes[slot] = tag(hash)
                unsafe shard.pointee.slots[group &* groupSlots &+ slot] = block
                return
            }
            if unsafe bytes[passed] != 255 { unsafe bytes[passed] &+= 1 }
            group = unsafe group &+ 1 == Int(shard.pointee.groups) ? 0 : group &+ 1
        }
    }

    // MARK: Hash and growth

    /// Two rounds of multiplication: addresses differ in few, neighbouring bits.
    @inline(__always)
    static func hash(_ address: UInt64) -> UInt64 {
        var mixed = address &* 0x9e37_79b9_7f4a_7c15
        mixed ^= mixed >> 32
        return mixed &* 0xd6e8_feb8_6659_fd93
    }

    @inline(__always)
    private static func shard(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> (64 - shardBits)) }

    /// The group where a search begins: grows with the 32 bits of the hash after those of the shard.
    @inline(__always)
    private static func home(_ hash: UInt64, _ groups: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (((hash << shardBits) >> 32) &* UInt64(groups)) >> 32)
    }

    /// 1 to 255, from bits that home does not depend on.
    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt8 { max(UInt8(truncatingIfNeeded: hash >> 8), 1) }

    private static func bytes(_ groups: UInt32) -> Int {
        Int(groups) * (groupSlots * MemoryLayout<LiveBlock>.stride + groupTags)
    }

    private static func make(_ groups: UInt32) -> Shard {
        let largePage = 2 << 20
        let isLarge = bytes(groups) >= largePage
        // To the end of a large page, or the rest, and all tags with it, would lie on small ones.
        let size = isLarge ? (bytes(groups) + largePage - 1) & ~(largePage - 1) : bytes(groups)
        guard let memory = unsafe aligned_alloc(isLarge ? largePage : 64, size) else {
            preconditionFailure("no memory for the table of live blocks")
        }
        if isLarge { unsafe madvise(memory, size, CInt(MADV_HUGEPAGE)) }
        let slots = Int(groups) * groupSlots
        let tags = unsafe (memory + slots * MemoryLayout<LiveBlock>.stride)
            .bindMemory(to: UInt8.self, capacity: Int(groups) * groupTags)
        unsafe tags.initialize(repeating: 0, count: Int(groups) * groupTags)
        return unsafe Shard(
            slots: memory.bindMemory(to: LiveBlock.self, capacity: slots), tags: tags, groups: groups, count: 0,
            limit: UInt32(slots * 7 / 10))
    }

    private static func forEach(_ shard: Shard, _ body: (LiveBlock) -> Void) {
        for group in 0..<Int(shard.groups) {
            for slot in 0..<groupSlots where unsafe shard.tags[group * groupTags + slot] != 0 {
                unsafe body(shard.slots[group * groupSlots + slot])
            }
        }
    }

    @inline(never)
    private mutating func grow(_ index: Int) {
        let old = unsafe shards[index]
        growths += 1
        // By a fifth; as long as they are small by more: on the way to a million blocks, clearing the memory of all small steps took longer than
        // filling it. Multiples of 4 keep tags aligned.
        var groups = Int(old.groups) + Int(old.groups < Self.fewGroups ? old.groups : old.groups / 5)
        // At once to the size that will be needed, if what is there makes that believable.
        if old.groups >= Self.believedGroups { groups = max(groups, min(expected / Self.shardCount, 32 * Int(old.count)) / 8) }
        unsafe shards[index] = Self.make(UInt32(clamping: groups) & ~3)
        unsafe shards[index].count = old.count
        Self.forEach(old) { unsafe Self.put($0, Self.hash($0.address), shards + index) }
        unsafe free(old.slots)
    }
}
