// SPDX-License-Identifier: Apache-2.0
//
// `reports`: what reading a long trace takes. A program that keeps a million blocks alive is recorded once by heapline and once by
// heaptrack; then both files are read in turns.

internal import Foundation

struct Reports {
    var tools: Toolbox
    var options: Options

    struct Found: Codable {
        var date: String
        var machine: Machine
        var events: Double
        var liveBlocks: Double
        var rows: [Row] = []
        var traceBytes: Double = 0
        var pageBytes: Double = 0
        /// What could not be measured, and why.
        var missing: [String: String] = [:]
    }

    /// One way to read one of the files.
    struct Row: Codable {
        var what: String
        var seconds: Estimate
        var cpuSeconds: Estimate
        /// Largest resident set, of a run of its own.
        var peakBytes: Double
        /// How many times as long heaptrack_print takes, round by round.
        var timesFaster: Estimate?
    }

    static let ours = "report --json", oneCore = "report --json, one core", html = "report --html", peer = "heaptrack_print"

    func run() throws {
        let began = Clock.now
        let say = { (text: String) in HeaplinePerf.complain(String(format: "%5.0f s  %@", Clock.now - began, text)) }
        if let problem = try tools.buildWorkloads()["churn"] { throw Toolbox.Missing(description: problem) }
        let (events, blocks) = options.quick ? (10_000_000, 100_000) : (100_000_000, 1_000_000)
        let program = [tools.binary("churn"), "\(events)", "\(blocks)"]
        let trace = "\(tools.scratch)/trace.heapline", page = "\(tools.scratch)/page.html"
        say("recording with heapline")
        let made = try record([tools.heapline, "run", "--quiet", "--output", trace, "--"] + program)
        var result = Found(date: Costs.today, machine: Machine.here(tools), events: made, liveBlocks: Double(blocks))
        result.traceBytes = size(trace)

        var commands = [
            (Self.ours, [tools.heapline, "report", "--json", trace]), (Self.html, [tools.heapline, "report", "--html", page, "--force", trace]),
        ]
        if let taskset = Toolbox.find("taskset") {
            commands.append((Self.oneCore, [taskset, "-c", "0", tools.heapline, "report", "--json", trace]))
        } else {
            result.missing[Self.oneCore] = "taskset not found"
        }
        if let heaptrack = Toolbox.find("heaptrack"), let printer = Toolbox.find("heaptrack_print") {
            say("recording with heaptrack")
            _ = try record([heaptrack, "-o", "\(tools.scratch)/heaptrack"] + program)
            commands.append((Self.peer, [printer, "\(tools.scratch)/heaptrack.zst"]))
        } else {
            result.missing[Self.peer] = "heaptrack not found"
        }
        try read(commands, into: &result, say)
        result.pageBytes = size(page)

        try Page.write(result, kind: "reports", date: result.date, machine: result.machine, markdown: result.markdown, tools, options)
    }

    /// Runs the program under a recorder. Returns the events that it counted itself.
    private func record(_ arguments: [String]) throws -> Double {
        let (status, text) = tools.capture(arguments, timeout: 600)
        guard status == 0, let events = Tracer.number(after: "events", in: text) else {
            throw RunFailure(description: "\(arguments[0]): \(text.suffix(200))")
        }
        return events
    }

