// SPDX-License-Identifier: Apache-2.0
//
// `check` and `golden`: has the hot path become longer? Neither looks at a clock.

internal import Foundation

struct Gates {
    var tools: Toolbox
    var update: Bool
    /// How much longer than the golden file says is still the same: other versions of libc take other paths.
    static let tolerance = 0.03

    private var fastPathFile: String { "\(tools.root)/Perf/fast_path.golden" }
    private var instructionsFile: String { "\(tools.root)/Perf/instructions.golden" }

    /// Returns whether all is well.
    func run() throws -> Bool {
        let fast = try fastPath()
        let counted = try instructions()
        return fast && counted
    }

    private var compiler: String {
        Toolbox.find("clang").flatMap { tools.firstLine([$0, "--version"]) }?.split(separator: "(").first
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    }

    private var machine: String { tools.firstLine(["/bin/uname", "-m"]) ?? "unknown" }

    private func fastPath() throws -> Bool {
        let path = try FastPath(library: tools.preload, tools: tools)
        let entries = FastPath.entries + FastPath.continuations.filter { path.symbols[$0] != nil }
        let rows = try entries.map { try path.row($0) }
        var good = true
        for row in rows {
            if row.locked > 0 {
                good = false
                print("fast path: \(row.entry) has \(row.locked) locked instructions")
            }
            for call in row.direct where !FastPath.allowed.contains(call) {
                good = false
                print("fast path: \(row.entry) calls \(call)")
            }
        }
        let key = "# \(machine), \(compiler)"
        let text = ([key, FastPath.header] + rows.map(\.line)).joined(separator: "\n") + "\n"
        if update {
            try text.write(toFile: fastPathFile, atomically: true, encoding: .utf8)
            print("written: \(fastPathFile)")
            return good
        }
        let golden = try String(contentsOfFile: fastPathFile, encoding: .utf8)
        guard golden.hasPrefix(key + "\n") else {
            print("fast path: another compiler or processor than the golden file's; only locks and calls were checked")
            return good
        }
        if golden != text {
            good = false
            print("fast path: not as in Perf/fast_path.golden. There:\n\(golden)Here:\n\(text)")
        } else {
            print("fast path: as in Perf/fast_path.golden")
        }
        return good
    }

    private func instructions() throws -> Bool {
        let counter: Instructions
        do { counter = try Instructions(tools: tools) } catch {
            print("instruction counts: not checked: \(error)")
            return true
        }
        _ = try tools.buildWorkloads()
        let rows = try counter.measure { HeaplinePerf.complain($0) }
        if update {
            let text = (["# \(machine), \(compiler)", Instructions.header] + rows.map(\.line)).joined(separator: "\n") + "\n"
            try text.write(toFile: instructionsFile, atomically: true, encoding: .utf8)
            print("written: \(instructionsFile)")
            return true
        }
        let golden = try String(contentsOfFile: instructionsFile, encoding: .utf8)
        var expected: [String: Double] = [:]
        for line in golden.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(separator: "\t")
            if fields.count == 4 { expected["\(fields[0]) \(fields[1]) \(fields[2])"] = Double(fields[3]) }
        }
        guard golden.hasPrefix("# \(machine), \(compiler)\n") else {
            print("instruction counts: another compiler or processor than the golden file's; not compared")
            return true
        }
        var good = true
        for row in rows {
            guard let before = expected[row.name] else {
                good = false
                print("instruction counts: \(row.name) is not in Perf/instructions.golden")
                continue
            }
            let limit = before + max(2, before * Self.tolerance)
            if row.added > limit {
                good = false
                print(String(format: "instruction counts: %@ took %.1f and takes %.1f per event", row.name, before, row.added))
            } else if row.added < before - max(2, before * Self.tolerance) {
                print(String(format: "instruction counts: %@ took %.1f and takes only %.1f: make golden", row.name, before, row.added))
            }
        }
        if good { print("instruction counts: none above Perf/instructions.golden") }
        return good
    }
}
