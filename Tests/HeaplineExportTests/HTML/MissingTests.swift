// SPDX-License-Identifier: Apache-2.0
//
// Pages of recordings that do not hold everything: what a view cannot know it does not show as zero, but says what to record
// instead. In a real browser, as all of it is decided there.

import CHeaplineFormat
import Glibc
import HeaplineExport
import Testing

@testable import HeaplineAnalysis

@Suite(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
struct MissingTests {
    /// Two stacks allocate `count` blocks, of which none is freed; or those of a recorder that keeps less.
    private func source(_ mode: RecordingMode, depth: Int = 32, blocks count: Int = 6) -> SyntheticTrace {
        let source = SyntheticTrace()
        let process = source.addProcess(mode: mode, depth: depth)
        let frame = EmbeddedFrame(function: "keeper", module: "/opt/app")
        let stack = depth > 0 ? source.addCall(process, pc: 0x400_000, parent: 1, frame) : 0
        for block in 0..<count where mode != .count {
            source.add(
                HL_KIND_ALLOC, ticks: UInt64(1_000_000 * (1 + block)), address: UInt64(0x1000 * (1 + block)), size: 100, stack: stack)
        }
        // More than the events show: what was freed in mode leaks, everything in mode count.
        var counts = RecordedCounts()
        let freed: UInt64 = mode == .leaks || mode == .count ? 500 : 0
        counts.ticks = 50_000_000
        counts.allocations = UInt64(count) + freed
        counts.frees = freed
        counts.bytesAllocated = counts.allocations * 100
        counts.recorded = mode == .count ? 0 : UInt64(count)
        counts.filtered = mode == .leaks ? 2 * freed : 0
        counts.filteredAllocations = mode == .leaks ? freed : 0
        counts.filteredBytes = counts.filteredAllocations * 100
        counts.filteredPeakBytes = mode == .leaks ? 20_000 : 0
        counts.isFinal = true
        source.processes[process].counts = counts
        return source
    }

    private func withPage(_ source: SyntheticTrace, hash: String = "", _ body: (DevTools) throws -> Void) throws {
        try PageTrace.withDirectory { directory in
            let report = try Report(source.trace, options: HistoryOptions(activity: true))
            try HTMLReport(report).write(to: directory + "/page.html", force: false)
            let browser = try DevTools()
            try browser.open(directory + "/page.html", hash: hash)
            try body(browser)
            #expect(browser.complaints == [])
        }
    }

    private func texts(_ browser: DevTools, _ selector: String) throws -> String {
        try browser.text("[...document.querySelectorAll('\(selector)')].map((element) => element.textContent).join('|')")
    }

    /// What survived is not who held the peak, nor who allocated most.
    @Test func `mode leaks shows survivors as survivors only`() throws {
        try withPage(source(.leaks)) { browser in
            let lists = try texts(browser, "#standout .top")
            #expect(lists.split(separator: "Not known in mode leaks: record with --mode all.").count >= 3, "\(lists)")
            #expect(try texts(browser, "#flame-measure option") == "Bytes never freed|Blocks never freed")
            #expect(try texts(browser, "#panel-flame .note").contains("only totals (mode leaks)"))
            #expect(try texts(browser, "#selection").contains("only what was never freed is drawn"))
            try browser.evaluate("document.getElementById('tab-stacks').click()")
            #expect(try texts(browser, "#panel-stacks th") == "Function ← caller|Never freed|Blocks never freed")
            #expect(try texts(browser, "#panel-stacks tfoot td") == "Sum|600 B|6")
            for tab in ["functions", "threads", "sizes"] {
                try browser.evaluate("document.getElementById('tab-\(tab)').click()")
                #expect(try texts(browser, "#panel-\(tab) .note").contains("record with --mode all"), "\(tab)")
            }
        }
    }

    @Test func `mode leaks says so of a selection, too`() throws {
        try withPage(source(.leaks), hash: "#range=0-2") { browser in
            let cards = try texts(browser, "#cards .card")
            #expect(cards.contains("Peak in the selection–needs mode all"), "\(cards)")
            #expect(cards.contains("Temporary–needs mode all"), "\(cards)")
        }
    }

    @Test func `mode count does not claim that everything was freed`() throws {
        try withPage(source(.count)) { browser in
            let leaks = try texts(browser, "#panel-leaks")
            #expect(!leaks.contains("Everything was freed"))
            #expect(leaks.contains("6 blocks were never freed") && leaks.contains("record with --mode leaks"), "\(leaks)")
            #expect(try texts(browser, "#selection").contains("totals only (mode count); record with --mode all"))
            #expect(try texts(browser, "#series button") == "")
            #expect(try texts(browser, "#card-peak + .sub") == "needs mode all")
            try browser.evaluate("document.getElementById('tab-flame').click()")
            #expect(try texts(browser, "#flame-absent").contains("record with --mode all"))
        }
    }

    @Test func `a sample says that it is one, and a killed program that it was killed`() throws {
        let source = source(.sample)
        source.processes[0].ending = ProcessEnding(ticks: 50_000_000, reason: .killed(signal: 9))
        try withPage(source) { browser in
            let verdict = try texts(browser, "#trust .verdict"), subtitle = try texts(browser, "#subtitle")
            #expect(verdict == "Sample: bytes alive, the peak and stacks are estimates")
            #expect(subtitle.contains("killed by signal 9"), "\(subtitle)")
        }
    }

    @Test func `firmware without stacks is told of its own option`() throws {
        let source = source(.all, depth: 0)
        source.processes[0].source = .esp
        try withPage(source, hash: "#tab=flame") { browser in
            let texts = try texts(browser, "#flame-absent, #trust .fix")
            #expect(!texts.contains("--depth") && texts.contains("CONFIG_HEAP_TRACING_STACK_DEPTH"), "\(texts)")
        }
    }

    @Test func `without stacks the flame graph says what to record`() throws {
        try withPage(source(.all, depth: 0)) { browser in
            #expect(try browser.text("document.querySelector('[role=tab][aria-selected=true]').dataset.key") == "leaks")
            try browser.evaluate("document.getElementById('tab-flame').click()")
            #expect(try texts(browser, "#flame-absent").contains("record with --depth 32"))
        }
    }

    @Test func `a program that never allocates has an empty page, not a wrong one`() throws {
        try withPage(source(.all, blocks: 0)) { browser in
            #expect(try texts(browser, "#selection") == "Nothing was allocated")
            #expect(try texts(browser, "#series button") == "")
            #expect(try texts(browser, "#card-peak + .sub") == "nothing was allocated")
            try browser.evaluate("document.getElementById('tab-flame').click()")
            #expect(try texts(browser, "#flame-absent").contains("Nothing was allocated"))
        }
    }

    /// Of six blocks the search of one program found two; another was killed before it could be searched.
    @Test func `what was not searched is in the sums by verdict`() throws {
        try PageTrace.withDirectory { directory in
            let report = try Report(source(.all).trace, options: HistoryOptions(activity: true))
            let page = String(decoding: try HTMLReport(report).html, as: UTF8.self)
            let place = try #require(page.range(of: "\"verdicts\":[]"))
            let searched = page[..<place.lowerBound] + "\"verdicts\":[[3,2,200]]" + page[place.upperBound...]
            let opened = unsafe fopen(directory + "/page.html", "w")
            let file = try unsafe #require(opened)
            unsafe fputs(String(searched), file)
            unsafe fclose(file)
            let browser = try DevTools()
            try browser.open(directory + "/page.html", hash: "#tab=leaks")
            #expect(try texts(browser, "#leaks-verdicts button") == "all · 600 B|still reachable · 200 B|not searched · 400 B")
            #expect(try texts(browser, "#panel-leaks tbody .pill") == "not searched")
            let note = try texts(browser, "#leaks-note")
            #expect(note.contains("were not searched"), "\(note)")
            #expect(browser.complaints == [])
        }
    }

    /// malloc's own wrappers are not who allocates: redis' among them.
    @Test func `a wrapper of malloc is not to blame`() throws {
        let source = SyntheticTrace()
        let process = source.addProcess()
        var stack = 1
        for (number, name) in ["main", "createClient", "zmalloc_usable", "ztrymalloc_usable", "malloc"].enumerated() {
            let frame = EmbeddedFrame(function: name, module: "/opt/server")
            stack = source.addCall(process, pc: UInt64(0x400_000 + 64 * number), parent: stack, frame)
        }
        source.add(HL_KIND_ALLOC, ticks: 1_000_000, address: 0x1000, size: 100, stack: stack)
        try withPage(source) { browser in
            let blamed = try texts(browser, "#standout .top:first-child .name")
            #expect(blamed == "createClient ← main")
        }
    }

    @Test func `one event is one block`() throws {
        try withPage(source(.all, blocks: 1)) { browser in
            #expect(try texts(browser, "#card-peak + .sub").hasPrefix("1 block, at "))
            #expect(try texts(browser, "#card-live + .sub") == "1 block alive at the end")
            let blank = try browser.text(
                """
                [...document.querySelectorAll('[role=tab]')].map((tab) => {
                  tab.click();
                  return document.querySelector('.panel:not([hidden])').textContent.trim() ? '' : tab.id;
                }).join('')
                """)
            #expect(blank == "")
        }
    }
}
