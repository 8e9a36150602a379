// SPDX-License-Identifier: Apache-2.0
//
// Traces made by hand: processes with nodes, notes and events, written by the real writer into a temporary file that
// goes away with the test.

import CHeaplineFormat
import Glibc
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

/// An event as a test says it.
struct Event: Equatable {
    var process = 0
    var core = 0
    var ticks: UInt64
    var kind: hl_kind
    var address: UInt64 = 0
    var size: UInt64 = 0
    var stack = 1
    var thread = 0

    var record: hl_record {
        hl_record(
            time_kind: ticks << 8 | UInt64(kind.rawValue), address: address, size: size, stack: UInt32(stack),
            thread: UInt32(thread))
    }
}

/// What goes into a trace.
struct TraceScript {
    struct Process {
        var pid: UInt32 = 100
        var mode = HL_MODE_ALL
        var hz: UInt64 = 1_000_000_000
        var startUnixNs: UInt64 = 1_000_000_000
        var sampleBytes: UInt64 = 0
        var depth: UInt32 = 32
        /// Parents of nodes 16, 17, …; the pc of node n is 0x1000 * n.
        var nodes: [Int] = []
        var notes: [(kind: hl_note_kind, ticks: UInt64, payload: [UInt8])] = []
        var counts: hl_counts?
        var overhead: hl_overhead?
        var source = HL_SOURCE_LINUX
    }
    var processes = [Process()]
    /// In time order within each process and core.
    var events: [Event] = []
    var chunkEvents = 64
    var isClosed = true
    var startUnixNs: UInt64 = 1_000_000_000

    /// Writes the trace and hands its path to `body`.
    func with<R>(_ body: (String) throws -> R) throws -> R {
        try TemporaryFile.with { path in
            try write(to: path)
            return try body(path)
        }
    }

    /// Writes and opens it.
    func withTrace<R>(_ body: (Trace) throws -> R) throws -> R { try with { try body(try Trace.open($0)) } }

    private func write(to path: String) throws {
        let writer = try TraceWriter(path: path, force: true, startUnixNs: startUnixNs, level: 1)
        for (index, process) in processes.enumerated() {
            var header = hl_process()
            header.magic = HL_PROCESS_MAGIC
            header.version = HL_FORMAT_VERSION
            header.pid = process.pid
            header.mode = process.mode.rawValue
            header.source = process.source.rawValue
            header.depth = process.depth
            header.clock_hz = process.hz
            header.start_unix_ns = process.startUnixNs
            header.sample_bytes = process.sampleBytes
            _ = unsafe writer.process(&header)
            let nodes = process.nodes.enumerated().map { number, parent in
                hl_node(pc: UInt64(0x1000 * (16 + number)), parent: UInt32(parent), flags: HL_NODE_VALID)
            }
            unsafe nodes.withUnsafeBufferPointer { unsafe writer.nodes($0, first: 16, process: index) }
            for note in process.notes {
                unsafe note.payload.withUnsafeBytes {
                    unsafe writer.note(note.kind, ticks: note.ticks, payload: $0, process: index)
                }
            }
        }
        // Chunks of all cores, interleaved as a collector would.
        var streams: [[Event]] = []
        for process in processes.indices {
            let cores = Set(events.filter { $0.process == process }.map(\.core)).sorted()
            for core in cores { streams.append(events.filter { $0.process == process && $0.core == core }) }
        }
        while streams.contains(where: { !$0.isEmpty }) {
            for index in streams.indices where !streams[index].isEmpty {
                let part = Array(streams[index].prefix(chunkEvents))
                streams[index].removeFirst(part.count)
                let records = part.map(\.record)
                unsafe records.withUnsafeBufferPointer {
                    unsafe writer.events($0, process: part[0].process, core: part[0].core)
                }
            }
        }
        for (index, process) in processes.enumerated() {
            if let counts = process.counts { writer.counts(counts, process: index) }
            if let overhead = process.overhead { writer.overhead(overhead, process: index) }
        }
        if isClosed {
            writer.finish()
        } else {
            writer.flush()
            // What a collector that is killed leaves behind: everything but the end.
            let bytes = writer.bytes
            writer.finish()
            unsafe truncate(path, off_t(bytes))
        }
        if let failure = writer.failure { throw failure }
    }
}

/// A file in the temporary directory.
enum TemporaryFile {
    static func with<R>(_ body: (String) throws -> R) throws -> R {
        let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(directory)/heapline-test-XXXXXX".utf8CString)
        let descriptor = unsafe template.withUnsafeMutableBufferPointer { unsafe mkstemp($0.baseAddress!) }
        try #require(descriptor >= 0)
        close(descriptor)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unsafe unlink(path) }
        return try body(path)
    }

    static func read(_ path: String) throws -> [UInt8] {
        let file = try TraceFile(path: path)
        return try file.prefix(Int(file.size))
    }

    static func write(_ bytes: [UInt8], _ path: String) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_TRUNC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let wrote = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        try #require(wrote == bytes.count)
    }
}

/// Payloads of notes.
enum Payload {
    static func bytes<T: BitwiseCopyable>(_ value: T) -> [UInt8] { unsafe withUnsafeBytes(of: value) { unsafe Array($0) } }
    static func thread(_ index: Int, tid: UInt32, isTask: Bool = false, _ name: String) -> [UInt8] {
        bytes(hl_note_thread(thread: UInt32(index), tid: tid, core: -1, is_task: isTask ? 1 : 0)) + Array(name.utf8)
    }
    static func process(pid: UInt32, parent: UInt32, _ words: [String]) -> [UInt8] {
        bytes(hl_note_process(pid: pid, parent_pid: parent, start_unix_ns: 0)) + words.flatMap { Array($0.utf8) + [0] }
    }
    static func exit(status: Int32, reason: hl_exit_reason) -> [UInt8] {
        bytes(hl_note_exit(status: status, reason: UInt32(reason.rawValue)))
    }
}
