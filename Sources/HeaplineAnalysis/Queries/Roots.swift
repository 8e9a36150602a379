// SPDX-License-Identifier: Apache-2.0
//
// Which parts of a process's memory keep blocks alive by themselves: variables, the live part of stacks (thread-locals stand at their
// upper end), registers, and what the program mapped itself. Not: free memory and lists of the allocator, what lies below a stack
// pointer, stacks of threads that have ended. Where one cannot tell, memory counts: rather a leak is missed than one is invented.
//
//   variables     whole
//   stacks        from the stack pointer on, 128 bytes below it included (the red zone)
//   brk's heap    nothing, if a live block is in it
//   other memory  what is in no cluster of live blocks, and in no arena of glibc's

internal import CHeaplineFormat

struct Roots {
    /// A part of memory all of whose words count.
    struct Part: Equatable {
        var start: UInt64
        var end: UInt64
        /// A C library's variables: its allocator's lists of free memory are among them.
        var isLibc = false
        /// Counts even inside a live block: a stack in allocated memory.
        var isStack = false
    }

    private(set) var parts: [Part] = []  // by address, without overlaps but for those of stacks
    private(set) var registers: [UInt64] = []

    static let redZone: UInt64 = 128
    static let arena: UInt64 = 64 << 20  // glibc's heaps of other threads are aligned to it
    static let large: UInt64 = 128 << 10  // from here on glibc gives a block a mapping of its own
    static let gap: UInt64 = 256 << 10  // small blocks this close to each other are of one heap
    private static let page: UInt64 = 4096

    init(_ image: MemoryImage, _ blocks: LiveSet) {
        for thread in image.threads { registers += thread.registers }
        let holes = Self.deadStacks(image)
        for area in image.areas {
            var excluded = holes.filter { $0.start < area.end && $0.end > area.start }
            switch area.kind {
            case HL_AREA_DATA, HL_AREA_STACK: break
            case HL_AREA_HEAP:
                if !blocks.indices(in: area.start..<area.end).isEmpty { excluded.append(Part(start: area.start, end: area.end)) }
            default: excluded += Self.heaps(in: area, image, blocks)
            }
            add(area, without: excluded)
        }
        for thread in image.threads {
            guard let block = blocks.block(holding: thread.stackPointer) else { continue }
            let end = blocks.address(block) + blocks.size(block)
            parts.append(Part(start: thread.stackPointer &- min(thread.stackPointer, Self.redZone), end: end, isStack: true))
        }
        parts.sort { ($0.start, $0.end) < ($1.start, $1.end) }
    }

    private mutating func add(_ area: MemoryImage.Area, without excluded: [Part]) {
        var start = area.start
        for hole in excluded.sorted(by: { $0.start < $1.start }) {
            if hole.start > start { parts.append(Part(start: start, end: min(hole.start, area.end), isLibc: area.isLibc)) }
            start = max(start, hole.end)
            if start >= area.end { return }
        }
        if start < area.end { parts.append(Part(start: start, end: area.end, isLibc: area.isLibc)) }
    }

    // MARK: Stacks

    /// What lies below live stack pointers, and the stacks of ended threads.
    private static func deadStacks(_ image: MemoryImage) -> [Part] {
        var dead: [Part] = []
        let live = Set(image.threads.map(\.threadPointer))
        let known = (live.union(image.ended)).subtracting([0]).sorted()
        func area(of address: UInt64) -> MemoryImage.Area? { image.areas.first { $0.start <= address && address < $0.end } }
        /// Where the stack that holds `pointer` can begin at most: above the one below it in the same mapping.
        func low(_ pointer: UInt64, _ area: MemoryImage.Area) -> UInt64 {
            let below = known.last { $0 < pointer }.map { roundedUp($0 + 1) } ?? 0
            return max(area.start, below)
        }
        for thread in image.threads where thread.stackPointer != 0 {
            guard let area = area(of: thread.stackPointer) else { continue }
            let top = thread.stackPointer &- redZone
            if area.kind == HL_AREA_STACK {
                dead.append(Part(start: area.start, end: max(area.start, top)))
            } else if thread.threadPointer > thread.stackPointer, thread.threadPointer < area.end {
                let start = low(thread.stackPointer, area)
                if start < top { dead.append(Part(start: start, end: top)) }
            }
        }
        // A thread of which nothing is known may run on any of these stacks.
        if image.threads.contains(where: { $0.stackPointer == 0 }) { return dead }
        for pointer in image.ended where !live.contains(pointer) {
            guard let area = area(of: pointer), area.kind == HL_AREA_ANONYMOUS, image.word(at: pointer) == pointer else { continue }
            let start = low(pointer, area)
            let end = min(roundedUp(pointer + 1), area.end)
            if image.threads.contains(where: { start <= $0.stackPointer && $0.stackPointer < end }) { continue }
            // All but the table of its thread-local blocks, which the loader keeps for the next thread on this stack: the word after the first.
            dead.append(Part(start: start, end: pointer + 8))
            if pointer + 16 < end { dead.append(Part(start: pointer + 16, end: end)) }
        }
        return dead
    }

    // MARK: Heaps

    /// The allocator's parts of an anonymous area: around live blocks, and glibc's arenas.
    private static func heaps(in area: MemoryImage.Area, _ image: MemoryImage, _ blocks: LiveSet) -> [Part] {
        var heaps: [Part] = []
        var open: Part?
        for index in blocks.indices(in: area.start..<area.end) {
            let start = blocks.address(index) & ~(page - 1)
            let end = roundedUp(blocks.address(index) &+ max(blocks.size(index), 1))
            let isLarge = blocks.size(index) >= large
            if let before = open, !isLarge, start <= before.end + gap {
                open = Part(start: before.start, end: max(before.end, end))
            } else if isLarge {
                heaps.append(Part(start: start, end: end))
            } else {
                if let before = open { heaps.append(before) }
                open = Part(start: start, end: end)
            }
        }
        if let last = open { heaps.append(last) }
        // An arena begins with a pointer to its own description, a little after the start of this or another arena.
        var start = (area.start + arena - 1) & ~(arena - 1)
        while start < area.end {
            if let description = image.word(at: start), description & (arena - 1) < page {
                heaps.append(Part(start: start, end: min(start + arena, area.end)))
            }
            start += arena
        }
        return heaps
    }

    private static func roundedUp(_ address: UInt64) -> UInt64 { (address + page - 1) & ~(page - 1) }
}
