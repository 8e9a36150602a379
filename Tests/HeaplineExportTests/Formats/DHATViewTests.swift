// SPDX-License-Identifier: Apache-2.0
//
// DHAT exports opened by valgrind's own page, in a browser: its totals are the history's.

import Foundation
import HeaplineAnalysis
import Testing

@testable import HeaplineExport

enum DHATView {
    static let page = ["/usr/libexec/valgrind/dh_view.html", "/usr/lib/valgrind/dh_view.html", "/usr/local/libexec/valgrind/dh_view.html"]
        .first { FileManager.default.fileExists(atPath: $0) }
}

@Suite(
    .enabled(if: Chromium.path != nil, "chromium is not installed: DHAT files were not opened"),
    .enabled(if: DHATView.page != nil, "valgrind's dh_view.html is not installed: DHAT files were not opened"))
struct DHATViewTests {
    @Test(arguments: TotalsTests.seeds.prefix(2)) func `dh_view tells the same totals`(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let totals = tree.history.totals
        let file = Data(try Exporter(tree).bytes(.dhat)).base64EncodedString()
        let browser = try DevTools()
        _ = try browser.send("Page.navigate", ["url": "file://\(try #require(DHATView.page))"])
        try browser.wait("document.readyState === 'complete' && typeof gInput === 'object' && gInput")
        // What its "Load…" button does, with a file that no person has to choose.
        try browser.evaluate(
            """
            (() => {
              const bytes = Uint8Array.from(atob('\(file)'), (c) => c.charCodeAt(0));
              const chosen = new DataTransfer();
              chosen.items.add(new File([bytes], 'heap.dhat'));
              gInput.files = chosen.files;
              gInput.dispatchEvent(new Event('change'));
            })()
            """)
        try browser.wait("document.body.innerText.includes('Total:') || document.querySelector('.error')")
        let text = try browser.text("document.body.innerText")
        /// "Total:     1,234 bytes (100%, …) in 56 blocks (…)"
        func expect(_ label: String, _ bytes: UInt64?, _ blocks: UInt64?) throws {
            let line = try #require(text.split(separator: "\n").first { $0.contains("\(label):") }, "\(label) in \(text.prefix(2000))")
            let words = line.drop { $0 != ":" }.split(separator: " ").map { $0.filter { $0 != "," } }
            let numbers = words.indices.dropLast().filter { words[$0 + 1] == "bytes" || words[$0 + 1] == "blocks" }.map {
                UInt64(words[$0])
            }
            #expect(numbers.prefix(2) == [bytes, blocks], "seed \(seed): \(line)")
        }
        try expect("Total", totals.bytesAllocated, totals.allocations)
        try expect("At t-gmax", totals.peakBytes, totals.peakBlocks)
        try expect("At t-end", totals.liveBytes, totals.liveBlocks)
        #expect(browser.complaints == [])
    }
}
