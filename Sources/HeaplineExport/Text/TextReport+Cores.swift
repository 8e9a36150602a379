// SPDX-License-Identifier: Apache-2.0
//
// What ran on the cores of an emulated chip, as a table of contexts.

internal import HeaplineAnalysis

extension TextReport {
    mutating func cores() {
        guard let cores = report.cores else { return }
        heading("\(Units.count(UInt64(cores.cores), "core")), \(Units.count(cores.spanCount, "run"))")
        let all = cores.contexts.reduce(UInt64(0)) { $0 &+ $1.time }
        var table = TextTable(
            ["time", "share", "runs", "longest"] + (0..<cores.cores).map { "core \($0)" } + ["kind", "context"])
        let limit = style.limit ?? 40
        for context in cores.contexts.prefix(limit) {
            let process = report.trace.processes[context.process]
            let byCore = (0..<cores.cores).map { core in
                core < context.timeByCore.count && context.timeByCore[core] > 0 ? Units.duration(context.timeByCore[core]) : "–"
            }
            table.add(
                [
                    Units.duration(context.time), Units.percent(context.time, of: all), Units.count(context.runs),
                    Units.duration(context.longest),
                ] + byCore + ["\(context.activity)", process.threadName(context.thread)])
        }
        lines += table.lines(style)
        if cores.contexts.count > limit {
            lines.append(style.dim("  \(cores.contexts.count - limit) more; --limit \(cores.contexts.count) shows all"))
        }
    }
}
