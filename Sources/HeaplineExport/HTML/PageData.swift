// SPDX-License-Identifier: Apache-2.0
//
// The numbers of one history as the page reads them. Names and values of `totals` and `recording` are those of
// `heapline report --json`; everything else is the page's own and is read by Page/data.js only.

internal import HeaplineAnalysis
internal import HeaplineCollector

struct PageData {
    let report: Report
    let limits: PageLimits
    private let stacks: PageStacks
    private var tree: CallTree { report.tree }
    private var history: History { report.history }

    init(_ report: Report, _ limits: PageLimits) {
        self.report = report
        self.limits = limits
        stacks = PageStacks(report.tree, limits)
    }

    func json() throws(TraceError) -> PageJSON {
        var members: [(String, PageJSON)] = [
            ("command", .text(command)), ("startUnixNanoseconds", .text(String(history.trace.startUnixNanoseconds))),
            ("duration", .unsigned(history.duration)), ("totals", totals), ("recording", recording),
            ("hasStacks", .bool(tree.hasStacks)), ("trust", .array(PageTrust(tree).items)),
            ("problems", .array(problems)), ("processes", .array(processes)), ("threads", .array(threads)),
            ("timeline", timeline), ("sizes", histogram(history.sizes)), ("lifetimes", histogram(history.lifetimes)),
            ("log", log),
        ]
        members += stacks.json()
        members.append(("activity", stacks.activity()))
        members.append(("leaks", leaks()))
        members += PageShape(report: report, stacks: stacks).json()
        members += try PageChip(history: history, stacks: stacks, timeline: report.cores).json()
        return .object(members)
    }

    /// The command line of the program that was run.
    var command: String {
        guard let main = report.mainProcess else { return history.trace.path }
        // Where firmware was built says nothing about it.
        if main.source == .esp { return ([main.name] + main.arguments.dropFirst()).joined(separator: " ") }
        return main.arguments.isEmpty ? main.name : main.arguments.joined(separator: " ")
    }

    // MARK: Totals

    private var totals: PageJSON {
        let totals = history.totals
        return .object([
            ("allocations", .unsigned(totals.allocations)), ("frees", .unsigned(totals.frees)),
            ("reallocations", .unsigned(totals.reallocations)), ("bytesAllocated", .unsigned(totals.bytesAllocated)),
            ("peakBytes", PageJSON(totals.peakBytes)), ("liveBlocks", .unsigned(totals.liveBlocks)),
            ("liveBytes", PageJSON(totals.liveBytes)), ("temporaryAllocations", PageJSON(totals.temporaryAllocations)),
            ("peakBlocks", PageJSON(totals.peakBlocks)), ("peakNanoseconds", PageJSON(totals.peakTime)),
            ("failures", .unsigned(totals.failures)), ("unknownFrees", .unsigned(totals.unknownFrees)),
            ("impliedFrees", .unsigned(totals.impliedFrees)),
        ])
    }

    private var recording: PageJSON {
        let processes = report.processes
        let modes = Set(processes.map(\.mode.rawValue)).sorted()
        let lost = report.losses.reduce(UInt64(0)) { $0 &+ $1.count }
        return .object([
            ("mode", .text(report.mode.rawValue)), ("modes", .text(modes.joined(separator: ", "))),
            ("depth", PageJSON(report.depth)),
            ("eventsRecorded", .unsigned(history.eventCount)), ("eventsLost", .unsigned(lost)),
            ("complete", .bool(history.isComplete)), ("durationSeconds", .number(Double(history.duration) / 1e9)),
            ("processes", PageJSON(processes.count)), ("kind", .text(history.trace.kind.rawValue)),
            ("estimated", .bool(processes.contains { $0.mode == .sample })),
        ])
    }

    private var problems: [PageJSON] {
        let symbols = tree.symbolProblems.map { problem in
            PageJSON.object([
                ("what", .text("names")), ("text", .text(problem.summary)), ("fix", .text(problem.remedy)),
            ])
        }
        let unwinding = tree.unwindingProblems.map { problem in
            let module = problem.module.isEmpty ? "code outside every module" : problem.module
            return PageJSON.object([
                ("what", .text("stacks")),
                (
                    "text",
                    .text(
                        "\(problem.allocations) allocations of \(problem.stacks) stacks end in \(module): \(problem.end.explanation)"
                    )
                ),
                ("fix", PageJSON(problem.remedy)),
            ])
        }
        return unwinding + symbols
    }

    // MARK: Processes and threads

    private var processes: [PageJSON] {
        history.trace.processes.map { process in
            let totals = history.processTotals[process.id]
            let command = process.arguments.isEmpty ? process.executable : process.arguments.joined(separator: " ")
            return .object([
                ("pid", .unsigned(UInt64(process.pid))), ("parent", .unsigned(UInt64(process.parentPid))),
                ("chosen", .bool(history.options.processes?.contains(process.id) ?? true)),
                ("name", .text(process.name)), ("command", .text(String(command.prefix(400)))),
                ("mode", .text(process.mode.rawValue)), ("depth", PageJSON(process.depth)),
                ("source", .text(process.source.rawValue)), ("start", .unsigned(process.clock.nanoseconds(0))),
                ("end", PageJSON(process.ending.map { process.clock.nanoseconds($0.ticks) })),
                ("ending", .text(process.ending?.description ?? "unknown")),
                ("allocations", .unsigned(totals.allocations)), ("bytes", .unsigned(totals.bytesAllocated)),
                ("peakBytes", PageJSON(totals.peakBytes)), ("liveBlocks", .unsigned(totals.liveBlocks)),
                ("liveBytes", PageJSON(totals.liveBytes)),
            ])
        }
    }

