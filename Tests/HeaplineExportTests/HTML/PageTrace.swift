// SPDX-License-Identifier: Apache-2.0
//
// A trace made for pages: known sums, names that try to break out of the page, and a region of a chip.

import CHeaplineFormat
import Glibc
import HeaplineAnalysis
import HeaplineCollector
import HeaplineExport
import Testing

enum PageTrace {
    /// Text that ends a script, opens a tag, closes a string, and is no ASCII.
    static let nasty = "</script><img src=x onerror=\"alert('1')\">&amp;<!-- \\u0041 \u{2028} ☃"

    /// A directory that goes away with everything in it.
    static func withDirectory<R>(_ body: (String) throws -> R) throws -> R {
        var template = Array("/tmp/heapline-page-XXXXXX".utf8CString)
        let made = unsafe mkdtemp(&template).map { unsafe String(cString: $0) }
        let path = try #require(made)
        defer {
            for name in ["trace.heapline", "page.html", "errors", "second.heapline"] {
                unsafe unlink("\(path)/\(name)")
            }
            unsafe rmdir(path)
        }
        return try body(path)
    }

    private static func bytes<T: BitwiseCopyable>(_ value: T) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }

    /// Writes a trace of `stacks` stacks of `depth` calls each. In every millisecond each stack allocates once; every
    /// third block is freed at once, and of the others every second one a millisecond later.
    ///
    /// On a chip, core 0 runs the task for the first half of each millisecond and idles for the other, and core 1 answers an
    /// interrupt of 10 µs in each. At the end `steps` reallocations make one block grow.
    ///
    /// - Parameter scale: what sizes are multiplied by.
    static func write(
        to path: String, stacks: Int, depth: Int, milliseconds: Int, scale: UInt64 = 1, hasRegion: Bool = true, steps: Int = 0,
        overhead: hl_overhead? = nil
    ) throws {
        let writer = try TraceWriter(path: path, force: true, startUnixNs: 1_700_000_000_000_000_000, level: 1)
        var header = hl_process()
        header.magic = HL_PROCESS_MAGIC
        header.version = HL_FORMAT_VERSION
        header.pid = 42
        header.source = hasRegion ? HL_SOURCE_ESP.rawValue : HL_SOURCE_LINUX.rawValue
        header.mode = HL_MODE_ALL.rawValue
        header.depth = 32
        header.clock_hz = 1_000_000_000
        _ = unsafe writer.process(&header)
        func note(_ kind: hl_note_kind, _ ticks: UInt64, _ payload: [UInt8]) {
            unsafe payload.withUnsafeBytes { unsafe writer.note(kind, ticks: ticks, payload: $0, process: 0) }
        }
        var process = bytes(hl_note_process(pid: 42, parent_pid: 1, start_unix_ns: 0))
        for word in ["/bin/program", "program", nasty] {
            process += Array(word.utf8)
            process.append(0)
        }
        note(HL_NOTE_PROCESS, 0, process)
        let name = Array(nasty.utf8)
        let thread = bytes(hl_note_thread(thread: 0, tid: 7, core: 0, is_task: 1))
        note(HL_NOTE_THREAD, 0, thread + name)
        if hasRegion {
            let idle = bytes(hl_note_thread(thread: 1, tid: 8, core: 0, is_task: 1))
            note(HL_NOTE_THREAD, 0, idle + Array("IDLE0".utf8))
        }
        let head: [UInt32] = [0, 3]  // thread, level
        note(HL_NOTE_LOG, 10, head.flatMap { bytes($0) } + name)
        let region = bytes(hl_note_region(start: 0x3ffb_0000, bytes: 1 << 24, capabilities: 4, reserved: 0))
        if hasRegion { note(HL_NOTE_REGION, 0, region + Array("DRAM".utf8)) }
        let nodes = (0..<stacks * depth).map { index in
            hl_node(
                pc: UInt64(0x10_0000 + index * 16),
                parent: index % depth == 0 ? UInt32(HL_ROOT_COMPLETE.rawValue) : UInt32(16 + index - 1),
                flags: HL_NODE_VALID)
        }
        unsafe nodes.withUnsafeBufferPointer { unsafe writer.nodes($0, first: 16, process: 0) }

        var records: [hl_record] = []
        var sums = hl_thread_counts()
        var ticks: UInt64 = 0
        func add(_ kind: hl_kind, _ address: UInt64, _ size: UInt64, _ stack: Int) {
            ticks += 1
            records.append(
                hl_record(
                    time_kind: ticks << 8 | UInt64(kind.rawValue), address: address, size: size,
                    stack: UInt32(16 + stack * depth + depth - 1), thread: 0))
            if kind == HL_KIND_REALLOC_ALLOC { return }
            if kind == HL_KIND_ALLOC {
                sums.allocations += 1
                sums.bytes += size
            } else {
                sums.frees += 1
            }
        }
        var later: [UInt64] = []
        var next: UInt64 = 0x3ffb_0000
        func turn(_ at: UInt64, core: UInt64, thread: UInt32, to activity: UInt64) {
            ticks = at
            records.append(
                hl_record(
                    time_kind: ticks << 8 | UInt64(HL_KIND_SWITCH.rawValue), address: core, size: activity, stack: 0, thread: thread))
        }
        for millisecond in 0..<milliseconds {
            ticks = UInt64(millisecond) * 1_000_000
            if hasRegion {
                turn(ticks, core: 0, thread: 0, to: 0)
                turn(ticks, core: 1, thread: 1, to: 2)
            }
            for address in later { add(HL_KIND_FREE, address, 0, 0) }
            later = []
            for stack in 0..<stacks {
                let address = next
                next += 64
                add(HL_KIND_ALLOC, address, scale * UInt64(1 + (stack + millisecond) % 48), stack)
                if (stack + millisecond) % 3 == 0 {
                    add(HL_KIND_FREE, address, 0, stack)
                } else if (stack + millisecond) % 2 == 0 {
                    later.append(address)
                }
            }
            if hasRegion {
                let start = UInt64(millisecond) * 1_000_000
                turn(start + 500_000, core: 0, thread: 1, to: 2)
                turn(start + 600_000, core: 1, thread: 1, to: 1)
                turn(start + 610_000, core: 1, thread: 1, to: 2)
            }
        }
        if steps > 0 { add(HL_KIND_ALLOC, next, 16, 0) }
        for step in 0..<steps {
            add(HL_KIND_REALLOC_FREE, next, 0, 0)
            next += 4096
            add(HL_KIND_REALLOC_ALLOC, next, UInt64(32 + 16 * step), 0)
            sums.allocations += 1
            sums.reallocations += 1
            sums.bytes += UInt64(32 + 16 * step)
        }
        unsafe records.withUnsafeBufferPointer { unsafe writer.events($0, process: 0, core: 0) }
        var counts = hl_counts()
        counts.ticks = ticks
        counts.sums = sums
        counts.recorded = UInt64(records.count)
        counts.final = 1
        writer.counts(counts, process: 0)
        if let overhead { writer.overhead(overhead, process: 0) }
        writer.finish()
        if let failure = writer.failure { throw failure }
    }

    static func report(_ path: String) throws -> Report {
        var symbols = SymbolizerOptions()
        symbols.tool = .none
        return try Report(try Trace.open(path), options: HistoryOptions(activity: true), symbols: symbols)
    }
}
