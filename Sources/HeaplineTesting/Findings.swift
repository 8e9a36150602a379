// SPDX-License-Identifier: Apache-2.0
//
// A measurement against its limits. Stacks are named only when there is something to say: that takes a symbolizer.

internal import HeaplineAnalysis
internal import HeaplineCollector
internal import Testing

struct Findings {
    private(set) var messages: [String] = []
    private let trace: Trace

    init(_ trace: Trace, thread: UInt32, _ checks: [HeapCheck]) throws(TraceError) {
        self.trace = trace
        let heap = try ThreadHeap(trace, thread: thread) { stack in Self.isTestingLibrary(trace, stack) }
        var named: CallTree?
        for check in checks {
            switch check {
            case .budget(let budget):
                let exceeded = [
                    Self.excess("allocations", heap.allocations, budget.allocations),
                    Self.excess("bytes allocated", heap.bytes, budget.bytes),
                    Self.excess("bytes alive at once", heap.peak, budget.peak),
                ].compactMap(\.self)
                if exceeded.isEmpty { continue }
                let names = try Self.names(named, trace)
                named = names
                let most = heap.stacks.sorted { ($0.value.bytes, $0.key) > ($1.value.bytes, $1.key) }.prefix(3)
                let lines = most.map { stack, sums in
                    "  \(sums.allocations) allocations, \(sums.bytes) bytes: \(text(names, stack))"
                }
                messages.append(([exceeded.joined(separator: "; ")] + lines).joined(separator: "\n"))
            case .noLeaks:
                var groups: [UInt32: (blocks: Int, bytes: UInt64)] = [:]
                for block in heap.live.values {
                    groups[block.stack, default: (0, 0)].blocks += 1
                    groups[block.stack]!.bytes &+= block.size
                }
                if groups.isEmpty { continue }
                let names = try Self.names(named, trace)
                named = names
                for (stack, sums) in groups.sorted(by: { ($0.value.bytes, $0.key) > ($1.value.bytes, $1.key) }) {
                    if frames(names, stack).contains(where: Self.isMadeOnce) { continue }
                    messages.append(
                        "\(sums.blocks) \(sums.blocks == 1 ? "block" : "blocks") of \(sums.bytes) bytes leaked: \(text(names, stack))"
                    )
                }
            }
        }
    }

    /// Records one issue for each message.
    func record(at location: SourceLocation) {
        for message in messages { Issue.record(Comment(rawValue: message), sourceLocation: location) }
    }

    private static func excess(_ what: String, _ value: UInt64, _ limit: Int?) -> String? {
        guard let limit, value > UInt64(max(limit, 0)) else { return nil }
        return "\(value) \(what), the budget is \(limit)"
    }

    // MARK: Stacks

    private static func names(_ known: CallTree?, _ trace: Trace) throws(TraceError) -> CallTree {
        if let known { return known }
        return try CallTree(try trace.history())
    }

    private func frames(_ names: CallTree, _ stack: UInt32) -> [SymbolFrame] {
        guard let site = names.history.sites.first(where: { $0.stack == Int(stack) }) else { return [] }
        return names.frames(names.sites[names.siteOf[site.id]].node)
    }

    private func text(_ names: CallTree, _ stack: UInt32) -> String {
        let calls = StackTrimming.trim(frames(names, stack)).prefix(6).map { frame in
            let name = ShortName.of(frame.function)
            return frame.line.map { "\(name) (\(frame.file?.split(separator: "/").last ?? ""):\($0))" } ?? name
        }
        return calls.isEmpty ? "no stack" : calls.joined(separator: " ← ")
    }

    /// Whether the innermost call outside of the runtime libraries is one of the testing library: its own bookkeeping.
    private static func isTestingLibrary(_ trace: Trace, _ stack: UInt32) -> Bool {
        for frame in trace.nodes(of: 0).stack(Int(stack)).frames {
            guard let module = trace.module(of: frame, process: 0) else { continue }
            let name = module.path.split(separator: "/").last ?? ""
            if name.hasPrefix("libTesting.") || name.hasPrefix("lib_Testing") { return true }
            if runtimes.contains(where: name.hasPrefix) { continue }
            return false
        }
        return false
    }

    private static let runtimes = [
        "libc.so", "libc-", "ld-linux", "libstdc++", "libpthread", "libswiftCore", "libswift_Concurrency",
        "libswift_StringProcessing", "libswiftSynchronization", "libdispatch", "libBlocksRuntime", "libswiftDispatch",
        "libFoundation", "lib_Foundation", "libm.so", "libgcc_s",
    ]

    /// Whether a call makes something that stays for good, once in a process.
    private static func isMadeOnce(_ frame: SymbolFrame) -> Bool {
        let name = frame.function
        return once.contains { name.contains($0) }
    }

    private static let once = [
        "swift_once", "swift_getGenericMetadata", "swift_getCanonical", "swift_getTypeByMangledName", "MetadataCache",
        "swift_conformsToProtocol", "swift_getWitnessTable", "swift_getAssociated", "swift_getTupleType",
        "swift_getFunctionType", "swift_getExistentialType", "swift_getMetatypeMetadata", "swift_initClassMetadata",
        "swift_allocateGenericValueMetadata", "swift_getForeignTypeMetadata", "swift_getSingletonMetadata",
        "swift_getOpaqueType", "swift_getKeyPath", "ProtocolConformance", "dlsym", "dlopen", "_dl_", "call_once",
        "pthread_once", "std::locale", "__cxa_get_globals", "swift_task_alloc", "swift::swift_task_alloc",
    ]
}
