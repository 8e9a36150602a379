// SPDX-License-Identifier: Apache-2.0
//
// `costs`: every workload under every tracer.

internal import Foundation

struct Costs {
    var tools: Toolbox
    var options: Options

    static var today: String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "yyyy-MM-dd"
        return format.string(from: Date())
    }

    func run() throws {
        let began = Clock.now
        let problems = try tools.buildWorkloads()
        let (allWorkloads, missingWorkloads) = Workload.all(tools, quick: options.quick, problems: problems)
        let (peers, missingPeers) = Tracer.peers(tools, quick: options.quick)
        let canReport = tools.capture([tools.heapline, "report", "--help"]).status == 0
        var tracers = [Tracer.untraced(.system)]
        if Toolbox.library("libjemalloc.so.2") != nil { tracers.append(.untraced(.jemalloc)) }
        if Toolbox.library("libtcmalloc.so.4") != nil { tracers.append(.untraced(.tcmalloc)) }
        tracers += Tracer.allHeapline(tools, quick: options.quick, canReport: canReport) + peers
        if !options.tracers.isEmpty {
            tracers = tracers.filter { tracer in tracer.group == .untraced || options.tracers.contains { tracer.name.hasPrefix($0) } }
        }
        // Without anything to compare with it, an allocator's untraced run is of no use.
        tracers = tracers.filter { base in
            base.group != .untraced || tracers.contains { $0.group != .untraced && $0.allocator == base.allocator }
        }
        // One that serves only to compare others with is run as often as they are.
        for index in tracers.indices where tracers[index].group == .untraced {
            let allocator = tracers[index].allocator
            let used = tracers.filter { $0.group != .untraced && $0.allocator == allocator }
            tracers[index].often = used.contains(where: \.often)
            tracers[index].isHeavy = used.allSatisfy(\.isHeavy)
        }
        let workloads = options.only.isEmpty ? allWorkloads : allWorkloads.filter { options.only.contains($0.name) }
        if workloads.isEmpty { throw Options.Wrong(description: "no such workload; there are: \(allWorkloads.map(\.name).joined(separator: ", "))") }

        var results = Results(
            date: Self.today, command: "make perf\(options.quick ? " QUICK=1" : "")\(options.minutes.map { " MINUTES=\(Table.number($0, 0))" } ?? "")", quick: options.quick,
            machine: Machine.here(tools), rounds: 0, missingWorkloads: missingWorkloads, missingPeers: missingPeers)
        for (peer, reason) in missingPeers.sorted(by: { $0.key < $1.key }) { print("peer not here: \(peer): \(reason)") }
        for (name, reason) in missingWorkloads.sorted(by: { $0.key < $1.key }) { print("workload not here: \(name): \(reason)") }

        let minutes = options.minutes ?? (options.quick ? 4.5 : 25)
        let say = { (text: String) in HeaplinePerf.complain(String(format: "%5.0f s  %@", Clock.now - began, text)) }
        let schedule = Schedule(
            tools: tools, workloads: workloads, tracers: tracers, deadline: began + minutes * 60,
            timeout: options.quick ? 8 : 60, mostRounds: options.rounds ?? (options.quick ? 12 : 30),
            quick: options.quick, say: say, whisper: options.verbose ? say : { _ in })
        schedule.run(into: &results)

        try Page.write(
            results, kind: "", date: results.date, machine: results.machine, markdown: Table(results: results).markdown, plot: results.plot, tools,
            options)
    }

    /// Replaces what stands between the two marks in README.md.
    static func readme(_ root: String) throws {
        let folder = "\(root)/Perf/results"
        // The newest; of one day the full one, whose name is the shorter.
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { name in name.hasSuffix(".json") && !["-scale", "-stacks", "-reports"].contains { name.contains($0) } }
            .sorted { ($0.prefix(10), -$0.count) < ($1.prefix(10), -$1.count) }
        guard let newest = names.last, let data = FileManager.default.contents(atPath: "\(folder)/\(newest)") else {
            throw Options.Wrong(description: "no results in \(folder)")
        }
        let results = try JSONDecoder().decode(Results.self, from: data)
        let path = "\(root)/README.md", begin = "<!-- costs: begin, by make readme -->\n", end = "<!-- costs: end -->"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let from = text.range(of: begin), let to = text.range(of: end) else {
            throw Options.Wrong(description: "README.md has no place for costs: \(begin)\(end)")
        }
        let page = "Perf/results/\(newest.dropLast(5)).md"
        let updated = text[..<from.upperBound] + Table(results: results).readme(page) + text[to.lowerBound...]
        try String(updated).write(toFile: path, atomically: true, encoding: .utf8)
        print("README.md shows \(page)")
    }
}
