// SPDX-License-Identifier: Apache-2.0
//
// An export that would be empty or wrong is refused, with the reason and what to record instead; a file that exists is not
// touched.

import CHeaplineFormat
import Foundation
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis
@testable import HeaplineExport

@Suite struct RefusalTests {
    private func reason(_ format: ExportFormat, _ source: SyntheticTrace) throws -> String? {
        do {
            _ = try Exporter(try source.tree()).bytes(format)
            return nil
        } catch let error as ExportError {
            return error.description
        }
    }

    @Test func formatsAreFoundByName() {
        #expect(ExportFormat(name: "pprof") == .pprof)
        #expect(ExportFormat(name: "DHAT") == .dhat)
        #expect(ExportFormat(name: "pproof") == nil)
        #expect(Set(ExportFormat.allCases.map(\.rawValue)).count == 10)
    }

    @Test func modeCountHasNothingToExport() throws {
        let source = SyntheticTrace()
        _ = source.addProcess(mode: .count)
        for format in ExportFormat.allCases where format != .jsonl {
            let reason = try #require(try reason(format, source))
            #expect(reason.contains("mode count") && reason.contains("--mode all"), "\(reason)")
        }
        #expect(try reason(.jsonl, source) == nil)
    }

    @Test func stacksAreAskedFor() throws {
        let source = SyntheticTrace()
        _ = source.addProcess(depth: 0)
        source.add(HL_KIND_ALLOC, ticks: 5, address: 16, size: 3, stack: 0)
        for format in [ExportFormat.pprof, .folded, .speedscope, .firefox] {
            let reason = try #require(try reason(format, source))
            #expect(reason.contains("--depth"), "\(reason)")
        }
        for format in [ExportFormat.perfetto, .heaptrack, .massif, .dhat, .csv, .jsonl] {
            #expect(try reason(format, source) == nil, "\(format)")
        }
    }

    @Test func aSampleHasNoEvents() throws {
        let source = SyntheticTrace()
        _ = source.addProcess(mode: .sample)
        source.processes[0].sampleBytes = 512
        source.add(HL_KIND_ALLOC, ticks: 5, address: 16, size: 3, stack: 0)
        #expect(try #require(try reason(.heaptrack, source)).contains("sample"))
        #expect(try reason(.csv, source) == nil)
    }

    @Test func oneProcessIsToBeChosen() throws {
        let source = SyntheticTrace.random(3, events: 100, processes: 2)
        let reason = try #require(try reason(.heaptrack, source))
        #expect(reason.contains("--process") && reason.contains("1000") && reason.contains("1001"), "\(reason)")
        let tree = try CallTree(try source.trace.history(HistoryOptions(processes: [1])))
        let text = try Exporter(tree).text(.heaptrack)
        #expect(text.split(separator: "\n").count { $0.hasPrefix("+ ") } == Int(tree.history.totals.allocations))
    }

    @Test func filesAreWholeOrNotThere() throws {
        try Scratch.with { directory in
            let path = directory + "/out"
            try ExportFile.write(path, force: false) { $0.append(Array("first".utf8)) }
            #expect(throws: TraceError.self) {
                try ExportFile.write(path, force: false) { $0.append(Array("second".utf8)) }
            }
            #expect(try Scratch.read(path) == Array("first".utf8))
            struct Stop: Error {}
            #expect(throws: Stop.self) {
                try ExportFile.write(path, force: true) { sink in
                    sink.append([UInt8](repeating: 1, count: 3 << 20))
                    throw Stop()
                }
            }
            #expect(try Scratch.read(path) == Array("first".utf8))
            try ExportFile.write(path, force: true) { $0.append(Array("third".utf8)) }
            #expect(try Scratch.read(path) == Array("third".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["out"])
            #expect(throws: TraceError.self) { try ExportFile.write(directory, force: true) { _ in } }
        }
    }

    @Test func aFullDiskIsReported() throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        #expect(throws: TraceError.self) { try ExportFile.write("/dev/full", force: true) { $0.append([1, 2, 3]) } }
    }
}
