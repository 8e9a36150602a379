// SPDX-License-Identifier: Apache-2.0
//
// The page of `stacks`.

internal import Foundation

extension Stacks.Found {
    private func cell(_ workload: String, _ tracer: String) -> Stacks.Cell? {
        cells.first { $0.workload.hasPrefix(workload) && $0.tracer == tracer }
    }

    private var promises: Promises {
        var rows = Promises()
        let steady = "32 frames", tree = "5,000", flat = "all, depth 0", deep = "all, depth 32"
        func wall(_ workload: String, _ tracer: String) -> Double? { cell(workload, tracer)?.addedWall.median }
        func ratio(_ a: Double?, _ b: Double?) -> Double? {
            guard let a, let b, b > 0 else { return nil }
            return a / b
        }
        let pair = wall(steady, deep).map { 2 * $0 }
        rows.add("32 frames unchanged: an allocation and its free", "at most 60 ns added", pair, " ns") { $0 <= 60 }
        rows.add("… against depth 0", "at most 2.5 times", ratio(wall(steady, deep), wall(steady, flat)), " times") { $0 <= 2.5 }
        // Against heaptrack as it is started by default; what its raw mode adds is in the table below.
        rows.add("… heaptrack adds", "at least 10 times more", ratio(wall(steady, "heaptrack"), wall(steady, deep)), " times") { $0 >= 10 }
        rows.add("5,000 stacks at random: heaptrack adds", "at least 5 times more", ratio(wall(tree, "heaptrack"), wall(tree, deep)), " times") {
            $0 >= 5
        }
        func cpu(_ workload: String, _ tracer: String) -> Double? { cell(workload, tracer)?.addedCPU.median }
        rows.add("8 threads against 1, CPU added per event", "at most 1.3 times", ratio(cpu("8 threads", deep), cpu("1 thread", deep)), " times") {
            $0 <= 1.3
        }
        return rows
    }

    var markdown: String {
        var text = """
            # What call stacks cost: \(date)

            \(machine.processor), \(machine.cores) cores, \(machine.memoryBytes >> 30) GiB, \(machine.kernel), \(machine.libc); reading the
            processor's counter takes \(Table.number(machine.counterReadNs)) ns here. Load before the start: \(machine.loadBefore).
            Made with `make stacks`. Whole programs: \(rounds) interleaved rounds, medians; in brackets the interval that holds the
            median with 95 % confidence. An event is one allocation or one free; *added* is more than untraced, in the same round. Mode all.

            \(promises.markdown)
            """
        text += "\n## Whole programs, ns per event\n\n| workload | untraced | tracer | added wall | added CPU |\n|---|--:|---|--:|--:|\n"
        func interval(_ estimate: Estimate) -> String {
            "\(Table.number(estimate.median)) [\(Table.number(estimate.low)), \(Table.number(estimate.high))]"
        }
        for cell in cells {
            text += "| \(cell.workload) | \(Table.number(cell.untraced)) | \(cell.tracer) | \(interval(cell.addedWall)) | \(interval(cell.addedCPU)) |\n"
        }
        if !captures.isEmpty {
            text += "\n## The capture alone, in process\n\nProcessor time of the thread, medians of 9 rounds taken in turns. "
            text += "`heapline` gives an interned id of the stack, the others its addresses; theirs hold the frames of the measuring code, too.\n\n"
            text += "| stacks | unwinder | ns | frames | million frames/s |\n|---|---|--:|--:|--:|\n"
            for row in captures {
                text += "| \(row.stacks) | `\(row.way)` | \(Table.number(row.nanoseconds)) | \(Table.number(row.frames, 0)) "
                text += "| \(Table.number(row.framesPerSecond / 1e6)) |\n"
            }
        }
        if !instructions.isEmpty {
            text += "\n## Instructions added per event\n\nBy callgrind, which repeats exactly; without rseq, which it does not know.\n\n"
            text += "| loop | depth 0 | depth 32 |\n|---|--:|--:|\n"
            for name in ["tight", "deep", "tree"] {
                let values = Stacks.depths.map { depth in instructions.first { $0.workload == name && $0.depth == depth }?.added }
                text += "| \(name) | \(values.map { Table.number($0) }.joined(separator: " | ")) |\n"
            }
        }
        return text + Page.end(missing: missing, machine, tools: ["heapline", "heaptrack", "valgrind", "compiler"])
    }
}
