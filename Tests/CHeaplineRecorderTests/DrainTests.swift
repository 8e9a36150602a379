// SPDX-License-Identifier: Apache-2.0
//
// The two ends of the buffers against each other, and the buffers' policies, with both backends. Each test has a process
// of its own, since there is one recorder in a process. Events have made-up addresses; what the test's process does with
// its real heap meanwhile is recorded too, if the hooks are there, and told apart by its addresses.

import CHeaplineFormat
import CHeaplineRecorder
import Glibc
import Testing

private let perThread: UInt64 = 60_000
private let base: UInt64 = 1 << 60

/// Writes events numbered from `base`: every second one frees what the one before allocated.
private func write(_ thread: UInt64, _ count: UInt64) {
    for number in 0..<count {
        let address = base | thread << 32 | number / 2
        if number % 2 == 0 {
            hl_event(HL_KIND_ALLOC, address, 16 + thread, 0)
        } else {
            hl_event(HL_KIND_FREE, address, 0, 0)
        }
    }
}

/// A writer as a thread; the context is its number.
private func startWriter(_ thread: UInt64) -> pthread_t {
    var id = pthread_t()
    let context = unsafe UnsafeMutableRawPointer(bitPattern: UInt(thread))
    let error = unsafe pthread_create(
        &id, nil,
        { context in
            write(UInt64(UInt(bitPattern: context)), perThread)
            return nil
        }, context)
    precondition(error == 0)
    return id
}

/// A process file mapped as a collector maps it.
@safe private struct Mapped: ~Copyable {
    let memory: UnsafeMutableRawPointer
    var drains: [hl_drain]
    var header: hl_process { unsafe memory.load(as: hl_process.self) }

