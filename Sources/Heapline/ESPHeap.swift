// SPDX-License-Identifier: Apache-2.0
//
// The emulated heap of one chip as a Swift type. The calls into C are in ESPHeap+C.swift.

/// The heap of an emulated ESP32 chip, address for address.
///
/// Allocations return the addresses that the chip would return after the same calls, and fail when the chip's would.
/// What would stop the chip, such as freeing a wild address, is thrown as an ``ESPError`` with the code `fault`.
///
///     let heap = try ESPHeap(chip: .esp32s3, poisoning: .light)
///     let buffer = try heap.allocate(1024, capabilities: [.dma, .internal])
///     try heap.free(buffer)
///
/// It is not a general-purpose allocator for host programs, and it never becomes the program's `malloc`.
public struct ESPHeap: ~Copyable, @unchecked Sendable {
    // Sendable: the only stored state is a chip made by hl_chip_create, whose heaps lock themselves as the chip's do,
    // whose list of heaps is published with release stores, and whose console is guarded by its own mutex. It is
    // destroyed in deinit, when no borrow can be left.

    /// Canaries and patterns around and in blocks.
    public enum Poisoning: Hashable, Sendable, CaseIterable {
        /// None.
        case none
        /// Canaries before and after each block.
        case light
        /// Canaries, and patterns in free and new memory.
        case comprehensive
    }

    /// Bookkeeping of which task holds what.
    public enum TaskTracking: Hashable, Sendable, CaseIterable {
        /// None.
        case off
        /// Tasks are forgotten when they are deleted.
        case alive
        /// Deleted tasks are kept.
        case keepDeleted
    }

    /// Generations of ESP-IDF that place blocks differently.
    public enum Version: Hashable, Sendable, CaseIterable {
        /// v4.3 to v4.3.4, v4.4 to v4.4.3, v5.0.0.
        case v4_4
        /// v4.3.5, v4.4.4 and later.
        case v4_4_8
        /// v5.0.1 to v5.3.
        case v5_3
        /// v5.4.
        case v5_4
        /// v5.5, v6.0 and later.
        case v5_5
    }

    /// Where the chip's memory lies in this process.
    public enum Mapping: Hashable, Sendable, CaseIterable {
        /// At the chip's addresses if they are free, else elsewhere.
        case automatic
        /// At the chip's addresses.
        case inPlace
        /// At a fixed distance from the chip's addresses.
        case elsewhere
    }

    /// The address of a block on the chip.
    public struct Address: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
        /// The address.
        public let rawValue: UInt32

        /// Makes an address of its value.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// `0x` and eight digits.
        public var description: String {
            let digits = String(rawValue, radix: 16)
            return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
        }

        /// The order of the addresses.
        public static func < (left: Self, right: Self) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    /// One heap of the chip.
    public struct Region: Hashable, Sendable {
        /// Its addresses.
        public let addresses: Range<UInt32>
        /// Name of its memory type; nil when memory added at run time is of no type the chip knows.
        public let type: String?
        /// Capabilities by priority: memory is taken where the first of them match before the second are tried.
        public let capabilities: [ESPCapabilities]
        /// Whether allocations can come from it. Startup-stack memory is not yet, before the start of the scheduler.
        public let isUsable: Bool
    }

    /// Figures of all heaps with certain capabilities.
    public struct Statistics: Hashable, Sendable {
        /// Size of the heaps.
        public let totalBytes: Int
        /// Free bytes now.
        public let freeBytes: Int
        /// The least there has ever been, summed over the heaps.
        public let minimumFreeBytes: Int
        /// Bytes in used blocks, without overheads.
        public let allocatedBytes: Int
        /// The largest request that would succeed.
        public let largestFreeBlock: Int
        /// Number of used blocks.
        public let allocatedBlocks: Int
        /// Number of free blocks.
        public let freeBlocks: Int
    }

    /// A block found by walking.
    public struct Block: Hashable, Sendable {
        /// Its first byte, canaries included.
        public let address: Address
        /// Its size, canaries included.
        public let size: Int
        /// Whether it is in use.
        public let isUsed: Bool
    }

    /// The chip whose heap this is.
    public let chip: ESPChip
    let handle: ESPHeapHandle

