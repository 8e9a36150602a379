// SPDX-License-Identifier: Apache-2.0
//
// Several processes in one trace: each has a clock of its own, and memory of a process that ended is gone for the others.

import CHeaplineFormat
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct ProcessesTests {
    /// Two processes, one after the other, 1000 bytes each; the second starts when the first has ended.
    private var script: TraceScript {
        var script = TraceScript()
        script.processes = [
            TraceScript.Process(
                pid: 10, hz: 1_000_000_000, startUnixNs: 1_000_000_000, nodes: [1],
                notes: [
                    (HL_NOTE_PROCESS, 0, Payload.process(pid: 10, parent: 1, ["/bin/first", "first", "-x"])),
                    (HL_NOTE_EXIT, 5000, Payload.exit(status: 0x0300, reason: HL_EXIT_EXITED)),
                ]),
            TraceScript.Process(
                pid: 11, hz: 3_000_000_000, startUnixNs: 1_000_002_000, nodes: [1],
                notes: [
                    (HL_NOTE_PROCESS, 0, Payload.process(pid: 11, parent: 10, ["/bin/second"])),
                    (HL_NOTE_EXIT, 90_000, Payload.exit(status: 9, reason: HL_EXIT_KILLED)),
                ]),
        ]
        script.events = [
            Event(process: 0, ticks: 1000, kind: HL_KIND_ALLOC, address: 0x100, size: 1000, stack: 16),
            // At 2000 ns + 30000 / 3 = 12000 ns: after the first process's end at 5000 ns.
            Event(process: 1, ticks: 30_000, kind: HL_KIND_ALLOC, address: 0x100, size: 1100, stack: 16),
        ]
        return script
    }

    @Test func describesThem() throws {
        try script.withTrace { trace in
            #expect(trace.processes.map(\.pid) == [10, 11])
            #expect(trace.processes[0].name == "first")
            #expect(trace.processes[0].arguments == ["first", "-x"])
            #expect(trace.processes[1].parentPid == 10)
            #expect(trace.processes[0].ending?.reason == .exited(status: 3))
            #expect(trace.processes[1].ending?.reason == .killed(signal: 9))
        }
    }

    @Test func peakIsOfTheSumAtOneMoment() throws {
        let history = try script.withTrace { try $0.history() }
        #expect(history.totals.peakBytes == 1100)
        #expect(history.totals.peakTime == 12_000)
        #expect(history.processTotals.map(\.peakBytes) == [1000, 1100])
        #expect(history.totals.liveBytes == 2100)
        // The first process was gone at the peak.
        #expect(history.sites.map(\.peakBytes) == [0, 1100])
    }

    @Test func overlappingProcessesAddUp() throws {
        var script = script
        script.processes[0].notes.removeLast()
        script.processes[0].notes.append((HL_NOTE_EXIT, 50_000, Payload.exit(status: 0, reason: HL_EXIT_EXITED)))
        let history = try script.withTrace { try $0.history() }
        #expect(history.totals.peakBytes == 2100)
        #expect(history.sites.map(\.peakBytes) == [1000, 1100])
    }

    @Test func oneProcessCanBeChosen() throws {
        let history = try script.withTrace { try $0.history(HistoryOptions(processes: [1])) }
        #expect(history.totals.allocations == 1)
        #expect(history.totals.peakBytes == 1100)
        #expect(history.eventCount == 1)
    }

    @Test(arguments: 0..<10) func mergesByWallClock(_ number: Int) throws {
        let seed = 0xc10c_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.chunkEvents = 1 + random.below(40)
        let rates: [UInt64] = [1_000_000, 999_999_937, 2_999_999_999]
        script.processes = rates.enumerated().map { index, hz in
            TraceScript.Process(pid: UInt32(index), hz: hz, startUnixNs: 1_000_000_000 + UInt64(random.below(5_000_000)))
        }
        for process in rates.indices {
            var ticks: UInt64 = 0
            for index in 0..<300 {
                ticks += UInt64(random.below(Int(rates[process] / 20_000) + 1))
                script.events.append(
                    Event(
                        process: process, core: random.below(3), ticks: ticks, kind: HL_KIND_ALLOC,
                        address: UInt64(16 + index * 16), size: 1))
            }
        }
        try script.withTrace { trace in
            var times: [UInt64] = []
            var last = [UInt64](repeating: 0, count: rates.count)
            unsafe try trace.source.replay(processes: nil) { process, records in
                for index in 0..<records.count {
                    let ticks = unsafe records[index].time_kind >> 8
                    #expect(ticks >= last[process], "seed \(seed)")
                    last[process] = ticks
                    times.append(trace.processes[process].clock.nanoseconds(ticks))
                }
                return true
            }
            #expect(times.count == script.events.count, "seed \(seed)")
            #expect(times == times.sorted(), "seed \(seed)")
        }
    }
}
