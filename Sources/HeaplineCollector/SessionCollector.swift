// SPDX-License-Identifier: Apache-2.0
//
// Collects all processes of a session into one trace. New process files appear in the session directory as programs
// start and fork; each is drained until its process is gone, and then deleted.

internal import Glibc

/// The collector of one session. Used by one thread at a time.
package final class SessionCollector {
    package let directory: String
    private let writer: TraceWriter
    private let separate: ((Int32, Int) -> TraceWriter?)?
    private let condense: ImageCondenser?
    private var drains: [ProcessDrain] = []
    private var known: Set<String> = []
    private var nextScan: UInt64 = 0
    private var nextLook: UInt64 = 0
    private var started: UInt64?  // processor time of the thread that collects, when it began
    private var endings: [Int32: Int32] = [:]
    /// The process that somebody waits for and will tell of: how it ended is not guessed before. 0 when none.
    package var awaited: Int32 = 0

    /// Nanoseconds that may pass before the next step. Every look at the buffers takes cache lines away from who writes there, so
    /// there is one a millisecond, unless they fill faster; with nothing to take, one every two.
    package private(set) var pause: UInt64 = 0

    /// Processes seen so far.
    package var processes: Int { known.count }
    /// Processes still being recorded.
    package var running: Int { drains.count }
    /// Records taken so far.
    package var events: UInt64 { finishedEvents + drains.reduce(0) { $0 + $1.eventsSeen } }
    private var finishedEvents: UInt64 = 0

    /// Collects into `writer`; or, with `separate`, each process but the first into what that makes for its pid and
    /// number (from 1). Memory images are written as they are, or as `condense` makes them.
    package init(
        directory: String, writer: TraceWriter, condense: ImageCondenser? = nil, separate: ((Int32, Int) -> TraceWriter?)? = nil
    ) {
        self.condense = condense
        self.directory = directory
        self.writer = writer
        self.separate = separate
    }

    /// Does one round, and sets `pause`. Returns whether records came.
    package func step() -> Bool {
        let now = Clock.nanoseconds
        if now >= nextScan {
            scan()
            nextScan = now + (drains.isEmpty ? 1_000_000 : 5_000_000)
        }
        var progress = false
        for drain in drains where drain.step() { progress = true }
        if now >= nextLook {
            nextLook = now + 10_000_000
            for drain in drains {
                guard let end = drain.look() else { continue }
                if end == .gone, drain.pid == awaited, endings[awaited] == nil { continue }
                finish(drain, end)
            }
            drains.removeAll(where: \.ended)
        }
        if !progress {
            pause = min(max(pause, 50_000) * 2, 2_000_000)
        } else {
            pause = drains.contains { $0.fullness > 0.125 } ? 0 : 1_000_000
        }
        return progress
    }

    /// The process `pid` was waited for, and ended with `status` (as of waitpid(2)).
    package func ended(pid: Int32, status: Int32) {
        endings[pid] = status
        scan()
        for drain in drains where drain.pid == pid && !drain.superseded { finish(drain, .waited(status: status)) }
        drains.removeAll(where: \.ended)
    }

    /// Ends the recording: processes still running are let go.
    package func finish() {
        scan()
        for drain in drains { finish(drain, drain.look() ?? .detached) }
        drains.removeAll()
    }

    private func finish(_ drain: ProcessDrain, _ end: ProcessEnd) {
        var end = end
        if end == .gone, !drain.superseded, let status = endings[drain.pid] { end = .waited(status: status) }
        drain.finish(end)
        finishedEvents += drain.eventsSeen
        unsafe _ = unlink(drain.file.path)
    }

    private func scan() {
        let started = started ?? Clock.threadNanoseconds
        self.started = started
        for name in Self.list(directory).sorted() where name.hasSuffix(".process") && !known.contains(name) {
            guard let file = ProcessFile(path: directory + "/" + name) else { continue }
            known.insert(name)
            let own = known.count == 1 ? nil : separate?(file.pid, known.count - 1)
            let drain = ProcessDrain(
                file: file, writer: own ?? writer, ownsWriter: own != nil, condense: condense, collectorStart: started)
            for other in drains where other.pid == drain.pid { other.superseded = true }
            drains.append(drain)
        }
    }

    /// The names in a directory.
    package static func list(_ path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe _ = closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe names.append(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
            }
        }
        return names
    }
}