    private var threads: [PageJSON] {
        history.threads.sorted { ($1.bytes, $0.process, $0.index) < ($0.bytes, $1.process, $1.index) }
            .prefix(5000).map { thread in
                .object([
                    ("process", PageJSON(thread.process)), ("index", PageJSON(thread.index)), ("name", .text(thread.name)),
                    ("tid", .unsigned(UInt64(thread.tid))), ("task", .bool(thread.isTask)),
                    ("allocations", .unsigned(thread.allocations)), ("bytes", .unsigned(thread.bytes)),
                    ("frees", .unsigned(thread.frees)), ("foreignFrees", .unsigned(thread.foreignFrees)),
                    ("temporary", .unsigned(thread.temporary)), ("liveBlocks", .unsigned(thread.liveBlocks)),
                    ("liveBytes", .unsigned(thread.liveBytes)),
                ])
            }
    }

    // MARK: Time

    /// Columns of the timeline's buckets.
    private var timeline: PageJSON {
        let buckets = history.timeline.buckets
        func column(_ value: (Timeline.Bucket) -> UInt64) -> PageJSON {
            var packed = PackedIntegers()
            for bucket in buckets { packed.add(value(bucket)) }
            return packed.json
        }
        return .object([
            ("width", .unsigned(history.timeline.width)), ("start", .unsigned(history.timeline.start)),
            ("count", PageJSON(buckets.count)), ("maxLiveBytes", column(\.maxLiveBytes)),
            ("liveBytes", column(\.liveBytes)), ("liveBlocks", column(\.liveBlocks)),
            ("allocations", column(\.allocations)), ("frees", column(\.frees)), ("bytes", column(\.bytesAllocated)),
            // 0: never seen; else the value plus 1
            ("resident", column { $0.residentBytes.map { $0 &+ 1 } ?? 0 }),
        ])
    }

    private var log: PageJSON {
        let limit = 5000
        let lines = history.trace.log
        return .object([
            ("total", PageJSON(lines.count)),
            (
                "lines",
                .array(
                    lines.prefix(limit).map { line in
                        .array([.unsigned(line.time), PageJSON(line.process), .text(String(line.text.prefix(500)))])
                    })
            ),
        ])
    }

    /// Rows of [lowest value, highest value, count, sum], one for each power of two; and quantiles.
    private func histogram(_ histogram: Histogram) -> PageJSON {
        let quantiles = [0.5, 0.9, 0.99].map { PageJSON(histogram.quantile($0)) }
        let rows = histogram.octaves.map { item in
            PageJSON.array([
                .unsigned(item.range.lowerBound), .unsigned(item.range.upperBound), .unsigned(item.count),
                .unsigned(item.sum),
            ])
        }
        return .object([("rows", .array(rows)), ("quantiles", .array(quantiles))])
    }

    // MARK: Leaks

    /// Groups of live blocks by row of the page, and all live blocks by size and by age.
    private func leaks() -> PageJSON {
        let leaks = report.leaks
        var rows: [PageJSON] = []
        for group in leaks.groups where stacks.row[group.site] < stacks.kept.count {
            let verdicts = group.verdicts.sorted { $0.key.rawValue < $1.key.rawValue }.map { verdict, sum in
                PageJSON.array([PageJSON(verdict.rawValue), .unsigned(sum.blocks), .unsigned(sum.bytes)])
            }
            let threads = group.threads.map { key in
                PageJSON.text(history.trace.processes[key.process].threadName(key.index))
            }
            rows.append(
                .array([
                    PageJSON(stacks.row[group.site]), .unsigned(group.blocks), .unsigned(group.bytes),
                    .unsigned(group.oldest), .unsigned(group.newest), .array(threads), .array(verdicts),
                    PageJSON(group.excuse),
                ]))
        }
        let verdicts = leaks.verdicts.sorted { $0.key.rawValue < $1.key.rawValue }.map { verdict, sum in
            PageJSON.array([PageJSON(verdict.rawValue), .unsigned(sum.blocks), .unsigned(sum.bytes)])
        }
        var sizes: [UInt64: (count: UInt64, sum: UInt64)] = [:]
        var ages: [UInt64: (count: UInt64, sum: UInt64)] = [:]
        history.forEachLiveBlock { block in
            func add(_ sums: inout [UInt64: (count: UInt64, sum: UInt64)], _ value: UInt64) {
                let low = value == 0 ? 0 : UInt64(1) << UInt64(63 - value.leadingZeroBitCount)
                let sum = sums[low] ?? (0, 0)
                sums[low] = (sum.count + 1, sum.sum &+ block.size)
            }
            add(&sizes, block.size)
            add(&ages, history.duration - min(block.time, history.duration))
        }
        func bars(_ sums: [UInt64: (count: UInt64, sum: UInt64)]) -> PageJSON {
            .array(
                sums.sorted { $0.key < $1.key }.map { low, sum in
                    let high = low == 0 ? 0 : low + (low - 1)
                    return .array([.unsigned(low), .unsigned(high), .unsigned(sum.count), .unsigned(sum.sum)])
                })
        }
        return .object([
            ("groups", PageJSON(leaks.groups.count)), ("rows", .array(rows)), ("verdicts", .array(verdicts)),
            ("sizes", bars(sizes)), ("ages", bars(ages)), ("replacedBlocks", .unsigned(leaks.replaced.blocks)),
            ("replacedBytes", .unsigned(leaks.replaced.bytes)),
        ])
    }
}
