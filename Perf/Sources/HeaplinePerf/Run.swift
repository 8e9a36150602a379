// SPDX-License-Identifier: Apache-2.0
//
// One run of one workload under one tracer, and everything that can be told from it.

internal import Foundation

/// What one run took.
struct Sample {
    var events: Double
    /// Seconds of the loop, or of the traced process's whole life where there is no loop.
    var wall: Double
    /// CPU seconds of the traced process in that time.
    var cpu: Double
    /// CPU seconds of all processes, helpers included.
    var allCPU: Double
    /// Seconds until the command was over, with all a tracer does before and after.
    var command: Double
    /// Largest resident set of the traced process.
    var peakBytes: Double
    /// Largest sum over all processes; only when looked for.
    var totalPeakBytes: Double?
    var traceBytes: Double?
    var reportSeconds: Double?
    var reportPeakBytes: Double?
    var sighting = Sighting()

    /// Means of what was timed; nil of nothing.
    static func mean(_ samples: [Sample]) -> Sample? {
        guard var mean = samples.first else { return nil }
        func average(_ field: (Sample) -> Double) -> Double { samples.map(field).reduce(0, +) / Double(samples.count) }
        (mean.wall, mean.cpu, mean.allCPU, mean.events) = (average(\.wall), average(\.cpu), average(\.allCPU), average(\.events))
        return mean
    }
}

struct RunFailure: Error, CustomStringConvertible {
    var description: String
}

struct Runner {
    let tools: Toolbox
    let lttng: LTTng
    /// Seconds one run may take, and address space each of a peer's processes may have: some exhaust memory. Not of ours: behind such a
    /// limit mode count must wait for what comes of each request, which it need not elsewhere.
    var timeout: Double
    var memoryBytes: UInt64 = 8 << 30
    /// Events of programs that do not count themselves, by what was run.
    var tallies: [String: (events: Double, allocations: Double)] = [:]

    /// Runs it once. `thorough`: looks at memory, keeps the trace, makes the report; its times are then not worth keeping.
    mutating func run(_ workload: Workload, _ tracer: Tracer, thorough: Bool) throws -> Sample {
        if !workload.countsItself, tallies[Self.key(workload, tracer.divisor)] == nil { try tally(workload, tracer.divisor) }
        let folder = "\(tools.scratch)/run", meter = "\(tools.scratch)/meter"
        for each in [folder, meter] {
            try? FileManager.default.removeItem(atPath: each)
            try FileManager.default.createDirectory(atPath: each, withIntermediateDirectories: true)
        }
        var environment = ProcessInfo.processInfo.environment
        environment.merge(workload.environment) { $1 }
        environment["PERF_METER"] = meter
        environment["LD_PRELOAD"] = tools.meter
        var launch = Launch(arguments: workload.arguments(tracer.divisor), environment: environment, folder: folder)
        tracer.prepare(&launch)

        let printed = "\(tools.scratch)/printed"
        var command = Command(
            arguments: launch.arguments, environment: launch.environment, folder: folder, output: printed, input: workload.input?(tracer.divisor),
            timeout: timeout, memoryBytes: tracer.limitsMemory && tracer.group == .peer ? memoryBytes : 0)
        // Traces are removed after each run; writing back those of the run before must not fall into this one.
        sync()
        if tracer.usesLTTng { command.daemons = try lttng.begin(folder: folder) }
        if thorough { command.sampleEvery = 0.01 }
        let cpuBefore = tracer.usesLTTng ? lttng.cpu : 0
        let companion = try workload.companion.map { make in
            var environment = ProcessInfo.processInfo.environment
            environment["LD_PRELOAD"] = nil
            return try Command(
                arguments: make(folder, tracer.divisor), environment: environment, folder: folder, output: "\(tools.scratch)/companion", timeout: timeout
            ).start()
        }
        let usage = try command.run()
        companion?.wait(timeout: usage.failure == nil ? 10 : 0)
        var discarded: Double?
        if tracer.usesLTTng { discarded = lttng.end() }
        let text = String(decoding: FileManager.default.contents(atPath: printed) ?? Data(), as: UTF8.self)
        if let failure = usage.failure {
            let last = text.split(separator: "\n").last.map { ": \($0.prefix(120))" } ?? ""
            throw RunFailure(description: failure + last)
        }

        let metered = readMeter(meter, program: workload.program)
        guard metered.count > 0 else { throw RunFailure(description: "the traced process did not reach its end") }
        var sample = Sample(
            events: 0, wall: metered.wall, cpu: metered.cpu, allCPU: usage.cpu, command: usage.wall, peakBytes: metered.peakBytes)
        if tracer.usesLTTng { sample.allCPU += lttng.cpu - cpuBefore }
        if workload.countsItself {
            guard let events = Tracer.number(after: "events", in: text), let wall = Tracer.number(after: "wall_ns", in: text),
                let cpu = Tracer.number(after: "cpu_ns", in: text)
            else { throw RunFailure(description: "the workload printed no counts: \(text.prefix(120))") }
            (sample.events, sample.wall, sample.cpu) = (events, wall / 1e9, cpu / 1e9)
        } else {
            sample.events = tallies[Self.key(workload, tracer.divisor)]?.events ?? 0
        }
        guard thorough else { return sample }
        sample.totalPeakBytes = Double(usage.peakBytes)
        if tracer.group != .untraced, tracer.mode != "off", tracer.mode != "count" || tracer.group == .heapline {
            sample.traceBytes = size(of: folder)
        }
        var reported = ""
        if let report = tracer.report?(folder, workload.arguments(1)[0]) {
            let finished = try finish(report, in: folder)
            (sample.reportSeconds, sample.reportPeakBytes) = (finished.seconds, finished.peakBytes)
            reported = finished.text
        }
        if let totals = tracer.totals?(folder) { reported = try finish(totals, in: folder).text }
        sample.sighting = tracer.sighting(text, reported)
        if let discarded { sample.sighting.lost = discarded }
        return sample
    }

