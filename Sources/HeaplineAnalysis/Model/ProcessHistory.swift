// SPDX-License-Identifier: Apache-2.0
//
// The loop that every event passes: one process's live blocks and sums. It is read top to bottom; what happens rarely is
// in ProcessHistory+Rare.swift. Nothing here allocates per event, and nothing trusts the trace: ids are checked, sums wrap.
//
//   allocations - frees == live blocks             `frees` counts blocks that ended, however that was learned:
//   frees == freesSeen - unknownFrees + impliedFrees
//
// A free of an address at which nothing is alive is "unknown": the block is older than the recording, or was sampled out.
// An allocation where a block is alive already "implies" that block's free, whose record was lost.

internal import CHeaplineFormat

/// Sums that processes share: sites have indexes of their own, and the peak is that of all processes together.
struct SharedHistory: ~Copyable {
    var sites = Slab<SiteSums>(capacity: 1024)
    var siteKeys = Slab<SiteKey>(capacity: 1024)
    var growth = Slab<GrowthSums>()  // by site, as far as needed
    var variances = Slab<Variances>()  // by site, in mode sample
    var sizes = Histogram.Counters()
    var lifetimes = Histogram.Counters()
    var timeline = Timeline()
    var activity: ActivityRecorder?
    var releases: [ReleaseKey: ReleaseSums] = [:]  // empty unless the stacks of frees were recorded
    var now = Timeline.Now()  // of processes that run
    var peakBytes: UInt64 = 0
    var peakBlocks: UInt64 = 0
    var peakNumber: UInt64 = 0
    var peakTicks: UInt64 = 0
    var peakProcess = 0

    /// More bytes are alive than at any other moment of this span of time.
    @inline(__always)
    mutating func rise(_ now: Timeline.Now, _ ticks: UInt64, _ process: Int) {
        timeline.maxLiveBytes = now.liveBytes
        guard now.liveBytes > peakBytes else { return }
        peakBytes = now.liveBytes
        peakBlocks = now.liveBlocks
        peakNumber &+= 1
        peakTicks = ticks
        peakProcess = process
    }
}

/// The stack that a site stands for.
struct SiteKey: BitwiseCopyable {
    var process: UInt32
    var stack: UInt32
}

/// Where blocks of a site were freed: the stack is of the same process.
struct ReleaseKey: Hashable {
    var site: UInt32
    var stack: UInt32
}

struct ReleaseSums {
    var blocks: UInt64 = 0
    var bytes: UInt64 = 0
}

struct ProcessHistory: ~Copyable {
    let id: Int
    let clock: Clock
    let nodeCount: Int
    let weight: SampleWeight?  // in mode sample
    let nanosecondsPerTick: Double

    var live: LiveTable
    var siteOf = Slab<UInt32>()  // by node id: site index + 1, or 0
    var threads = Slab<ThreadSums>()
    var pending = Slab<Pending>()
    var sparePending: Int32 = -1
    var inversions: Inversions

    var events: UInt64 = 0
    var allocations: UInt64 = 0
    var frees: UInt64 = 0
    var reallocations: UInt64 = 0
    var bytes: UInt64 = 0
    var failures: UInt64 = 0
    var temporary: UInt64 = 0
    var unknownFrees: UInt64 = 0
    var impliedFrees: UInt64 = 0
    var mappedBytes: UInt64 = 0
    var unmappedBytes: UInt64 = 0
    var liveBlocks: UInt64 = 0
    var liveBytes: UInt64 = 0
    var peakBytes: UInt64 = 0
    var peakBlocks: UInt64 = 0
    var peakTicks: UInt64 = 0
    var lastTicks: UInt64 = 0
    var bucketEndTicks: UInt64 = 0  // where the timeline's open bucket ends on this process's clock
    var ended: UInt64?  // number of the peak that was newest when the process ended

    /// A reallocation whose end has not been seen. Its block is alive but not in the table, as another thread may get
    /// its address meanwhile. Signal handlers may reallocate too: per thread they form a stack.
    struct Pending: BitwiseCopyable {
        var block: LiveBlock  // address 0: the block is unknown
        var address: UInt64
        var below: Int32
    }

    init(_ process: TraceProcess, nodeCount: Int) {
        id = process.id
        clock = process.clock
        self.nodeCount = nodeCount
        weight = process.mode == .sample ? SampleWeight(rate: process.sampleBytes) : nil
        inversions = Inversions(hz: process.clock.hz)
        nanosecondsPerTick = 1e9 / Double(process.clock.hz)
        siteOf.extend(to: nodeCount, with: 0)
        // What the recorder counted says how many blocks there will be at the end.
        let counts = process.mode == .sample ? nil : process.counts
        live = LiveTable(expected: counts.map { Int(clamping: $0.allocations &- min($0.frees, $0.allocations)) } ?? 0)
    }

