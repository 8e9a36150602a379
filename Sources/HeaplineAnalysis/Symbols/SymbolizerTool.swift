// SPDX-License-Identifier: Apache-2.0
//
// Finds programs: llvm-symbolizer, debuginfod-find, curl.

import Glibc

/// The programs symbolisation may run, found in the environment.
struct SymbolizerTool {
    var environment: [String: String]

    /// The first executable file of that name in `PATH`.
    func inPath(_ name: String) -> String? {
        searchPath.lazy.map { "\($0)/\(name)" }.first(where: Self.isExecutable)
    }

    /// llvm-symbolizer, as `SymbolizerOptions.Tool.automatic` describes.
    func symbolizer() -> String? {
        for variable in ["HEAPLINE_SYMBOLIZER", "LLVM_SYMBOLIZER"] {
            guard let value = environment[variable], !value.isEmpty else { continue }
            if let path = value.utf8.contains(UInt8(ascii: "/")) ? value : inPath(value), Self.isExecutable(path) {
                return path
            }
        }
        if let swift = inPath("swift") {
            for path in [swift, Self.resolved(swift)] {
                let beside = Self.directory(of: path) + "/llvm-symbolizer"
                if Self.isExecutable(beside) { return beside }
            }
        }
        return inPath("llvm-symbolizer") ?? newestVersioned()
    }

    // Distributions that install several versions side by side call them llvm-symbolizer-14 and so on.
    private func newestVersioned() -> String? {
        let prefix = "llvm-symbolizer-"
        var best: (version: Int, path: String)?
        for directory in searchPath {
            for name in Self.entries(of: directory) where name.hasPrefix(prefix) {
                guard let version = Int(name.dropFirst(prefix.count)), version > best?.version ?? 0,
                    Self.isExecutable("\(directory)/\(name)")
                else { continue }
                best = (version, "\(directory)/\(name)")
            }
        }
        return best?.path
    }

    private var searchPath: [String] {
        (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
    }

    static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return unsafe access(path, X_OK) == 0 && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    static func resolved(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func entries(of directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
