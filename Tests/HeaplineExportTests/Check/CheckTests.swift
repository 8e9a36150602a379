// SPDX-License-Identifier: Apache-2.0
//
// Budgets and baselines on a program whose numbers are known, and the outcome in every format.

import CHeaplineFormat
import Foundation
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis
@testable import HeaplineExport

@Suite struct CheckTests {
    /// parse(int) leaks 2 blocks of 100 bytes and allocates 5 temporary ones of 10; load leaks 1 of 40 through parse.
    static func program(leaks: Int = 2) throws -> CallTree {
        let source = SyntheticTrace()
        _ = source.addProcess()
        func call(_ name: String, _ pc: UInt64, _ parent: Int, _ line: Int) -> Int {
            source.addCall(
                0, pc: pc, parent: parent, EmbeddedFrame(function: name, file: "/src/app/j,son.c", line: line, module: "/opt/app"))
        }
        let main = call("main", 1, 1, 90)
        let parse = call("json::parse(int)", 2, main, 12)
        let load = call("load", 3, parse, 34)
        var ticks: UInt64 = 0
        func add(_ kind: hl_kind, _ address: UInt64, _ size: UInt64, _ stack: Int) {
            ticks += 1000
            source.add(kind, ticks: ticks, address: address, size: size, stack: stack)
        }
        for index in 0..<leaks { add(HL_KIND_ALLOC, 0x1000 + UInt64(index) * 16, 100, parse) }
        add(HL_KIND_ALLOC, 0x8000, 40, load)
        for _ in 0..<5 {
            add(HL_KIND_ALLOC, 0x9000, 10, parse)
            add(HL_KIND_FREE, 0x9000, 0, 0)
        }
        return try source.tree()
    }

    private func check(_ budgets: [Budget], _ change: (inout CheckOptions) throws -> Void = { _ in }) throws -> Check {
        var options = CheckOptions()
        options.budgets = budgets
        try change(&options)
        return try Check(try Self.program(), options)
    }

    @Test(
        arguments: [
            ("0", nil, 0), ("1500", nil, 1500), ("64K", nil, 65536), ("64KiB", nil, 65536), ("2m", nil, 2 << 20),
            ("1g", nil, 1 << 30), ("12B", nil, 12), ("parse=100", "parse", 100), ("operator===1K", "operator==", 1024),
            ("json::parse(int)=7", "json::parse(int)", 7),
        ] as [(String, String?, UInt64)]) func budgetsAreParsed(_ text: String, _ function: String?, _ limit: UInt64) throws
    {
        #expect(Budget(.leaked, parsing: text) == Budget(kind: .leaked, function: function, limit: limit))
    }

