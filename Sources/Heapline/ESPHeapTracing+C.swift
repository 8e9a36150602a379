// SPDX-License-Identifier: Apache-2.0
//
// The calls behind ESPHeapTracing: record layout, codes into errors.

internal import CESPHeap

/// Owns the record buffer of one trace. Safe: the buffer is as large as it is said to be, and tracing is detached from it
/// before it is freed.
@safe
struct ESPTracingHandle: ~Copyable {
    /// A chip that lives at least as long as the trace.
    @safe
    struct Chip {
        let pointer: OpaquePointer
    }

    private let chip: OpaquePointer
    private let buffer: UnsafeMutableRawPointer
    private let recordBytes: Int
    private let capacity: Int
    private let depth: Int

    // heap_trace_record_t without its stacks: ccount, address, size, freed; two stacks of `depth` pointers follow.
    private static let headBytes = 32

    init(chip: Chip, capacity: Int, depth: Int) throws(ESPError) {
        let recordBytes = Self.headBytes + 2 * depth * 8
        // Nothing throws once the first member has a value.
        unsafe buffer = try Self.open(chip, capacity: capacity, depth: depth, recordBytes: recordBytes)
        unsafe self.chip = chip.pointer
        self.recordBytes = recordBytes
        self.capacity = capacity
        self.depth = depth
    }

    private static func open(
        _ chip: Chip, capacity: Int, depth: Int, recordBytes: Int
    ) throws(ESPError) -> UnsafeMutableRawPointer {
        guard capacity > 0, capacity < 1 << 30, (0...32).contains(depth) else {
            throw error(ESP_ERR_INVALID_ARG, "a capacity of \(capacity) records of depth \(depth) is not possible")
        }
        try check(unsafe hl_heap_trace_attach(chip.pointer, 0, false), "a chip is being traced already")
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: capacity * recordBytes, alignment: 16)
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0, count: capacity * recordBytes)
        let code = unsafe hl_heap_trace_init_standalone(buffer, capacity, recordBytes, depth)
        if code != ESP_OK {
            hl_heap_trace_detach()
            unsafe buffer.deallocate()
            throw error(code, "tracing cannot be initialised")
        }
        return unsafe buffer
    }

    deinit {
        hl_heap_trace_detach()
        unsafe buffer.deallocate()
    }

    private static func error(_ code: esp_err_t, _ message: String) -> ESPError {
        ESPError(code: ESPError.Code(rawValue: code), name: unsafe String(cString: esp_err_to_name(code)), message: message)
    }

    private static func check(_ code: esp_err_t, _ message: String) throws(ESPError) {
        if code != ESP_OK { throw error(code, message) }
    }

    borrowing func start(_ mode: ESPHeap.TracingMode) throws(ESPError) {
        try Self.check(heap_trace_start(mode == .all ? HEAP_TRACE_ALL : HEAP_TRACE_LEAKS), "tracing cannot start")
    }

    borrowing func stop() throws(ESPError) {
        try Self.check(heap_trace_stop(), "tracing is stopped already")
    }

    borrowing func pauseAllocations() throws(ESPError) {
        try Self.check(heap_trace_alloc_pause(), "tracing is paused already")
    }

    borrowing func resume() throws(ESPError) {
        try Self.check(heap_trace_resume(), "tracing is running already")
    }

    borrowing func dump() {
        heap_trace_dump()
    }

    var records: [ESPHeap.TraceRecord] {
        let count = heap_trace_get_count()
        var result: [ESPHeap.TraceRecord] = []
        result.reserveCapacity(count)
        let record = UnsafeMutableRawPointer.allocate(byteCount: recordBytes, alignment: 16)
        defer { unsafe record.deallocate() }
        for index in 0..<count {
            guard unsafe hl_heap_trace_get(index, record, recordBytes) == ESP_OK else { break }
            unsafe result.append(read(record))
        }
        return result
    }

    private func read(_ record: UnsafeMutableRawPointer) -> ESPHeap.TraceRecord {
        let ccount = unsafe record.load(as: UInt32.self)
        let pointer = unsafe record.load(fromByteOffset: 8, as: UnsafeRawPointer?.self)
        return ESPHeap.TraceRecord(
            address: ESPHeap.Address(rawValue: unsafe hl_chip_address(chip, pointer)),
            size: unsafe record.load(fromByteOffset: 16, as: Int.self),
            cycleCount: ccount & ~3,
            core: Int(ccount & 1),
            isFreed: unsafe record.load(fromByteOffset: 24, as: Bool.self),
            allocatedBy: unsafe stack(record, at: Self.headBytes),
            freedBy: unsafe stack(record, at: Self.headBytes + depth * 8))
    }

    private func stack(_ record: UnsafeMutableRawPointer, at offset: Int) -> [UInt64] {
        var frames: [UInt64] = []
        for index in 0..<depth {
            let frame = unsafe record.load(fromByteOffset: offset + index * 8, as: UInt64.self)
            if frame == 0 { break }
            frames.append(frame)
        }
        return frames
    }

    var summary: ESPHeap.TraceSummary {
        var sum = heap_trace_summary_t()
        unsafe _ = hl_heap_trace_summary(&sum, MemoryLayout<heap_trace_summary_t>.size)
        return ESPHeap.TraceSummary(
            mode: sum.mode == HEAP_TRACE_ALL ? .all : .leaks, allocations: sum.total_allocations, frees: sum.total_frees,
            count: sum.count, capacity: sum.capacity, highWaterMark: sum.high_water_mark,
            hasOverflowed: sum.has_overflowed != 0)
    }
}
