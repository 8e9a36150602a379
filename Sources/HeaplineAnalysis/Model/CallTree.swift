// SPDX-License-Identifier: Apache-2.0
//
// Stacks by name: the forest of all recorded stacks, with functions and lines in the place of addresses. Stacks that read
// the same are the same here, whichever process or address they came from. Views use this, not return addresses:
//
//   let tree = try CallTree(history)
//   for site in tree.sites.sorted(by: …) { tree.frames(site.node) }
//   flame graph: sum `sites` up along tree.nodes[n].parent
//   diff: match tree.frames of two trees by function

public import HeaplineCollector

/// All stacks of a history as one forest of named calls.
public final class CallTree {
    /// One call. Ids below ``rootCount`` are roots and have no frame: they say why their stacks end.
    public struct Node: Sendable {
        public var parent: Int
        /// An index into ``CallTree/frames``; -1 for a root.
        public var frame: Int
    }

    /// What one named stack did: the sums of all ``Site``s that read the same.
    public struct StackSums: Sendable {
        /// The innermost call; its frames are ``CallTree/frames(_:)``.
        public var node: Int
        public var allocations: UInt64 = 0
        public var bytes: UInt64 = 0
        public var liveBlocks: UInt64 = 0
        public var liveBytes: UInt64 = 0
        public var peakBlocks: UInt64 = 0
        public var peakBytes: UInt64 = 0
        public var temporary: UInt64 = 0
        public var reallocations: UInt64 = 0
        /// In mode sample; independent errors add as squares.
        public var standardErrors: Site.StandardErrors?
    }

    /// Who freed blocks of a stack, by name.
    public struct Freed: Sendable, Hashable {
        /// The innermost call of the stack that freed them.
        public var node: Int
        public var blocks: UInt64
        public var bytes: UInt64
    }

    /// Ids below this are roots; id = ``StackEnd`` raw value.
    public static let rootCount = 16

    public let history: History
    public private(set) var nodes: [Node]
    /// Every distinct frame.
    public private(set) var frames: [SymbolFrame] = []
    /// Every distinct stack that allocated, in the order in which they were first seen.
    public private(set) var sites: [StackSums] = []
    /// For each of the history's sites, its index in ``sites``.
    public private(set) var siteOf: [Int] = []
    /// For indexes into ``sites``, who freed blocks of it, most blocks first. Empty unless the stacks of frees were recorded.
    public private(set) var freedBy: [Int: [Freed]] = [:]
    /// What kept functions from having names or lines, by module; the order is that of the modules' paths.
    public private(set) var symbolProblems: [SymbolProblem] = []

    private var frameIndex: [SymbolFrame: Int] = [:]
    private var nodeIndex: [UInt64: Int] = [:]  // parent << 32 | frame
    private var frameIDs: [[Int]] = []  // by index of the name: its frames, outer to inner

    /// Names all stacks of `history`.
    public init(_ history: History, symbols: SymbolizerOptions = SymbolizerOptions()) throws(TraceError) {
        self.history = history
        nodes = (0..<Self.rootCount).map { Node(parent: $0, frame: -1) }
        let naming = try StackNaming(history, symbols)
        symbolProblems = naming.problems
        // Frames get their numbers in the order in which stacks first show them.
        frameIDs = [[Int]](repeating: [], count: naming.names.count)
        var merged: [Int: Int] = [:]
        siteOf.reserveCapacity(history.sites.count)
        for site in history.sites {
            let node = node(site.process, site.stack, naming)
            let index = merged[node] ?? sites.count
            if index == sites.count {
                merged[node] = index
                sites.append(StackSums(node: node))
            }
            sites[index].add(site)
            siteOf.append(index)
        }
        for growth in history.growth { sites[siteOf[growth.site]].reallocations &+= growth.reallocations }
        addFrees(naming)
        frameIndex = [:]
        nodeIndex = [:]
        frameIDs = []
    }

    private func addFrees(_ naming: StackNaming) {
        var sums: [Int: [Int: Freed]] = [:]  // by site and node
        for release in history.releases {
            let node = node(history.sites[release.site].process, release.stack, naming)
            let nothing = Freed(node: node, blocks: 0, bytes: 0)
            sums[siteOf[release.site], default: [:]][node, default: nothing].blocks &+= release.blocks
            sums[siteOf[release.site], default: [:]][node, default: nothing].bytes &+= release.bytes
        }
        freedBy = sums.mapValues { $0.values.sorted { ($1.blocks, $0.node) < ($0.blocks, $1.node) } }
    }

