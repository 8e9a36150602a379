// SPDX-License-Identifier: Apache-2.0
//
// `stacks`: what call stacks cost, on one page. Whole programs with stacks and without, beside heaptrack; many threads beside
// one; the capture alone beside other unwinders; instructions. Each figure stands beside what was promised.

internal import Foundation

struct Stacks {
    var tools: Toolbox
    var options: Options

    struct Found: Codable {
        var date: String
        var machine: Machine
        var rounds: Int
        var cells: [Cell] = []
        var captures: [Capture] = []
        var instructions: [Count] = []
        /// What could not be measured, and why.
        var missing: [String: String] = [:]
    }

    /// One workload under one tracer: nanoseconds per event more than untraced in the same round.
    struct Cell: Codable {
        var workload: String
        var tracer: String
        var untraced: Double
        var addedWall: Estimate
        var addedCPU: Estimate
    }

    /// One way to take one kind of stack, in process.
    struct Capture: Codable {
        var stacks: String
        var way: String
        var nanoseconds: Double
        var frames: Double
        var framesPerSecond: Double { nanoseconds > 0 ? frames / nanoseconds * 1e9 : 0 }
    }

    struct Count: Codable {
        var workload: String
        var depth: Int
        var added: Double
    }

    static let depths = [0, 32]
    private static let workloads: [(name: String, loop: String, millions: Double, parameter: Int)] = [
        ("32 frames, unchanged", "deep", 12, 32), ("5,000 stacks of 30 at random", "tree", 1.2, 5000),
        ("1 thread", "threads", 4, 1), ("8 threads", "threads", 4, 8),
    ]

    func run() throws {
        let began = Clock.now
        let say = { (text: String) in HeaplinePerf.complain(String(format: "%5.0f s  %@", Clock.now - began, text)) }
        if let problem = try tools.buildWorkloads()["workload"] { throw Toolbox.Missing(description: problem) }
        var page = Found(date: Costs.today, machine: Machine.here(tools), rounds: 0)
        page.instructions = instructions(&page.missing, say)
        say("captures in process, beside other unwinders")
        page.captures = captures(&page.missing)
        // What is left of the time is for whole programs.
        try programs(&page, until: began + (options.minutes ?? 3.3) * 60, say)

        try Page.write(page, kind: "stacks", date: page.date, machine: page.machine, markdown: page.markdown, tools, options)
    }

    // MARK: Whole programs

    /// Interleaved: each round runs everything once, and is compared with its own untraced run.
    private func programs(_ page: inout Found, until deadline: Double, _ say: (String) -> Void) throws {
        var runner = Runner(tools: tools, lttng: LTTng(tools), timeout: 60)
        let (peers, missing) = Tracer.peers(tools, quick: true)
        var tracers = Self.depths.map {
            Tracer.heapline(tools, mode: "all", depth: $0, allocator: .system, canReport: false)
        }
        tracers += peers.filter { $0.name.hasPrefix("heaptrack") }
        for (name, reason) in missing where name.hasPrefix("heaptrack") { page.missing[name] = reason }
        struct Series {
            var untraced: [Double] = []
            var wall: [Double] = []
            var cpu: [Double] = []
        }
        var series: [[Series]] = Self.workloads.map { _ in tracers.map { _ in Series() } }
        var longest = 0.0
        while page.rounds < (options.rounds ?? 15), page.rounds == 0 || Clock.now + longest < deadline {
            page.rounds += 1
            say("whole programs, round \(page.rounds)")
            let start = Clock.now
            for (w, plan) in Self.workloads.enumerated() {
                let path = tools.binary("workload")
                let workload = Workload(
                    name: plan.name, what: "",
                    arguments: { [path, plan.loop, "\(Int(plan.millions * 1e6) / $0)", "\(plan.parameter)"] },
                    countsItself: true, program: "workload")
                let base = try runner.run(workload, .untraced(.system), thorough: false)
                for (t, tracer) in tracers.enumerated() {
                    let with = try runner.run(workload, tracer, thorough: false)
                    series[w][t].untraced.append(base.wall / base.events * 1e9)
                    series[w][t].wall.append((with.wall / with.events - base.wall / base.events) * 1e9)
                    series[w][t].cpu.append((with.cpu / with.events - base.cpu / base.events) * 1e9)
                }
            }
            longest = max(longest, Clock.now - start)
        }
        for (w, plan) in Self.workloads.enumerated() {
            for (t, tracer) in tracers.enumerated() {
                guard let untraced = Estimate(series[w][t].untraced), let wall = Estimate(series[w][t].wall),
                    let cpu = Estimate(series[w][t].cpu)
                else { continue }
                page.cells.append(
                    Cell(workload: plan.name, tracer: tracer.name, untraced: untraced.median, addedWall: wall, addedCPU: cpu))
            }
        }
    }

    // MARK: In process

    private func captures(_ missing: inout [String: String]) -> [Capture] {
        guard let compiler = tools.compiler else { return [] }
        let sources = "\(tools.root)/Sources"
        let names = [
            "stack", "stack_ids", "stack_straight", "stack_cache", "intern", "unwind_rule", "unwind_step", "unwind_cfi", "unwind_expression", "unwind_find",
            "unwind_module", "platform_linux",
        ]
        var arguments =
            [
                compiler, "-O2", "-std=gnu17", "-D_GNU_SOURCE", "-w", "-D_Nonnull=", "-D_Nullable=", "-fomit-frame-pointer",
                "-I\(sources)/CHeaplineRecorder", "-I\(sources)/CHeaplineFormat/include", tools.source("unwinders.c"),
            ] + names.map { "\(sources)/CHeaplineRecorder/\($0).c" } + ["-o", tools.binary("unwinders"), "-lgcc_s"]
        if Toolbox.library("libunwind.so") != nil || Toolbox.library("libunwind.a") != nil {
            arguments.append("-lunwind")
        } else {
            arguments.append("-DNO_LIBUNWIND")
            missing["unw_backtrace"] = "libunwind's library for linking not found"
        }
        let (built, problem) = tools.capture(arguments, timeout: 120)
        guard built == 0 else {
            missing["captures"] = problem
            return []
        }
        let (status, text) = tools.capture([tools.binary("unwinders"), "300000"], timeout: 120)
        if status != 0 { missing["captures"] = "ended with status \(status)" }
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: "\t").map(String.init)
            guard fields.count == 5, let nanoseconds = Double(fields[2]), let frames = Double(fields[4]) else { return nil }
            return Capture(stacks: fields[0], way: fields[1], nanoseconds: nanoseconds, frames: frames)
        }
    }

    private func instructions(_ missing: inout [String: String], _ say: (String) -> Void) -> [Count] {
        do {
            let rows = try Instructions(tools: tools).measure(
                ["tight", "deep", "tree"], modes: Self.depths.map { ("all", $0) },
                say: { say("instructions: \($0.replacingOccurrences(of: "\t", with: " "))") })
            return rows.map { Count(workload: $0.workload, depth: $0.depth, added: $0.added) }
        } catch {
            missing["instructions"] = "\(error)"
            return []
        }
    }
}
