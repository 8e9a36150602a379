// SPDX-License-Identifier: Apache-2.0
//
// A growable array of plain values, for the loops that handle every event. An Array would check for uniqueness at every
// change; this has one owner by its type. Every index is checked, so damaged input meets a precondition of ours at worst,
// never foreign memory; callers check ids from a file before they use them.

/// Plain values side by side, owned by one variable.
@safe
struct Slab<Element: BitwiseCopyable>: ~Copyable {
    private(set) var count = 0
    private var capacity: Int
    private var base: UnsafeMutablePointer<Element>

    init(capacity: Int = 0) {
        self.capacity = max(capacity, 16)
        unsafe base = .allocate(capacity: self.capacity)
    }

    deinit { unsafe base.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Element {
        _read {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            yield unsafe base[index]
        }
        _modify {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            yield unsafe &base[index]
        }
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        if count == capacity { grow(to: count + 1) }
        unsafe (base + count).initialize(to: element)
        count += 1
    }

    /// Appends `element` until there are at least `wanted`.
    mutating func extend(to wanted: Int, with element: Element) {
        guard wanted > count else { return }
        if wanted > capacity { grow(to: wanted) }
        unsafe (base + count).initialize(repeating: element, count: wanted - count)
        count = wanted
    }

    @inline(never)
    private mutating func grow(to wanted: Int) {
        let larger = max(wanted, capacity + capacity / 2)
        let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        unsafe moved.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = larger
    }
}
