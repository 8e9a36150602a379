// SPDX-License-Identifier: Apache-2.0
//
// Where symbols are looked for. The defaults look at this machine's files only and never at the network.

import Glibc

/// Where a ``Symbolizer`` looks for files, and what it may use.
public struct SymbolizerOptions: Sendable {
    /// Which llvm-symbolizer reads line information.
    public enum Tool: Sendable, Hashable {
        /// `HEAPLINE_SYMBOLIZER`, `LLVM_SYMBOLIZER`, the one beside `swift` in `PATH`, or one in `PATH`.
        case automatic
        case path(String)
        /// None: names from symbol tables, no lines.
        case none
    }

    /// Nothing is named, and no file is looked at: functions are the addresses in their files.
    public var addressesOnly = false
    /// The llvm-symbolizer to run.
    public var tool: Tool = .automatic
    /// Directories that hold separate debug files, as gdb's `debug-file-directory`; looked at within `sysroot` and as they
    /// are.
    public var debugDirectories: [String] = ["/usr/lib/debug"]
    /// Prepended to every path of a module: the root of a copy of the recorded machine's files.
    public var sysroot: String = ""
    /// When the recording ended, in nanoseconds since 1970; nil: as the trace says. A file that has no build-id and was
    /// modified after that is taken for changed; without a build-id, a `FileIdentity` or this, a change cannot be seen.
    public var recordingEnd: UInt64?
    /// Whether debug files may be fetched from the servers in `DEBUGINFOD_URLS`.
    public var allowDebuginfod = false
    /// The environment variables to consult, and to hand to programs that are run.
    public var environment: [String: String] = SymbolizerOptions.processEnvironment
    /// The most address space llvm-symbolizer may use beyond twice the size of the file it reads.
    public var memoryLimit: UInt64 = 2 << 30
    /// How long llvm-symbolizer may be silent before names from symbol tables must do.
    public var silenceLimitSeconds = 60

    public init() {}

    private static var processEnvironment: [String: String] {
        var result: [String: String] = [:]
        guard var entry = unsafe Optional(environ) else { return result }
        while let variable = unsafe entry.pointee {
            let text = unsafe String(cString: variable)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            unsafe entry += 1
        }
        return result
    }

    /// The environment for programs we run: not traced themselves, and without a network of their own accord.
    var childEnvironment: [String: String] {
        environment.filter { $0.key != "LD_PRELOAD" && $0.key != "DEBUGINFOD_URLS" && !$0.key.hasPrefix("HEAPLINE_") }
    }
}
