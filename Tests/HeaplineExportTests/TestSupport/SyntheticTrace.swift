// SPDX-License-Identifier: Apache-2.0
//
// Traces made in memory, with names of their own: a TraceSource like any other, so exports run on them as they are. What
// they hold is random but for the seed.

import CHeaplineFormat
import HeaplineCollector

@testable import HeaplineAnalysis

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

final class SyntheticTrace: TraceSource {
    let path = "synthetic"
    var kind = TraceKind.heaptrack  // no counts of a recorder to agree with
    let state = TraceState.complete
    let startUnixNanoseconds: UInt64 = 1_700_000_000_000_000_000
    var processes: [TraceProcess] = []
    private var tables: [NodeTable] = []
    private var records: [(process: Int, record: hl_record)] = []
    private var names: [[UInt64: EmbeddedFrame]] = []

    init() {}

    var trace: Trace { Trace(source: self) }

    func tree(activity: Bool = false) throws -> CallTree { try CallTree(try trace.history(HistoryOptions(activity: activity))) }

    func addProcess(mode: RecordingMode = .all, depth: Int = 32) -> Int {
        let id = processes.count
        var process = TraceProcess(id: id, clock: Clock(hz: 1_000_000_000, offset: 0))
        process.pid = UInt32(1000 + id)
        process.executable = "/opt/app \(id)"
        process.arguments = ["app", "--name=a;b, \"c\"", "über"]
        process.mode = mode
        process.depth = depth
        process.threads = [TraceThread(name: "main, \"1\"", tid: 1), TraceThread(name: "worker", tid: 2)]
        processes.append(process)
        tables.append(NodeTable())
        names.append([:])
        return id
    }

    /// Adds a call; names are found by its address.
    func addCall(_ process: Int, pc: UInt64, parent: Int, _ frame: EmbeddedFrame) -> Int {
        names[process][pc] = frame
        return tables[process].append(pc: pc, parent: parent)
    }

    func add(
        _ kind: hl_kind, process: Int = 0, ticks: UInt64, address: UInt64, size: UInt64 = 0, stack: Int = 0,
        thread: Int = 0
    ) {
        records.append(
            (
                process,
                hl_record(
                    time_kind: ticks << 8 | UInt64(kind.rawValue), address: address, size: size, stack: UInt32(stack),
                    thread: UInt32(thread))
            ))
    }

    // MARK: TraceSource

    func nodes(of process: Int) -> NodeTable { tables[process] }

    func embeddedFrames(process: Int, pc: UInt64) -> [EmbeddedFrame]? { names[process][pc].map { [$0] } }

    func replay(
        processes wanted: Set<Int>?, _ body: (Int, UnsafeBufferPointer<hl_record>) throws(TraceError) -> Bool
    ) throws(TraceError) {
        for item in records where wanted?.contains(item.process) ?? true {
            let one = UnsafeMutableBufferPointer<hl_record>.allocate(capacity: 1)
            defer { unsafe one.deallocate() }
            unsafe one.initialize(repeating: item.record)
            guard unsafe try body(item.process, UnsafeBufferPointer(one)) else { return }
        }
    }
}

extension SyntheticTrace {
    /// A random program: `base` moves all code, as another build or another load address would.
    static func random(_ seed: UInt64, events count: Int = 800, base: UInt64 = 0x40_0000, processes: Int = 1) -> SyntheticTrace {
        var random = Seeded(seed)
        let result = SyntheticTrace()
        for _ in 0..<processes { _ = result.addProcess() }
        let words = [
            "main", "parse(char const*)", "std::vector<int>::push_back(int&&)", "a;b", "f, \"quoted\"", "größe()",
            "operator new(unsigned long)", "load", "tab\there", "0x123",
        ]
        var stacks: [[Int]] = []
        for process in 0..<processes {
            var nodes = [1, 1, 2]
            for number in 0..<24 {
                let name = words[random.below(words.count)]
                let frame = EmbeddedFrame(
                    function: name, file: random.chance(60) ? "/src/file\(random.below(3)).c" : nil,
                    line: random.chance(80) ? 1 + random.below(99) : nil, module: random.chance(90) ? "/opt/app" : "")
                let parent = nodes[random.below(nodes.count)]
                nodes.append(result.addCall(process, pc: base + UInt64(number) * 64, parent: parent, frame))
            }
            stacks.append(Array(nodes.dropFirst(3)) + [0, 1])
        }
        var alive = [[(address: UInt64, thread: Int)]](repeating: [], count: processes)
        var ticks: UInt64 = 1000
        for _ in 0..<count {
            ticks += UInt64(1 + random.below(random.chance(3) ? 9_000_000 : 900))
            let process = random.below(processes)
            let thread = random.below(2)
            let stack = stacks[process][random.below(stacks[process].count)]
            let size = UInt64(random.chance(5) ? random.below(1 << 20) : random.below(400))
            if random.chance(45), !alive[process].isEmpty {
                let index = random.chance(50) ? alive[process].count - 1 : random.below(alive[process].count)
                let block = alive[process].remove(at: index)
                if random.chance(25) {
                    result.add(HL_KIND_REALLOC_FREE, process: process, ticks: ticks, address: block.address, thread: thread)
                    ticks += 3
                    if random.chance(10) {
                        result.add(
                            HL_KIND_REALLOC_FAIL, process: process, ticks: ticks, address: block.address, thread: thread)
                        alive[process].append(block)
                        continue
                    }
                    let address = random.chance(50) ? block.address : 0x9000_0000 + ticks * 16
                    result.add(
                        HL_KIND_REALLOC_ALLOC, process: process, ticks: ticks, address: address, size: size, stack: stack,
                        thread: thread)
                    alive[process].append((address, thread))
                } else {
                    result.add(HL_KIND_FREE, process: process, ticks: ticks, address: block.address, thread: thread)
                }
            } else if random.chance(3) {
                result.add(HL_KIND_FREE, process: process, ticks: ticks, address: 0x10 + ticks * 16, thread: thread)
            } else {
                // Now and then an address that is alive: its free was lost.
                let again = random.chance(2) ? alive[process].last?.address : nil
                let address = again ?? 0x5000_0000 + ticks * 16
                result.add(HL_KIND_ALLOC, process: process, ticks: ticks, address: address, size: size, stack: stack, thread: thread)
                if again == nil { alive[process].append((address, thread)) }
            }
        }
        return result
    }
}
