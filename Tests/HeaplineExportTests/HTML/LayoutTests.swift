// SPDX-License-Identifier: Apache-2.0
//
// That what a page shows can be read: labels of its scales, on a phone, on paper, and with names as long and as strange as
// programs choose them.

import CHeaplineFormat
import HeaplineExport
import Testing

@testable import HeaplineAnalysis

@Suite(.enabled(if: Chromium.path != nil, "chromium is not installed: pages were not looked at in a browser"))
struct LayoutTests {
    private func source(_ names: [String] = ["outer", "inner"], sizes: [UInt64], step: UInt64 = 1000) -> SyntheticTrace {
        let source = SyntheticTrace()
        let process = source.addProcess()
        var stack = 1
        for (number, name) in names.enumerated() {
            let frame = EmbeddedFrame(function: name, file: "/src/\(name)", line: 7, module: "/opt/\(name)")
            stack = source.addCall(process, pc: UInt64(0x400_000 + 64 * number), parent: stack, frame)
        }
        for (number, size) in sizes.enumerated() {
            source.add(HL_KIND_ALLOC, ticks: step * UInt64(1 + number), address: UInt64(1 + number) << 32, size: size, stack: stack)
        }
        return source
    }

    private func withPage(
        _ source: SyntheticTrace, hash: String = "", width: Int = 1400, dark: Bool = false, _ body: (DevTools) throws -> Void
    ) throws {
        try withPages([source], hash: hash, width: width, dark: dark, body)
    }

