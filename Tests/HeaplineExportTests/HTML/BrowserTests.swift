// SPDX-License-Identifier: Apache-2.0
//
// Pages in a browser that runs in real time: what a large one costs until it is there, and that it can be used without a mouse.

import Glibc
import HeaplineAnalysis
import HeaplineExport
import Testing

@Suite(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
struct BrowserTests {
    /// More stacks, and more of them active in more spans, than a page has room for: no trace makes a larger page, whether it
    /// has a million events or a hundred million.
    @Test func `the largest page is there within two seconds`() throws {
        try PageTrace.withDirectory { directory in
            let trace = directory + "/trace.heapline"
            try PageTrace.write(to: trace, stacks: 13_000, depth: 8, milliseconds: 45, hasRegion: false)
            let report = try PageTrace.report(trace)
            let page = try HTMLReport(report)
            try page.write(to: directory + "/page.html", force: false)
            #expect((5_000_000...HTMLReport.byteLimit).contains(page.html.count), "\(page.html.count) bytes")
            let browser = try DevTools()
            // The processor time of the page's thread: what this machine does for others meanwhile is not the page's.
            _ = try browser.send("Performance.enable", ["timeDomain": "threadTicks"])
            try browser.open(directory + "/page.html")
            // The paint may come before the scripts; the page can be used when it is loaded.
            try browser.wait("performance.getEntriesByName('first-contentful-paint').length == 1")
            try browser.wait("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
            let metrics = try browser.send("Performance.getMetrics")["metrics"] as? [[String: Any]]
            let spent = try #require(metrics?.first { $0["name"] as? String == "TaskDuration" }?["value"] as? Double)
            #expect(0.01 < spent && spent < 2, "painted and loaded after \(spent) s of processor time")
            // By the clock it is the best of a few: what else this machine does can delay one, not speed it up.
            let paint = "String(performance.getEntriesByName('first-contentful-paint')[0].startTime)"
            var paints = [try #require(Double(try browser.text(paint)))]
            while paints.count < 6, let last = paints.last, last >= 2000 {
                try browser.open(directory + "/page.html")
                try browser.wait("performance.getEntriesByName('first-contentful-paint').length == 1")
                paints.append(try #require(Double(try browser.text(paint))))
            }
            #expect(paints.contains { 1 < $0 && $0 < 2000 }, "first paint after \(paints) ms")
            print("first paint of \(page.html.count) bytes after \(paints) ms, \(spent) s of processor time until it can be used")
            #expect(browser.complaints == [])
            let peak = try browser.text("document.getElementById('card-peak').dataset.exact")
            #expect(UInt64(peak.filter(\.isNumber)) == report.history.totals.peakBytes)
        }
    }

    private func withPage(_ hash: String = "", _ body: (DevTools) throws -> Void) throws {
        try PageTrace.withDirectory { directory in
            let trace = directory + "/trace.heapline"
            try PageTrace.write(to: trace, stacks: 40, depth: 4, milliseconds: 50, steps: 5)
            try HTMLReport(try PageTrace.report(trace)).write(to: directory + "/page.html", force: false)
            let browser = try DevTools()
            try browser.open(directory + "/page.html", hash: hash)
            try body(browser)
            #expect(browser.complaints == [])
        }
    }

    @Test func `keys go from tab to tab, and the focus stays where it was`() throws {
        try withPage { browser in
            func focused() throws -> String { try browser.text("document.activeElement.dataset.key || document.activeElement.id") }
            try browser.evaluate("document.getElementById('tab-flame').focus()")
            try browser.press("ArrowRight")
            #expect(try focused() == "stacks")
            try browser.press("End")
            #expect(try focused() == "recording")
            try browser.press("Home")
            try browser.press("ArrowRight")
            // Sorting makes the table anew.
            try browser.evaluate("document.querySelector('#panel-stacks th button').focus()")
            try browser.press("Enter")
            #expect(try focused() == "column name")
            #expect(try browser.text("document.querySelector('#panel-stacks th[aria-sort]').getAttribute('aria-sort')") == "ascending")
            try browser.evaluate("document.querySelector('#panel-stacks tr.row').focus()")
            let row = try focused()
            try browser.press("Enter")
            #expect(try focused() == row)
            #expect(try browser.text("document.activeElement.getAttribute('aria-expanded')") == "true")
            #expect(try browser.text("getComputedStyle(document.activeElement).outlineStyle") == "solid")
        }
    }

    /// Every element that reacts to keys says what it is.
    @Test func `what can be focused has a name`() throws {
        try withPage { browser in
            let nameless = """
                [...document.querySelectorAll('[role=tab]')].flatMap((tab) => {
                  tab.click();
                  return [...document.querySelectorAll('button, input, select, [tabindex]')].filter((element) =>
                    !(element.textContent.trim() || element.getAttribute('aria-label') || element.title || element.closest('label')));
                }).map((element) => element.outerHTML).join('\\n')
                """
            let found = try browser.text(nameless)
            #expect(found == "")
        }
    }

    /// A view that cannot be computed for a part of the run says so beside its title; of a chip most can.
    @Test(arguments: [
        ("threads", ""), ("sizes", ""), ("cores", ""), ("heapmap", ""), ("events", ""), ("log", ""), ("stacks", ""),
        ("growth", "the whole run, not the selection"), ("types", "the end of the recording, not the selection"),
        ("fragmentation", "the end of the recording, not the selection"),
    ])
    func `a selection says what it does not apply to`(tab: String, scope: String) throws {
        try withPage("#tab=\(tab)&range=10-20") { browser in
            let shown = try browser.text("document.querySelector('#panel-\(tab) .scope').textContent")
            let isVisible = try browser.text("String(document.querySelector('#panel-\(tab) > h2').checkVisibility())")
            #expect(shown == scope && isVisible == String(!scope.isEmpty))
        }
    }

    @Test func `sizes, threads and cores of a selection add up to it`() throws {
        try withPage("#tab=threads&range=64-128") { browser in
            let bytes = try browser.text("document.getElementById('card-bytes').dataset.exact").filter(\.isNumber)
            func sum(_ rows: String) throws -> String { try browser.text("String(\(rows).reduce((sum, now) => sum + now, 0))") }
            let titles = "[...document.querySelectorAll('#panel-sizes .charts > :nth-child(2) .track')].map((bar) => Number(bar.title.split(', ')[1].replace(/\\D/g, '')))"
            #expect(try sum("[...document.querySelectorAll('#panel-threads tbody tr')].map((row) => Number(row.children[2].title.replace(/\\D/g, '')))") == bytes)
            try browser.evaluate("document.getElementById('tab-sizes').click()")
            #expect(try sum(titles) == bytes)
        }
    }
}
