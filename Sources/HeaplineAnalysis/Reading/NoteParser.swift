// SPDX-License-Identifier: Apache-2.0
//
// Notes (heapline_format.h, "Notes") to values of the model. A note that is shorter than its kind demands is damage; an
// unknown kind is skipped.

internal import CHeaplineFormat
internal import HeaplineCollector

struct NoteParser {
    /// A note's fields, its payload as bytes valid during the call.
    @safe struct Note {
        var kind: hl_note_kind
        var ticks: UInt64
        var payload: UnsafeRawBufferPointer
    }

    /// Highest thread index that gets an entry of its own; a recorder hands them out one after the other.
    static let threadLimit = 1 << 20

    /// Walks the notes in `bytes`. Returns false when they do not add up.
    static func forEach(_ bytes: UnsafeRawBufferPointer, count: Int, _ body: (Note) -> Bool) -> Bool {
        let headerBytes = MemoryLayout<hl_note>.size
        var offset = 0
        for _ in 0..<count {
            guard bytes.count - offset >= headerBytes else { return false }
            let header = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: hl_note.self)
            let size = Int(header.size)
            guard size >= headerBytes, size <= bytes.count - offset else { return false }
            let payload = unsafe UnsafeRawBufferPointer(rebasing: bytes[(offset + headerBytes)..<(offset + size)])
            let note = unsafe Note(kind: hl_note_kind(rawValue: header.kind), ticks: header.ticks, payload: payload)
            guard body(note) else { return false }
            offset += (size + 7) & ~7
            if offset > bytes.count { return true }  // the last note's padding may be missing
        }
        return true
    }

    /// Takes one note into `process`. Returns false when the note is damaged.
    static func take(_ note: Note, into process: inout TraceProcess) -> Bool {
        let bytes = unsafe note.payload
        func text(_ from: Int) -> String { unsafe String(decoding: bytes.dropFirst(from), as: UTF8.self) }
        func say(_ kind: TraceNote.Kind) { process.notes.append(TraceNote(ticks: note.ticks, kind: kind)) }

        switch note.kind {
        case HL_NOTE_PROCESS:
            guard let fixed = unsafe load(bytes, as: hl_note_process.self) else { return false }
            process.pid = fixed.pid
            process.parentPid = fixed.parent_pid
            let words = unsafe strings(bytes.dropFirst(MemoryLayout<hl_note_process>.size))
            process.executable = words.first ?? ""
            process.arguments = Array(words.dropFirst())
        case HL_NOTE_MODULE:
            guard let fixed = unsafe load(bytes, as: hl_note_module.self) else { return false }
            let idBytes = unsafe withUnsafeBytes(of: fixed.build_id) { unsafe Array($0.prefix(Int(fixed.build_id_bytes))) }
            process.modules.append(
                TraceModule(
                    path: text(MemoryLayout<hl_note_module>.size), bias: fixed.bias, start: fixed.start,
                    end: fixed.end, buildID: idBytes, loadedTicks: note.ticks))
        case HL_NOTE_MODULE_GONE:
            guard let gone = unsafe load(bytes, as: hl_note_module_gone.self) else { return false }
            if let index = process.modules.lastIndex(where: { $0.start == gone.start && $0.unloadedTicks == nil }) {
                process.modules[index].unloadedTicks = note.ticks
                process.modules[index].endNode = Int(clamping: gone.nodes)
            }
        case HL_NOTE_THREAD:
            guard let fixed = unsafe load(bytes, as: hl_note_thread.self) else { return false }
            let index = Int(fixed.thread)
            guard index < threadLimit else { return true }
            while process.threads.count <= index { process.threads.append(TraceThread()) }
            let isNew = process.threads[index].tid == 0
            process.threads[index].tid = fixed.tid
            process.threads[index].core = fixed.core < 0 ? nil : Int(fixed.core)
            process.threads[index].isTask = fixed.is_task == 1
            let name = text(MemoryLayout<hl_note_thread>.size)
            if !name.isEmpty { process.threads[index].name = name }
            if isNew { process.threads[index].startTicks = note.ticks }
        case HL_NOTE_THREAD_END:
            guard let thread = unsafe load(bytes, as: UInt32.self) else { return false }
            if process.threads.indices.contains(Int(thread)) {
                process.threads[Int(thread)].endTicks = note.ticks
            }
        case HL_NOTE_MARK: say(.mark(text(0)))
        case HL_NOTE_PAUSE: say(.pause)
        case HL_NOTE_RESUME: say(.resume)
        case HL_NOTE_FORK:
            guard let child = unsafe load(bytes, as: UInt32.self) else { return false }
            say(.fork(child: child))
        case HL_NOTE_EXEC: say(.exec(path: text(0)))
        case HL_NOTE_PROBLEM: say(.problem(text(0)))
        case HL_NOTE_EXIT:
            guard let fixed = unsafe load(bytes, as: hl_note_exit.self) else { return false }
            process.ending = ProcessEnding(ticks: note.ticks, reason: reason(fixed))
        case HL_NOTE_RSS:
            guard let resident = unsafe load(bytes, as: UInt64.self) else { return false }
            process.resident.append(ResidentSample(ticks: note.ticks, bytes: resident))
        case HL_NOTE_REGION:
            guard let fixed = unsafe load(bytes, as: hl_note_region.self) else { return false }
            process.regions.append(
                TraceRegion(
                    name: text(MemoryLayout<hl_note_region>.size), start: fixed.start, bytes: fixed.bytes,
                    capabilities: fixed.capabilities))
        case HL_NOTE_LOG:
            guard let thread = unsafe load(bytes, as: UInt32.self),
                let level = unsafe load(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(4)), as: UInt32.self)
            else { return false }
            say(.log(thread: Int(thread), level: Int(level), text: text(8)))
        case HL_NOTE_DUMP: say(.dump(text(0)))
        case HL_NOTE_ENVIRONMENT: process.environment = unsafe strings(bytes[...])
        default: break  // HL_NOTE_BLOCK is read when asked for; unknown kinds are skipped
        }
        return true
    }

    /// The fixed part at the start of a payload; nil when the payload is shorter.
    static func load<T: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, as type: T.Type) -> T? {
        bytes.count >= MemoryLayout<T>.size ? unsafe bytes.loadUnaligned(as: type) : nil
    }

    private static func reason(_ note: hl_note_exit) -> ProcessEnding.Reason {
        switch note.reason {
        case HL_EXIT_EXITED.rawValue:
            // A wait status keeps the exit code in bits 8 to 15 and the signal in bits 0 to 6.
            .exited(status: note.status < 0 ? nil : Int(note.status >> 8 & 0xff))
        case HL_EXIT_KILLED.rawValue: .killed(signal: note.status < 0 ? 0 : Int(note.status & 0x7f))
        case HL_EXIT_EXEC.rawValue: .exec
        case HL_EXIT_DETACHED.rawValue: .detached
        default: .unknown
        }
    }

    /// Strings that each end with NUL; the last one may lack it.
    private static func strings(_ bytes: Slice<UnsafeRawBufferPointer>) -> [String] {
        var parts = unsafe bytes.split(separator: 0, omittingEmptySubsequences: false)
        if let last = unsafe parts.last, unsafe last.isEmpty { unsafe parts.removeLast() }
        return unsafe parts.map { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
