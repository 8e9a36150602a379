// SPDX-License-Identifier: Apache-2.0
//
// Stacks that end too early, by the module whose code stopped the unwinder: what is missing from a report, and why.

/// How many allocations have a stack that ends early in one module, and why.
public struct UnwindingProblem: Sendable, Hashable {
    /// The path of the module; empty for code outside every module.
    public var module: String
    public var end: StackEnd
    /// Stacks and allocations concerned.
    public var stacks: UInt64
    public var allocations: UInt64

    /// What to do about it; nil when nothing can be done.
    public var remedy: String? {
        switch end {
        case .noRule: module.isEmpty ? "let the runtime keep frame pointers" : "compile it with -fasynchronous-unwind-tables"
        case .depth: "record with a larger --depth"
        case .tableFull: "record with a smaller --depth"
        default: nil
        }
    }
}

extension CallTree {
    /// Stacks that end early for another reason than the depth asked for; most allocations first.
    public var unwindingProblems: [UnwindingProblem] {
        var found: [UnwindingProblem: (stacks: UInt64, allocations: UInt64)] = [:]
        for site in sites {
            let end = end(site.node)
            guard end != .complete, end != .none, end != .depth else { continue }
            let module = frames(site.node).last?.module ?? ""
            let key = UnwindingProblem(module: module, end: end, stacks: 0, allocations: 0)
            let sums = found[key] ?? (0, 0)
            found[key] = (sums.stacks + 1, sums.allocations &+ site.allocations)
        }
        let problems = found.map { key, sums in
            UnwindingProblem(module: key.module, end: key.end, stacks: sums.stacks, allocations: sums.allocations)
        }
        return problems.sorted {
            ($1.allocations, $0.module, $0.end.rawValue) < ($0.allocations, $1.module, $1.end.rawValue)
        }
    }
}
