// SPDX-License-Identifier: Apache-2.0
//
// What is traced: loops of our own, which count themselves, and real programs, which a counting library counts once.

internal import Foundation

struct Workload {
    var name: String
    var what: String
    /// A slow tracer gets so much less to do; of real programs there are three sizes.
    var arguments: @Sendable (_ divisor: Int) -> [String]
    var environment: [String: String] = [:]
    var input: (@Sendable (_ divisor: Int) -> String)?
    /// Prints its own counts; otherwise events come from the counting library and times from the meter.
    var countsItself = false
    /// The file, links followed, of which the traced process is an image; the command may start others.
    var program: String
    /// What must run beside it for it to do its work.
    var companion: (@Sendable (_ folder: String, _ divisor: Int) -> [String])?
    var isPython = false
    /// Makes the same events each time.
    var isRepeatable = true

    /// All workloads, and those that cannot run here with the reason.
    static func all(_ tools: Toolbox, quick: Bool, problems: [String: String]) -> (found: [Workload], missing: [String: String]) {
        var found: [Workload] = []
        var missing: [String: String] = [:]
        let million = 1_000_000
        func loop(_ name: String, _ what: String, _ kind: String, _ events: Int, _ parameter: Int?) {
            let count = quick ? events / 3 : events
            let path = tools.binary("workload")
            found.append(
                Workload(
                    name: name, what: what,
                    arguments: { [path, kind, "\(count / $0)"] + (parameter.map { ["\($0)"] } ?? []) },
                    countsItself: true, program: "workload"))
        }
        loop("tight loop", "malloc(64) and free, one call site", "tight", 24 * million, nil)
        loop("deep stack", "the same, 32 frames deep", "deep", 24 * million, 32)
        loop("call tree", "5,000 distinct stacks of depth 30, drawn at random", "tree", 3 * million, 5000)
        loop("2 threads", "blocks freed by the other thread", "threads", 12 * million, 2)
        loop("8 threads", "blocks freed by other threads", "threads", 12 * million, 8)
        if let problem = problems["containers"] {
            missing["C++ containers"] = problem
        } else {
            let path = tools.binary("containers")
            let rounds = quick ? 300 : 900
            found.append(
                Workload(
                    name: "C++ containers", what: "map, unordered_map, list, vector, string",
                    arguments: { [path, "\(max(1, rounds / $0))"] }, countsItself: true, program: "containers"))
        }

        /// Of a real program's sizes the one for a tracer, in a quick run of the smaller two.
        @Sendable func size<Size>(_ divisor: Int, _ little: Size, _ few: Size, _ many: Size) -> Size {
            divisor >= 32 ? little : divisor > 1 || quick ? few : many
        }
        func real(_ name: String, _ what: String, _ program: String?, _ arguments: @escaping @Sendable (Int) -> [String]) -> Workload? {
            guard let program else {
                missing[name] = "not installed"
                return nil
            }
            return Workload(
                name: name, what: what, arguments: { [program] + arguments($0) },
                program: URL(fileURLWithPath: program).resolvingSymlinksInPath().lastPathComponent)
        }
        let cc1plus = Toolbox.find("g++").flatMap { tools.firstLine([$0, "-print-prog-name=cc1plus"]) }
        if problems["templates.ii"] == nil, // one size: what it costs is in the headers
            let workload = real(
                "cc1plus", "the C++ compiler on containers and algorithms",
                cc1plus.flatMap { $0.hasPrefix("/") ? $0 : nil },
                { [text = tools.binary("templates.ii")] _ in ["-quiet", "-std=c++20", "-fpreprocessed", text, "-o", "/dev/null"] })
        { found.append(workload) }
        // A version manager's shim would be traced instead of Python.
        let python = Toolbox.find("python3").flatMap { tools.firstLine([$0, "-c", "import sys; print(sys.executable)"]) }
        if var workload = real(
            "python3", "objects, JSON, dictionaries, PYTHONMALLOC=malloc", python,
            { [script = tools.source("objects.py")] in [script, size($0, "12", "60", "250")] })
        {
            workload.environment["PYTHONMALLOC"] = "malloc"
            workload.environment["PYTHONHASHSEED"] = "0"
            workload.isPython = true
            found.append(workload)
        }
        if var workload = real("sqlite3", "inserts, joins, sorting in memory", Toolbox.find("sqlite3"), { _ in ["-batch", ":memory:"] }) {
            workload.input = { [tools] in tools.binary("queries-\(size($0, "little", "few", "many")).sql") }
            found.append(workload)
        }
        if var workload = real(
            "redis-server", "under redis-benchmark", Toolbox.find("redis-benchmark") == nil ? nil : Toolbox.find("redis-server"),
            { _ in ["--port", "0", "--unixsocket", "redis.socket", "--save", "", "--appendonly", "no", "--daemonize", "no"] })
        {
            let script = tools.source("drive_redis.sh")
            workload.companion = { folder, divisor in
                ["/bin/sh", script, "\(folder)/redis.socket", size(divisor, "10000", "60000", "250000")]
            }
            workload.isRepeatable = false // what it does in the background depends on the clock
            found.append(workload)
        }
        if var workload = real(
            "perl", "hashes and strings", Toolbox.find("perl"),
            { [script = tools.source("records.pl")] in [script, size($0, "60", "300", "1000")] })
        {
            workload.environment["PERL_HASH_SEED"] = "0"
            found.append(workload)
        }
        let swift = Toolbox.find("swift-frontend").map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
        if var workload = real(
            "swift-frontend", "the Swift compiler on generic code", swift,
            { [tools] divisor in
                let text = tools.binary("shapes-\(size(divisor, "little", "few", "many")).swift")
                return ["-frontend", "-c", "-O", text, "-module-name", "Shapes", "-o", "/dev/null"]
            })
        {
            workload.isRepeatable = false // some 460 of 724,000 events more or less, counted or recorded: it hashes addresses
            found.append(workload)
        }
        return (found, missing)
    }
}
