// SPDX-License-Identifier: Apache-2.0
//
// Moves what one process has recorded into the trace, chunk by chunk, until the process is gone.
//
// Order: a record's stack and module are complete before the record is. So records are read first, then the nodes and
// notes that are there by now are written, then the records: in the file, too, everything comes before what refers to it.

internal import CHeaplineFormat
internal import Glibc

/// How a process ended, as far as the collector can know.
package enum ProcessEnd: Equatable, Sendable {
    /// The status as of waitpid(2).
    case waited(status: Int32)
    /// It is gone; nobody who knows how has told us.
    case gone
    /// Another program image took its place.
    case replaced
    /// It runs on without us.
    case detached
}

/// The drain of one process file into a trace. Used by one thread at a time.
@safe final class ProcessDrain {
    let file: ProcessFile
    let pid: Int32
    private(set) var ended = false
    /// Its exec'd successor, or another process, has taken over the pid.
    var superseded = false
    private let writer: TraceWriter
    private let ownsWriter: Bool  // a file for this process alone, closed at its end
    private let index: Int  // of the process in the trace
    private var batches: [UnsafeMutableBufferPointer<hl_record>?]
    private var filled: [Int]
    private var nodesDone = Int(HL_ROOT_COUNT.rawValue)
    private var notesDone = 0
    private var imagesDone = 0
    private let condense: ImageCondenser?
    private let hz: UInt64  // ticks a second
    private var filter: LeakFilter?
    private let filters: Bool  // whether there is a `filter`
    private let keepsNewest: Bool  // flight recorder: nothing is drained before the end
    private let startTime: String?
    private var processorTime: UInt64 = 0  // of the process, when we last looked
    private let collectorStart: UInt64  // processor time of this thread when the collector began
    private var roundTicks: UInt64 = 0
    private var nextHousekeeping: UInt64 = 0
    private var nextResident: UInt64 = 0
    private let began = Clock.nanoseconds
    private var nextMapsCheck: UInt64 = 0
    private(set) var eventsSeen: UInt64 = 0
    private let capacity: UInt64  // records that all buffers hold

    /// How full the buffers were when the last step came, 0 to 1.
    private(set) var fullness = 0.0

    init(
        file: ProcessFile, writer: TraceWriter, ownsWriter: Bool, condense: ImageCondenser? = nil, collectorStart: UInt64
    ) {
        self.collectorStart = collectorStart
        self.condense = condense
        self.file = file
        self.writer = writer
        self.ownsWriter = ownsWriter
        pid = file.pid
        var header = file.header
        capacity = UInt64(header.segment_count) * UInt64(HL_SEGMENT_BYTES) / UInt64(MemoryLayout<hl_record>.size)
        if header.clock_hz == 0 { header.clock_hz = Clock.hz }
        hz = header.clock_hz
        index = unsafe writer.process(&header)
        unsafe batches = Array(repeating: nil, count: file.cores)
        filled = Array(repeating: 0, count: file.cores)
        filters = header.mode == HL_MODE_LEAKS.rawValue
        filter = filters ? LeakFilter(cores: file.cores, hz: header.clock_hz) : nil
        keepsNewest = header.on_full == HL_ON_FULL_OVERWRITE.rawValue
        startTime = ProcFS.state(of: pid)?.start
        nextMapsCheck = Clock.nanoseconds + 500_000_000
        file.attach()
    }

    deinit {
        // Else it would write "unsafebuffer" for "unsafe buffer" here.
        // swift-format-ignore
        for unsafe batch in unsafe batches { unsafe batch?.deallocate() }
    }

    /// Takes what is there. Returns whether there was anything.
    func step() -> Bool {
        if ended { return false }
        let before = roundTicks
        let seen = eventsSeen
        roundTicks = file.ticks
        var progress = false
        if !keepsNewest {
            for core in 0..<file.cores where drain(core, ended: false) { progress = true }
            // What the round before could already have seen is settled: no commit takes longer than a round.
            filter?.settle(before: before)
        }
        fullness = Double(eventsSeen - seen) / Double(max(capacity, 1))
        let now = Clock.nanoseconds
        if now >= nextHousekeeping {
            nextHousekeeping = now + 250_000_000
            housekeeping()
        }
        if now >= nextResident {
            // A program that runs for a tenth of a second has a curve too: often at first, then four times a second.
            nextResident = now + min(max((now - began) / 32, 4_000_000), 250_000_000)
            writeRSS()
        }
        return progress
    }

