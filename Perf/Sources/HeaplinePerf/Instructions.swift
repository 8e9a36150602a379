// SPDX-License-Identifier: Apache-2.0
//
// Instructions executed per event, counted by callgrind: the same on every run, whatever else the machine does. Counted twice
// with different numbers of events; the difference leaves out starting and ending.
//
// Valgrind has no rseq, so this is the compare-exchange backend; capture, interning and counting are the same code for both.
// Rows of mode `report` are what `heapline report` executes for each event of such a trace.

internal import Foundation

struct Instructions {
    struct Row {
        var workload: String
        var mode: String
        var depth: Int
        /// Instructions per event more than untraced.
        var added: Double

        var name: String { "\(workload) \(mode) \(depth)" }
        var line: String { "\(workload)\t\(mode)\t\(depth)\t\(String(format: "%.1f", added))" }
    }

    static let header = "# workload\tmode\tdepth\tinstructions added per event"
    // Not mode sample, whose draws differ from run to run, and no threads, whose meetings do.
    static let workloads: [(name: String, events: Int)] = [("tight", 20000), ("deep", 20000), ("tree", 20000)]
    static let modes: [(mode: String, depth: Int)] = [("off", 0), ("count", 0), ("all", 0), ("all", 8), ("all", 32)]

    /// Long enough that what a report does once does not weigh.
    static let reports: [(workload: String, depth: Int, events: Int)] = [("tight", 0, 500_000), ("tree", 32, 500_000)]

    let tools: Toolbox
    let valgrind: String
    /// The library and the command as valgrind can read them.
    let library: String
    let command: String

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    init(tools: Toolbox) throws {
        guard let valgrind = Toolbox.find("valgrind") else { throw Problem(description: "valgrind not found") }
        guard let strip = Toolbox.find("strip") ?? Toolbox.find("llvm-strip") else { throw Problem(description: "strip not found") }
        self.tools = tools
        self.valgrind = valgrind
        library = tools.binary("libheapline-preload.so")
        command = tools.binary("heapline")
        // Older valgrinds cannot read what newer compilers write for debuggers.
        for (from, to) in [(tools.preload, library), (tools.heapline, command)] {
            try? FileManager.default.removeItem(atPath: to)
            let (status, text) = tools.capture([strip, "-g", "-o", to, from])
            guard status == 0 else { throw Problem(description: "strip: \(text)") }
        }
    }

    func measure(
        _ wanted: [String]? = nil, modes: [(mode: String, depth: Int)] = Self.modes, say: (String) -> Void
    ) throws -> [Row] {
        var rows: [Row] = []
        for (workload, events) in Self.workloads where wanted?.contains(workload) ?? true {
            let untraced = try perEvent(workload, events, mode: nil, depth: 0)
            for (mode, depth) in modes {
                let row = Row(
                    workload: workload, mode: mode, depth: depth, added: try perEvent(workload, events, mode: mode, depth: depth) - untraced)
                say(row.line)
                rows.append(row)
            }
        }
        for (workload, depth, events) in Self.reports {
            let few = try reportCount(workload, events, depth), many = try reportCount(workload, 2 * events, depth)
            let row = Row(workload: workload, mode: "report", depth: depth, added: (many - few) / Double(events))
            say(row.line)
            rows.append(row)
        }
        return rows
    }

    /// Recorded at full speed, read back under callgrind.
    private func reportCount(_ workload: String, _ events: Int, _ depth: Int) throws -> Double {
        let trace = "\(tools.scratch)/counted.heapline"
        let recorded = tools.capture(
            [tools.heapline, "run", "--quiet", "--force", "--output", trace, "--depth", "\(depth)", "--", tools.binary("workload"), workload, "\(events)"])
        guard recorded.status == 0 else { throw Problem(description: "recording \(workload): \(recorded.text.suffix(300))") }
        return try callgrind([command, "report", trace, "--no-symbols"], [], [:], "report of \(workload)")
    }

    private func callgrind(_ command: [String], _ wrapper: [String], _ environment: [String: String], _ what: String) throws -> Double {
        let arguments = wrapper + [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null"] + command
        let (status, text) = tools.capture(arguments, environment: environment, timeout: 120)
        guard status == 0, let mark = text.range(of: "Collected : ") else {
            throw Problem(description: "callgrind, \(what): \(text.suffix(300))")
        }
        return Double(text[mark.upperBound...].prefix { $0.isNumber }) ?? 0
    }

    private func perEvent(_ workload: String, _ events: Int, mode: String?, depth: Int) throws -> Double {
        let few = try count(workload, events, mode, depth), many = try count(workload, 2 * events, mode, depth)
        return (many - few) / Double(events)
    }

    private func count(_ workload: String, _ events: Int, _ mode: String?, _ depth: Int) throws -> Double {
        var wrapper: [String] = []
        var environment: [String: String] = [:]
        if mode == "off" {
            environment["LD_PRELOAD"] = library
            environment["HEAPLINE"] = "0"
        } else if let mode {
            environment["HEAPLINE_PRELOAD"] = library
            let trace = "\(tools.scratch)/counted.heapline"
            wrapper = [tools.heapline, "run", "--quiet", "--force", "--output", trace, "--mode", mode, "--depth", "\(depth)", "--"]
        }
        return try callgrind([tools.binary("workload"), workload, "\(events)"], wrapper, environment, "\(workload) \(mode ?? "untraced")")
    }
}