    // MARK: Plain records

    /// Takes in records of this process in time order.
    ///
    /// They pass in batches, each in four steps:
    ///
    ///   two batches ahead   locate    works out where their blocks are to be searched, and asks for the tags there
    ///   one batch ahead     ask       asks for the blocks that the tags lead to
    ///                       match     puts blocks into the table and takes them out
    ///                       account   changes the sums
    ///
    /// One step at a time, as a processor sees a few hundred instructions ahead: of a step that is several events, whose waits for memory and
    /// for each other then pass at once; of everything that an event needs it would hardly be two.
    mutating func consume(_ records: UnsafeBufferPointer<hl_record>, _ shared: inout SharedHistory) {
        events &+= UInt64(records.count)
        // A small table is in a cache anyway.
        let isLarge = liveBlocks > 8192
        unsafe withUnsafeTemporaryAllocation(of: LiveTable.Place.self, capacity: Self.placeRing) { ring in
            unsafe withUnsafeTemporaryAllocation(of: LiveBlock.self, capacity: Self.batch) { ends in
                let places = ring.baseAddress!
                let ended = ends.baseAddress!
                unsafe locate(records, 0..<2 * Self.batch, places, isLarge)
                if isLarge { unsafe ask(records, 0..<Self.batch, places) }
                var start = 0
                while start < records.count {
                    let end = min(start &+ Self.batch, records.count)
                    unsafe locate(records, start &+ 2 &* Self.batch..<start &+ 3 &* Self.batch, places, isLarge)
                    if isLarge { unsafe ask(records, end..<end &+ Self.batch, places) }
                    while start < end {
                        let stop = unsafe match(records, start..<end, places, ended)
                        unsafe account(records, start..<stop, ended, &shared)
                        start = stop
                        guard start < end else { break }
                        let growths = live.growths
                        unsafe one(records[start], &shared)
                        start &+= 1
                        if live.growths != growths { unsafe locate(records, start..<end &+ 2 &* Self.batch, places, false) }
                    }
                }
            }
        }
    }

    // As many as can be on their way from memory at once. What is known of a record stands at its index modulo these.
    private static let batch = 16
    private static let placeRing = 4 * batch

    @inline(__always)
    private func locate(
        _ records: UnsafeBufferPointer<hl_record>, _ range: Range<Int>, _ places: UnsafeMutablePointer<LiveTable.Place>, _ isLarge: Bool
    ) {
        var index = range.lowerBound
        let end = min(range.upperBound, records.count)
        while index < end {
            let place = live.place(unsafe records[index].address)
            unsafe places[index & (Self.placeRing - 1)] = place
            if isLarge { live.prefetchTags(place) }
            index &+= 1
        }
    }

    @inline(__always)
    private func ask(
        _ records: UnsafeBufferPointer<hl_record>, _ range: Range<Int>, _ places: UnsafeMutablePointer<LiveTable.Place>
    ) {
        var index = range.lowerBound
        let end = min(range.upperBound, records.count)
        while index < end {
            let isNew = unsafe records[index].time_kind & 0xff == UInt64(HL_KIND_ALLOC.rawValue)
            live.prefetch(unsafe places[index & (Self.placeRing - 1)], isNew: isNew)
            index &+= 1
        }
    }

    /// Puts the blocks of plain allocations into the table and takes those of plain frees out, up to the first record that is anything else,
    /// or that comes after what ends the run: a bucket of the timeline, or half an inversion to be settled. Returns its index.
    ///
    /// - Parameter ended: gets the blocks that were freed, and the sites of those that were allocated.
    @inline(never)
    private mutating func match(
        _ records: UnsafeBufferPointer<hl_record>, _ range: Range<Int>, _ places: UnsafeMutablePointer<LiveTable.Place>,
        _ ended: UnsafeMutablePointer<LiveBlock>
    ) -> Int {
        guard weight == nil else { return range.lowerBound }
        let endTicks = bucketEndTicks
        let settledTicks = max(inversions.earlyUntil, inversions.lateUntil)
        let threadCount = threads.count
        var index = range.lowerBound
        while index < range.upperBound {
            let record = unsafe records.baseAddress! + index
            let end = unsafe ended + (index & (Self.batch - 1))
            let address = unsafe record.pointee.address
            let place = unsafe places[index & (Self.placeRing - 1)]
            let ticks = unsafe record.pointee.time_kind >> 8
            let thread = unsafe record.pointee.thread
            guard ticks < endTicks, ticks > settledTicks || settledTicks == 0, Int(thread) < threadCount else { return index }
            switch unsafe UInt32(truncatingIfNeeded: record.pointee.time_kind & 0xff) {
            case HL_KIND_ALLOC.rawValue:
                let stack = unsafe Int(record.pointee.stack)
                guard address != 0, stack < nodeCount, siteOf[stack] != 0 else { return index }
                let site = siteOf[stack] &- 1
                let block = unsafe LiveBlock(address: address, size: record.pointee.size, stamp: ticks << 8, site: site, thread: thread)
                guard live.insertNew(block, place) else { return index }
                unsafe end.pointee.site = site
            case HL_KIND_FREE.rawValue:
                guard unsafe record.pointee.stack == HL_ROOT_NONE.rawValue, unsafe live.remove(address, place, into: &end.pointee)
                else { return index }
            default:
                return index
            }
            index &+= 1
        }
        return index
    }

