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

    /// One address to name.
    private struct Place: Hashable {
        var address: UInt64
        var isExact: Bool
    }
    /// Where a name is to go.
    private struct Wish {
        var process: Int
        var node: Int
        var place: Place
    }

    init(_ history: History, _ options: SymbolizerOptions) throws(TraceError) {
        trace = history.trace
        for process in trace.processes {
            let count = trace.nodes(of: process.id).count
            nodeNames.append([Int32](repeating: -1, count: count))
            canonical.append([Int32](repeating: -1, count: count))
        }
        var wishes: [ModuleImage: [Wish]] = [:]
        var order: [ModuleImage] = []
        var images: [[ModuleImage]] = trace.processes.map { $0.modules.map(Self.image) }
        // Deep recordings have millions of nodes and few places: where no two modules ever had the same addresses, a node is
        // named as the first one with its address is.
        let isFixed = trace.processes.map { Self.areApart($0.modules) }
        var firstWith: [[UInt64: Int]] = trace.processes.map { _ in [:] }
        var followers: [(process: Int, node: Int, first: Int)] = []
        for site in history.sites {
            let process = site.process
            let table = trace.nodes(of: process)
            var at = site.stack
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
                    let (image, place) = place(of: frame, process: process, &images)
                    if wishes[image] == nil { order.append(image) }
                    wishes[image, default: []].append(Wish(process: process, node: at, place: place))
                }
                at = call.parent
            }
        }
        let symbolizer = Symbolizer(options: options, embedded: embedded())
        for image in order.sorted(by: { $0.path < $1.path }) {
            for isExact in [false, true] {
                let asked = (wishes[image] ?? []).filter { $0.place.isExact == isExact }
                guard !asked.isEmpty else { continue }
                let found = symbolizer.symbolize(
                    module: image, addresses: asked.map(\.place.address), kind: isExact ? .instruction : .returnAddress)
                var known: [UInt64: Int32] = [:]
                for (wish, frames) in zip(asked, found) {
                    if let index = known[wish.place.address] {
                        nodeNames[wish.process][wish.node] = index
                    } else {
                        name(wish.process, wish.node, frames)
                        known[wish.place.address] = nodeNames[wish.process][wish.node]
                    }
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

    /// The module of a call and the address within it.
    private func place(of frame: StackFrame, process: Int, _ images: inout [[ModuleImage]]) -> (ModuleImage, Place) {
        let modules = trace.processes[process].modules
        let address = frame.isExact ? frame.pc : frame.pc &- 1
        var best: Int?
        for (index, module) in modules.enumerated() where module.start <= address && address < module.end {
            if best == nil || module.firstNode <= frame.node { best = index }
        }
        guard let best else {
            let image = ModuleImage.runtimeCode(processID: Int(trace.processes[process].pid))
            return (image, Place(address: frame.pc, isExact: frame.isExact))
        }
        return (images[process][best], Place(address: frame.pc &- modules[best].bias, isExact: frame.isExact))
    }

    /// Whether no two modules were at the same addresses, not even one after the other.
    private static func areApart(_ modules: [TraceModule]) -> Bool {
        let sorted = modules.sorted { $0.start < $1.start }
        return zip(sorted, sorted.dropFirst()).allSatisfy { $0.end <= $1.start }
    }

    /// A module as a file: without where it was loaded, so that all processes share it.
    private static func image(_ module: TraceModule) -> ModuleImage {
        ModuleImage(path: module.path, buildID: module.buildID)
    }

    /// Symbols that came with the trace. Damaged ones are left out: the files may still be there.
    private func embedded() -> EmbeddedSymbols {
        var result = EmbeddedSymbols()
        do throws(TraceError) {
            try trace.embeddedSymbols { _, bytes in
                if let part = try? EmbeddedSymbols(decoding: bytes) {
                    for (key, frames) in part.modules {
                        result.modules[key, default: [:]].merge(frames) { _, newer in newer }
                    }
                }
            }
        } catch {
            return result
        }
        return result
    }
}

extension SymbolFrame {
    init(_ frame: EmbeddedFrame) {
        self.init(function: frame.function, file: frame.file, line: frame.line, module: frame.module)
    }
}
