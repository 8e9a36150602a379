// SPDX-License-Identifier: Apache-2.0
//
// `check` and `golden`: has the hot path become longer? Neither looks at a clock, so the answer does not depend on what else the
// machine does. Three questions: which instructions the straight path has, how many are executed for an event, and whether
// recording more costs in proportion. With the compiler of the golden files every growth counts; with another one, growth
// beyond what code generation makes of the same source.

internal import Foundation

struct Gates {
    var tools: Toolbox
    var update: Bool

    /// How much more than the golden file says is still the same.
    struct Slack {
        /// Instructions of an entry's straight path; loads, stores, and jumps each.
        var path: (total: Int, each: Int)
        /// Executed instructions for each event, as a part of the golden file's and at least.
        var executed: (part: Double, least: Double)

        static let sameCompiler = Slack(path: (3, 1), executed: (0.02, 2))
        static let otherCompiler = Slack(path: (8, 4), executed: (0.15, 10))
    }

    /// What must hold between executed instructions, whoever compiled them: at most so many times those of the other.
    static let ratios: [(row: String, most: Double, of: String, meaning: String)] = [
        ("tight all 32", 2, "tight all 0", "the stack of the event before costs little to verify"),
        ("deep all 32", 3, "deep all 0", "32 unchanged frames cost less than two more events"),
        ("tree all 32", 4.5, "tree all 8", "four times the frames cost four times as much to unwind"),
        ("tight count 0", 0.6, "tight all 0", "counting writes no record"),
        ("tight report 0", 4, "tight all 0", "reading an event back costs no more than some recorded"),
        ("tree report 32", 3, "tight report 0", "random stacks do not make reading slow"),
    ]

    private var fastPathFile: String { "\(tools.root)/Perf/fast_path.golden" }
    private var instructionsFile: String { "\(tools.root)/Perf/instructions.golden" }
    private static let advice = """
        If this is meant to be so: make golden, look at the difference, and say in the commit what it buys.
        """

    /// Returns whether all is well.
    func run() throws -> Bool {
        let fast = try fastPath()
        let counted = try instructions()
        if !fast || !counted { print(Self.advice) }
        return fast && counted
    }

    private var compiler: String {
        Toolbox.find("clang").flatMap { tools.firstLine([$0, "--version"]) }?.split(separator: "(").first
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    }

    private var machine: String { tools.firstLine(["/bin/uname", "-m"]) ?? "unknown" }
    private var key: String { "# \(machine), \(compiler)" }

    /// A golden file's rows by their first `names` fields; its slack; nil when it is of another processor.
    private func golden(_ path: String, names: Int, _ what: String) throws -> (rows: [String: [String]], slack: Slack)? {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        guard let first = lines.first, first.hasPrefix("# \(machine),") else {
            print("\(what): \(lines.first ?? "nothing") is the golden file's processor and not \(machine): not compared")
            return nil
        }
        var rows: [String: [String]] = [:]
        for line in lines where !line.hasPrefix("#") {
            let fields = line.split(separator: "\t").map(String.init)
            if fields.count > names { rows[fields.prefix(names).joined(separator: " ")] = Array(fields.dropFirst(names)) }
        }
        if first != key { print("\(what): the golden file is of \(first.dropFirst(2)), this is \(compiler): compared with more slack") }
        return (rows, first == key ? .sameCompiler : .otherCompiler)
    }

    // MARK: The straight path

    private func fastPath() throws -> Bool {
        guard Toolbox.find("llvm-objdump") ?? Toolbox.find("objdump") != nil else {
            print("fast path: not checked: neither llvm-objdump nor objdump found")
            return !update
        }
        let path = try FastPath(library: tools.preload, tools: tools)
        let entries = FastPath.entries + FastPath.continuations.filter { path.symbols[$0] != nil }
        let rows = try entries.map { try path.row($0) }
        var problems: [String] = []
        for row in rows {
            if row.locked > 0 { problems.append("\(row.entry) has \(row.locked) locked instructions; the hot path takes no lock and no fence") }
            for call in row.direct where !FastPath.allowed.contains(call) {
                problems.append("\(row.entry) calls \(call), which is none of \(FastPath.allowed.sorted().joined(separator: ", "))")
            }
        }
        if update {
            let text = ([key, FastPath.header] + rows.map(\.line)).joined(separator: "\n") + "\n"
            try text.write(toFile: fastPathFile, atomically: true, encoding: .utf8)
            print("written: \(fastPathFile)")
        } else if let (before, slack) = try golden(fastPathFile, names: 1, "fast path") {
            for row in rows {
                guard let fields = before[row.entry] else {
                    problems.append("\(row.entry) is not in Perf/fast_path.golden")
                    continue
                }
                let (numbers, calls) = (fields.dropLast().compactMap { Int($0) }, fields.last ?? "-")
                for (index, name) in FastPath.columns.enumerated() where index < numbers.count {
                    let now = row.numbers[index], most = numbers[index] + FastPath.slack(name, slack)
                    if now > most { problems.append("\(row.entry): \(numbers[index]) \(name) before, \(now) now (at most \(most))") }
                }
                let added = Set(row.direct).subtracting(calls.split(separator: ",").map(String.init))
                if !added.isEmpty { problems.append("\(row.entry) calls \(added.sorted().joined(separator: ", ")), and did not before") }
            }
        }
        for problem in problems { print("fast path: \(problem)") }
        if problems.isEmpty, !update { print("fast path: no locks, no calls but to slow paths, no longer than Perf/fast_path.golden") }
        return problems.isEmpty
    }

    // MARK: Executed instructions

    private func instructions() throws -> Bool {
        let counter: Instructions
        do { counter = try Instructions(tools: tools) } catch {
            print("executed instructions: not checked: \(error)")
            return !update
        }
        _ = try tools.buildWorkloads()
        let rows = try counter.measure { HeaplinePerf.complain($0) }
        var problems: [String] = []
        for (row, most, other, meaning) in Self.ratios {
            guard let a = rows.first(where: { $0.name == row }), let b = rows.first(where: { $0.name == other }), b.added > 0 else { continue }
            if a.added > most * b.added {
                problems.append(
                    String(format: "%@ takes %.1f per event, %.2f times %@; at most %.1f: %@", row, a.added, a.added / b.added, other, most, meaning))
            }
        }
        if update {
            let text = ([key, Instructions.header] + rows.map(\.line)).joined(separator: "\n") + "\n"
            try text.write(toFile: instructionsFile, atomically: true, encoding: .utf8)
            print("written: \(instructionsFile)")
        } else if let (before, slack) = try golden(instructionsFile, names: 3, "executed instructions") {
            for row in rows {
                guard let expected = before[row.name]?.first.flatMap(Double.init) else {
                    problems.append("\(row.name) is not in Perf/instructions.golden")
                    continue
                }
                // How a trace is cut into chunks depends on when it was written.
                let part = row.mode == "report" ? max(0.1, slack.executed.part) : slack.executed.part
                let margin = max(slack.executed.least, expected * part)
                if row.added > expected + margin {
                    problems.append(
                        String(format: "%@ took %.1f per event and takes %.1f (at most %.1f)", row.name, expected, row.added, expected + margin))
                } else if row.added < expected - margin {
                    print(String(format: "executed instructions: %@ took %.1f and takes only %.1f: make golden keeps that", row.name, expected, row.added))
                }
            }
        }
        for problem in problems { print("executed instructions: \(problem)") }
        if problems.isEmpty, !update { print("executed instructions: none above Perf/instructions.golden, all ratios hold") }
        return problems.isEmpty
    }
}