    /// Takes records that have been matched into the sums. Those that every event changes are in variables meanwhile.
    ///
    ///   every sum of this process - the same of all processes == constant, as long as only this one is taken in
    @inline(never)
    private mutating func account(
        _ records: UnsafeBufferPointer<hl_record>, _ range: Range<Int>, _ ended: UnsafeMutablePointer<LiveBlock>,
        _ shared: inout SharedHistory
    ) {
        guard !range.isEmpty else { return }
        var now = shared.now
        let others = now.liveBytes &- liveBytes
        var ofOwner: UInt64 = 0  // temporary blocks
        var index = range.lowerBound
        while index < range.upperBound {
            let record = unsafe records.baseAddress! + index
            let block = unsafe ended + (index & (Self.batch - 1))
            let address = unsafe record.pointee.address
            let ticks = unsafe record.pointee.time_kind >> 8
            let thread = unsafe Int(record.pointee.thread)
            let site = unsafe Int(block.pointee.site)
            if unsafe record.pointee.time_kind & 0xff == UInt64(HL_KIND_ALLOC.rawValue) {
                let size = unsafe record.pointee.size
                shared.sites[site].allocated(size, shared.peakNumber)
                threads[thread].allocated(address, size)
                shared.sizes.add(size)
                now.allocations &+= 1
                now.bytesAllocated &+= size
                now.liveBlocks &+= 1
                now.liveBytes &+= size
                if now.liveBytes &- others > peakBytes {
                    peakBytes = now.liveBytes &- others
                    peakBlocks = liveBlocks &+ now.liveBlocks &- shared.now.liveBlocks
                    peakTicks = ticks
                }
                if now.liveBytes > shared.timeline.maxLiveBytes { shared.rise(now, ticks, id) }
            } else {
                let size = unsafe block.pointee.size
                let owner = unsafe Int(block.pointee.thread)
                shared.sites[site].freed(size, shared.peakNumber)
                threads[owner].lost(size)
                threads[thread].frees &+= 1
                if thread != owner { threads[thread].foreignFrees &+= 1 }
                if threads[owner].lastAllocation == address {
                    threads[owner].lastAllocation = 0
                    threads[owner].temporary &+= 1
                    shared.sites[site].temporary &+= 1
                    ofOwner &+= 1
                }
                shared.lifetimes.add(wholePartOf: nanosecondsExactly(ticks &- min(unsafe block.pointee.ticks, ticks)))
                now.frees &+= 1
                now.liveBlocks &-= 1
                now.liveBytes &-= size
            }
            index &+= 1
        }
        lastTicks = unsafe records[index &- 1].time_kind >> 8
        temporary &+= ofOwner
        allocations &+= now.allocations &- shared.now.allocations
        bytes &+= now.bytesAllocated &- shared.now.bytesAllocated
        frees &+= now.frees &- shared.now.frees
        liveBlocks &+= now.liveBlocks &- shared.now.liveBlocks
        liveBytes &+= now.liveBytes &- shared.now.liveBytes
        shared.now = now
    }

    // MARK: Any record

    /// Takes in any record.
    @inline(never)
    private mutating func one(_ record: hl_record, _ shared: inout SharedHistory) {
        let ticks = record.time_kind >> 8
        if ticks >= bucketEndTicks { crossBucket(ticks, &shared) }
        lastTicks = ticks
        switch UInt32(truncatingIfNeeded: record.time_kind & 0xff) {
        case HL_KIND_ALLOC.rawValue:
            allocate(record, ticks, chain: 0, &shared)
        case HL_KIND_FREE.rawValue:
            let thread = thread(record.thread)
            if ticks <= inversions.lateUntil, settleLateFree(record.address, ticks, by: thread) { return }
            var block = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
            if live.remove(record.address, into: &block) {
                release(block, ticks, freedBy: thread, &shared)
                if record.stack != HL_ROOT_NONE.rawValue { remember(block, freedAt: record.stack, &shared) }
            } else {
                freeOfNothing(record.address, ticks, by: thread)
            }
        default:
            rare(record, ticks, &shared)
        }
    }

