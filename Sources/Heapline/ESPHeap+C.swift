// SPDX-License-Identifier: Apache-2.0
//
// The calls behind ESPHeap: codes into errors, pointers into addresses, the chip made current around each call.

internal import CESPHeap
internal import Synchronization

/// The text a chip printed.
final class ESPConsole: Sendable {
    private let text = Mutex<[UInt8]>([])

    func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        text.withLock { unsafe $0.append(contentsOf: bytes) }
    }

    func take() -> String {
        text.withLock { bytes in
            defer { bytes.removeAll(keepingCapacity: true) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}

/// Owns one chip of the C library. Safe: the pointer is never null, never leaves, and is freed once, in deinit.
@safe
struct ESPHeapHandle: ~Copyable {
    private let chip: OpaquePointer
    let console = ESPConsole()

    init(
        target: String, poisoning: ESPHeap.Poisoning, taskTracking: ESPHeap.TaskTracking, version: ESPHeap.Version,
        mapping: ESPHeap.Mapping, hasExternalMemory: Bool
    ) throws(ESPError) {
        var options = unsafe hl_chip_options()
        unsafe options.poisoning = poisoning.cValue
        unsafe options.tracking = taskTracking.cValue
        unsafe options.idf = version.cValue
        unsafe options.mapping = mapping.cValue
        unsafe options.psram = hasExternalMemory
        unsafe options.port.context = Unmanaged.passUnretained(console).toOpaque()
        unsafe hl_port_use_tasks(&options.port)
        unsafe options.port.print = { context, text, length in
            guard let context = unsafe context else { return }
            let console = unsafe Unmanaged<ESPConsole>.fromOpaque(context).takeUnretainedValue()
            unsafe text.withMemoryRebound(to: UInt8.self, capacity: length) {
                unsafe console.append(UnsafeBufferPointer(start: $0, count: length))
            }
        }
        var made: OpaquePointer? = nil
        let result = unsafe target.withCString { name in
            unsafe options.target = name
            return unsafe hl_chip_create(&options, &made)
        }
        guard result == 0, let made = unsafe made else {
            throw ESPError(code: .host, name: "host", message: Self.reason(result, target: target))
        }
        unsafe chip = made
    }

    deinit {
        unsafe hl_chip_destroy(chip)
    }

    private static func reason(_ code: Int32, target: String) -> String {
        switch code {
        case HL_CHIP_UNKNOWN_TARGET.rawValue: "no chip is called \(target)"
        case HL_CHIP_NO_ADDRESS_SPACE.rawValue: "the chip's addresses are taken in this process"
        default: "out of memory"
        }
    }

    /// Runs `body` with the chip current on this thread.
    private borrowing func use<Result>(_ body: () -> Result) -> Result {
        let before = unsafe hl_chip_use(chip)
        defer { unsafe _ = hl_chip_use(before) }
        return body()
    }

    /// As `use`, and throws what would have stopped the chip.
    private borrowing func attempt<Result>(_ body: () -> Result) throws(ESPError) -> Result {
        var fault = hl_fault()
        unsafe _ = hl_chip_take_fault(&fault)
        let result = use(body)
        if unsafe hl_chip_take_fault(&fault) {
            throw ESPError(code: .fault, name: "fault", message: fault.message)
        }
        return result
    }

    private static func check(_ code: esp_err_t, _ message: @autoclosure () -> String) throws(ESPError) {
        guard code != ESP_OK else { return }
        throw ESPError(
            code: ESPError.Code(rawValue: code), name: unsafe String(cString: esp_err_to_name(code)), message: message()
        )
    }

    private static func noMemory(_ size: Int, _ capabilities: ESPCapabilities) -> ESPError {
        let names = capabilities.idfNames.joined(separator: "|")
        return ESPError(
            code: .noMemory, name: "ESP_ERR_NO_MEM",
            message: "no heap has \(size) bytes with capabilities \(names.isEmpty ? "none" : names)")
    }

    /// Sizes the chip can not express become ones it refuses.
    private static func size(_ size: Int) -> Int {
        size < 0 ? Int.max : size
    }

    borrowing func start(externalStart: UInt32, externalBytes: Int) throws(ESPError) {
        try attempt { heap_caps_init() }
        if externalBytes > 0 {
            let code = try attempt { unsafe hl_chip_add_psram(chip, externalStart, UInt32(externalBytes)) }
            try Self.check(code, "external memory could not be added")
        }
        try attempt { heap_caps_enable_nonos_stack_heaps() }
    }

    var isInPlace: Bool { unsafe hl_chip_is_in_place(chip) }

    /// For a trace, which must not outlive this.
    var tracingHandle: ESPTracingHandle.Chip { unsafe ESPTracingHandle.Chip(pointer: chip) }

    borrowing func runTask<Result>(
        named name: String, core: Int, stackBytes: Int, _ body: () throws -> Result
    ) throws -> Result {
        guard core >= 0, (1...Int(UInt32.max)).contains(stackBytes) else {
            try Self.check(ESP_ERR_INVALID_ARG, "no task can have core \(core) and \(stackBytes) bytes of stack")
            preconditionFailure("the line above throws")
        }
        var outcome: Swift.Result<Result, any Error>?
        let code = withoutActuallyEscaping(body) { body in
            var run: () -> Void = { outcome = Swift.Result(catching: body) }
            return unsafe withUnsafeMutablePointer(to: &run) { run in
                unsafe hl_chip_run_task(
                    chip, UInt32(core), name, UInt32(stackBytes),
                    { unsafe $0!.assumingMemoryBound(to: (() -> Void).self).pointee() }, run)
            }
        }
        try Self.check(code, "the task \"\(name)\" cannot run on core \(core)")
        return try outcome!.get()
    }

    private borrowing func address(_ pointer: UnsafeMutableRawPointer?) -> ESPHeap.Address? {
        unsafe pointer.map { unsafe ESPHeap.Address(rawValue: hl_chip_address(chip, $0)) }
    }

    private borrowing func pointer(_ address: ESPHeap.Address) -> UnsafeMutableRawPointer? {
        unsafe hl_chip_pointer(chip, address.rawValue)
    }

    borrowing func allocate(
        _ size: Int, capabilities: ESPCapabilities, alignment: Int
    ) throws(ESPError) -> ESPHeap.Address {
        let result = try attempt {
            let pointer =
                alignment <= 4 && alignment > 0 && alignment & (alignment - 1) == 0
                ? unsafe heap_caps_malloc(Self.size(size), capabilities.rawValue)
                : unsafe heap_caps_aligned_alloc(Self.size(alignment), Self.size(size), capabilities.rawValue)
            return unsafe address(pointer)
        }
        guard let result else { throw Self.noMemory(size, capabilities) }
        return result
    }

    borrowing func allocateZeroed(_ size: Int, capabilities: ESPCapabilities) throws(ESPError) -> ESPHeap.Address {
        let result = try attempt {
            unsafe address(heap_caps_calloc(1, Self.size(size), capabilities.rawValue))
        }
        guard let result else { throw Self.noMemory(size, capabilities) }
        return result
    }

    borrowing func reallocate(
        _ old: ESPHeap.Address, to size: Int, capabilities: ESPCapabilities
    ) throws(ESPError) -> ESPHeap.Address? {
        let result = try attempt {
            unsafe address(heap_caps_realloc(pointer(old), Self.size(size), capabilities.rawValue))
        }
        if result == nil && size != 0 { throw Self.noMemory(size, capabilities) }
        return result
    }

    borrowing func free(_ address: ESPHeap.Address) throws(ESPError) {
        try attempt { unsafe heap_caps_free(pointer(address)) }
    }

    borrowing func allocatedSize(of address: ESPHeap.Address) throws(ESPError) -> Int {
        try attempt {
            guard let pointer = unsafe pointer(address) else { return 0 }
            return unsafe heap_caps_get_allocated_size(pointer)
        }
    }

    borrowing func statistics(for capabilities: ESPCapabilities) -> ESPHeap.Statistics {
        use {
            var info = multi_heap_info_t()
            unsafe heap_caps_get_info(&info, capabilities.rawValue)
            return ESPHeap.Statistics(
                totalBytes: heap_caps_get_total_size(capabilities.rawValue), freeBytes: info.total_free_bytes,
                minimumFreeBytes: info.minimum_free_bytes, allocatedBytes: info.total_allocated_bytes,
                largestFreeBlock: info.largest_free_block, allocatedBlocks: info.allocated_blocks,
                freeBlocks: info.free_blocks)
        }
    }

    var regions: [ESPHeap.Region] {
        var regions: [ESPHeap.Region] = []
        var heap = unsafe hl_heap_description()
        while unsafe hl_chip_heap_at(chip, regions.count, &heap) {
            let caps = unsafe [heap.caps.0, heap.caps.1, heap.caps.2].map(ESPCapabilities.init(rawValue:))
            unsafe regions.append(
                ESPHeap.Region(
                    addresses: heap.start..<heap.end, type: heap.type.map { unsafe String(cString: $0) },
                    capabilities: caps, isUsable: heap.is_registered))
        }
        return regions
    }

    borrowing func blocks() -> [ESPHeap.Block] {
        @safe
        final class Visitor {
            let chip: OpaquePointer
            var blocks: [ESPHeap.Block] = []

            init(chip: OpaquePointer) {
                unsafe self.chip = unsafe chip
            }
        }
        let visitor = unsafe Visitor(chip: chip)
        return use {
            unsafe heap_caps_walk_all(
                { _, block, context in
                    guard let context = unsafe context else { return false }
                    let visitor = unsafe Unmanaged<Visitor>.fromOpaque(context).takeUnretainedValue()
                    unsafe visitor.blocks.append(
                        ESPHeap.Block(
                            address: ESPHeap.Address(rawValue: hl_chip_address(visitor.chip, block.ptr)),
                            size: block.size, isUsed: block.used))
                    return true
                }, Unmanaged.passUnretained(visitor).toOpaque())
            return visitor.blocks
        }
    }

    borrowing func isIntact() throws(ESPError) -> Bool {
        try attempt { heap_caps_check_integrity_all(true) }
    }

    borrowing func addRegion(
        _ addresses: Range<UInt32>, capabilities: (ESPCapabilities, ESPCapabilities, ESPCapabilities)
    ) throws(ESPError) {
        guard unsafe hl_chip_map(chip, addresses.lowerBound, addresses.count) == 0 else {
            throw ESPError(code: .host, name: "host", message: "no memory can be at these addresses on this host")
        }
        let code = try attempt {
            let caps = [capabilities.0.rawValue, capabilities.1.rawValue, capabilities.2.rawValue]
            return unsafe heap_caps_add_region_with_caps(caps, Int(addresses.lowerBound), Int(addresses.upperBound))
        }
        try Self.check(code, "the memory can not become a heap")
    }

    @unsafe
    borrowing func withUnsafeBytes<Result>(
        at address: ESPHeap.Address, count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Result
    ) throws(ESPError) -> Result {
        guard count >= 0, unsafe hl_chip_is_mapped(chip, address.rawValue, count) else {
            throw ESPError(code: .fault, name: "fault", message: "no memory of \(count) bytes at \(address)")
        }
        return unsafe body(UnsafeMutableRawBufferPointer(start: pointer(address), count: count))
    }

    borrowing func printSummary(for capabilities: ESPCapabilities) {
        use { heap_caps_print_heap_info(capabilities.rawValue) }
    }

    borrowing func printTaskOverview() {
        use { heap_caps_print_all_task_stat_overview(nil) }
    }
}

extension hl_fault {
    fileprivate var message: String {
        var copy = self
        return unsafe withUnsafeBytes(of: &copy.text) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

extension ESPHeap.Poisoning {
    fileprivate var cValue: hl_poisoning {
        switch self {
        case .none: HL_POISONING_NONE
        case .light: HL_POISONING_LIGHT
        case .comprehensive: HL_POISONING_COMPREHENSIVE
        }
    }
}

extension ESPHeap.TaskTracking {
    fileprivate var cValue: hl_tracking {
        switch self {
        case .off: HL_TRACKING_OFF
        case .alive: HL_TRACKING_ALIVE
        case .keepDeleted: HL_TRACKING_KEEP_DELETED
        }
    }
}

extension ESPHeap.Version {
    fileprivate var cValue: hl_idf {
        switch self {
        case .v4_4: HL_IDF_4_4
        case .v4_4_8: HL_IDF_4_4_8
        case .v5_3: HL_IDF_5_3
        case .v5_4: HL_IDF_5_4
        case .v5_5: HL_IDF_5_5
        }
    }
}

extension ESPHeap.Mapping {
    var cValue: hl_mapping {
        switch self {
        case .automatic: HL_MAPPING_AUTO
        case .inPlace: HL_MAPPING_IN_PLACE
        case .elsewhere: HL_MAPPING_ELSEWHERE
        }
    }
}