    init() {
        let file = unsafe open(hl_process_path()!, O_RDWR)
        var status = stat()
        precondition(file >= 0 && (unsafe fstat(file, &status)) == 0)
        unsafe memory = mmap(nil, Int(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        close(file)
        unsafe drains = []
        unsafe drains = Array(repeating: hl_drain(), count: Int(header.core_count) + 1)
    }

    /// Takes what is there and hands on, per core, the test's own records.
    mutating func drain(_ body: (_ core: Int, hl_record) -> Void) -> Bool {
        var out = [hl_record](repeating: hl_record(), count: 1024)
        var any = false
        for core in unsafe drains.indices {
            while true {
                let got = unsafe hl_drain_core(memory, UInt32(core), &drains[core], &out, 1024, 0)
                if got == 0 { break }
                any = true
                for record in out.prefix(Int(got)) where record.address >= base { body(core, record) }
            }
        }
        return any
    }
}

private func options(_ backend: hl_backend, _ onFull: hl_on_full, _ bytes: UInt64) -> hl_options {
    var options = unsafe hl_options()
    unsafe options.backend = backend
    unsafe options.on_full = onFull
    unsafe options.buffer_bytes = bytes
    return unsafe options
}

/// Two writers, one drainer, buffers much smaller than what goes through them.
private func drainWhileWriting(_ backend: hl_backend) {
    var template = Array("/dev/shm/heapline-test-XXXXXX".utf8CString)
    let directory = unsafe String(cString: mkdtemp(&template)!)
    hl_ignore_this_thread(1)
    var wanted = unsafe options(backend, HL_ON_FULL_BLOCK, 1 << 20)
    let started = unsafe directory.withCString { path in
        unsafe wanted.directory = unsafe path
        return unsafe hl_start(&wanted)
    }
    precondition(started == 0, "not started: \(started)")
    var file = Mapped()
    unsafe hl_drain_attach(file.memory, UInt32(getpid()))
    let writers = [startWriter(1), startWriter(2)]
    var next: [UInt64] = [0, 0, 0]
    var lastTicks: [Int: UInt64] = [:]
    var seen: [UInt64: Set<UInt64>] = [:]
    func take(_ core: Int, _ record: hl_record) {
        let ticks = record.time_kind >> 8
        precondition(ticks >= lastTicks[core, default: 0], "ticks never fall within a core")
        lastTicks[core] = ticks
        let thread = record.address >> 32 & 0xff
        let number = (record.address & 0xffff_ffff) * 2 + (record.time_kind & 0xff) - 1
        precondition(seen[thread, default: []].insert(number).inserted, "event \(number) of \(thread) came twice")
        next[Int(thread)] += 1
        if number % 2 == 0 { precondition(record.size == 16 + thread) }
    }
    while next[1] < perThread || next[2] < perThread { _ = file.drain(take) }
    for writer in writers { pthread_join(writer, nil) }
    precondition(!(file.drain { _, _ in preconditionFailure("more than was written") }))
    precondition(seen[1]!.count == perThread && seen[2]!.count == perThread)
    let header = file.header
    precondition(header.lost.0 == 0 && header.lost.1 == 0, "nothing is lost under the policy block")
    precondition(UInt64(header.segments_made) * 65536 <= 2 << 20, "the buffers stay as small as asked for")
    precondition(hl_stop() == 0 && hl_discard() == 0)
    unsafe rmdir(directory)
}

/// Nobody drains: what is lost is counted, what is kept is kept in order.
private func fill(_ backend: hl_backend, _ onFull: hl_on_full) {
    var wanted = unsafe options(backend, onFull, 1 << 20)
    precondition(unsafe hl_start(&wanted) == 0)
    write(1, perThread)
    var counts = hl_counts()
    precondition(unsafe hl_counts_now(&counts) == 0 && hl_stop() == 0)
    hl_ignore_this_thread(1)
    let lost = counts.lost.0
    precondition(lost > 0, "1 MiB does not hold \(perThread) events")
    var file = Mapped()
    var numbers: [UInt64] = []
    _ = file.drain { _, record in numbers.append((record.address & 0xffff_ffff) * 2 + (record.time_kind & 0xff) - 1) }
    precondition(numbers.count > 10_000 && UInt64(numbers.count) <= perThread - 1)
    if onFull == HL_ON_FULL_OVERWRITE {
        precondition(numbers.contains(perThread - 1), "the newest are kept")
        precondition(!numbers.contains(0), "the oldest are not")
    } else {
        precondition(numbers.contains(0), "the oldest are kept")
    }
    precondition(hl_discard() == 0)
}

@Suite struct DrainTests {
    @Test func drainWhileWritingRseq() async {
        await #expect(processExitsWith: .success) { drainWhileWriting(HL_BACKEND_RSEQ) }
    }
    @Test func drainWhileWritingCompareExchange() async {
        await #expect(processExitsWith: .success) { drainWhileWriting(HL_BACKEND_CAS) }
    }
    @Test func dropRseq() async {
        await #expect(processExitsWith: .success) { fill(HL_BACKEND_RSEQ, HL_ON_FULL_DROP) }
    }
    @Test func dropCompareExchange() async {
        await #expect(processExitsWith: .success) { fill(HL_BACKEND_CAS, HL_ON_FULL_DROP) }
    }
    @Test func overwriteRseq() async {
        await #expect(processExitsWith: .success) { fill(HL_BACKEND_RSEQ, HL_ON_FULL_OVERWRITE) }
    }
    @Test func overwriteCompareExchange() async {
        await #expect(processExitsWith: .success) { fill(HL_BACKEND_CAS, HL_ON_FULL_OVERWRITE) }
    }

    @Test func wrongOptionsAreRefused() async {
        await #expect(processExitsWith: .success) {
            for change in 0..<4 {
                var wanted = unsafe hl_options()
                switch change {
                case 0: unsafe wanted.depth = 513
                case 1: unsafe wanted.depth = -2
                case 2: unsafe wanted.mode = hl_mode(rawValue: 9)
                default: unsafe wanted.on_full = hl_on_full(rawValue: 7)
                }
                precondition(unsafe hl_start(&wanted) == HL_ERROR_ARGUMENT.rawValue)
            }
            precondition(hl_is_running() == 0)
        }
    }
}
