// SPDX-License-Identifier: Apache-2.0
//
// Instructions executed per event, counted by callgrind: the same on every run, whatever else the machine does. Counted twice
// with different numbers of events; the difference leaves out starting and ending.
//
// Valgrind has no rseq, so this is the compare-exchange backend; capture, interning and counting are the same code for both.

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

    let tools: Toolbox
    let valgrind: String
    let library: String

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    init(tools: Toolbox) throws {
        guard let valgrind = Toolbox.find("valgrind") else { throw Problem(description: "valgrind not found") }
        guard let strip = Toolbox.find("strip") ?? Toolbox.find("llvm-strip") else { throw Problem(description: "strip not found") }
        self.tools = tools
        self.valgrind = valgrind
        // Older valgrinds cannot read what newer compilers write for debuggers.
        library = tools.binary("libheapline-preload.so")
        try? FileManager.default.removeItem(atPath: library)
        let (status, text) = tools.capture([strip, "-g", "-o", library, tools.preload])
        guard status == 0 else { throw Problem(description: "strip: \(text)") }
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
        return rows
    }

    private func perEvent(_ workload: String, _ events: Int, mode: String?, depth: Int) throws -> Double {
        let few = try count(workload, events, mode, depth), many = try count(workload, 2 * events, mode, depth)
        return (many - few) / Double(events)
    }

    private func count(_ workload: String, _ events: Int, _ mode: String?, _ depth: Int) throws -> Double {
        var arguments = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", tools.binary("workload"), workload, "\(events)"]
        var environment: [String: String] = [:]
        if mode == "off" {
            environment["LD_PRELOAD"] = library
            environment["HEAPLINE"] = "0"
        } else if let mode {
            environment["HEAPLINE_PRELOAD"] = library
            let trace = "\(tools.scratch)/counted.heapline"
            arguments = [tools.heapline, "run", "--quiet", "--force", "--output", trace, "--mode", mode, "--depth", "\(depth)", "--"] + arguments
        }
        let (status, text) = tools.capture(arguments, environment: environment, timeout: 120)
        guard status == 0, let mark = text.range(of: "Collected : ") else {
            throw Problem(description: "callgrind, \(workload) \(mode ?? "untraced"): \(text.suffix(300))")
        }
        return Double(text[mark.upperBound...].prefix { $0.isNumber }) ?? 0
    }
}
