// SPDX-License-Identifier: Apache-2.0
//
// The options of a recording, as `run` takes them, and the environment that tells the preloaded library of them.

internal import ArgumentParser

enum RecordingMode: Equatable {
    case all, leaks, count
    case sample(bytes: UInt64?)

    var name: String {
        switch self {
        case .all: "all"
        case .leaks: "leaks"
        case .count: "count"
        case .sample: "sample"
        }
    }
}

extension RecordingMode: ExpressibleByArgument {
    init?(argument: String) {
        switch argument {
        case "all": self = .all
        case "leaks": self = .leaks
        case "count": self = .count
        case "sample": self = .sample(bytes: nil)
        default:
            guard argument.hasPrefix("sample="), let bytes = Size(argument: String(argument.dropFirst(7))), bytes.bytes > 0
            else { return nil }
            self = .sample(bytes: bytes.bytes)
        }
    }
    var defaultValueDescription: String { name }
}

enum OnFull: String, ExpressibleByArgument, CaseIterable { case block, drop, overwrite }

/// A number of bytes: 4096, 64K, 512KiB, 32M, 1GiB.
struct Size: ExpressibleByArgument, Equatable {
    var bytes: UInt64

    init?(argument: String) {
        let digits = argument.prefix { $0.isNumber }
        guard let value = UInt64(digits) else { return nil }
        let shift: UInt64
        switch argument.dropFirst(digits.count).lowercased() {
        case "", "b": shift = 0
        case "k", "kb", "kib": shift = 10
        case "m", "mb", "mib": shift = 20
        case "g", "gb", "gib": shift = 30
        default: return nil
        }
        guard value.leadingZeroBitCount > Int(shift) else { return nil }
        bytes = value << shift
    }
}

struct RecordingOptions: ParsableArguments {
    @Option(help: "What to record: all, leaks (only what stays), count (exact totals only), sample[=BYTES].")
    var mode: RecordingMode = .all

    @Option(help: "Frames of each call stack, 0 to 512.")
    var depth: Int = 32

    @Option(help: "When the buffers are full: block (lose nothing), drop (count losses), overwrite (keep the newest).")
    var onFull: OnFull = .block

    @Option(help: "Memory for the buffers of each process.")
    var buffer: Size?

    @Flag(help: "Record the call stacks of frees, too.")
    var freeStacks = false

    @Flag(help: "Record mmap, munmap, mremap and brk, too.")
    var maps = false

    @Flag(inversion: .prefixedNo, help: "Tell at the program's end what is still reachable (modes all and leaks).")
    var verdicts = true

    @Flag(help: "Start paused, until the program calls hl_resume(), or heapline control PID resume.")
    var paused = false

    @Flag(help: "Record only PROGRAM itself, not the processes it starts.")
    var noFollow = false

    @Option(help: ArgumentHelp("How records are reserved: rseq or cas (default: what the system has).", visibility: .hidden))
    var backend: String?

    func validate() throws {
        guard (0...512).contains(depth) else { throw ValidationError("--depth takes 0 to 512 frames, not \(depth)") }
        if let backend, !["rseq", "cas"].contains(backend) { throw ValidationError("--backend takes rseq or cas") }
    }

    /// NAME=VALUE for the library.
    var environment: [String] {
        var variables = ["HEAPLINE_MODE=\(mode.name)", "HEAPLINE_DEPTH=\(depth)", "HEAPLINE_ON_FULL=\(onFull.rawValue)"]
        if case .sample(let bytes?) = mode { variables.append("HEAPLINE_SAMPLE=\(bytes)") }
        if let buffer { variables.append("HEAPLINE_BUFFER=\(buffer.bytes)") }
        if freeStacks { variables.append("HEAPLINE_FREE_STACKS=1") }
        if maps { variables.append("HEAPLINE_MAPS=1") }
        variables.append("HEAPLINE_VERDICTS=\(verdicts ? 1 : 0)")
        if paused { variables.append("HEAPLINE_PAUSED=1") }
        if let backend { variables.append("HEAPLINE_BACKEND=\(backend)") }
        return variables
    }
}