    @Test(arguments: ["", "x", "-1", "=5", "parse=", "1.5", "64T", "99999999999999999999", "99999999999G", "1 K"])
    func otherTextIsNoBudget(_ text: String) { #expect(Budget(.leaked, parsing: text) == nil) }

    @Test func countsAreDecimal() {
        #expect(Budget(.allocations, parsing: "2k")?.limit == 2000)
        #expect(Budget(.allocations, parsing: "2KiB") == nil)
        #expect(Budget(.temporary, parsing: "f=3M") == Budget(kind: .temporary, function: "f", limit: 3_000_000))
    }

    @Test func limitsAreComparedWithWhatWasMeasured() throws {
        let known: [(Budget, UInt64)] = [
            (Budget(kind: .leaked, limit: 240), 240), (Budget(kind: .leaked, limit: 239), 240),
            (Budget(kind: .peak, limit: 250), 250), (Budget(kind: .peak, limit: 249), 250),
            (Budget(kind: .allocations, limit: 8), 8), (Budget(kind: .temporary, limit: 4), 5),
            (Budget(kind: .leaked, function: "parse", limit: 0), 240),
            (Budget(kind: .leaked, function: "load", limit: 40), 40),
            (Budget(kind: .allocations, function: "json::parse", limit: 1), 8),
            (Budget(kind: .temporary, function: "load", limit: 0), 0),
            (Budget(kind: .peak, function: "load", limit: 39), 40),
            (Budget(kind: .allocations, function: "pars", limit: 1), 0),
        ]
        let check = try check(known.map(\.0))
        for (finding, (budget, measured)) in zip(check.findings, known) {
            #expect(finding.measured == measured, "\(finding.name)")
            #expect(finding.isFailed == (measured > budget.limit), "\(finding.name)")
            #expect(finding.stacks.isEmpty == !finding.isFailed)
            #expect(finding.stacks.reduce(0) { $0 + $1.value } == (finding.isFailed ? measured : 0))
        }
        #expect(check.findings.last?.note?.contains("pars") == true)
        #expect(check.isFailed)
        #expect(!(try self.check([Budget(kind: .leaked, limit: 240)]).isFailed))
    }

    @Test func suppressedLeaksDoNotCount() throws {
        let check = try check([Budget(kind: .leaked, limit: 0)]) {
            $0.suppressions = try Suppressions(text: "leak:unused\nleak:^load$\n")
        }
        #expect(check.findings[0].measured == 200)
        #expect(check.suppressed == [Check.Suppressed(by: "^load$", blocks: 1, bytes: 40)])
    }

    @Test func modesThatCannotTellAreErrors() throws {
        for (mode, budget) in [
            (RecordingMode.count, Budget(kind: .leaked, limit: 0)), (.leaks, Budget(kind: .temporary, limit: 0)),
            (.leaks, Budget(kind: .allocations, function: "f", limit: 0)), (.count, Budget(kind: .peak, limit: 0)),
        ] {
            let source = SyntheticTrace()
            _ = source.addProcess(mode: mode)
            source.add(HL_KIND_ALLOC, ticks: 5, address: 16, size: 3, stack: 0)
            var options = CheckOptions()
            options.budgets = [budget]
            let error = #expect(throws: TraceError.self) { try Check(try source.tree(), options) }
            #expect(try #require(error).description.contains("--mode all"))
        }
    }

    // MARK: Baselines

    @Test func aSampleLeavesDoubt() throws {
        let source = SyntheticTrace()
        _ = source.addProcess(mode: .sample)
        source.processes[0].sampleBytes = 64
        source.add(HL_KIND_ALLOC, ticks: 1, address: 0x1000, size: 100, stack: 1)
        var options = CheckOptions()
        options.budgets = [Budget(kind: .peak, function: nil, limit: 1 << 20)]
        let check = try Check(try source.tree(), options)
        #expect(!check.isFailed && check.doubts.count == 1)
        #expect(try self.check(options.budgets).doubts == [])
    }

    @Test func baselinesComeBackAsTheyWere() throws {
        let measured = try check([]).measured
        #expect(measured.values == [.leaked: 240, .peak: 250, .allocations: 8, .temporary: 5])
        #expect(measured.leaks.count == 2)
        #expect(try Baseline(text: measured.text) == measured)
        #expect(measured.text.contains("leak 200 2 json::parse;main\n"))
        #expect(try check([]).measured.text == measured.text)
        for seed in TotalsTests.seeds {
            let random = try Check(try SyntheticTrace.random(seed).tree(), CheckOptions()).measured
            #expect(try Baseline(text: random.text) == random, "seed \(seed)")
        }
    }

    @Test(arguments: ["", "leaked 3\n", "heapline baseline 2\n", "heapline baseline 1\nleaked x\n", "heapline baseline 1\nleak 1 2\n"])
    func otherFilesAreNoBaselines(_ text: String) { #expect(throws: TraceError.self) { try Baseline(text: text) } }

    @Test func tolerancesAllowSoMuchMore() throws {
        var baseline = try check([]).measured
        #expect(!(try check([]) { $0.baseline = baseline }.isFailed))
        baseline.values[.peak] = 245
        #expect(try check([]) { $0.baseline = baseline }.isFailed)
        #expect(
            !(try check([]) {
                $0.baseline = baseline; $0.tolerance = 0.03
            }.isFailed))
        #expect(
            try check([]) {
                $0.baseline = baseline; $0.tolerance = 0.02
            }.isFailed)
    }

    @Test func aBaselineIsNotKeptByATraceThatCannotTell() throws {
        var leaksOnly = Baseline()
        leaksOnly.leaks[StackSignature(functions: ["f"])] = Baseline.Leak(bytes: 1, blocks: 1)
        var temporaryOnly = Baseline()
        temporaryOnly.values[.temporary] = 5
        let full = try check([]).measured
        for (mode, baseline) in [
            (RecordingMode.count, full), (.leaks, full), (.count, leaksOnly), (.leaks, temporaryOnly),
        ] {
            let source = SyntheticTrace()
            _ = source.addProcess(mode: mode)
            var options = CheckOptions()
            options.baseline = baseline
            let error = #expect(throws: TraceError.self) { try Check(try source.tree(), options) }
            let text = try #require(error).description
            #expect(text.contains("mode \(mode.rawValue)") && text.contains("baseline") && text.contains("--mode all"), "\(text)")
        }
    }

