// SPDX-License-Identifier: Apache-2.0
//
// What each emulated core ran, as a .heapline trace of firmware has it: HL_KIND_SWITCH records and log lines.

import CHeaplineFormat
import HeaplineAnalysis
import Testing

@Suite("Timelines of emulated cores")
struct TimelineTests {
    private static let folder = #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Firmware"

    private struct Switch: Equatable {
        var core: UInt64
        var task: String
        var isIdle: Bool
    }

    @Test("every heap event belongs to a task that a core runs at that time")
    func eventsLieInTimelines() throws {
        try Harness.withDirectory { directory in
            let path = directory + "/firmware.heapline"
            let outcome = try Harness.run([
                Harness.heapline, "esp", "run", "--skip-idle", "--chip", "esp32s3", "--trace", path,
                "-D", "CONFIG_HEAP_TRACING_TOHOST", Self.folder + "/host_recording.c",
            ])
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            let trace = try Trace.open(path)
            let process = try #require(trace.processes.first)
            var running: [UInt64: UInt32] = [:]
            var switches: [Switch] = []
            var events = 0, strayEvents = 0
            unsafe try trace.source.replay(processes: nil) { _, records in
                for index in records.indices {
                    let record = unsafe records[index]
                    guard record.time_kind & 0xff == UInt64(HL_KIND_SWITCH.rawValue) else {
                        events += 1
                        if !running.values.contains(record.thread) { strayEvents += 1 }
                        continue
                    }
                    running[record.address] = record.thread
                    switches.append(
                        Switch(
                            core: record.address, task: process.threadName(Int(record.thread)),
                            isIdle: record.size == UInt64(HL_SWITCH_IDLE.rawValue)))
                    #expect(record.stack == UInt32(HL_ROOT_NONE.rawValue))
                }
                return true
            }
            #expect(events == 15)
            #expect(strayEvents == 0)
            // The recording begins with what the two cores run then: main, and nothing.
            #expect(switches.first == Switch(core: 0, task: "main", isIdle: false))
            #expect(switches.dropFirst().first?.core == 1)
            #expect(switches.filter { $0.task == "consumer" }.count >= 5)
            #expect(switches.allSatisfy { $0.task != "consumer" || $0.core == 1 })
            #expect(switches.allSatisfy { $0.isIdle == $0.task.hasPrefix("IDLE") })
            // No core is said to begin what it runs already.
            for core in [UInt64(0), 1] {
                let own = switches.filter { $0.core == core }
                #expect(!zip(own, own.dropFirst()).contains { $0 == $1 }, "\(own)")
            }
            let log = try Harness.run([Harness.heapline, "report", path, "--view", "log"])
            #expect(log.output.split(separator: "\n").filter { $0.contains("main: I (") && $0.contains(") rounds: round ") }.count == 5)
        }
    }
}
