// SPDX-License-Identifier: Apache-2.0
//
// Puts the names of all functions on a trace's stacks into its file (`run --embed-symbols`), after the recording and by
// another process than the recorded one. The file is continued in the place of its last chunk, which says that it is whole.

internal import CHeaplineFormat
public import HeaplineCollector

/// What embedding did.
public struct SymbolEmbedding: Sendable, Hashable {
    /// Addresses that the file now names.
    public var addresses = 0
    /// Bytes that the file grew by.
    public var bytes: UInt64 = 0

    public init() {}

    /// Embeds the symbols of a trace file, those of every frame of every process in it. Names that it holds already stay.
    public static func embed(
        in path: String, symbols: SymbolizerOptions = SymbolizerOptions()
    ) throws(TraceError) -> SymbolEmbedding {
        let trace = try Trace.open(path)
        guard let source = trace.source as? HeaplineSource else {
            throw TraceError(.foreign, path: path, message: "holds its own names; symbols are embedded in .heapline traces")
        }
        guard trace.state == .complete else {
            throw TraceError(.foreign, path: path, message: "is not whole: symbols are embedded in recordings that have ended")
        }
        let known = trace.embeddedSymbols()
        let places = CodePlaces(trace)
        var wanted: [ModuleImage: Set<UInt64>] = [:]
        for process in trace.processes {
            let table = trace.nodes(of: process.id)
            for id in 0..<table.count {
                guard let call = table.node(id) else { continue }
                let frame = StackFrame(pc: call.pc, isExact: call.isExact, node: id)
                let (image, address) = places.place(of: frame, process: process.id)
                if known.frames(module: image, place: address) == nil { wanted[image, default: []].insert(address) }
            }
        }
        var result = SymbolEmbedding()
        guard !wanted.isEmpty else { return result }
        // All is looked up before the file is touched; what follows is short.
        var parts: [[UInt8]] = []
        let symbolizer = Symbolizer(options: symbols.dated(trace))
        for (image, addresses) in wanted.sorted(by: { $0.key.path < $1.key.path }) {
            let addresses = addresses.sorted()
            var part = EmbeddedSymbols()
            part.add(
                module: image, addresses: addresses, kind: .instruction,
                frames: symbolizer.symbolize(module: image, addresses: addresses, kind: .instruction),
                problems: symbolizer.problems[image] ?? [])
            parts.append(part.encode())
            result.addresses += addresses.count
        }
        let writer = try TraceWriter(continuing: path, at: source.contentEnd, processes: trace.processes.count)
        let before = writer.bytes
        for part in parts { unsafe part.withUnsafeBytes { unsafe writer.symbols($0, process: 0) } }
        result.bytes = writer.bytes - before
        writer.finish()
        if let failure = writer.failure { throw failure }
        return result
    }
}
