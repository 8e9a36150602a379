// SPDX-License-Identifier: Apache-2.0
//
// Finds the names of all calls that a history's stacks go through, asking for each module once, whatever the number of
// processes that loaded it: addresses are turned into the module's own before they are asked for.

internal import HeaplineCollector

final class StackNaming {
    private let trace: Trace
    private var nodeNames: [[Int32]] = []  // by process and node: index into `names`, or below 0
    private var canonical: [[Int32]] = []  // by process and node: the call tree's node, or -1
    /// Frames of each place, inner to outer; the first stands for what has no name at all.
    private(set) var names: [[SymbolFrame]] = [[SymbolFrame(function: "0x0", module: "")]]
    private(set) var problems: [SymbolProblem] = []

    /// Where a name is to go, and the place it is of.
    private struct Wish {
        var process: Int
        var node: Int
        var address: UInt64
    }

    init(_ history: History, _ options: SymbolizerOptions) throws(TraceError) {
        trace = history.trace
        for process in trace.processes {
            let count = trace.nodes(of: process.id).count
            nodeNames.append([Int32](repeating: -1, count: count))
            canonical.append([Int32](repeating: -1, count: count))
        }
        var wishes: [ModuleImage: [Wish]] = [:]
        // Deep recordings have millions of nodes and few places: where no two modules ever had the same addresses, a node is
        // named as the first one with its address is.
        let isFixed = trace.processes.map { Self.areApart($0.modules) }
        var firstWith: [[UInt64: Int]] = trace.processes.map { _ in [:] }
        var followers: [(process: Int, node: Int, first: Int)] = []
        let places = CodePlaces(trace)
        func want(_ process: Int, _ stack: Int) {
            let table = trace.nodes(of: process)
            var at = stack
            while let call = table.node(at), nodeNames[process][at] == -1 {
                nodeNames[process][at] = -2  // wanted
                if isFixed[process] {
                    let key = call.pc ^ (call.isExact ? 1 << 63 : 0)
                    if let first = firstWith[process][key] {
                        followers.append((process, at, first))
                        at = call.parent
                        continue
                    }
                    firstWith[process][key] = at
                }
                if let embedded = trace.embeddedFrames(process: process, pc: call.pc) {
                    name(process, at, embedded.map(SymbolFrame.init))
                } else {
                    let frame = StackFrame(pc: call.pc, isExact: call.isExact, node: at)
                    let (image, address) = places.place(of: frame, process: process)
                    wishes[image, default: []].append(Wish(process: process, node: at, address: address))
                }
                at = call.parent
            }
        }
        for site in history.sites { want(site.process, site.stack) }
        for release in history.releases { want(history.sites[release.site].process, release.stack) }
        let symbolizer = Symbolizer(options: options.dated(trace), embedded: trace.embeddedSymbols())
        let byPath = wishes.sorted { $0.key.path < $1.key.path }
        symbolizer.prepare(byPath.map { ($0.key, $0.value.map(\.address)) })
        for (image, asked) in byPath {
            let found = symbolizer.symbolize(module: image, addresses: asked.map(\.address), kind: .instruction)
            var known: [UInt64: Int32] = [:]
            for (wish, frames) in zip(asked, found) {
                if let index = known[wish.address] {
                    nodeNames[wish.process][wish.node] = index
                } else {
                    name(wish.process, wish.node, frames)
                    known[wish.address] = nodeNames[wish.process][wish.node]
                }
            }
        }
        for follower in followers { nodeNames[follower.process][follower.node] = nodeNames[follower.process][follower.first] }
        let found = symbolizer.problems
        for image in symbolizer.symbolizedModules.sorted(by: { $0.path < $1.path }) {
            for problem in found[image] ?? [] where !problems.contains(problem) { problems.append(problem) }
        }
    }

    /// An index into ``names`` of a call; the same for calls of the same place.
    func index(_ process: Int, _ node: Int) -> Int { max(Int(nodeNames[process][node]), 0) }

    /// The call tree's node for a call, if it has been told.
    func known(_ process: Int, _ node: Int) -> Int? {
        canonical[process][node] >= 0 ? Int(canonical[process][node]) : nil
    }

    func remember(_ process: Int, _ node: Int, _ place: Int) { canonical[process][node] = Int32(place) }

    private func name(_ process: Int, _ node: Int, _ frames: [SymbolFrame]) {
        names.append(frames.isEmpty ? [SymbolFrame(function: "0x0", module: "")] : frames)
        nodeNames[process][node] = Int32(names.count - 1)
    }

    /// Whether no two modules were at the same addresses, not even one after the other.
    private static func areApart(_ modules: [TraceModule]) -> Bool {
        let sorted = modules.sorted { $0.start < $1.start }
        return zip(sorted, sorted.dropFirst()).allSatisfy { $0.end <= $1.start }
    }
}

extension SymbolFrame {
    init(_ frame: EmbeddedFrame) {
        self.init(function: frame.function, file: frame.file, line: frame.line, module: frame.module)
    }
}