    /// Runs what makes text of a trace. Returns what it took, if it went well, and both ends of what it printed.
    private func finish(_ arguments: [String], in folder: String) throws -> (seconds: Double?, peakBytes: Double?, text: String) {
        let output = "\(tools.scratch)/reported"
        let usage = try Command(
            arguments: arguments, environment: ProcessInfo.processInfo.environment, folder: folder, output: output, timeout: timeout,
            memoryBytes: memoryBytes, sampleEvery: 0.02
        ).run()
        // Totals stand at the beginning or at the end.
        let printed = try FileHandle(forReadingFrom: URL(fileURLWithPath: output))
        var ends = try printed.read(upToCount: 65536) ?? Data()
        let size = try printed.seekToEnd()
        if size > 65536 {
            try printed.seek(toOffset: max(65536, size - 4096))
            ends += try printed.readToEnd() ?? Data()
        }
        let went = usage.failure == nil
        return (went ? usage.wall : nil, went && usage.peakBytes > 0 ? Double(usage.peakBytes) : nil, String(decoding: ends, as: UTF8.self))
    }

    /// Counts the events of a program that does not count itself, with a library that does nothing else.
    private mutating func tally(_ workload: Workload, _ divisor: Int) throws {
        let folder = "\(tools.scratch)/tally"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(workload.environment) { $1 }
        environment["LD_PRELOAD"] = tools.binary("tally.so")
        environment["PERF_TALLY"] = folder
        let command = Command(
            arguments: workload.arguments(divisor), environment: environment, folder: folder, output: "\(tools.scratch)/printed",
            input: workload.input?(divisor), timeout: timeout)
        let companion = try workload.companion.map {
            try Command(
                arguments: $0(folder, divisor), environment: ProcessInfo.processInfo.environment, folder: folder,
                output: "\(tools.scratch)/companion", timeout: timeout
            ).start()
        }
        let usage = try command.run()
        companion?.wait(timeout: 10)
        if let failure = usage.failure { throw RunFailure(description: "untraced: \(failure)") }
        var events = 0.0, allocations = 0.0
        for fields in lines(of: folder) where fields.count == 4 && fields[3] == workload.program {
            allocations += Double(fields[0]) ?? 0
            events += (Double(fields[0]) ?? 0) + (Double(fields[1]) ?? 0)
        }
        guard events > 0 else { throw RunFailure(description: "the counting library saw nothing") }
        tallies[Self.key(workload, divisor)] = (events, allocations)
    }

    /// Names a workload in one of its sizes.
    static func key(_ workload: Workload, _ divisor: Int) -> String {
        let companion = workload.companion?("", divisor) ?? []
        return ([workload.name, workload.input?(divisor) ?? ""] + workload.arguments(divisor) + companion).joined(separator: " ")
    }

    private func readMeter(_ folder: String, program: String) -> (count: Int, wall: Double, cpu: Double, peakBytes: Double) {
        var sum = (count: 0, wall: 0.0, cpu: 0.0, peakBytes: 0.0)
        for fields in lines(of: folder) where fields.count == 5 && fields[4] == program {
            sum.count += 1
            sum.wall += (Double(fields[0]) ?? 0) / 1e9
            sum.cpu += ((Double(fields[1]) ?? 0) + (Double(fields[2]) ?? 0)) / 1e9
            sum.peakBytes += (Double(fields[3]) ?? 0) * 1024
        }
        return sum
    }

    private func lines(of folder: String) -> [[String]] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
            guard Int(name) != nil, let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) else { return nil }
            return text.split(whereSeparator: \.isWhitespace).map(String.init)
        }
    }

    private func size(of folder: String) -> Double {
        guard let walk = FileManager.default.enumerator(atPath: folder) else { return 0 }
        var sum = 0.0
        while walk.nextObject() != nil {
            if walk.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
                sum += (walk.fileAttributes?[.size] as? NSNumber)?.doubleValue ?? 0
            }
        }
        return sum
    }
}