    /// A span of time. Ticks are below 2^56, so they are the same as a signed number, which is converted at once.
    @inline(__always)
    private func nanoseconds(_ ticks: UInt64) -> UInt64 { UInt64(nanosecondsExactly(ticks)) }

    @inline(__always)
    private func nanosecondsExactly(_ ticks: UInt64) -> Double { Double(Int64(bitPattern: ticks)) * nanosecondsPerTick }

    /// A new block, by malloc or at the end of a reallocation.
    mutating func allocate(_ record: hl_record, _ ticks: UInt64, chain: UInt64, _ shared: inout SharedHistory) {
        guard record.address != 0 else {
            failures &+= 1
            return
        }
        let site = self.site(Int(record.stack), &shared)
        let thread = self.thread(record.thread)
        let block = LiveBlock(
            address: record.address, size: record.size, stamp: ticks << 8 | chain, site: UInt32(site),
            thread: UInt32(thread))
        var old = LiveBlock(address: 0, size: 0, stamp: 0, site: 0, thread: 0)
        if live.insert(block, replaced: &old) {
            replaced(old, ticks)
            release(old, ticks, freedBy: nil, &shared)
        }
        defer {
            if ticks <= inversions.earlyUntil {
                settleEarlyFree(record.address, ticks, allocatedBy: thread, &shared)
            }
        }
        var count: UInt64 = 1
        var size = record.size
        if let weight {
            (count, size) = weight.weigh(record.size)
            vary(site, record.size, weight, &shared)
        }
        shared.sites[site].settle(shared.peakNumber)
        shared.sites[site].allocations &+= count
        shared.sites[site].bytes &+= size
        shared.sites[site].liveBlocks &+= count
        shared.sites[site].liveBytes &+= size
        threads[thread].allocations &+= count
        threads[thread].bytes &+= size
        threads[thread].liveBlocks &+= count
        threads[thread].liveBytes &+= size
        threads[thread].lastAllocation = record.address
        shared.sizes.add(record.size, weight: count)
        shared.now.allocations &+= count
        shared.now.bytesAllocated &+= size
        shared.now.liveBlocks &+= count
        shared.now.liveBytes &+= size
        allocations &+= count
        bytes &+= size
        liveBlocks &+= count
        liveBytes &+= size
        if liveBytes > peakBytes {
            peakBytes = liveBytes
            peakBlocks = liveBlocks
            peakTicks = ticks
        }
        if shared.now.liveBytes > shared.timeline.maxLiveBytes { shared.rise(shared.now, ticks, id) }
    }

    /// A block's end, once it is out of the table. `freedBy` is nil when nobody is known to have done it.
    mutating func release(_ block: LiveBlock, _ ticks: UInt64, freedBy: Int?, _ shared: inout SharedHistory) {
        var count: UInt64 = 1
        var size = block.size
        if let weight {
            (count, size) = weight.weigh(block.size)
            unvary(Int(block.site), block.size, weight, &shared)
        }
        let site = Int(block.site)
        let owner = Int(block.thread)
        shared.sites[site].settle(shared.peakNumber)
        shared.sites[site].liveBlocks &-= count
        shared.sites[site].liveBytes &-= size
        threads[owner].liveBlocks &-= count
        threads[owner].liveBytes &-= size
        if let freedBy {
            threads[freedBy].frees &+= count
            if freedBy != owner { threads[freedBy].foreignFrees &+= count }
            if threads[owner].lastAllocation == block.address {
                threads[owner].lastAllocation = 0
                threads[owner].temporary &+= count
                shared.sites[site].temporary &+= count
                temporary &+= count
            }
            let age = ticks &- min(block.ticks, ticks)
            shared.lifetimes.add(nanoseconds(age), weight: count)
        }
        shared.now.frees &+= count
        shared.now.liveBlocks &-= count
        shared.now.liveBytes &-= size
        frees &+= count
        liveBlocks &-= count
        liveBytes &-= size
    }

    // MARK: Indexes

    /// The site of a stack.
    @inline(__always)
    mutating func site(_ stack: Int, _ shared: inout SharedHistory) -> Int {
        let known = stack < nodeCount ? stack : StackEnd.missing.rawValue
        let site = siteOf[known]
        return site != 0 ? Int(site) - 1 : newSite(known, &shared)
    }

    /// The entry of a thread; all beyond the limit share the last.
    @inline(__always)
    mutating func thread(_ index: UInt32) -> Int {
        let known = min(Int(index), NoteParser.threadLimit)
        if known >= threads.count { threads.extend(to: known + 1, with: ThreadSums()) }
        return known
    }
}
