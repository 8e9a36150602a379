// SPDX-License-Identifier: Apache-2.0
//
// The call stacks of one process as a forest: each node is a call, its parent the caller, and the roots say why a stack
// ends. Ids below 16 are roots; damaged or missing ids behave as an unknown root.

internal import CHeaplineFormat

/// Why a stack ends where it does.
public enum StackEnd: Int, Sendable, Hashable {
    /// No stack was asked for.
    case none = 0
    /// The outermost frame was reached.
    case complete = 1
    /// There are more frames than the depth asked for.
    case depth = 2
    /// The outermost frame's code has no unwind information.
    case noRule = 3
    /// Unwind information led outside the stack.
    case badFrame = 4
    /// The node table was full.
    case tableFull = 5
    /// Captured inside the recorder itself: not unwound.
    case nested = 6
    /// The thread was ending.
    case limbo = 7
    /// The trace does not hold the stack: it was cut, or is damaged.
    case missing = 8

    /// One sentence, for people.
    public var explanation: String {
        switch self {
        case .none: "no stacks were recorded"
        case .complete: "the whole stack"
        case .depth: "the stack is deeper than was recorded"
        case .noRule: "code without unwind information"
        case .badFrame: "unwind information led outside the stack"
        case .tableFull: "the table of stacks was full"
        case .nested: "inside the recorder itself"
        case .limbo: "the thread was ending"
        case .missing: "the trace does not hold the rest"
        }
    }
}

/// One call of a stack.
public struct StackFrame: Sendable, Hashable {
    /// A return address; or, when `isExact`, the interrupted instruction itself.
    public var pc: UInt64
    public var isExact: Bool
    /// Its node id, by which frames of one process can be compared.
    public var node: Int
}

/// A call stack as recorded.
public struct CallStack: Sendable, Hashable {
    /// Inner (callee) to outer (caller).
    public var frames: [StackFrame]
    public var end: StackEnd
}

/// The stack nodes of one process.
public final class NodeTable {
    private var table = Slab<hl_node>()

    init() {
        table.extend(to: Int(HL_ROOT_COUNT.rawValue), with: hl_node(pc: 0, parent: 0, flags: 0))
    }

    /// One past the highest id.
    public var count: Int { table.count }

    /// Sets nodes from id `first`; nodes in between that never came stay missing.
    func add(_ nodes: UnsafeBufferPointer<hl_node>, first: Int) {
        table.extend(to: first + nodes.count, with: hl_node(pc: 0, parent: 0, flags: 0))
        for index in 0..<nodes.count { unsafe table[first + index] = nodes[index] }
    }

    /// Appends one node and returns its id, for sources that make their own.
    package func append(pc: UInt64, parent: Int, isExact: Bool = false) -> Int {
        table.append(
            hl_node(
                pc: pc, parent: UInt32(clamping: parent),
                flags: HL_NODE_VALID | (isExact ? HL_NODE_EXACT : 0)))
        return table.count - 1
    }

    /// The call of a node and its caller's id; nil for roots and for nodes the trace does not hold.
    public func node(_ id: Int) -> (pc: UInt64, parent: Int, isExact: Bool)? {
        guard id >= Int(HL_ROOT_COUNT.rawValue), id < table.count else { return nil }
        let node = table[id]
        guard node.flags & HL_NODE_VALID != 0, Int(node.parent) < id else { return nil }
        return (node.pc, Int(node.parent), node.flags & HL_NODE_EXACT != 0)
    }

    /// Whether `id` has a caller or frames of its own.
    public func isRoot(_ id: Int) -> Bool { id < Int(HL_ROOT_COUNT.rawValue) }

    /// The frames of a stack.
    public func stack(_ id: Int) -> CallStack {
        var frames: [StackFrame] = []
        var at = id
        while let node = node(at) {
            frames.append(StackFrame(pc: node.pc, isExact: node.isExact, node: at))
            at = node.parent
        }
        return CallStack(frames: frames, end: isRoot(at) ? StackEnd(rawValue: at) ?? .missing : .missing)
    }
}
