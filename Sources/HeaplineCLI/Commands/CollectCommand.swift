// SPDX-License-Identifier: Apache-2.0
//
// `heapline collect`: collects a session that was not started by `heapline run`. The preloaded library starts it by
// itself; by hand it turns what a session has left behind into a trace.

internal import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector

struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Collects a session directory into a trace until its programs have ended.",
        shouldDisplay: false)

    @Argument(help: "The session directory.") var directory: String
    @Option(name: .shortAndLong, help: "The trace to write.") var output: String?
    @Flag(help: "Say nothing.") var quiet = false

    func run() throws {
        let names = SessionCollector.list(directory)
        guard !names.isEmpty else { throw CommandFailure("\(directory): \(unsafe String(cString: strerror(errno)))") }
        let process = names.filter { $0.hasSuffix(".process") }.sorted().first ?? "program"
        let path = output ?? "heapline.\(process.prefix { $0.isNumber }).heapline"
        let writer = try TraceWriter(path: path, force: true, startUnixNs: Clock.unixNanoseconds)
        let collector = SessionCollector(
            directory: directory, writer: writer, condense: { MemoryImage.condensed($0, live: $1) })
        // The terminal's signals are for the program; this one ends when it does.
        _ = signal(SIGINT, SIG_IGN)
        _ = signal(SIGHUP, SIG_IGN)
        var empty = 0
        while empty < 3 {
            _ = collector.step()
            empty = collector.running == 0 ? empty + 1 : 0
            if collector.pause > 0 { usleep(UInt32(collector.pause / 1000)) }
        }
        collector.finish()
        writer.finish()
        unsafe _ = rmdir(directory)
        if !quiet { Terminal.error("heapline: \(collector.events) events of \(collector.processes) processes in \(path)") }
        if let failure = writer.failure { throw failure }
    }
}
