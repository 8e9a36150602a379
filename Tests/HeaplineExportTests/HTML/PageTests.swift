// SPDX-License-Identifier: Apache-2.0
//
// Pages: their size, what they escape, and, in a real browser where there is one, that what they show is what the JSON
// report says.

import Glibc
import HeaplineAnalysis
import HeaplineCollector
import HeaplineExport
import Testing

@Suite struct PageTests {
    private func page(_ directory: String, stacks: Int = 40, depth: Int = 4, milliseconds: Int = 50, steps: Int = 0) throws -> Report {
        let trace = directory + "/trace.heapline"
        try PageTrace.write(to: trace, stacks: stacks, depth: depth, milliseconds: milliseconds, steps: steps)
        let report = try PageTrace.report(trace)
        try HTMLReport(report).write(to: directory + "/page.html", force: false)
        return report
    }

    /// The member `totals` of a JSON text, as far as both reports have the same members.
    private func totals(_ text: String) throws -> String {
        let start = try #require(text.range(of: "\"totals\":{"))
        let rest = text[start.lowerBound...]
        let end = try #require(rest.range(of: "\"impliedFrees\":"))
        return String(rest[..<end.upperBound]) + rest[end.upperBound...].prefix { $0.isNumber }
    }

    @Test func `the page's totals are the JSON report's`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory)
            var json: [UInt8] = []
            report.json { json += $0 }
            let html = try HTMLReport(report).html
            #expect(try totals(String(decoding: html, as: UTF8.self)) == totals(String(decoding: json, as: UTF8.self)))
            #expect(report.history.totals.allocations == 2000)
            #expect(report.history.isComplete)
        }
    }

    @Test func `names from the trace cannot leave the page's data`() throws {
        try PageTrace.withDirectory { directory in
            let html = String(decoding: try HTMLReport(page(directory)).html, as: UTF8.self)
            // One script for data, one for code, each ended once; no element out of a name.
            #expect(html.split(separator: "</script>").count == 3)
            #expect(html.range(of: "<img") == nil)
            #expect(html.range(of: "@data@") == nil)
        }
    }

    @Test func `an existing file is replaced only by force`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory)
            let path = directory + "/page.html"
            #expect { try HTMLReport(report).write(to: path, force: false) } throws: {
                ($0 as? TraceError)?.code == .exists
            }
            try HTMLReport(report).write(to: path, force: true)
        }
    }

    /// More stacks than the page may hold one by one: the smaller ones become one line, and the sums stay whole.
    /// Another name of the old file still has all of it: the new page came beside it, not into it.
    @Test func `a page appears whole or not at all`() throws {
        try Scratch.with { directory in
            let page = try HTMLReport(try page(directory))
            let path = directory + "/page.html"
            try Scratch.write(Array("old".utf8), path)
            #expect(unsafe link(path, directory + "/kept") == 0)
            try page.write(to: path, force: true)
            #expect(try Scratch.read(directory + "/kept") == Array("old".utf8))
            #expect(try Scratch.read(path) == page.html)
            #expect(throws: TraceError.self) { try page.write(to: directory, force: true) }
            #expect(unsafe access("\(path).\(getpid()).part", F_OK) != 0)
        }
    }

    @Test func `a page stays below its limit`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory, stacks: 3000, depth: 12, milliseconds: 6)
            let whole = try HTMLReport(report, byteLimit: .max).html.count
            let limit = whole * 2 / 3
            let html = try HTMLReport(report, byteLimit: limit).html
            #expect(html.count <= limit)
            try HTMLReport(report, byteLimit: limit).write(to: directory + "/page.html", force: true)
            guard Chromium.path != nil else { return }
            let visit = try Chromium.visit(directory + "/page.html", hash: "#tab=stacks", errors: directory + "/errors")
            #expect(visit.console == [])
            #expect(visit.document.range(of: "smaller stacks") != nil)
            #expect(visit.exact(card: "card-bytes") == report.history.totals.bytesAllocated)
        }
    }

    @Test(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
    func `a browser shows the report's numbers, without complaint`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory)
            let visit = try Chromium.visit(directory + "/page.html", errors: directory + "/errors")
            #expect(visit.console == [])
            #expect(visit.document.range(of: "data-ready=\"1\"") != nil)
            #expect(visit.document.range(of: "<img") == nil)
            let totals = report.history.totals
            #expect(visit.exact(card: "card-peak") == totals.peakBytes)
            #expect(visit.exact(card: "card-live") == totals.liveBytes)
            #expect(visit.exact(card: "card-bytes") == totals.bytesAllocated)
            #expect(visit.exact(card: "card-temporary") == totals.temporaryAllocations)
        }
    }

    @Test(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
    func `a selection adds up what happened in it`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory)
            let activity = try #require(report.history.activity)
            let range = activity.spans.count / 4..<activity.spans.count / 2
            let entries = activity.spans[range].joined()
            let visit = try Chromium.visit(
                directory + "/page.html", hash: "#tab=stacks&range=\(range.lowerBound)-\(range.upperBound)",
                errors: directory + "/errors")
            #expect(visit.console == [])
            #expect(visit.exact(card: "card-bytes") == entries.reduce(0) { $0 + $1.bytes })
            let live = activity.spans[..<range.upperBound].joined().reduce(0) { $0 + $1.liveBytes }
            #expect(visit.exact(card: "card-live").map(Int64.init) == live)
        }
    }

    @Test(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
    func `search and zoom find a function`() throws {
        try PageTrace.withDirectory { directory in
            let tree = try page(directory).tree
            // One without a name is known by its address in its module.
            let frame = tree.frames(tree.sites[2].node)[1]
            let name = "\(frame.shortFunction) in \(frame.module.split(separator: "/").last ?? "")"
            let address = name.split(separator: " ").joined(separator: "+")
            let visit = try Chromium.visit(
                directory + "/page.html", hash: "#search=\(frame.shortFunction)&zoom=\(address)", errors: directory + "/errors")
            #expect(visit.console == [])
            let status = try #require(visit.text(id: "flame-status"))
            #expect(status.hasPrefix("1 boxes match"), "\(status)")
            let crumbs = try #require(visit.text(id: "flame-crumbs"))
            #expect(crumbs.hasSuffix(name), "\(crumbs)")
        }
    }

    @Test(
        .enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"),
        arguments: [
            "stacks", "functions", "leaks", "growth", "types", "threads", "sizes", "fragmentation", "cores", "heapmap", "events",
            "log", "recording",
        ])
    func `every view draws without complaint`(tab: String) throws {
        try PageTrace.withDirectory { directory in
            _ = try page(directory, steps: 5)
            let visit = try Chromium.visit(directory + "/page.html", hash: "#tab=\(tab)", errors: directory + "/errors")
            #expect(visit.console == [])
            #expect(visit.document.range(of: "id=\"panel-\(tab)\"") != nil)
        }
    }

    @Test(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
    func `a comparison shows both`() throws {
        try PageTrace.withDirectory { directory in
            let old = try page(directory)
            let path = directory + "/second.heapline"
            try PageTrace.write(to: path, stacks: 44, depth: 4, milliseconds: 50, scale: 2)
            let now = try PageTrace.report(path)
            try HTMLReport(now, comparedTo: old).write(to: directory + "/page.html", force: true)
            let visit = try Chromium.visit(directory + "/page.html", errors: directory + "/errors")
            #expect(visit.console == [])
            #expect(visit.document.range(of: "id=\"panel-changes\"") != nil)
            #expect(visit.exact(card: "card-bytes") == now.history.totals.bytesAllocated)
        }
    }

    @Test func `what ran on the cores adds up to the run`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory)
            let cores = try #require(report.cores)
            #expect(cores.cores == 2)
            #expect(cores.spanCount == 50 * 5 && cores.spans.count == 50 * 5)
            for core in 0..<2 {
                let spans = cores.spans.filter { $0.core == core }.sorted { $0.start < $1.start }
                for (span, next) in zip(spans, spans.dropFirst()) { #expect(span.end == next.start) }
                #expect(spans.first?.start ?? 1 < 10)
                #expect(spans.last?.end == report.history.duration)
            }
            let task = try #require(cores.contexts.first { $0.activity == .task })
            #expect(task.runs == 50 && task.timeByCore == [50 * 500_000])
            let interrupt = try #require(cores.contexts.first { $0.activity == .interrupt })
            #expect(interrupt.runs == 50 && interrupt.time == 50 * 10_000 && interrupt.longest == 10_000)
            #expect(cores.contexts.reduce(0) { $0 + $1.time } == cores.spans.reduce(0) { $0 + $1.end - $1.start })
            #expect(report.text(.cores).contains("2 cores, 250 runs"))
            guard Chromium.path != nil else { return }
            let visit = try Chromium.visit(directory + "/page.html", hash: "#tab=cores", errors: directory + "/errors")
            #expect(visit.console == [])
            #expect(visit.text(id: "cores-note")?.hasPrefix("0 ns to ") == true)
        }
    }

    @Test func `growth by reallocation is on the page`() throws {
        try PageTrace.withDirectory { directory in
            let report = try page(directory, steps: 9)
            #expect(report.history.isComplete, "\(report.history.gaps)")
            // Spelled out: the compiler (6.3.1) crashes on the shorter form with && in a macro.
            #expect(report.growth.map { "\($0.reallocations) \($0.moves) \($0.longestChain)" } == ["9 9 9"])
            let html = String(decoding: try HTMLReport(report).html, as: UTF8.self)
            let isThere = html.contains("\"growth\":[[") && html.contains(",9,9,")
            #expect(isThere)
        }
    }
}
