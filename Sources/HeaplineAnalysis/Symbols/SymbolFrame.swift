// SPDX-License-Identifier: Apache-2.0
//
// The answer to "where is this address": function, file and line, once per level of inlining.

/// One function at one level of inlining.
public struct SymbolFrame: Sendable, Hashable {
    /// The demangled name, or `0x…` (the function's, else the instruction's, virtual address in its file) when no name
    /// is known.
    public var function: String
    /// The source file as the compiler recorded it; nil without debug information.
    public var file: String?
    /// The line in `file`, counted from 1.
    public var line: Int?
    /// The path of the module the code is in.
    public var module: String
    /// Whether the function's code is part of the next frame's function.
    public var inlined: Bool

    public init(function: String, file: String? = nil, line: Int? = nil, module: String, inlined: Bool = false) {
        self.function = function
        self.file = file
        self.line = line
        self.module = module
        self.inlined = inlined
    }

    /// Whether `function` is a name and not an address.
    public var isNamed: Bool { !function.hasPrefix("0x") }

    /// The function without template arguments, parameters and return type, for a text report.
    public var shortFunction: String { ShortName.of(function) }

    /// The file without `.` and `..`, for a text report. Compilers write the path by which they found a header; where it
    /// goes through a symbolic link this may not be a path that can be opened, so `file` keeps what they wrote.
    public var shortFile: String? { file.map(ShortName.ofFile) }
}

/// Whether an address is where a call returns to, or the instruction itself.
public enum CodeAddress: Sendable, Hashable {
    /// The instruction after a call, as found on a stack. The call is looked up, at `address - 1`: the next
    /// instruction may belong to another line, or, after a call that never returns, to another function.
    case returnAddress
    /// The instruction itself: the program counter of an interrupted thread.
    case instruction
}

/// A mapped module as the trace recorded it.
public struct ModuleImage: Sendable, Hashable {
    /// The path the program mapped it from; also `[vdso]`, or `/tmp/perf-PID.map` for code made at run time.
    public var path: String
    /// The GNU build-id; empty when the file had none.
    public var buildID: [UInt8]
    /// What the loader added to the file's virtual addresses; 0 for code made at run time.
    public var loadBias: UInt64
    /// The addresses it was mapped at.
    public var ranges: [Range<UInt64>]
    /// Size and time of the file when recorded: the only way to see that a file without build-id has changed.
    public var fileIdentity: FileIdentity?

    public init(
        path: String, buildID: [UInt8] = [], loadBias: UInt64 = 0, ranges: [Range<UInt64>] = [],
        fileIdentity: FileIdentity? = nil
    ) {
        self.path = path
        self.buildID = buildID
        self.loadBias = loadBias
        self.ranges = ranges
        self.fileIdentity = fileIdentity
    }

    /// The module that stands for code a process made at run time, named by the perf map its runtime may have written.
    public static func runtimeCode(processID: Int) -> ModuleImage {
        ModuleImage(path: "/tmp/perf-\(processID).map")
    }

    /// The virtual address in the file of an address in the process.
    public func virtualAddress(of address: UInt64) -> UInt64 { address &- loadBias }

    /// Whether `address` lies in one of the ranges.
    public func contains(_ address: UInt64) -> Bool { ranges.contains { $0.contains(address) } }

    /// Size and modification time of a file.
    public struct FileIdentity: Sendable, Hashable {
        public var size: UInt64
        public var modificationSeconds: Int64
        public var modificationNanoseconds: Int64

        /// Nanoseconds since 1970.
        var modified: UInt64 {
            UInt64(clamping: modificationSeconds) &* 1_000_000_000 &+ UInt64(clamping: modificationNanoseconds)
        }

        public init(size: UInt64, modificationSeconds: Int64, modificationNanoseconds: Int64) {
            self.size = size
            self.modificationSeconds = modificationSeconds
            self.modificationNanoseconds = modificationNanoseconds
        }
    }
}
