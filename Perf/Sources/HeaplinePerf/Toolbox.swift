// SPDX-License-Identifier: Apache-2.0
//
// Where everything is: the tools of this machine, the command under test, the workloads built from source, room for traces.

internal import Foundation

struct Toolbox {
    /// The repository.
    let root: String
    /// The `heapline` command and the library it preloads.
    let heapline: String
    let preload: String
    /// Built workloads and helper libraries.
    let built: String
    /// Room for the traces of one run.
    let scratch: String

    struct Missing: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameter root: the repository.
    init(root: String, command: String?) throws {
        self.root = root
        heapline = command ?? "\(root)/.build/release/heapline"
        guard FileManager.default.isExecutableFile(atPath: heapline) else {
            throw Missing(description: "\(heapline) is not built: swift build -c release --product heapline")
        }
        let real = URL(fileURLWithPath: heapline).resolvingSymlinksInPath().deletingLastPathComponent().path
        preload = "\(real)/Heapline_HeaplineCLI.resources/libheapline-preload.so"
        guard FileManager.default.fileExists(atPath: preload) else { throw Missing(description: "\(preload) is not built") }
        built = "\(root)/Perf/.build/workloads"
        // Not a memory file system: a tracer's file would count as memory, and slow disks are part of what tracing costs.
        scratch = "\(root)/Perf/.build/scratch.\(getpid())"
        try FileManager.default.createDirectory(atPath: built, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    }

    static func find(_ name: String) -> String? {
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return places.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func library(_ name: String) -> String? {
        #if arch(x86_64)
            let triple = "x86_64-linux-gnu"
        #else
            let triple = "aarch64-linux-gnu"
        #endif
        return ["/usr/lib/\(triple)", "/lib/\(triple)", "/usr/lib64", "/usr/lib", "/usr/local/lib"].map { "\($0)/\(name)" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }

    var compiler: String? { Self.find("clang") ?? Self.find("gcc") ?? Self.find("cc") }

    func source(_ name: String) -> String { "\(root)/Perf/Workloads/\(name)" }
    func binary(_ name: String) -> String { "\(built)/\(name)" }
    var meter: String { binary("meter.so") }

    /// Builds the workloads. Returns what could not be built, with the reason.
    func buildWorkloads() throws -> [String: String] {
        guard let compiler else { throw Missing(description: "no C compiler found (clang, gcc or cc)") }
        var problems: [String: String] = [:]
        func build(_ name: String, _ arguments: [String], with tool: String) {
            let (status, text) = capture([tool] + arguments + ["-o", binary(name)], timeout: 120)
            if status != 0 { problems[name] = text }
        }
        // Older valgrinds cannot read what newer compilers write by default.
        let flags = ["-O2", "-gdwarf-4", "-Wall", "-Wextra", "-D_GNU_SOURCE"]
        build("workload", flags + ["main.c", "stacks.c", "sharing.c"].map(source) + ["-lpthread"], with: compiler)
        build("churn", flags + [source("churn.c")], with: compiler)
        for library in ["meter", "tally", "mtrace_start"] {
            build("\(library).so", flags + ["-shared", "-fPIC", source("\(library).c"), "-ldl"], with: compiler)
        }
        if let cxx = Self.find("g++") ?? Self.find("clang++") ?? Self.find("c++") {
            build("containers", ["-O2", "-gdwarf-4", "-std=c++20", source("containers.cpp")], with: cxx)
            build("templates.ii", ["-E", "-std=c++20", source("templates.cpp")], with: cxx)
        } else {
            problems["containers"] = "no C++ compiler found"
            problems["templates.ii"] = "no C++ compiler found"
        }
        // Programs that would be over before anything can be told of them get more of the same.
        for (name, times) in [("little", 1), ("few", 4), ("many", 12)] {
            let queries = try String(contentsOfFile: source("queries.sql"), encoding: .utf8)
            try String(repeating: queries, count: times).write(toFile: binary("queries-\(name).sql"), atomically: true, encoding: .utf8)
            let shapes = try String(contentsOfFile: source("shapes.swift"), encoding: .utf8)
            try (0..<3 * times).map { "enum Part\($0) {\n\(shapes)}\n" }.joined()
                .write(toFile: binary("shapes-\(name).swift"), atomically: true, encoding: .utf8)
        }
        if let problem = problems["workload"] ?? problems["meter.so"] { throw Missing(description: problem) }
        return problems
    }

    /// Runs a command outside of all measuring. Returns its exit status, -1 when it could not run, and what it printed.
    func capture(_ arguments: [String], environment: [String: String] = [:], input: String? = nil, timeout: Double = 20)
        -> (status: Int32, text: String)
    {
        let output = "\(scratch)/captured"
        var all = ProcessInfo.processInfo.environment
        all.merge(environment) { $1 }
        let command = Command(
            arguments: arguments, environment: all, folder: scratch, output: output, input: input, timeout: timeout)
        guard let usage = try? command.run() else { return (-1, "") }
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        return (usage.failure == nil ? 0 : max(1, (usage.status >> 8) & 0xff), text)
    }

    func firstLine(_ arguments: [String]) -> String? {
        let (status, text) = capture(arguments)
        guard status == 0 else { return nil }
        return text.split(separator: "\n").first.map(String.init)
    }
}
