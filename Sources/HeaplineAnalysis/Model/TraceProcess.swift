// SPDX-License-Identifier: Apache-2.0
//
// What a trace says about one process: one program image, from its start or exec to its end or next exec. Events are not
// here; see History.

/// What a recording keeps of each event.
public enum RecordingMode: String, Sendable, Hashable {
    /// Nothing.
    case off
    /// Exact totals, no events.
    case count
    /// Events of a sample of the allocations.
    case sample
    /// Events of the blocks that were not freed.
    case leaks
    /// Every event.
    case all
}

/// One program image in one process.
public struct TraceProcess: Sendable, Identifiable {
    /// Where the heap is.
    public enum Source: String, Sendable, Hashable {
        case linux
        /// An emulated chip.
        case esp
    }

    /// Its index in the trace, in order of appearance.
    public let id: Int
    public var pid: UInt32 = 0
    public var parentPid: UInt32 = 0
    /// The path of the program; empty when the trace does not say.
    public var executable = ""
    public var arguments: [String] = []
    /// `NAME=VALUE` of the environment variables that matter to a heap.
    public var environment: [String] = []
    public var source = Source.linux
    public var mode = RecordingMode.all
    /// How many frames of each stack were asked for; 0 for none.
    public var depth = 0
    /// Mean bytes between samples, in mode sample.
    public var sampleBytes: UInt64 = 0
    public var clock: Clock
    public var modules: [TraceModule] = []
    /// By thread index; a thread that never introduced itself has an empty name.
    public var threads: [TraceThread] = []
    public var regions: [TraceRegion] = []
    /// What was said once: marks, pauses, forks, problems, log lines; in time order.
    public var notes: [TraceNote] = []
    /// Resident bytes now and then, in time order.
    public var resident: [ResidentSample] = []
    /// The recorder's own sums; nil when the trace ends before the first.
    public var counts: RecordedCounts?
    /// What the recorder measured of its own cost; nil in traces that do not tell.
    public var overhead: RecordedOverhead?
    public var ending: ProcessEnding?

    public init(id: Int, clock: Clock) {
        self.id = id
        self.clock = clock
    }

    /// The program's name without its directory, or `process N`.
    public var name: String {
        let last = executable.split(separator: "/").last.map(String.init)
        return last ?? (pid == 0 ? "process \(id)" : "process \(pid)")
    }

    /// The name of a thread, or `thread N`.
    public func threadName(_ index: Int) -> String {
        guard threads.indices.contains(index), !threads[index].name.isEmpty else { return "thread \(index)" }
        return threads[index].name
    }

    /// The last tick its clock can have shown: the end's, or the newest note's or sum's.
    public var lastKnownTicks: UInt64 {
        max(ending?.ticks ?? 0, counts?.ticks ?? 0, notes.last?.ticks ?? 0, resident.last?.ticks ?? 0)
    }
}

/// A file that a process mapped and ran code from.
public struct TraceModule: Sendable, Hashable {
    public var path: String
    /// Run-time address minus the file's virtual address.
    public var bias: UInt64
    public var start: UInt64
    /// One past the last address.
    public var end: UInt64
    public var buildID: [UInt8]
    public var loadedTicks: UInt64
    /// When it was unloaded; nil when it stayed.
    public var unloadedTicks: UInt64?
    /// One past the last stack node whose code can be the module's: the number of nodes when it was unloaded.
    public var endNode: Int

    public init(
        path: String, bias: UInt64, start: UInt64, end: UInt64, buildID: [UInt8] = [], loadedTicks: UInt64 = 0,
        unloadedTicks: UInt64? = nil, endNode: Int = .max
    ) {
        self.path = path
        self.bias = bias
        self.start = start
        self.end = end
        self.buildID = buildID
        self.loadedTicks = loadedTicks
        self.unloadedTicks = unloadedTicks
        self.endNode = endNode
    }
}

extension TraceProcess {
    /// The index in ``modules`` of the one that held the code of `frame`: where several used the same addresses one after the
    /// other, the one that was there when the frame was first seen.
    public func module(of frame: StackFrame) -> Int? {
        let address = frame.isExact ? frame.pc : frame.pc &- 1
        var last: Int?
        for (index, module) in modules.enumerated() where module.start <= address && address < module.end {
            if frame.node < module.endNode { return index }
            last = index
        }
        return last
    }
}