    /// Whether the process is gone, by what /proc says; looks at most every few milliseconds' worth of calls.
    func look() -> ProcessEnd? {
        guard let state = ProcFS.state(of: pid), state.letter != "Z", state.letter != "X" else { return .gone }
        if let startTime, state.start != startTime { return .gone }
        let now = Clock.nanoseconds
        if superseded { return .replaced }
        if now >= nextMapsCheck {
            nextMapsCheck = now + 500_000_000
            if ProcFS.maps(pid, file: file.path) == false { return .replaced }
        }
        return nil
    }

    /// Takes all that is left and says how the process ended.
    func finish(_ end: ProcessEnd) {
        guard !ended else { return }
        let ticks = file.ticks  // what comes now takes a while, and is not the program's
        let gone = end != .detached
        for core in 0..<file.cores {
            while drain(core, ended: gone) {}
        }
        let rest = filter?.rest()
        if let rest {
            writeReferences()
            unsafe rest.withUnsafeBufferPointer { unsafe writer.events($0, process: index, core: 0) }
        }
        for core in 0..<file.cores { flush(core) }
        writeReferences()
        takeImages(atEnd: true, live: rest)
        if end != .replaced { lookAtProcessor() }
        writeRSS()
        var note = hl_note_exit(status: -1, reason: HL_EXIT_EXITED.rawValue)
        switch end {
        case .waited(let status):
            note.status = status
            note.reason = status & 0x7f == 0 ? HL_EXIT_EXITED.rawValue : HL_EXIT_KILLED.rawValue
        case .gone: break
        case .replaced: note.reason = HL_EXIT_EXEC.rawValue
        case .detached: note.reason = HL_EXIT_DETACHED.rawValue
        }
        unsafe withUnsafeBytes(of: &note) { payload in
            unsafe writer.note(HL_NOTE_EXIT, ticks: ticks, payload: payload, process: index)
        }
        writeCounts(end: ticks)
        if ownsWriter { writer.finish() }
        ended = true
        for core in unsafe batches.indices {
            unsafe batches[core]?.deallocate()
            unsafe batches[core] = nil
        }
    }

    // MARK: Pieces

    private func drain(_ core: Int, ended: Bool) -> Bool {
        if unsafe batches[core] == nil {
            // Memory for a core's batch only once the core has something to say.
            guard unsafe (file.base + Int(HL_CORES_OFFSET) + core * 64).load(as: UInt64.self) != 0 else { return false }
            unsafe batches[core] = .allocate(capacity: Int(HL_EVENTS_MAX))
        }
        let batch = unsafe batches[core]!
        var progress = false
        for _ in 0..<8 {
            let room = unsafe UnsafeMutableBufferPointer(rebasing: batch[filled[core]...])
            let got = unsafe file.records(core: core, into: room, ended: ended)
            if got == 0 { break }
            progress = true
            eventsSeen += UInt64(got)
            if filters {
                unsafe filter?.add(UnsafeBufferPointer(rebasing: room[..<got]), core: core)
                continue
            }
            filled[core] += got
            if filled[core] == batch.count { flush(core) }
        }
        return progress
    }

    private func flush(_ core: Int) {
        guard filled[core] > 0, let batch = unsafe batches[core] else { return }
        writeReferences()
        let records = unsafe UnsafeMutableBufferPointer(rebasing: batch[..<filled[core]])
        unsafe writer.events(UnsafeBufferPointer(records), process: index, core: core)
        filled[core] = 0
    }

