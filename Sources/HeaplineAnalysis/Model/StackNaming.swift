// SPDX-License-Identifier: Apache-2.0
//
// Finds the names of all calls that a history's stacks go through, asking for each module once, whatever the number of
// processes that loaded it: addresses are turned into the module's own before they are asked for.

internal import HeaplineCollector

final class StackNaming {
    private let trace: Trace
    private var nodeNames: [[Int32]] = []  // by process and node: index into `names`, or -1
    private var canonical: [[Int32]] = []  // by process and node: the call tree's node, or -1
    private var names: [[SymbolFrame]] = []
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
        let places = CodePlaces(trace)
        func want(_ process: Int, _ stack: Int) {
            let table = trace.nodes(of: process)
            var at = stack
            while let call = table.node(at), nodeNames[process][at] == -1 {
                nodeNames[process][at] = -2  // wanted
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
        for (image, asked) in wishes.sorted(by: { $0.key.path < $1.key.path }) {
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
        let found = symbolizer.problems
        for image in symbolizer.symbolizedModules.sorted(by: { $0.path < $1.path }) {
            for problem in found[image] ?? [] where !problems.contains(problem) { problems.append(problem) }
        }
    }

    /// The frames of a call, inner to outer.
    func frames(_ process: Int, _ node: Int) -> [SymbolFrame] {
        let index = Int(nodeNames[process][node])
        return index >= 0 ? names[index] : [SymbolFrame(function: "0x0", module: "")]
    }

    /// The call tree's node for a call, if it has been told.
    func known(_ process: Int, _ node: Int) -> Int? {
        canonical[process][node] >= 0 ? Int(canonical[process][node]) : nil
    }

    func remember(_ process: Int, _ node: Int, _ place: Int) { canonical[process][node] = Int32(place) }

    private func name(_ process: Int, _ node: Int, _ frames: [SymbolFrame]) {
        names.append(frames.isEmpty ? [SymbolFrame(function: "0x0", module: "")] : frames)
        nodeNames[process][node] = Int32(names.count - 1)
    }
}

extension SymbolFrame {
    init(_ frame: EmbeddedFrame) {
        self.init(function: frame.function, file: frame.file, line: frame.line, module: frame.module)
    }
}