    /// Makes the chip and starts its heap, up to the point where `app_main` would be called.
    ///
    /// - Parameters:
    ///   - chip: whose regions, capabilities and addresses the heap has.
    ///   - poisoning: what is written around and into blocks, to notice overruns.
    ///   - taskTracking: whether blocks say which task allocated them.
    ///   - version: the ESP-IDF release whose behaviour is wanted.
    ///   - externalBytes: external memory to add at the start, from the first of the chip's external addresses.
    ///   - mapping: where the chip's memory lies in this process.
    public init(
        chip: ESPChip, poisoning: Poisoning = .none, taskTracking: TaskTracking = .off, version: Version = .v5_5,
        externalBytes: Int = 0, mapping: Mapping = .automatic
    ) throws(ESPError) {
        guard externalBytes >= 0, externalBytes <= chip.externalMemory.count else {
            throw ESPError(
                code: .invalidArgument, name: "ESP_ERR_INVALID_ARG",
                message: "the \(chip) can have at most \(chip.externalMemory.count) bytes of external memory")
        }
        let handle = try ESPHeapHandle(
            target: chip.target, poisoning: poisoning, taskTracking: taskTracking, version: version, mapping: mapping,
            hasExternalMemory: externalBytes > 0)
        try handle.start(externalStart: chip.externalMemory.lowerBound, externalBytes: externalBytes)
        self.chip = chip
        self.handle = handle
    }

    /// Whether a host pointer into the heap equals the chip's address.
    public var isInPlace: Bool { handle.isInPlace }

    /// Allocates `size` bytes with all of `capabilities`.
    ///
    /// - Throws: `noMemory` when no heap has the capabilities and the room, and for size 0.
    /// - Complexity: O(1) in the size and state of the heap.
    public borrowing func allocate(
        _ size: Int, capabilities: ESPCapabilities = [.default, .internal], alignment: Int = 4
    ) throws(ESPError) -> Address {
        try handle.allocate(size, capabilities: capabilities, alignment: alignment)
    }

    /// As ``allocate(_:capabilities:alignment:)``, with every byte 0.
    public borrowing func allocateZeroed(
        _ size: Int, capabilities: ESPCapabilities = [.default, .internal]
    ) throws(ESPError) -> Address {
        try handle.allocateZeroed(size, capabilities: capabilities)
    }

    /// Changes the size of a block, in place if possible; size 0 frees it and returns nil.
    ///
    /// - Throws: `noMemory`; the block is then as it was.
    public borrowing func reallocate(
        _ address: Address, to size: Int, capabilities: ESPCapabilities = [.default, .internal]
    ) throws(ESPError) -> Address? {
        try handle.reallocate(address, to: size, capabilities: capabilities)
    }

    /// Frees a block.
    ///
    /// - Throws: `fault` for an address that is no block, or whose canaries are damaged.
    public borrowing func free(_ address: Address) throws(ESPError) {
        try handle.free(address)
    }

    /// The usable size of a block, at least what was asked for.
    public borrowing func allocatedSize(of address: Address) throws(ESPError) -> Int {
        try handle.allocatedSize(of: address)
    }

    /// Figures of the heaps that have all of `capabilities`.
    public borrowing func statistics(for capabilities: ESPCapabilities = .default) -> Statistics {
        handle.statistics(for: capabilities)
    }

    /// The heaps, in the order in which they are searched.
    public var regions: [Region] { handle.regions }

    /// Every block of every heap, heap by heap in search order.
    public borrowing func blocks() -> [Block] {
        handle.blocks()
    }

    /// Whether every heap's structure and canaries are intact. What is not is on the console.
    public borrowing func isIntact() throws(ESPError) -> Bool {
        try handle.isIntact()
    }

    /// Makes the memory `addresses` a heap with three sets of capabilities by priority.
    public borrowing func addRegion(
        _ addresses: Range<UInt32>, capabilities: (ESPCapabilities, ESPCapabilities, ESPCapabilities)
    ) throws(ESPError) {
        try handle.addRegion(addresses, capabilities: capabilities)
    }

    /// Gives the bytes of the chip's memory to `body`.
    ///
    /// Unsafe: another thread may free or write the memory meanwhile, and writing outside blocks damages the heap, as it
    /// would on the chip.
    ///
    /// - Throws: `fault` when the chip has no memory there.
    @unsafe
    public borrowing func withUnsafeBytes<Result>(
        at address: Address, count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Result
    ) throws(ESPError) -> Result {
        unsafe try handle.withUnsafeBytes(at: address, count: count, body)
    }

    /// What the chip has printed since the last call.
    public borrowing func takeConsoleOutput() -> String {
        handle.console.take()
    }

    /// Prints the summary of the heaps with these capabilities to the console, in ESP-IDF's words.
    public borrowing func printSummary(for capabilities: ESPCapabilities = .default) {
        handle.printSummary(for: capabilities)
    }

    /// Prints which task holds how much to the console, as ESP-IDF's table. Nothing without task tracking.
    public borrowing func printTaskOverview() {
        handle.printTaskOverview()
    }
}