    private func writeReferences() {
        while true {
            let nodes = unsafe file.nodes(from: nodesDone, most: 32768)
            if nodes.isEmpty { break }
            unsafe writer.nodes(nodes, first: nodesDone, process: index)
            nodesDone += nodes.count
        }
        while true {
            let (bytes, count) = unsafe file.notes(from: notesDone, most: 1 << 18)
            if count == 0 { break }
            unsafe writer.notes(bytes, count: count, process: index)
            notesDone += bytes.count
        }
    }

    private func housekeeping() {
        if !keepsNewest { for core in 0..<file.cores { flush(core) } }
        writeReferences()
        takeImages(atEnd: false)
        lookAtProcessor()
        writeCounts()
        writer.flush()  // who reads the trace while it grows sees what there was a moment ago
    }

    /// Takes what dumps have left beside the process file. An image is numbered from 1 and has its name once it is whole. That of the
    /// program's end waits until all its events are here and say which blocks are alive: then most of it can be left out.
    private func takeImages(atEnd: Bool, live: [hl_record]? = nil) {
        let stem = file.path.hasSuffix(".process") ? String(file.path.dropLast(8)) : file.path
        while true {
            let path = "\(stem).\(imagesDone + 1).image"
            guard let image = MemoryImageFile(path: path), atEnd || !image.isAtExit else { return }
            imagesDone += 1
            if atEnd, let small = condensed(image, live) {
                unsafe small.withUnsafeBytes { unsafe write($0) }
            } else {
                unsafe write(image.bytes)
            }
            unsafe _ = unlink(path)
        }
    }

    private func write(_ image: UnsafeRawBufferPointer) {
        var offset = 0
        while offset < image.count {
            let end = min(offset + 1 << 20, image.count)
            let part = unsafe UnsafeRawBufferPointer(rebasing: image[offset..<end])
            unsafe writer.memory(part, number: imagesDone, offset: UInt64(offset), process: index)
            offset = end
        }
    }

    /// The image without what no search will look at; nil when it is to stay as it is. Reading the events back takes some 20 ns for each:
    /// not worth it where they take up far more of the trace than the image does.
    private func condensed(_ image: MemoryImageFile, _ live: [hl_record]?) -> [UInt64]? {
        guard let condense else { return nil }
        var live = live
        if live == nil, unsafe eventsSeen <= max(1 << 18, UInt64(image.bytes.count) / 2) {
            live = writer.blocksAlive(in: index, hz: hz, upTo: image.isAtExit ? .max : image.ticks)
        }
        guard let live else { return nil }
        let blocks = live.filter { $0.time_kind & 0xff == UInt64(HL_KIND_ALLOC.rawValue) }
        return unsafe condense(image.bytes.bytes, blocks)
    }

    private func writeRSS() {
        guard var resident = ProcFS.residentBytes(of: pid), resident > 0 else { return }
        unsafe withUnsafeBytes(of: &resident) { payload in
            unsafe writer.note(HL_NOTE_RSS, ticks: file.ticks, payload: payload, process: index)
        }
    }

    /// A process that is killed cannot tell how long it ran; one that ends by itself knows better than we do.
    private func lookAtProcessor() {
        // Once it is gone its number may be another's.
        guard startTime == nil || ProcFS.state(of: pid)?.start == startTime, let time = ProcFS.processorNanoseconds(of: pid)
        else { return }
        processorTime = max(processorTime, time)
    }

    /// - Parameter end: when the process ended, once it has.
    private func writeCounts(end: UInt64? = nil) {
        var overhead = file.overhead()
        let start = overhead.processor_start_ns
        if processorTime > start { overhead.processor_ns = max(overhead.processor_ns, processorTime - start) }
        overhead.collector_ns = Clock.threadNanoseconds - min(collectorStart, Clock.threadNanoseconds)
        writer.overhead(overhead, process: index)

        var counts = file.counts()
        counts.final = end == nil ? 0 : 1
        if let end { counts.ticks = end }
        counts.filtered = filter?.filteredRecords ?? 0
        counts.filtered_bytes = filter?.filteredBytes ?? 0
        counts.filtered_allocations = filter?.filteredAllocations ?? 0
        counts.filtered_peak_bytes = filter?.peakBytes ?? 0
        writer.counts(counts, process: index)
    }
}
