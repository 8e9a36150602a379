// SPDX-License-Identifier: Apache-2.0
//
// What a session of measuring found, as it is written to Perf/results.

internal import Foundation

struct Results: Codable {
    var schema = 1
    var date: String
    var command: String
    var quick: Bool
    var machine: Machine
    var rounds: Int
    var cells: [Cell] = []
    /// What could not be measured, and why: workloads, peers, single cells.
    var missingWorkloads: [String: String] = [:]
    var missingPeers: [String: String] = [:]
    var failures: [String: String] = [:]
    /// Workloads by tracer and reason.
    var notRun: [String: [String]] = [:]

    /// One workload under one tracer.
    struct Cell: Codable {
        var workload: String
        var tracer: String
        var group: Tracer.Group
        var mode: String?
        var depth: Int?
        var allocator: Allocator
        /// Events of one run, by the workload's own or the independent count.
        var events: Double
        var untracedNsPerEvent: Double
        /// Wall time with over wall time without.
        var ratio: Estimate?
        /// Nanoseconds added per event: wall time of the loop, CPU time of the traced process, CPU time of all processes.
        var addedWall: Estimate?
        var addedCPU: Estimate?
        var addedAllCPU: Estimate?
        var bytesPerEvent: Double?
        var addedPeakBytes: Double?
        var addedTotalPeakBytes: Double?
        var reportSeconds: Double?
        var eventsSeen: Double?
        var allocationsSeen: Double?
        var eventsLost: Double?
        var records: Recorded
    }
}

/// The machine a figure belongs to.
struct Machine: Codable {
    var name: String
    var processor: String
    var cores: Int
    var memoryBytes: UInt64
    var kernel: String
    var libc: String
    var counterReadNs: Double
    var loadBefore: String
    var versions: [String: String]

    static func here(_ tools: Toolbox) -> Machine {
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = info.split(separator: "\n").first { $0.hasPrefix("model name") || $0.hasPrefix("CPU part") }
        var versions: [String: String] = [:]
        for (name, arguments) in [
            ("heaptrack", ["heaptrack", "--version"]), ("lttng", ["lttng", "--version"]), ("valgrind", ["valgrind", "--version"]),
            ("compiler", ["clang", "--version"]), ("g++", ["g++", "--version"]), ("python3", ["python3", "--version"]),
            ("perl", ["perl", "-e", "print $^V"]), ("sqlite3", ["sqlite3", "--version"]), ("redis-server", ["redis-server", "--version"]),
            ("swift", ["swift-frontend", "--version"]),
        ] {
            if let path = Toolbox.find(arguments[0]), let line = tools.firstLine([path] + arguments.dropFirst()) { versions[name] = line }
        }
        if let path = Toolbox.library("libjemalloc.so.2") { versions["jemalloc"] = path.split(separator: "/").last.map(String.init) }
        let revision = Toolbox.find("git").flatMap { tools.firstLine([$0, "-C", tools.root, "describe", "--always", "--dirty"]) }
        versions["heapline"] = revision ?? "unknown"
        let processor = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        return Machine(
            name: processor.lowercased().replacingOccurrences(of: " ", with: "-").filter { $0.isLetter || $0.isNumber || $0 == "-" },
            processor: processor, cores: ProcessInfo.processInfo.activeProcessorCount, memoryBytes: ProcessInfo.processInfo.physicalMemory,
            kernel: tools.firstLine(["/bin/uname", "-sr"]) ?? "unknown", libc: tools.firstLine(["/usr/bin/getconf", "GNU_LIBC_VERSION"]) ?? "unknown",
            counterReadNs: Clock.counterCost,
            loadBefore: (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.trimmingCharacters(in: .newlines) ?? "unknown",
            versions: versions)
    }
}