    /// One browser for all, one after the other.
    ///
    /// - Parameter drawn: keep what is written into pictures, as `drawn`.
    private func withPages(
        _ sources: [SyntheticTrace], hash: String = "", width: Int = 1400, drawn: Bool = false, dark: Bool = false,
        _ body: (DevTools) throws -> Void
    ) throws {
        try PageTrace.withDirectory { directory in
            let browser = try DevTools()
            let size: [String: Any] = ["width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500]
            _ = try browser.send("Emulation.setDeviceMetricsOverride", size)
            let scheme = ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"]
            _ = try browser.send("Emulation.setEmulatedMedia", ["features": [scheme]])
            let spy = """
                window.drawn = [];
                const fill = CanvasRenderingContext2D.prototype.fillText;
                CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
                  window.drawn.push(text);
                  return fill.call(this, text, ...rest);
                };
                """
            if drawn { _ = try browser.send("Page.addScriptToEvaluateOnNewDocument", ["source": spy]) }
            for source in sources {
                let report = try Report(source.trace, options: HistoryOptions(activity: true))
                try HTMLReport(report).write(to: directory + "/page.html", force: true)
                try browser.open(directory + "/page.html", hash: hash)
                try body(browser)
            }
            #expect(browser.complaints == [])
        }
    }

    /// Each scale's labels, in the order drawn, are different and round in the unit they are written in.
    @Test func `labels of scales are round, and no two are the same`() throws {
        let programs: [[UInt64]] = [[1], [1, 1], [40], [1 << 20, 1_400_000], [2_500_000], [900_000], [1 << 30], [1 << 40]]
        try withPages(programs.map { source(sizes: $0) }, drawn: true) { browser in
            // A scale begins at zero: bytes, blocks, a rate, times.
            let redraw = "window.drawn.length = 0; dispatchEvent(new Event('afterprint')); window.drawn.join('|')"
            let labels = try browser.text(redraw).split(separator: "|").map(String.init)
            var scales: [[String]] = []
            for label in labels.prefix(while: { !$0.hasPrefix("all · ") }) where !label.hasPrefix("peak ") {
                if ["0 B", "0", "0/s"].contains(label) { scales.append([]) }
                scales[scales.count - 1].append(label)
            }
            #expect(scales.count >= 4, "\(labels)")
            for scale in scales {
                #expect(Set(scale).count == scale.count, "\(scale)")
                #expect(scale.count >= 2, "\(scale)")
            }
            let units = ["1", "2", "5", "10", "20", "50", "100", "200", "500"]
            let step = try #require(scales.first?.dropFirst().first?.split(separator: " ").first.map(String.init))
            let number = step.contains(".") ? String(step.reversed().drop { $0 == "0" }.reversed()) : step
            #expect(units.contains(number.hasSuffix(".") ? String(number.dropLast()) : number), "\(scales)")
        }
    }

    @Test func `a phone shows whole names, places and fields`() throws {
        let long = "std::map<std::string, std::vector<int>>::operator[](std::string const&) [abi:cxx11] /of/a/long/path/to/a/file"
        try withPage(source([long, long + " inner"], sizes: [100, 200]), hash: "#tab=stacks", width: 390) { browser in
            try browser.evaluate("document.querySelector('#panel-stacks tr.row').click()")
            let outside = """
                [...document.querySelectorAll('#trust .brief, #standout .name, #panel-stacks .detail .fn, #panel-stacks .detail .place, h1')]
                  .filter((element) => element.getBoundingClientRect().right > innerWidth || element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflow == 'hidden')
                  .map((element) => element.className + element.textContent).join('\\n')
                """
            let found = try browser.text(outside)
            #expect(found == "")
            #expect(try browser.text("String(document.documentElement.scrollWidth <= innerWidth)") == "true")
            try browser.evaluate("document.getElementById('tab-flame').click()")
            let width = try browser.text("String(document.getElementById('flame-search').clientWidth)")
            #expect(Int(width) ?? 0 >= 120, "\(width)")
        }
    }

    /// Pictures are drawn for the width of the paper and in colours for paper, and for the screen again afterwards.
    @Test func `paper is light, and letters on it are not squeezed`() throws {
        try withPage(source(sizes: [100, 200]), width: 1400, dark: true) { browser in
            try browser.evaluate(
                """
                addEventListener('beforeprint', () => {
                  window.paper = [...document.querySelectorAll('#chart canvas, #flame-canvas')].map((canvas) => canvas.width).join()
                    + ' ' + document.documentElement.dataset.theme;
                })
                """)
            let screen = "[...document.querySelectorAll('#chart canvas, #flame-canvas')].map((canvas) => canvas.width).join()"
            let before = try browser.text(screen)
            _ = try browser.send("Page.printToPDF")
            #expect(try browser.text("window.paper") == "680,680 light")
            #expect(try browser.text(screen) == before)
            #expect(try browser.text("document.documentElement.dataset.theme") == "dark")
        }
    }

    /// Names that end scripts, open tags, are right to left, go over lines, or never end; and as many threads as a server has.
    @Test func `names are text, whatever is in them`() throws {
        let nasty = [
            PageTrace.nasty, "\u{202e}desrever \u{5d0}\u{5d1}\u{5d2}", "two\nlines\ttab\u{0}nul", "𝒻𝓊𝓃𝒸 😀", "'\"`${alert(1)}\\",
            String(repeating: "a::b<", count: 4000), "__proto__", "constructor",
        ]
        let source = source(nasty, sizes: [100, 200])
        source.processes[0].threads = (0..<5000).map { TraceThread(name: nasty[$0 % nasty.count], tid: UInt32($0)) }
        for thread in 2..<5000 {
            source.add(
                HL_KIND_ALLOC, ticks: 10_000 + UInt64(thread), address: UInt64(thread) << 12, size: 8, stack: 15 + nasty.count,
                thread: thread)
        }
        source.processes[0].executable = "/bin/\(PageTrace.nasty)"
        source.processes[0].arguments = nasty
        try withPage(source) { browser in
            let broken = try browser.text(
                """
                [...document.querySelectorAll('[role=tab]')].map((tab) => {
                  tab.click();
                  document.querySelector('.panel:not([hidden]) tr.row')?.click();
                  const wide = document.documentElement.scrollWidth > innerWidth ? `${tab.id} is too wide` : '';
                  return wide + (document.querySelector('img, .panel script') ? `${tab.id} has elements out of names` : '');
                }).join('')
                """)
            #expect(broken == "")
            try browser.evaluate("document.getElementById('tab-threads').click()")
            let pager = try browser.text("document.querySelector('#panel-threads .pager').textContent")
            #expect(pager.contains("of 4,999"), "\(pager)")
            try browser.evaluate("document.getElementById('tab-stacks').click()")
            let detail = try browser.text(
                "[...document.querySelectorAll('#panel-stacks .detail .fn')].map((call) => call.title).join('\\n')")
            for name in nasty where name.utf8.count < 300 { #expect(detail.contains(name), "\(name)") }
        }
    }

    /// From less than a nanosecond to thousands of years.
    @Test func `a run may be short or long`() throws {
        let steps: [UInt64] = [0, 1, 1 << 46, 1 << 54]
        try withPages(steps.map { source(sizes: [100, 200, 300], step: $0) }, drawn: true) { browser in
            let texts = try browser.text("window.drawn.join('|') + document.body.innerText")
            #expect(!texts.contains("NaN") && !texts.contains("Infinity") && !texts.contains("undefined"))
            #expect(try browser.text("document.getElementById('card-bytes').dataset.exact") == "600 bytes")
        }
    }
}
