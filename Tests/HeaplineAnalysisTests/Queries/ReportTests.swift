// SPDX-License-Identifier: Apache-2.0
//
// The report in text and JSON: what a reader must find in them, and that JSON is JSON whatever names a trace holds.

import CHeaplineFormat
import Foundation
import HeaplineCollector
import HeaplineExport
import Testing

@testable import HeaplineAnalysis

@Suite struct ReportTests {
    private func report(_ script: TraceScript, until: UInt64? = nil, _ body: (Report) throws -> Void) throws {
        var symbols = SymbolizerOptions()
        symbols.tool = .none
        try script.withTrace { try body(try Report($0, options: HistoryOptions(until: until), symbols: symbols)) }
    }

    private func json(_ report: Report, limit: Int? = nil) throws -> [String: Any] {
        var bytes: [UInt8] = []
        report.json(limit: limit) { bytes += $0 }
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    private var script: TraceScript {
        var script = TraceScript()
        script.processes[0].nodes = [1, 16, 17]
        var module = hl_note_module()
        module.start = 0x1000
        module.end = 0x20000
        script.processes[0].notes = [
            (HL_NOTE_PROCESS, 0, Payload.process(pid: 7, parent: 1, ["/bin/na\"me\\\u{1}\n", "na\"me"])),
            (HL_NOTE_MODULE, 0, Payload.bytes(module) + Array("/no/\u{7f}such\u{2028}é".utf8) + [0xff, 0xfe]),
            (HL_NOTE_EXIT, 9000, Payload.exit(status: 11, reason: HL_EXIT_KILLED)),
        ]
        script.events = [
            Event(ticks: 1000, kind: HL_KIND_ALLOC, address: 0x10, size: 3000, stack: 17),
            Event(ticks: 2000, kind: HL_KIND_ALLOC, address: 0x20, size: 50, stack: 18),
            Event(ticks: 3000, kind: HL_KIND_FREE, address: 0x20, stack: 0),
        ]
        var counts = hl_counts()
        counts.final = 1
        counts.sums.allocations = 2
        counts.sums.frees = 1
        counts.sums.bytes = 3050
        script.processes[0].counts = counts
        return script
    }

    @Test func jsonHasTheSchema() throws {
        try report(script) { report in
            let json = try json(report)
            #expect(json["schema"] as? String == "heapline.report")
            #expect(json["version"] as? Int == 1)
            let totals = try #require(json["totals"] as? [String: Any])
            let expected = [
                "allocations": 2, "frees": 1, "reallocations": 0, "bytesAllocated": 3050, "peakBytes": 3050,
                "liveBlocks": 1, "liveBytes": 3000, "temporaryAllocations": 1,
            ]
            for (key, value) in expected { #expect(totals[key] as? Int == value, "\(key)") }
            let recording = try #require(json["recording"] as? [String: Any])
            #expect(recording["mode"] as? String == "all")
            #expect(recording["depth"] as? Int == 32)
            #expect(recording["eventsRecorded"] as? Int == 3)
            #expect(recording["eventsLost"] as? Int == 0)
            #expect(recording["complete"] as? Bool == true)
            #expect(recording["processes"] as? Int == 1)
            #expect(recording["durationSeconds"] as? Double == 9e-6)
            let sites = try #require(json["sites"] as? [[String: Any]])
            #expect(sites.count == 2)
            for site in sites {
                for key in ["allocations", "bytes", "liveBlocks", "liveBytes", "peakBytes"] { #expect(site[key] is Int, "\(key)") }
                for frame in try #require(site["stack"] as? [[String: Any]]) {
                    #expect(Set(frame.keys) == ["function", "file", "line", "module", "inlined"])
                    // Bytes that are no UTF-8 became replacement characters; the last one merges with nothing.
                    let module = try #require(frame["module"] as? String)
                    #expect(module.unicodeScalars.starts(with: "/no/\u{7f}such\u{2028}é".unicodeScalars), "\(module)")
                }
            }
            let leaks = try #require(json["leaks"] as? [[String: Any]])
            let place = try #require(leaks.first?["site"] as? Int)
            #expect(sites[place]["liveBytes"] as? Int == 3000)
            let processes = try #require(json["processes"] as? [[String: Any]])
            #expect(processes[0]["executable"] as? String == "/bin/na\"me\\\u{1}\n")
            #expect(processes[0]["signal"] as? Int == 11)
        }
    }

    @Test func summaryNamesNumbersEndAndLoss() throws {
        try report(script) { report in
            let text = report.text(.summary)
            #expect(text.contains("killed by signal 11"))
            #expect(text.contains("allocations") && text.contains("2.93 KiB"))
            #expect(text.contains("every event was recorded"))
            #expect(!text.contains("\u{1b}"))
            #expect(report.text(.summary, TextStyle(colour: true)).contains("\u{1b}"))
            #expect(report.text(.summary, TextStyle(exactBytes: true)).contains("3,000 B"))
        }
        var lossy = script
        lossy.processes[0].counts?.lost.1 = 12
        try report(lossy) { report in
            let text = report.text(.summary)
            #expect(text.contains("12 events lost"))
            #expect(text.contains("room left"))
            let json = try json(report)
            #expect((json["lossesByCause"] as? [String: Any])?["noSpace"] as? Int == 12)
            #expect((json["recording"] as? [String: Any])?["complete"] as? Bool == false)
        }
    }

    @Test func theMomentAskedForIsNamed() throws {
        try report(script, until: 2500) { report in
            for view in [ReportView.summary, .leaks] {
                let text = report.text(view)
                #expect(text.contains("Alive at 2.50 µs") && !text.contains("at the end"), "\(text)")
            }
            for view in [ReportView.leaks, .types] { #expect(report.text(view).contains("leave out --at"), "\(view)") }
        }
        // What a process leaves when it ends still counts, so it is not said to be alive.
        var second = script
        second.processes.append(TraceScript.Process())
        second.processes[1].notes = [
            (HL_NOTE_PROCESS, 0, Payload.process(pid: 8, parent: 7, ["/bin/second", "second"])),
            (HL_NOTE_EXIT, 1500, Payload.exit(status: 0, reason: HL_EXIT_EXITED)),
        ]
        second.events.insert(Event(process: 1, ticks: 1200, kind: HL_KIND_ALLOC, address: 0x10, size: 7), at: 1)
        for (until, isLater) in [(UInt64(1400), false), (2500, true)] {
            try report(second, until: until) { report in
                #expect(report.text(.leaks).contains("left by processes that ended before") == isLater)
            }
        }
        // The same moments are the whole run's when nothing comes after them.
        try report(script, until: 1 << 40) { #expect($0.text(.leaks).contains("Still alive at the end")) }
    }

    @Test func whoAndWhenIsSaidOnce() throws {
        var script = script
        script.processes[0].notes += [
            (HL_NOTE_THREAD, 1, Payload.thread(0, tid: 70, "worker")),
            (HL_NOTE_THREAD, 2, Payload.thread(1, tid: 71, "worker")),
        ]
        script.events = (0..<2).map { index in
            Event(
                ticks: 5_000_000 + UInt64(index), kind: HL_KIND_ALLOC, address: 0x100 + UInt64(index) * 0x1000, size: 1000, stack: 17,
                thread: index)
        }
        script.processes[0].counts = nil
        try report(script) { report in
            let text = report.text(.leaks)
            #expect(text.contains("allocated at 5.00 ms, by worker (70), worker (71)\n"), "\(text)")
            #expect(report.text(.types).contains("up to 1,008 B"))
        }
        script.processes[0].notes.append((HL_NOTE_THREAD, 1, Payload.thread(0, tid: 0x3ffb_5c84, isTask: true, "worker")))
        try report(script) { #expect($0.text(.tasks).contains("worker (0x3ffb5c84)\n")) }
    }

    @Test(arguments: [60, 80, 120]) func callersFitOnTheTerminal(_ width: Int) throws {
        var script = script
        script.processes[0].nodes = [1] + Array(16..<40)
        script.events = [Event(ticks: 1000, kind: HL_KIND_ALLOC, address: 0x10, size: 3000, stack: 40)]
        try report(script) { report in
            func callers(_ style: TextStyle) -> [Substring] {
                report.text(.summary, style).split(separator: "\n").filter { $0.contains("←") }
            }
            #expect(!callers(TextStyle()).isEmpty)
            for line in callers(TextStyle(width: width)) {
                #expect(line.count <= width && line.hasSuffix("…"), "\(line)")
            }
            for line in report.text(.timeline, TextStyle(width: width)).split(separator: "\n") where line.contains("█") {
                #expect(line.count <= max(width, 74), "\(line)")
            }
        }
    }

    // Suppressed is not gone: it is told apart, in text and JSON, and the sums stay those of the whole.
    @Test(arguments: [("nosuch", false), ("/no/", true)]) func suppressedLeaksAreSetApart(_ pattern: String, _ matches: Bool) throws {
        var symbols = SymbolizerOptions()
        symbols.tool = .none
        let rules = try Suppressions(text: "leak:\(pattern)\n")
        try script.withTrace { trace in
            let report = try Report(trace, symbols: symbols, suppressions: rules)
            #expect(report.text(.leaks).contains("suppressed by leak:\(pattern)") == matches)
            #expect(report.text(.leaks).contains("2.93 KiB in 1 block"))
            #expect(report.leaks.groups.map(\.leaked.bytes) == [3000])
            let leaks = try #require(try json(report)["leaks"] as? [[String: Any]])
            #expect(leaks.count == 1 && leaks[0]["suppression"] as? String == (matches ? pattern : nil))
        }
    }

    @Test func listsSayWhatTheyLeaveOut() throws {
        var script = script
        script.processes[0].notes += (0..<3).map { (HL_NOTE_MARK, UInt64($0), Array("mark \($0)".utf8)) }
        try report(script) { report in
            let all = report.trace.log.count
            let text = report.text(.log, TextStyle(limit: 1))
            #expect(text.contains("\(all - 1) more; --limit \(all) shows all"), "\(text)")
        }
    }

    @Test func ofNoProcessNothingIsTold() throws {
        var script = script
        script.processes = []
        script.events = []
        try report(script) { report in
            let text = report.text(.summary)
            #expect(text.contains("No process was recorded"))
            #expect(!text.contains("allocations") && !text.contains("--mode"), "\(text)")
        }
    }

    @Test func viewsSayWhatToRecordInstead() throws {
        var script = script
        script.processes[0].mode = HL_MODE_COUNT
        script.events = []
        try report(script) { report in
            for view in ReportView.allCases where view != .summary && view != .log {
                #expect(report.text(view).contains("--mode all"), "\(view)")
            }
            let json = try json(report)
            let totals = try #require(json["totals"] as? [String: Any])
            #expect(totals["peakBytes"] is NSNull)
            #expect(totals["liveBlocks"] as? Int == 1)
        }
        var staying = self.script
        staying.processes[0].mode = HL_MODE_LEAKS
        try report(staying) { report in
            for view in [ReportView.peak, .temporary, .sites, .threads, .sizes, .lifetimes, .growth, .timeline] {
                #expect(report.text(view).contains("--mode all"), "\(view)")
            }
        }
        var sampled = self.script
        sampled.processes[0].mode = HL_MODE_SAMPLE
        sampled.processes[0].sampleBytes = 4096
        try report(sampled) { report in
            for view in [ReportView.temporary, .growth] { #expect(report.text(view).contains("--mode all"), "\(view)") }
            #expect(!report.text(.sites).contains("temporary") && !report.text(.summary).contains("temporary ("))
            let totals = try #require(try json(report)["totals"] as? [String: Any])
            #expect(totals["temporaryAllocations"] is NSNull)
        }
        var shallow = self.script
        shallow.processes[0].depth = 0
        shallow.processes[0].nodes = []
        shallow.events = shallow.events.map { event in
            var event = event
            event.stack = 0
            return event
        }
        try report(shallow) { #expect($0.text(.leaks).contains("--depth")) }
    }

    @Test func blocksOfReplacedProgramsAreNoLeaks() throws {
        var script = script
        script.processes[0].notes.removeLast()
        script.processes[0].notes.append((HL_NOTE_EXIT, 9000, Payload.exit(status: 0, reason: HL_EXIT_EXEC)))
        try report(script) { report in
            #expect(report.leaks.groups.isEmpty)
            #expect(report.leaks.replaced == Leaks.Sum(blocks: 1, bytes: 3000))
            #expect(report.text(.leaks).contains("exec replaced"))
        }
    }

    @Test func outputIsStable() throws {
        let seed: UInt64 = 0x57ab1e
        var random = SeededRandom(seed)
        var script = TraceScript()
        script.processes[0].nodes = HistoryTests.parents
        script.events = BruteForce.events(&random, count: 400, stacks: 10, threads: 4, cores: 3)
        var first: [String] = []
        for _ in 0..<3 {
            try report(script) { report in
                var texts = ReportView.allCases.map { report.text($0) }
                var bytes: [UInt8] = []
                report.json { bytes += $0 }
                // The path of the temporary file is another each time.
                let path = report.trace.path
                texts.append(String(decoding: bytes, as: UTF8.self))
                texts = texts.map { $0.replacingOccurrences(of: path, with: "FILE") }
                    .map { $0.replacingOccurrences(of: path.replacingOccurrences(of: "/", with: "\\/"), with: "FILE") }
                if first.isEmpty { first = texts }
                #expect(texts == first, "seed \(seed)")
            }
        }
    }

    @Test func numbersReadWell() {
        let units = Units()
        #expect(units.bytes(0) == "0 B")
        #expect(units.bytes(1023) == "1,023 B")
        #expect(units.bytes(1024) == "1.00 KiB")
        #expect(units.bytes(1_310_720) == "1.25 MiB")
        #expect(units.bytes(.max) == "16.0 EiB")
        #expect(Units.count(1_234_567) == "1,234,567")
        #expect(Units.duration(999) == "999 ns")
        #expect(Units.duration(1_500_000_000) == "1.50 s")
        #expect(Units.duration(3_725_000_000_000) == "62 min 5 s")
        #expect(Units.percent(1, of: 3) == "33 %")
        #expect(Units.percent(1, of: 0) == "–")
    }
}
