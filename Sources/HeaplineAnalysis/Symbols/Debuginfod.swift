// SPDX-License-Identifier: Apache-2.0
//
// Debug files from debuginfod servers, through `debuginfod-find` or `curl`; only when the user allows it.
// The server's answer to URL/buildid/HEX/debuginfo is the debug file. The cache is that of elfutils' client.

import Glibc

/// A client of the servers in `DEBUGINFOD_URLS`.
struct Debuginfod {
    var options: SymbolizerOptions

    struct Failure: Error { var reason: String }

    /// The path of the debug file of a build, fetched if it is not in the cache.
    func debugFile(for buildID: [UInt8]) -> Result<String, Failure> {
        let servers = (options.environment["DEBUGINFOD_URLS"] ?? "").split(separator: " ").map(String.init)
        guard !servers.isEmpty else { return .failure(Failure(reason: "DEBUGINFOD_URLS is not set")) }
        let hex = SymbolProblem.hex(buildID)
        let tools = SymbolizerTool(environment: options.environment)
        if let tool = tools.inPath("debuginfod-find") {
            return find(tool, ["debuginfo", hex], servers)
        }
        guard let curl = tools.inPath("curl") else {
            return .failure(Failure(reason: "neither debuginfod-find nor curl is in PATH"))
        }
        guard let cache = cacheDirectory() else { return .failure(Failure(reason: "there is no cache directory")) }
        let directory = "\(cache)/\(hex)"
        let path = "\(directory)/debuginfo"
        if unsafe access(path, R_OK) == 0 && isNotEmpty(path) { return .success(path) }
        guard Self.makeDirectories(directory) else {
            return .failure(Failure(reason: "\(directory): \(ByteStore.SystemError.current)"))
        }
        var reason = ""
        for server in servers {
            let partial = "\(path).\(getpid())"
            let base = server.hasSuffix("/") ? String(server.dropLast()) : server
            let failure = run(
                curl,
                [
                    "--fail", "--silent", "--show-error", "--location", "--output", partial,
                    "--", "\(base)/buildid/\(hex)/debuginfo",
                ]
            ).failure
            if failure == nil, unsafe rename(partial, path) == 0 { return .success(path) }
            unsafe unlink(partial)
            reason = failure?.description ?? "\(ByteStore.SystemError.current)"
        }
        return .failure(Failure(reason: reason))
    }

    private func find(_ tool: String, _ arguments: [String], _ servers: [String]) -> Result<String, Failure> {
        let (output, failure) = run(tool, arguments, servers: servers)
        if let failure { return .failure(Failure(reason: failure.description)) }
        guard let line = output.split(separator: UInt8(ascii: "\n")).first else {
            return .failure(Failure(reason: "debuginfod-find named no file"))
        }
        return .success(String(decoding: line, as: UTF8.self))
    }

    private func run(
        _ tool: String, _ arguments: [String], servers: [String] = []
    ) -> (output: [UInt8], failure: ChildProcess.Failure?) {
        var environment = options.childEnvironment
        if !servers.isEmpty { environment["DEBUGINFOD_URLS"] = servers.joined(separator: " ") }
        // A download says nothing until it is done.
        let process = ChildProcess(
            path: tool, arguments: arguments, environment: environment, silenceLimitSeconds: 300, timeLimitSeconds: 300)
        var output: [UInt8] = []
        let failure = process.run(input: []) { output += $0 }
        return (output, failure)
    }

    private func cacheDirectory() -> String? {
        let environment = options.environment
        if let path = environment["DEBUGINFOD_CACHE_PATH"], !path.isEmpty { return path }
        if let path = environment["XDG_CACHE_HOME"], !path.isEmpty { return "\(path)/debuginfod_client" }
        if let path = environment["HOME"], !path.isEmpty { return "\(path)/.cache/debuginfod_client" }
        return nil
    }

    // elfutils keeps an empty file for "the server has none"; such an entry is asked for again.
    private func isNotEmpty(_ path: String) -> Bool { DebugFileSearch.identity(of: path)?.size ?? 0 > 0 }

    private static func makeDirectories(_ path: String) -> Bool {
        var at = path.startIndex
        while let slash = path[path.index(after: at)...].firstIndex(of: "/") {
            _ = unsafe mkdir(String(path[..<slash]), 0o700)
            at = slash
        }
        return unsafe mkdir(path, 0o700) == 0 || errno == EEXIST
    }
}