    @Test func aNewLeakFailsWhateverTheTotalAllows() throws {
        var baseline = try check([]).measured
        baseline.leaks[StackSignature(functions: ["load", "json::parse", "main"])] = nil
        let check = try check([]) {
            $0.baseline = baseline; $0.tolerance = 10
        }
        let failed = check.findings.filter(\.isFailed)
        #expect(failed.map(\.name) == ["baseline leak load"])
        #expect(failed.first?.note == "this stack did not leak before")
    }

    // MARK: Formats

    private func report() throws -> CheckReport {
        let check = try check([
            Budget(kind: .leaked, limit: 10), Budget(kind: .peak, limit: 1000),
            Budget(kind: .temporary, function: "parse", limit: 1),
        ])
        return CheckReport(check, root: "/src/app")
    }

    @Test func textNamesTheCulprits() throws {
        let text = try report().text(exactBytes: true)
        #expect(text.contains("FAILED  max-leaked: 240 B, at most 10 B"))
        #expect(text.contains("json::parse (j,son.c:12)"))
        #expect(text.contains("ok      max-peak: 250 B, at most 1,000 B"))
        #expect(text.hasSuffix("2 of 3 limits exceeded\n"))
    }

    @Test func theSameCheckGivesTheSameBytes() throws {
        let (a, b) = (try report(), try report())
        #expect(a.text() == b.text() && a.junit == b.junit && a.sarif == b.sarif && a.github == b.github)
        #expect(a.markdown == b.markdown)
    }

    @Test func sarifPointsToTheLines() throws {
        let run = try JSON.object(try report().sarif).objects("runs")[0]
        let results = try run.objects("results")
        #expect(results.count == 3)
        let places = try results.map { result in
            let physical = try result.objects("locations")[0].object("physicalLocation")
            return "\(try physical.object("artifactLocation").text("uri")):\(try physical.object("region").number("startLine"))"
        }
        #expect(places == ["j%2Cson.c:12", "j%2Cson.c:34", "j%2Cson.c:12"])
        let rules = Set(try run.object("tool").object("driver").objects("rules").map { try $0.text("id") })
        #expect(try results.allSatisfy { rules.contains(try $0.text("ruleId")) })
        let prints = try results.map { try $0.object("partialFingerprints").text("heaplineStack/v1") }
        #expect(Set(prints).count == 3)
    }

    @Test func annotationsAreEscaped() throws {
        let lines = try report().github.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("::error file=j%2Cson.c,line=12,title=heapline max-leaked::max-leaked: 240 B"))
        #expect(lines[0].contains("%0A"))
    }

    @Test(.enabled(if: Tool.path("python3") != nil)) func junitIsXML() throws {
        let script = """
            import sys, xml.etree.ElementTree as tree
            root = tree.fromstring(sys.stdin.buffer.read())
            for case in root.iter("testcase"):
                print(case.get("name"), len(case.findall("failure")))
                # What the schema of Jenkins's xUnit plugin does not know, that plugin refuses.
                assert set(case.keys()) == {"classname", "name"}, case.keys()
            for failure in root.iter("failure"):
                assert set(failure.keys()) == {"type", "message"}, failure.keys()
            """
        let (status, output) = try Tool.run("python3", ["-c", script], input: Array(try report().junit.utf8))
        #expect(status == 0)
        #expect(String(decoding: output, as: UTF8.self) == "max-leaked 1\nmax-peak 0\nmax-temporary parse 1\n")
        #expect(CheckReport.xml("<a & \"b\">\u{1}") == "&lt;a &amp; &quot;b&quot;&gt;\u{fffd}")
    }

    @Test func markdownHasARowForEachLimit() throws {
        let text = try report().markdown
        #expect(text.hasPrefix("### Heap: limits exceeded\n"))
        #expect(text.split(separator: "\n").count { $0.hasPrefix("| ❌") || $0.hasPrefix("| ✅") } == 3)
        #expect(text.contains("| ❌ | max-leaked | 240 B | 10 B |"))
    }
}
