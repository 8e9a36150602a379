// SPDX-License-Identifier: Apache-2.0
//
// What the loop over events leaves to functions of their own: reallocations, maps, new sites and buckets, the end.

internal import CHeaplineFormat

extension ProcessHistory {
    /// Everything but plain allocations and frees.
    @inline(never)
    mutating func rare(_ record: hl_record, _ ticks: UInt64, _ shared: inout SharedHistory) {
        switch UInt32(truncatingIfNeeded: record.time_kind & 0xff) {
        case HL_KIND_REALLOC_FREE.rawValue: beginReallocation(record)
        case HL_KIND_REALLOC_ALLOC.rawValue: endReallocation(record, ticks, &shared)
        case HL_KIND_REALLOC_FAIL.rawValue:
            failures &+= 1
            restore(record, ticks, &shared)
        case HL_KIND_ALLOC_FAIL.rawValue: failures &+= 1
        case HL_KIND_MAP.rawValue: mappedBytes &+= record.size
        case HL_KIND_UNMAP.rawValue: unmappedBytes &+= record.size
        default: break  // HL_KIND_SWITCH and kinds of later versions do not change the heap
        }
    }

    // MARK: Reallocations

    private mutating func beginReallocation(_ record: hl_record) {
        let thread = self.thread(record.thread)
        var block = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        _ = live.remove(record.address, into: &block)
        let entry = Pending(block: block, address: record.address, below: threads[thread].pending)
        if sparePending >= 0 {
            let index = Int(sparePending)
            sparePending = pending[index].below
            pending[index] = entry
            threads[thread].pending = Int32(index)
        } else {
            pending.append(entry)
            threads[thread].pending = Int32(pending.count - 1)
        }
    }

    /// Takes the newest reallocation that `thread` has under way off its stack.
    private mutating func popPending(_ thread: Int) -> Pending? {
        let index = Int(threads[thread].pending)
        guard index >= 0 else { return nil }
        let entry = pending[index]
        threads[thread].pending = entry.below
        pending[index].below = sparePending
        sparePending = Int32(index)
        return entry
    }

    private mutating func endReallocation(_ record: hl_record, _ ticks: UInt64, _ shared: inout SharedHistory) {
        let thread = self.thread(record.thread)
        guard let entry = popPending(thread) else {
            // Its beginning was lost: a new block all the same.
            reallocations &+= 1
            allocate(record, ticks, chain: 0, &shared)
            return
        }
        var chain: UInt64 = 0
        let old = entry.block
        if old.address == 0 {
            unknownFrees &+= 1
            threads[thread].frees &+= 1
        } else {
            chain = min(old.stamp & 0xff + 1, 255)
            release(old, ticks, freedBy: thread, &shared)
        }
        let count = weight.map { $0.weigh(record.size).blocks } ?? 1
        reallocations &+= count
        guard record.address != 0 else { return }
        allocate(record, ticks, chain: chain, &shared)

        let site = self.site(Int(record.stack), &shared)
        shared.growth.extend(to: site + 1, with: GrowthSums())
        shared.growth[site].reallocations &+= count
        if old.address != 0 {
            if old.address != record.address {
                shared.growth[site].moves &+= count
                shared.growth[site].bytesMoved &+= min(old.size, record.size) &* count
            }
            if record.size > old.size { shared.growth[site].bytesGrown &+= (record.size &- old.size) &* count }
            shared.growth[site].longest = max(shared.growth[site].longest, chain)
        }
    }

    /// A reallocation failed: its block lives on as it was.
    private mutating func restore(_ record: hl_record, _ ticks: UInt64, _ shared: inout SharedHistory) {
        guard let entry = popPending(thread(record.thread)) else { return }
        putBack(entry, ticks, &shared)
    }

    private mutating func putBack(_ entry: Pending, _ ticks: UInt64, _ shared: inout SharedHistory) {
        guard entry.block.address != 0 else { return }
        var old = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        if live.insert(entry.block, replaced: &old) {
            impliedFrees &+= 1
            release(old, ticks, freedBy: nil, &shared)
        }
    }

    // MARK: Sites and time

    /// Who freed a block, where the stacks of frees were recorded.
    @inline(never)
    mutating func remember(_ block: LiveBlock, freedAt stack: UInt32, _ shared: inout SharedHistory) {
        let (count, size) = weight?.weigh(block.size) ?? (1, block.size)
        let key = ReleaseKey(site: block.site, stack: stack)
        shared.releases[key, default: ReleaseSums()].blocks &+= count
        shared.releases[key, default: ReleaseSums()].bytes &+= size
    }

    @inline(never)
    mutating func newSite(_ stack: Int, _ shared: inout SharedHistory) -> Int {
        let index = shared.sites.count
        shared.sites.append(SiteSums())
        shared.siteKeys.append(SiteKey(process: UInt32(id), stack: UInt32(stack)))
        siteOf[stack] = UInt32(index + 1)
        return index
    }

    /// The timeline's bucket has ended, here or on another process's clock.
    @inline(never)
    mutating func crossBucket(_ ticks: UInt64, _ shared: inout SharedHistory) {
        let nanoseconds = clock.nanoseconds(ticks)
        if nanoseconds >= shared.timeline.openEnd {
            shared.activity?.advance(to: nanoseconds, shared)
            shared.timeline.advance(to: nanoseconds, shared.now)
        }
        let end = shared.timeline.openEnd
        // Ticks are below 2^56, so this also ends the loop when the clock cannot go that far.
        bucketEndTicks = end == .max ? .max : clock.ticks(atOrAfter: end)
    }

    // MARK: Mode sample

    @inline(never)
    mutating func vary(_ site: Int, _ size: UInt64, _ weight: SampleWeight, _ shared: inout SharedHistory) {
        shared.variances.extend(to: site + 1, with: Variances())
        let (blocks, bytes) = weight.variance(size)
        shared.variances[site].allocations += blocks
        shared.variances[site].bytes += bytes
        shared.variances[site].liveBlocks += blocks
        shared.variances[site].liveBytes += bytes
    }

    @inline(never)
    mutating func unvary(_ site: Int, _ size: UInt64, _ weight: SampleWeight, _ shared: inout SharedHistory) {
        let (blocks, bytes) = weight.variance(size)
        shared.variances[site].liveBlocks = max(0, shared.variances[site].liveBlocks - blocks)
        shared.variances[site].liveBytes = max(0, shared.variances[site].liveBytes - bytes)
    }

    // MARK: The end

    /// No more events come: reallocations under way are settled, and the memory of the process is gone for the others.
    ///
    /// - Parameter hasLosses: whether the end of a reallocation may have been lost rather than not have happened.
    mutating func end(hasLosses: Bool, _ shared: inout SharedHistory) {
        guard ended == nil else { return }
        for thread in 0..<threads.count {
            while let entry = popPending(thread) {
                if hasLosses, entry.block.address != 0 {
                    impliedFrees &+= 1
                    release(entry.block, lastTicks, freedBy: nil, &shared)
                } else {
                    putBack(entry, lastTicks, &shared)
                }
            }
        }
        ended = shared.peakNumber
    }

    /// Takes the process's live blocks out of what is alive now.
    mutating func depart(_ shared: inout SharedHistory) {
        for site in 0..<shared.sites.count where shared.siteKeys[site].process == UInt32(id) {
            shared.sites[site].settle(shared.peakNumber)
        }
        shared.now.liveBlocks &-= liveBlocks
        shared.now.liveBytes &-= liveBytes
        shared.activity?.depart(id)
    }
}
