// SPDX-License-Identifier: Apache-2.0
//
// What every kind of file becomes before anything looks at it. A view never knows which kind it was: it sees processes,
// stack nodes, and events in time order. A new kind of file is a new TraceSource and a line in Trace.open.

package import CHeaplineFormat
package import HeaplineCollector

/// The kinds of file that are recognised, by their content.
public enum TraceKind: String, Sendable, Hashable {
    case heapline
    case heaptrack
    case svdat
    case serialLog
}

/// An opened file, as processes, nodes and events in time order. Used by one thread at a time, but that ``embeddedSymbols(_:)``,
/// ``embeddedFrames(process:pc:)`` and what is already known may be asked for by another meanwhile.
package protocol TraceSource: AnyObject {
    var path: String { get }
    var kind: TraceKind { get }
    var state: TraceState { get }
    /// Wall clock at nanosecond 0 of the trace; 0 when unknown.
    var startUnixNanoseconds: UInt64 { get }
    var processes: [TraceProcess] { get }

    /// The stack nodes of a process.
    func nodes(of process: Int) -> NodeTable

    /// Names that the file itself holds for a code address, inner to outer; nil when it holds none.
    func embeddedFrames(process: Int, pc: UInt64) -> [EmbeddedFrame]?

    /// Calls `body` with runs of records of one process, in time order within a process and, to the precision of the
    /// clocks, between them. Memory does not grow with the length of the file.
    ///
    /// - Parameter body: gets the process and its records, valid during the call; returns false to stop.
    func replay(
        processes: Set<Int>?, _ body: (Int, UnsafeBufferPointer<hl_record>) throws(TraceError) -> Bool
    ) throws(TraceError)

    /// Calls `body` with each block that a dump described, in the file's order; the last dump of a process is the one
    /// that counts.
    func dumpedBlocks(process: Int, _ body: (DumpedBlock) -> Void) throws(TraceError)

    /// What the last whole dump of a process left of its memory; nil when there is none.
    func memoryImage(process: Int) throws(TraceError) -> MemoryImage?

    /// The payloads of embedded symbols (encoding of Symbols/), in the file's order.
    func embeddedSymbols(_ body: (Int, [UInt8]) -> Void) throws(TraceError)
}

/// A name that a foreign file holds for a code address.
public struct EmbeddedFrame: Sendable, Hashable {
    public var function: String
    public var file: String?
    public var line: Int?
    public var module: String

    public init(function: String, file: String? = nil, line: Int? = nil, module: String) {
        self.function = function
        self.file = file
        self.line = line
        self.module = module
    }
}

/// A block that was alive when the program dumped its live set.
public struct DumpedBlock: Sendable, Hashable {
    public enum Verdict: Int, Sendable, Hashable {
        case unknown = 0
        /// Nothing points to it.
        case unreachable = 1
        /// Only unreachable blocks point to it.
        case indirect = 2
        /// A global, stack, register or thread-local leads to it.
        case reachable = 3
    }
    public var address: UInt64
    public var firstWord: UInt64
    public var verdict: Verdict
}

extension TraceSource {
    package func embeddedFrames(process: Int, pc: UInt64) -> [EmbeddedFrame]? { nil }
    package func dumpedBlocks(process: Int, _ body: (DumpedBlock) -> Void) throws(TraceError) {}
    package func memoryImage(process: Int) throws(TraceError) -> MemoryImage? { nil }
    package func embeddedSymbols(_ body: (Int, [UInt8]) -> Void) throws(TraceError) {}
}
