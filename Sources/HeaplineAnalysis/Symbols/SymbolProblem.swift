// SPDX-License-Identifier: Apache-2.0
//
// What kept a module's addresses from being named or given lines, and what the user can do about it.

/// Why addresses of a module have no names or no lines, and what would fix it.
public enum SymbolProblem: Sendable, Hashable {
    /// The file is not where the program mapped it from.
    case fileMissing(path: String)
    /// The file is there and cannot be used: not readable, or damaged.
    case unreadable(path: String, reason: String)
    /// The file is not the one that was recorded; its symbols would be wrong and are not used.
    case changed(path: String, recorded: [UInt8], found: [UInt8])
    /// Functions have names, lines are unknown. `package` owns the file when it came from one.
    case noDebugInfo(path: String, package: String?)
    /// Only exported functions have names.
    case stripped(path: String, package: String?)
    /// A debug file was found that belongs to another build; it is not used.
    case debugFileMismatch(path: String, debugFile: String)
    /// Names are compressed in the file and liblzma is not there to read them, or they are damaged.
    case compressedSymbols(path: String, reason: String)
    /// There is debug information and no llvm-symbolizer to read it.
    case symbolizerMissing(path: String)
    /// llvm-symbolizer did not answer for all addresses; the rest have names from the symbol table.
    case symbolizerFailed(path: String, reason: String)
    /// The kernel's vDSO of the recording is not this kernel's.
    case foreignVDSO
    /// The addresses are in memory that no file backs.
    case notAFile(name: String)
    /// Code made at run time, and no perf map of the process.
    case noPerfMap(path: String)
    /// debuginfod was asked and had nothing, or could not be asked.
    case debuginfod(reason: String)
    /// What was missing when the symbols were embedded in the trace.
    case recorded(summary: String, remedy: String)

    /// One sentence: what is the matter.
    public var summary: String {
        switch self {
        case .fileMissing(let path): "\(path) is missing, so its functions have no names"
        case .unreadable(let path, let reason): "\(path) cannot be used: \(reason)"
        case .changed(let path, let recorded, let found):
            recorded.isEmpty
                ? "\(path) has changed since the recording, so its symbols were not used"
                : "\(path) has changed since the recording (build-id \(Self.hex(recorded)), now "
                    + "\(found.isEmpty ? "none" : Self.hex(found))), so its symbols were not used"
        case .noDebugInfo(let path, _): "\(path) has no line information"
        case .stripped(let path, _): "\(path) is stripped: only exported functions have names"
        case .debugFileMismatch(let path, let debugFile): "\(debugFile) belongs to another build of \(path)"
        case .compressedSymbols(let path, let reason): "the compressed symbols of \(path) were not read: \(reason)"
        case .symbolizerMissing(let path): "\(path) has line information, but llvm-symbolizer was not found"
        case .symbolizerFailed(let path, let reason): "llvm-symbolizer failed on \(path): \(reason)"
        case .foreignVDSO: "the recording's vDSO is not that of the running kernel"
        case .notAFile(let name): "\(name.isEmpty ? "memory without a name" : name) is not backed by a file"
        case .noPerfMap(let path): "code made at run time has no names: there is no \(path)"
        case .debuginfod(let reason): "debuginfod: \(reason)"
        case .recorded(let summary, _): summary
        }
    }

    /// One sentence: what to do about it.
    public var remedy: String {
        switch self {
        case .fileMissing:
            "read the trace where it was recorded, give a copy of its files as --sysroot, or record with --embed-symbols"
        case .unreadable: "check the file and its permissions"
        case .changed: "put the recorded build back, install its debug symbols, or record with --embed-symbols"
        case .noDebugInfo(_, let package?), .stripped(_, let package?):
            "install its debug symbols, on Debian and Ubuntu usually the package \(package), or allow --debuginfod"
        case .noDebugInfo: "compile with -g (-g1 is enough), or allow --debuginfod"
        case .stripped: "do not strip it, keep its .debug file beside it, or allow --debuginfod"
        case .debugFileMismatch: "install the debug symbols of the installed version"
        case .compressedSymbols: "install liblzma (xz)"
        case .symbolizerMissing:
            "put llvm-symbolizer in PATH (it comes with the Swift and LLVM toolchains), or name it in HEAPLINE_SYMBOLIZER"
        case .symbolizerFailed: "try another llvm-symbolizer with HEAPLINE_SYMBOLIZER"
        case .foreignVDSO: "record with --embed-symbols"
        case .notAFile: "nothing: such code has no symbols"
        case .noPerfMap:
            "make the runtime write a perf map (python -X perf, node --perf-basic-prof, java with perf-map-agent)"
        case .debuginfod: "set DEBUGINFOD_URLS to a server that knows this system"
        case .recorded(_, let remedy): remedy
        }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
