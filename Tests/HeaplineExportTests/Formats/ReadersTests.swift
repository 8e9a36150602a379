// SPDX-License-Identifier: Apache-2.0
//
// Exports opened by the programs they are made for, where this machine has them.

import Foundation
import HeaplineAnalysis
import Testing

@testable import HeaplineExport

@Suite struct ReadersTests {
    /// heaptrack_print rounds to two digits after the point, with units of 1000.
    private static func heaptrackSize(_ bytes: UInt64) -> String {
        let units = ["B", "K", "M", "G"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return unit == 0 ? "\(bytes)B" : String(format: "%.2f", value) + units[unit]
    }

    @Test(.enabled(if: Tool.path("heaptrack_print") != nil), arguments: TotalsTests.seeds.prefix(4))
    func heaptrackPrintTellsTheSameTotals(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let totals = tree.history.totals
        try Scratch.with { directory in
            let path = directory + "/trace.heaptrack"
            try Scratch.write(try Exporter(tree).bytes(.heaptrack), path)
            let (status, output) = try Tool.run("heaptrack_print", ["-f", path])
            let text = String(decoding: output, as: UTF8.self)
            #expect(status == 0)
            #expect(!text.contains("failed to parse"), "\(text)")
            let facts = text.split(separator: "\n").filter { $0.contains(": ") }
            func fact(_ name: String) throws -> Substring {
                let line = try #require(facts.last { $0.hasPrefix(name + ": ") }, "\(name)")
                return line.dropFirst(name.count + 2).prefix { $0 != " " }
            }
            #expect(try fact("calls to allocation functions") == String(totals.allocations), "seed \(seed)")
            let peak = Self.heaptrackSize(try #require(totals.peakBytes))
            #expect(try fact("peak heap memory consumption") == peak, "seed \(seed)")
            #expect(try fact("total memory leaked") == Self.heaptrackSize(try #require(totals.liveBytes)), "seed \(seed)")
        }
    }

    @Test(.enabled(if: Tool.path("ms_print") != nil), arguments: TotalsTests.seeds.prefix(4))
    func msPrintTellsTheSamePeak(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        try Scratch.with { directory in
            let path = directory + "/massif.out"
            try Scratch.write(try Exporter(tree).bytes(.massif), path)
            let (status, output) = try Tool.run("ms_print", [path])
            let text = String(decoding: output, as: UTF8.self)
            #expect(status == 0, "\(text)")
            let peak = Units.count(try #require(tree.history.totals.peakBytes))
            #expect(text.contains("100.00% (\(peak)B) (heap allocation functions)"), "seed \(seed)")
            #expect(text.contains("(peak)"))
        }
    }

    /// `pprof -raw` prints what it read: a line for each sample, values before the colon.
    @Test(
        .enabled(if: Tool.path("go") != nil, "go is not installed: pprof files were not opened by pprof"),
        arguments: TotalsTests.seeds.prefix(4))
    func pprofReadsTheSameTotals(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        try Scratch.with { directory in
            let path = directory + "/trace.pprof"
            try Scratch.write(try Exporter(tree).bytes(.pprof), path)
            let (status, output) = try Tool.run("go", ["tool", "pprof", "-raw", path])
            let text = String(decoding: output, as: UTF8.self)
            #expect(status == 0, "\(text)")
            let lines = text.split(separator: "\n").drop { $0 != "Samples:" }.dropFirst()
            let kinds = try #require(lines.first).split(separator: " ").map { $0.prefix { $0 != "/" } }
            let samples = lines.dropFirst().prefix { $0 != "Locations" }.filter { $0.contains(": ") }
            func sum(_ kind: String) throws -> UInt64 {
                let column = try #require(kinds.firstIndex { $0 == kind }, "\(kind) in \(kinds)")
                return samples.reduce(0) { sum, line in
                    let values = line.prefix { $0 != ":" }.split(separator: " ")
                    return sum + (column < values.count ? UInt64(values[column]) ?? 0 : 0)
                }
            }
            let totals = tree.history.totals
            #expect(try sum("alloc_objects") == totals.allocations, "seed \(seed)")
            #expect(try sum("alloc_space") == totals.bytesAllocated, "seed \(seed)")
            #expect(try sum("inuse_space") == totals.liveBytes, "seed \(seed)")
        }
    }

    /// Chromium's DevTools load Chrome traces in their performance panel. What they read one with is a module of theirs, and is asked
    /// here: for processes, threads and what these did, as the panel does. (Debian's build does not hold the page
    /// chrome://tracing, and Perfetto's own reader is in no distribution.)
    @Test(.enabled(if: Chromium.path != nil, "chromium is not installed: Chrome traces were opened by no reader of theirs"))
    func devToolsReadTheSameTotals() throws {
        let tools = try DevTools(at: "devtools://devtools/bundled/devtools_app.html")
        try tools.wait("location.protocol === 'devtools:' && document.readyState === 'complete'")
        for seed in TotalsTests.seeds.prefix(2) {
            let tree = try SyntheticTrace.random(seed).tree()
            let history = tree.history
            let answer = try tools.text(
                """
                (async () => {
                    const engine = await import('devtools://devtools/bundled/models/trace/trace.js');
                    const model = engine.TraceModel.Model.createWithAllHandlers();
                    const file = \(try Exporter(tree).text(.perfetto));
                    await model.parse(file.traceEvents, {metadata: {}, isFreshRecording: false});
                    const trace = model.parsedTrace(0);
                    const threads = [...trace.data.Renderer.processes.values()].flatMap((process) => [...process.threads.values()]);
                    const alive = threads.flatMap((thread) => thread.entries).filter((entry) => entry.name === 'alive');
                    const counters = {};
                    for (const event of trace.traceEvents) {
                        if (event.ph !== 'C') continue;
                        const sum = counters[event.name] ??= {sum: 0, highest: 0};
                        for (const value of Object.values(event.args)) {
                            sum.sum += value;
                            sum.highest = Math.max(sum.highest, value);
                        }
                    }
                    const sum = (key) => alive.reduce((sum, entry) => sum + entry.args[key], 0);
                    return JSON.stringify({
                        processes: trace.data.Meta.processNames.size, threads: threads.map((thread) => thread.name).sort(),
                        allocations: sum('allocations'), bytes: sum('bytes'),
                        allocated: counters['bytes allocated'].sum, freed: counters['frees'].sum,
                        highest: counters['highest live bytes'].highest,
                    });
                })()
                """)
            let read = try JSON.object(Array(answer.utf8))
            let totals = history.totals
            #expect(try read.number("processes") == UInt64(history.trace.processes.count), "seed \(seed)")
            #expect(read["threads"] as? [String] == history.threads.map(\.name).sorted(), "seed \(seed)")
            #expect(try read.number("allocations") == totals.allocations, "seed \(seed)")
            #expect(try read.number("bytes") == totals.bytesAllocated, "seed \(seed)")
            #expect(try read.number("allocated") == totals.bytesAllocated, "seed \(seed)")
            #expect(try read.number("freed") == totals.frees, "seed \(seed)")
            #expect(try read.number("highest") == totals.peakBytes, "seed \(seed)")
        }
    }

    @Test func gzipReadsBothKindsOfStream() throws {
        var random = Seeded(7)
        for count in [0, 1, 65_535, 65_536, 200_000] {
            let bytes = (0..<count).map { _ in UInt8(random.below(30)) }
            for allowLibrary in [false, true] {
                let file = Gzip.file(bytes, allowLibrary: allowLibrary)
                let (status, output) = try Tool.run("gzip", ["-dc"], input: file)
                #expect(status == 0 && output == bytes, "\(count) bytes")
            }
        }
    }

    @Test func checksumIsThatOfRFC1952() {
        #expect(Gzip.checksum(Array("123456789".utf8)) == 0xcbf4_3926)
    }
}