    /// The first round is for the page cache and for memory, as looking at it disturbs the clock.
    private func read(_ commands: [(what: String, arguments: [String])], into page: inout Found, _ say: (String) -> Void) throws {
        var seconds = commands.map { _ in [Double]() }, cpu = commands.map { _ in [Double]() }, peaks: [Double] = []
        for round in 0...(options.rounds ?? 9) {
            say(round == 0 ? "reading, for memory" : "reading, round \(round)")
            for (index, each) in commands.enumerated() {
                let usage = try Command(
                    arguments: each.arguments, environment: ProcessInfo.processInfo.environment, folder: tools.scratch,
                    output: "\(tools.scratch)/printed", timeout: 300, sampleEvery: round == 0 ? 0.01 : 0
                ).run()
                if let failure = usage.failure { throw RunFailure(description: "\(each.what): \(failure)") }
                if round == 0 {
                    peaks.append(Double(usage.peakBytes))
                } else {
                    seconds[index].append(usage.wall)
                    cpu[index].append(usage.cpu)
                }
            }
        }
        let peer = commands.firstIndex { $0.what == Self.peer }
        for (index, each) in commands.enumerated() {
            guard let time = Estimate(seconds[index]), let busy = Estimate(cpu[index]) else { continue }
            let ratios = peer.map { peer in zip(seconds[peer], seconds[index]).map { $0 / $1 } }
            page.rows.append(
                Row(
                    what: each.what, seconds: time, cpuSeconds: busy, peakBytes: peaks[index],
                    timesFaster: index == peer ? nil : ratios.flatMap { Estimate($0) }))
        }
    }

    private func size(_ path: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.doubleValue ?? 0
    }
}

extension Reports.Found {
    private func row(_ what: String) -> Reports.Row? { rows.first { $0.what == what } }

    private var promises: Promises {
        var lines = Promises()
        let json = row(Reports.ours)
        lines.add("`report --json` against `heaptrack_print`", "at least 3 times faster", json?.timesFaster?.median, " times") { $0 >= 3 }
        let rate = row(Reports.oneCore).map { events / $0.seconds.median / 1e6 }
        lines.add("`report --json` on one core", "at least 10 M events/s", rate, " M events/s") { $0 >= 10 }
        let limit = 64 * liveBlocks + 200e6
        lines.add("its resident memory", "below \(Table.number(limit / 1e6, 0)) MB (64 bytes a live block + 200 MB)", json.map { $0.peakBytes / 1e6 }, " MB") {
            $0 < limit / 1e6
        }
        lines.add("the page of `report --html`", "below 10 MB", pageBytes / 1e6, " MB") { $0 > 0 && $0 < 10 }
        return lines
    }

    var markdown: String {
        var text = """
            # What reading a long trace takes: \(date)

            \(machine.processor), \(machine.cores) cores, \(machine.memoryBytes >> 30) GiB, \(machine.kernel), \(machine.libc). Load before
            the start: \(machine.loadBefore). Made with `make reports`. The program (`Perf/Workloads/churn.c`) frees a block drawn at random of
            \(Table.number(liveBlocks / 1e6)) million and allocates another of 16 to 215 bytes, again and again: \(Table.number(events / 1e6)) M events, a trace of
            \(Table.number(traceBytes / 1e6, 0)) MB. `heaptrack_print` reads what heaptrack's interpreter made of its recording, where each free is
            paired with its allocation already; heapline pairs them in the report.

            \(promises.markdown)
            """
        func interval(_ estimate: Estimate?) -> String {
            guard let estimate else { return "–" }
            return "\(Table.number(estimate.median, 2)) [\(Table.number(estimate.low, 2)), \(Table.number(estimate.high, 2))]"
        }
        let rounds = rows.first?.seconds.runs ?? 0
        text += "\n\(rounds) interleaved rounds, medians; in brackets the interval that holds the median with 95 % confidence.\n\n"
        text += "| | s | s of processors | M events/s | resident MiB | times faster than heaptrack_print |\n|---|--:|--:|--:|--:|--:|\n"
        for row in rows {
            text += "| \(row.what) | \(interval(row.seconds)) | \(interval(row.cpuSeconds)) | \(Table.number(events / row.seconds.median / 1e6)) "
            text += "| \(Table.mebibytes(row.peakBytes)) | \(interval(row.timesFaster)) |\n"
        }
        return text + Page.end(missing: missing, machine, tools: ["heapline", "heaptrack"])
    }
}
