// SPDX-License-Identifier: Apache-2.0
//
// What the writer was given comes back from the reader; a file system without room costs the end of the trace, counted.

import CHeaplineFormat
import Glibc
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite(.serialized) struct TraceWriterTests {
    /// Chunks shorter and longer than a window of the merge; one core, an odd number, and so many that a window holds few events of each.
    @Test(arguments: [1, 7, 64, 5000], [1, 2, 3, 4, 90]) func eventsComeBackInOrder(chunkEvents: Int, cores: Int) throws {
        let seed = 0xbac_0000 + UInt64(chunkEvents) + UInt64(cores) << 24
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.chunkEvents = chunkEvents
        script.processes[0].nodes = HistoryTests.parents
        script.events = BruteForce.events(&random, count: chunkEvents == 5000 ? 12_000 : 3000, stacks: 9, threads: 4, cores: cores)
        try script.withTrace { trace in
            var read: [Event] = []
            unsafe try trace.source.replay(processes: nil) { process, records in
                for index in 0..<records.count {
                    let record = unsafe records[index]
                    read.append(
                        Event(
                            process: process, ticks: record.time_kind >> 8,
                            kind: hl_kind(rawValue: UInt32(record.time_kind & 0xff)), address: record.address,
                            size: record.size, stack: Int(record.stack), thread: Int(record.thread)))
                }
                return true
            }
            let given = script.events.map { event in
                var event = event
                event.core = 0
                return event
            }
            #expect(read == given, "seed \(seed)")
        }
    }

    @Test func stacksComeBack() throws {
        var script = TraceScript()
        script.processes[0].nodes = [1, 16, 17, 2]
        try script.withTrace { trace in
            let stack = trace.nodes(of: 0).stack(18)
            #expect(stack.frames.map(\.pc) == [0x12000, 0x11000, 0x10000])
            #expect(stack.end == .complete)
            #expect(trace.nodes(of: 0).stack(19).end == .depth)
            #expect(trace.nodes(of: 0).stack(20) == CallStack(frames: [], end: .missing))
            #expect(trace.nodes(of: 0).stack(0) == CallStack(frames: [], end: .none))
        }
    }

    @Test func existingFilesAreKeptUnlessForced() throws {
        try TemporaryFile.with { path in
            do throws(TraceError) {
                _ = try TraceWriter(path: path, force: false, startUnixNs: 0)
                Issue.record("an existing file was overwritten")
            } catch {
                #expect(error.code == .exists)
            }
        }
    }

    /// A file size limit stands for a full disk: writes beyond it fail the same way.
    @Test func aFullDiskCostsTheEndAndSaysHowMuch() async {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            try TemporaryFile.with { path in
                let writer = try TraceWriter(path: path, force: true, startUnixNs: 0, level: nil)
                var limit = rlimit(rlim_cur: 3 << 20, rlim_max: 3 << 20)
                try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
                var header = hl_process()
                header.magic = HL_PROCESS_MAGIC
                header.mode = HL_MODE_ALL.rawValue
                header.clock_hz = 1_000_000_000
                _ = unsafe writer.process(&header)
                var random = SeededRandom(3)
                let given = 100
                for part in 0..<given {
                    let records = (0..<10_000).map { index in
                        hl_record(
                            time_kind: UInt64(part * 10_000 + index) << 8 | UInt64(HL_KIND_ALLOC.rawValue),
                            address: random.next() | 1, size: random.next() >> 20, stack: 1, thread: 0)
                    }
                    unsafe records.withUnsafeBufferPointer { unsafe writer.events($0, process: 0, core: 0) }
                }
                var counts = hl_counts()
                counts.final = 1
                counts.sums.allocations = UInt64(given * 10_000)
                writer.counts(counts, process: 0)
                writer.finish()
                try #require(writer.failure?.errno == EFBIG)

                let trace = try Trace.open(path)
                let history = try trace.history()
                let lost = trace.processes[0].counts?.lost[.noSpace] ?? 0
                try #require(trace.state == .complete)
                try #require(history.eventCount > 0 && lost > 0)
                try #require(history.eventCount + lost == UInt64(given * 10_000))
                try #require(trace.processes[0].counts?.recorded == history.eventCount)
                try #require(!history.isComplete)
            }
        }
    }
}