    /// The calls of a stack, inner to outer.
    public func frames(_ node: Int) -> [SymbolFrame] {
        var result: [SymbolFrame] = []
        var at = node
        while at >= Self.rootCount {
            result.append(frames[nodes[at].frame])
            at = nodes[at].parent
        }
        return result
    }

    /// Calls `body` with the index of each frame of a stack in ``frames``, inner to outer.
    public func forEachFrame(_ node: Int, _ body: (Int) -> Void) {
        var at = node
        while at >= Self.rootCount {
            body(nodes[at].frame)
            at = nodes[at].parent
        }
    }

    /// The sums of several of ``sites``; the node is that of no stack.
    package func sum(of indexes: some Sequence<Int>) -> StackSums {
        var result = StackSums(node: StackEnd.none.rawValue)
        for index in indexes { result.add(sites[index]) }
        return result
    }

    /// Why a stack ends where it does.
    public func end(_ node: Int) -> StackEnd {
        var at = node
        while at >= Self.rootCount { at = nodes[at].parent }
        return StackEnd(rawValue: at) ?? .missing
    }

    /// Whether any stack has a frame: not so when recorded with depth 0.
    public var hasStacks: Bool { nodes.count > Self.rootCount }

    // MARK: Building

    private func node(_ process: Int, _ stack: Int, _ naming: StackNaming) -> Int {
        let table = history.trace.nodes(of: process)
        // Outwards until a call that is known already, then inwards again.
        var path: [Int] = []
        var at = stack
        var known: Int?
        while let call = table.node(at) {
            known = naming.known(process, at)
            if known != nil { break }
            path.append(at)
            at = call.parent
        }
        let root = table.isRoot(at) ? at : StackEnd.missing.rawValue
        var node = known ?? (StackEnd(rawValue: root) == nil ? StackEnd.missing.rawValue : root)
        for id in path.reversed() {
            let name = naming.index(process, id)
            if frameIDs[name].isEmpty { frameIDs[name] = naming.names[name].reversed().map(frameID) }
            for frame in frameIDs[name] { node = child(of: node, frame) }
            naming.remember(process, id, node)
        }
        return node
    }

    private func frameID(_ frame: SymbolFrame) -> Int {
        if let known = frameIndex[frame] { return known }
        frames.append(frame)
        frameIndex[frame] = frames.count - 1
        return frames.count - 1
    }

    private func child(of parent: Int, _ index: Int) -> Int {
        let key = UInt64(parent) << 32 | UInt64(index)
        if let known = nodeIndex[key] { return known }
        nodes.append(Node(parent: parent, frame: index))
        nodeIndex[key] = nodes.count - 1
        return nodes.count - 1
    }
}

extension CallTree.StackSums {
    mutating func add(_ site: Site) {
        allocations &+= site.allocations
        bytes &+= site.bytes
        liveBlocks &+= site.liveBlocks
        liveBytes &+= site.liveBytes
        peakBlocks &+= site.peakBlocks
        peakBytes &+= site.peakBytes
        temporary &+= site.temporary
        add(site.standardErrors)
    }

    fileprivate mutating func add(_ other: CallTree.StackSums) {
        allocations &+= other.allocations
        bytes &+= other.bytes
        liveBlocks &+= other.liveBlocks
        liveBytes &+= other.liveBytes
        peakBlocks &+= other.peakBlocks
        peakBytes &+= other.peakBytes
        temporary &+= other.temporary
        reallocations &+= other.reallocations
        add(other.standardErrors)
    }

    private mutating func add(_ errors: Site.StandardErrors?) {
        guard let errors else { return }
        standardErrors = standardErrors.map { $0.with(errors) } ?? errors
    }
}

extension CallTree {
    /// How good the sums of all stacks are; nil unless they are estimates.
    public var standardErrors: Site.StandardErrors? {
        sites.lazy.compactMap(\.standardErrors).reduce(nil as Site.StandardErrors?) { $0?.with($1) ?? $1 }
    }
}

extension Site.StandardErrors {
    /// That of the sum of two estimates: blocks are sampled independently, so variances add up.
    fileprivate func with(_ other: Site.StandardErrors) -> Site.StandardErrors {
        func both(_ a: Double, _ b: Double) -> Double { (a * a + b * b).squareRoot() }
        return Site.StandardErrors(
            allocations: both(allocations, other.allocations), bytes: both(bytes, other.bytes),
            liveBlocks: both(liveBlocks, other.liveBlocks), liveBytes: both(liveBytes, other.liveBytes))
    }
}
