// SPDX-License-Identifier: Apache-2.0
//
// The heap's history the slow and obvious way: dictionaries, and every sum recomputed at every event. What the model says
// in one pass must equal this.

import CHeaplineFormat

@testable import HeaplineAnalysis

struct BruteForce {
    struct LiveEntry: Equatable {
        var size: UInt64
        var stack: Int
        var thread: Int
        var ticks: UInt64
    }
    struct StackSums: Equatable {
        var allocations: UInt64 = 0
        var bytes: UInt64 = 0
        var temporary: UInt64 = 0
    }

    var live: [UInt64: LiveEntry] = [:]
    var pending: [Int: [(address: UInt64, entry: LiveEntry?)]] = [:]
    var stacks: [Int: StackSums] = [:]
    var lastAllocation: [Int: UInt64] = [:]  // by thread: the address, while no other allocation followed
    var allocations: UInt64 = 0
    var frees: UInt64 = 0
    var reallocations: UInt64 = 0
    var bytes: UInt64 = 0
    var failures: UInt64 = 0
    var temporary: UInt64 = 0
    var unknownFrees: UInt64 = 0
    var impliedFrees: UInt64 = 0
    var lifetimes: [UInt64] = []
    var sizes: [UInt64] = []
    var peakBytes: UInt64 = 0
    var peakTicks: UInt64 = 0
    var peakByStack: [Int: (blocks: UInt64, bytes: UInt64)] = [:]
    /// After each event, in order.
    var course: [(ticks: UInt64, liveBytes: UInt64)] = []

    /// Everything alive, blocks under reallocation included.
    var all: [LiveEntry] { Array(live.values) + pending.values.flatMap { $0.compactMap(\.entry) } }
    var liveBytes: UInt64 { all.reduce(0) { $0 + $1.size } }

    var liveByStack: [Int: (blocks: UInt64, bytes: UInt64)] {
        var sums: [Int: (blocks: UInt64, bytes: UInt64)] = [:]
        for entry in all {
            sums[entry.stack, default: (0, 0)].blocks += 1
            sums[entry.stack, default: (0, 0)].bytes += entry.size
        }
        return sums
    }

    init(_ events: [Event]) {
        for event in events {
            step(event)
            course.append((event.ticks, liveBytes))
        }
    }

    private mutating func step(_ event: Event) {
        switch event.kind {
        case HL_KIND_ALLOC: allocate(event)
        case HL_KIND_FREE:
            if let entry = live.removeValue(forKey: event.address) {
                end(entry, event.address, event.ticks)
            } else {
                unknownFrees += 1
            }
        case HL_KIND_REALLOC_FREE:
            pending[event.thread, default: []].append((event.address, live.removeValue(forKey: event.address)))
        case HL_KIND_REALLOC_ALLOC:
            reallocations += 1
            if let before = pending[event.thread]?.popLast() {
                if let entry = before.entry { end(entry, before.address, event.ticks) } else { unknownFrees += 1 }
            }
            allocate(event)
        case HL_KIND_REALLOC_FAIL:
            failures += 1
            if let before = pending[event.thread]?.popLast(), let entry = before.entry {
                replace(before.address)
                live[before.address] = entry
            }
        case HL_KIND_ALLOC_FAIL: failures += 1
        default: break
        }
    }

    private mutating func replace(_ address: UInt64) {
        guard live.removeValue(forKey: address) != nil else { return }
        frees += 1
        impliedFrees += 1
    }

    private mutating func allocate(_ event: Event) {
        replace(event.address)
        live[event.address] = LiveEntry(size: event.size, stack: event.stack, thread: event.thread, ticks: event.ticks)
        allocations += 1
        bytes += event.size
        sizes.append(event.size)
        stacks[event.stack, default: StackSums()].allocations += 1
        stacks[event.stack, default: StackSums()].bytes += event.size
        lastAllocation[event.thread] = event.address
        if liveBytes > peakBytes {
            peakBytes = liveBytes
            peakTicks = event.ticks
            peakByStack = liveByStack
        }
    }

    private mutating func end(_ entry: LiveEntry, _ address: UInt64, _ ticks: UInt64) {
        frees += 1
        lifetimes.append(ticks - entry.ticks)
        if lastAllocation[entry.thread] == address {
            lastAllocation[entry.thread] = nil
            temporary += 1
            stacks[entry.stack, default: StackSums()].temporary += 1
        }
    }
}

extension BruteForce {
    /// A random run of a program: threads on cores, each event at a tick of its own, everything a recorder may show.
    static func events(_ random: inout SeededRandom, count: Int, stacks: Int, threads: Int, cores: Int) -> [Event] {
        var events: [Event] = []
        var ticks: UInt64 = 1000
        var alive: [UInt64] = []
        var busy: [Int: UInt64] = [:]  // threads inside a realloc, and the address they gave up
        func address(_ random: inout SeededRandom) -> UInt64 { 0x5000_0000 + UInt64(random.below(400)) * 16 }
        while events.count < count {
            // Further apart than the stamps of one moment can be (see ProcessHistory+Order): lost and unknown events are meant.
            ticks += UInt64(10_001 + random.below(random.chance(2) ? 5_000_000 : 500))
            let thread = random.below(threads)
            var event = Event(
                core: random.below(cores), ticks: ticks, kind: HL_KIND_ALLOC, size: UInt64(random.below(random.chance(5) ? 1 << 20 : 300)),
                stack: random.chance(3) ? random.below(3) : 16 + random.below(stacks), thread: thread)
            if let old = busy.removeValue(forKey: thread) {
                if random.chance(15) {
                    event.kind = HL_KIND_REALLOC_FAIL
                    event.address = old
                    event.size = 0
                    alive.append(old)
                } else {
                    event.kind = HL_KIND_REALLOC_ALLOC
                    event.address = random.chance(50) ? old : address(&random)
                    alive.append(event.address)
                }
            } else if random.chance(45), let index = alive.indices.randomElement(using: &random) {
                event.address = random.chance(40) ? alive.removeLast() : alive.remove(at: index)
                event.size = 0
                event.stack = 0
                event.kind = HL_KIND_FREE
                if random.chance(25) {
                    event.kind = HL_KIND_REALLOC_FREE
                    busy[thread] = event.address
                }
            } else if random.chance(4) {
                event.kind = random.chance(50) ? HL_KIND_ALLOC_FAIL : HL_KIND_MAP
                event.address = event.kind == HL_KIND_MAP ? 0x7000_0000 : 0
            } else if random.chance(3) {
                event.kind = HL_KIND_FREE
                event.address = 0x9000_0000 + UInt64(random.below(100)) * 16  // never allocated
                event.size = 0
                event.stack = 0
            } else {
                event.address = address(&random)  // now and then one that is alive: its free was lost
                alive.append(event.address)
            }
            events.append(event)
        }
        return events
    }
}
