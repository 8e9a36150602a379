// SPDX-License-Identifier: Apache-2.0
//
// The options of every command that names functions: where their symbols are looked for.

internal import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis

struct SymbolOptions: ParsableArguments {
    @Flag(help: "Do not name functions and lines; addresses only.")
    var noSymbols = false

    @Option(
        help: ArgumentHelp(
            "Where separate debug files lie, as gdb's debug-file-directory; may be repeated (default: /usr/lib/debug).",
            valueName: "dir"))
    var debugDirectory: [String] = []

    @Option(help: ArgumentHelp("A copy of the recorded machine's files, to be looked at in the place of /.", valueName: "dir"))
    var sysroot: String?

    @Flag(help: "Fetch missing debug files from the servers in DEBUGINFOD_URLS.")
    var debuginfod = false

    func validate() throws {
        for directory in debugDirectory { try Self.check("--debug-directory", directory) }
        if let sysroot { try Self.check("--sysroot", sysroot) }
        if debuginfod, (Installation.environment("DEBUGINFOD_URLS") ?? "").allSatisfy(\.isWhitespace) {
            throw ValidationError(
                "--debuginfod: DEBUGINFOD_URLS names no server; set it, as to https://debuginfod.elfutils.org/")
        }
        if noSymbols, debuginfod || sysroot != nil || !debugDirectory.isEmpty {
            throw ValidationError("--no-symbols looks for no symbols: leave out where to look for them")
        }
    }

    private static func check(_ option: String, _ path: String) throws {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw ValidationError("\(option) \(path): \(unsafe String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw ValidationError("\(option) \(path): not a directory") }
    }

    var symbolizer: SymbolizerOptions {
        var options = SymbolizerOptions()
        options.addressesOnly = noSymbols
        if !debugDirectory.isEmpty { options.debugDirectories = debugDirectory }
        options.sysroot = sysroot == "/" ? "" : sysroot ?? ""
        options.allowDebuginfod = debuginfod
        return options
    }
}
