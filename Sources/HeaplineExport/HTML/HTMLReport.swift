// SPDX-License-Identifier: Apache-2.0
//
// One history as one HTML file that needs nothing else: no network, no second file. The page is in Page/ (HTML, CSS and
// JavaScript, embedded in the command); here its data are put in.
//
//   try HTMLReport(report).write(to: "report.html", force: false)
//
// The file stays below `byteLimit` whatever the trace: what is held of each stack is halved until it fits, and the page
// says what it left out. Range selection needs a history with activity (HistoryOptions.activity).

public import HeaplineAnalysis
public import HeaplineCollector

/// A page that shows a history, or compares two.
public struct HTMLReport {
    /// The most bytes a page has.
    public static let byteLimit = 10_000_000

    /// The page.
    public let html: [UInt8]

    /// Makes the page of one history.
    ///
    /// - Parameter title: what to call it; the command that was recorded by default.
    public init(_ report: Report, title: String? = nil) throws(TraceError) {
        try self.init(reports: [report], title: title)
    }

    /// Reads a trace and makes its page.
    public init(trace path: String, symbols: SymbolizerOptions = SymbolizerOptions()) throws(TraceError) {
        try self.init(Report(Trace.open(path), options: HistoryOptions(activity: true), symbols: symbols))
    }

    /// Makes the page that compares a history with an older one. Stacks are matched by the names of their functions.
    public init(_ report: Report, comparedTo old: Report, title: String? = nil) throws(TraceError) {
        try self.init(reports: [report, old], title: title)
    }

    /// For tests: another limit.
    package init(_ report: Report, byteLimit: Int) throws(TraceError) {
        try self.init(reports: [report], title: nil, byteLimit: byteLimit)
    }

    private init(reports: [Report], title: String?, byteLimit: Int = byteLimit) throws(TraceError) {
        var limits = PageLimits()
        while true {
            var data: [UInt8] = []
            let pages = reports.map { PageData($0, limits) }
            var members: [(String, PageJSON)] = [
                ("title", .text(title ?? pages[0].command)), ("now", try pages[0].json()),
            ]
            if pages.count > 1 { members.append(("before", try pages[1].json())) }
            PageJSON.object(members).write(to: &data)
            let page = Self.page(data, title: title ?? pages[0].command)
            if page.count <= byteLimit || limits.stacks <= 50 {
                html = page
                return
            }
            limits = limits.halved
        }
    }

    /// Writes the page, whole or not at all.
    ///
    /// - Parameter force: replace an existing file; otherwise one is an error of code `.exists`.
    public func write(to path: String, force: Bool) throws(TraceError) {
        try ExportFile.write(html, to: path, force: force)
    }

    // MARK: The page

    /// The scripts, in the order in which they use each other.
    private static var scripts: [[UInt8]] {
        [
            PackageResources.data_js, PackageResources.format_js, PackageResources.dom_js, PackageResources.range_js,
            PackageResources.summary_js, PackageResources.timeline_js, PackageResources.flame_js,
            PackageResources.table_js, PackageResources.stacks_js, PackageResources.leaks_js,
            PackageResources.compare_js, PackageResources.threads_js, PackageResources.histogram_js,
            PackageResources.growth_js, PackageResources.types_js, PackageResources.fragmentation_js,
            PackageResources.heapmap_js, PackageResources.events_js, PackageResources.cores_js,
            PackageResources.recording_js,
            PackageResources.main_js,
        ]
    }

    private static func page(_ data: [UInt8], title: String) -> [UInt8] {
        let template = PackageResources.report_html
        var page: [UInt8] = []
        page.reserveCapacity(data.count + 200_000)
        var index = 0
        // A line that is one of these marks is replaced; the template has each once.
        let parts: [(mark: String, content: [[UInt8]])] = [
            ("@title@", [Array(escaped(title).utf8)]), ("@style@", [PackageResources.report_css]), ("@data@", [data]),
            ("@script@", scripts),
        ]
        for part in parts {
            let mark = Array(part.mark.utf8)
            guard let place = find(mark, in: template, from: index) else { continue }
            page += template[index..<place]
            for content in part.content { page += content }
            index = place + mark.count
        }
        page += template[index...]
        return page
    }

    private static func find(_ mark: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        guard text.count >= mark.count else { return nil }
        return (start...(text.count - mark.count)).first { place in
            text[place] == mark[0] && text[place..<(place + mark.count)].elementsEqual(mark)
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            default: result.append(character)
            }
        }
        return result
    }
}
