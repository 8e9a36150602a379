// SPDX-License-Identifier: Apache-2.0
//
// A mapped process file (heapline_format.h, "Shared memory"): what one traced process has written and not yet had
// drained. The only place of this target where the drain functions of the recorder are called.

internal import CHeaplineFormat
internal import CHeaplineRecorder
internal import Glibc

/// One process image's file. Used by one thread at a time.
@safe final class ProcessFile {
    let path: String
    let base: UnsafeMutableRawPointer
    let bytes: Int
    private var drains: [hl_drain]

    /// Maps the file at `path`; nil when it is gone or is not a process file.
    init?(path: String) {
        let file = unsafe open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_size > MemoryLayout<hl_process>.size else { return nil }
        let mapped = unsafe mmap(nil, Int(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { return nil }
        self.path = path
        unsafe base = mapped
        bytes = Int(status.st_size)
        unsafe drains = []
        let header = unsafe mapped.load(as: hl_process.self)
        let end = Int(header.segments_offset) + Int(header.segment_count) * Int(HL_SEGMENT_BYTES)
        guard header.magic == HL_PROCESS_MAGIC, header.version == HL_FORMAT_VERSION,
            header.core_count < HL_MAX_CORES, end <= bytes
        else {
            unsafe munmap(mapped, Int(status.st_size))
            return nil
        }
        unsafe drains = Array(repeating: hl_drain(), count: Int(header.core_count) + 1)
    }

    deinit {
        for index in unsafe drains.indices { unsafe hl_drain_end(&drains[index]) }
        unsafe munmap(base, bytes)
    }

    var header: hl_process { unsafe base.load(as: hl_process.self) }
    var pid: Int32 { Int32(header.pid) }
    var cores: Int { unsafe drains.count }
    var torn: UInt64 { unsafe drains.reduce(0) { unsafe $0 + $1.torn } }
    /// Ticks of this process's clock, now.
    var ticks: UInt64 { hl_drain_clock() &- header.clock_base }

    func attach() {
        unsafe hl_drain_attach(base, UInt32(getpid()))
    }

    /// Takes up to `out.count` records of a core; returns how many.
    func records(core: Int, into out: UnsafeMutableBufferPointer<hl_record>, ended: Bool) -> Int {
        unsafe Int(hl_drain_core(base, UInt32(core), &drains[core], out.baseAddress!, UInt32(out.count), ended ? 1 : 0))
    }

    func nodes(from first: Int, most: Int) -> UnsafeBufferPointer<hl_node> {
        var nodes: UnsafePointer<hl_node>?
        let count = unsafe hl_drain_nodes(base, UInt64(first), UInt32(most), &nodes)
        return unsafe UnsafeBufferPointer(start: nodes, count: Int(count))
    }

    /// Whole notes from byte `first` on, and how many they are.
    func notes(from first: Int, most: Int) -> (bytes: UnsafeRawBufferPointer, count: Int) {
        var count: UInt32 = 0
        var notes: UnsafePointer<CChar>?
        let size = unsafe hl_drain_notes(base, UInt64(first), UInt64(most), &count, &notes)
        return unsafe (UnsafeRawBufferPointer(start: notes, count: Int(size)), Int(count))
    }

    /// Asks the process for something; 0 or why not.
    func ask(_ request: ControlRequest, milliseconds: Int) -> Int32 {
        let (command, number, text): (hl_command, Int, String?) =
            switch request {
            case .stop: (HL_COMMAND_STOP, 0, nil)
            case .pause: (HL_COMMAND_PAUSE, 0, nil)
            case .resume: (HL_COMMAND_RESUME, 0, nil)
            case .dump: (HL_COMMAND_DUMP, 0, nil)
            case .mark(let text): (HL_COMMAND_MARK, 0, text)
            case .depth(let depth): (HL_COMMAND_DEPTH, depth, nil)
            case .snapshot(let path): (HL_COMMAND_SNAPSHOT, 0, path)
            }
        return unsafe hl_drain_ask(base, command, UInt32(number), text, UInt32(milliseconds))
    }

    func overhead() -> hl_overhead { unsafe (base + Int(HL_OVERHEAD_OFFSET)).load(as: hl_overhead.self) }

    func counts() -> hl_counts {
        var counts = hl_counts()
        unsafe hl_drain_counts(base, &counts)
        counts.lost.2 += torn  // HL_LOSS_TORN
        return counts
    }
}