/// A thread of a program, or a task of an emulated chip.
public struct TraceThread: Sendable, Hashable {
    public var name = ""
    /// The kernel's thread id, or the task's handle.
    public var tid: UInt32 = 0
    /// The core it is pinned to.
    public var core: Int?
    public var isTask = false
    public var startTicks: UInt64 = 0
    public var endTicks: UInt64?
}

/// A heap region of an emulated chip.
public struct TraceRegion: Sendable, Hashable {
    public var name: String
    public var start: UInt64
    public var bytes: UInt64
    public var capabilities: UInt32
}

/// Resident memory of a process at one moment.
public struct ResidentSample: Sendable, Hashable {
    public var ticks: UInt64
    public var bytes: UInt64
}

/// Something that was said once.
public struct TraceNote: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case mark(String)
        case pause
        case resume
        case fork(child: UInt32)
        /// A program about to be executed; if that failed, the process goes on.
        case exec(path: String)
        /// Recording stopped or was impaired, and why.
        case problem(String)
        case log(thread: Int, level: Int, text: String)
        /// A dump of the live set was taken.
        case dump(String)
    }
    public var ticks: UInt64
    public var kind: Kind
}

/// The exact sums that the recorder itself kept, reallocations counted as one allocation and one free each.
public struct RecordedCounts: Sendable, Hashable {
    public var ticks: UInt64 = 0
    public var allocations: UInt64 = 0
    public var frees: UInt64 = 0
    public var reallocations: UInt64 = 0
    public var bytesAllocated: UInt64 = 0
    public var failures: UInt64 = 0
    /// Events in the trace.
    public var recorded: UInt64 = 0
    /// Events left out on purpose (mode leaks), and the allocations and bytes among them.
    public var filtered: UInt64 = 0
    public var filteredAllocations: UInt64 = 0
    public var filteredBytes: UInt64 = 0
    /// The highest live bytes that the collector saw, in mode leaks.
    public var filteredPeakBytes: UInt64 = 0
    public var lost: [LossCause: UInt64] = [:]
    /// Whether these are the sums at the end of the process.
    public var isFinal = false

    public var lostTotal: UInt64 { lost.values.reduce(0, &+) }
}

/// Why events were lost.
public enum LossCause: Int, Sendable, Hashable, CaseIterable {
    case full = 0
    case noSpace = 1
    case torn = 2
    case stopped = 3
    case early = 4
    case unknown = 5

    /// The name used in JSON.
    public var name: String {
        switch self {
        case .full: "full"
        case .noSpace: "noSpace"
        case .torn: "torn"
        case .stopped: "stopped"
        case .early: "early"
        case .unknown: "unknown"
        }
    }

    /// What happened, for a sentence about N events.
    public var explanation: String {
        switch self {
        case .full: "no buffer was free when they happened"
        case .noSpace: "the trace's directory had no room left"
        case .torn: "their thread was killed while writing them"
        case .stopped: "recording had stopped after an internal error"
        case .early: "they happened before the recorder could start"
        case .unknown: "for a reason this version does not know"
        }
    }

    /// What to do about it.
    public var remedy: String {
        switch self {
        case .full: "record with --on-full block, or with more buffer segments"
        case .noSpace: "write the trace to a larger directory (-o), or record with --mode leaks"
        case .torn: "nothing: at most one event for each killed thread"
        case .stopped: "see the problem noted in the trace"
        case .early: "nothing: they belong to the dynamic loader"
        case .unknown: "read the trace with the version that recorded it"
        }
    }
}

/// How a process ended.
public struct ProcessEnding: Sendable, Hashable {
    public enum Reason: Sendable, Hashable {
        case unknown
        /// By itself; the status is known when it was ours to wait for.
        case exited(status: Int?)
        case killed(signal: Int)
        /// Replaced by another program image.
        case exec
        /// It still ran when the recording ended.
        case detached
    }
    public var ticks: UInt64
    public var reason: Reason
}

/// How much of a trace there is. Each of these is a valid trace.
public enum TraceState: Sendable, Hashable {
    /// The recording was closed in order.
    case complete
    /// The file ends with a whole chunk, but was never closed: the collector was ended, or still writes.
    case unfinished
    /// The file ends inside a chunk that begins at `offset`; everything before it was read.
    case cut(offset: UInt64)
}
