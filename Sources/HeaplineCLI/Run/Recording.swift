// SPDX-License-Identifier: Apache-2.0
//
// One recording from start to end: start the program, collect what it and its children write, until all have ended.

internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector

/// What came of a recording.
struct Recording {
    /// The program's status as of waitpid(2).
    var status: Int32
    var processes: Int
    var events: UInt64
    /// Why the trace could not be written whole, if so.
    var failure: TraceError?
    var interrupted: Bool
    /// The trace files that were written.
    var traces: [String]
    /// What processes that could not be recorded had to say.
    var problems: [String]

    struct Setup {
        var program: [String]
        var options: RecordingOptions
        var allocator: String?
        var library: String
        var output: String
        var force: Bool
        var quiet: Bool
        var separate: Bool
    }

    /// Runs the program. Returns when it and all recorded descendants have ended.
    static func run(_ setup: Setup) throws -> Recording {
        let relay = SignalRelay()  // first: from here on an interrupt is the program's
        guard let session = SessionDirectory() else {
            throw CommandFailure("no directory for the recording buffers could be made in /dev/shm, $TMPDIR or /tmp")
        }
        defer { session.remove() }
        let writer = try TraceWriter(path: setup.output, force: setup.force, startUnixNs: Clock.unixNanoseconds)
        var traces = [setup.output]
        let collector = SessionCollector(
            directory: session.path, writer: writer, condense: { MemoryImage.condensed($0, live: $1) },
            separate: setup.separate
                ? { pid, number in
                    let path = "\(setup.output).\(number).\(pid)"
                    let own = try? TraceWriter(path: path, force: setup.force, startUnixNs: Clock.unixNanoseconds)
                    if own != nil { traces.append(path) }
                    return own
                } : nil)
        _ = Clock.hz  // measured before the program needs the processor
        let child: Launcher
        do {
            child = try Launcher(
                setup.program, environment: environment(setup, session: session.path), signalMask: relay.before)
        } catch {
            writer.finish()
            unsafe _ = unlink(setup.output)
            throw error
        }
        collector.awaited = child.pid
        // Writing to a terminal or pipe that has gone is an error, not an end; for the program it stays as it was.
        _ = signal(SIGPIPE, SIG_IGN)
        var progress = Progress(wanted: !setup.quiet)
        var status: Int32 = 0
        var over = false
        var interrupts = 0
        var nextShow: UInt64 = 0
        let start = Clock.nanoseconds
        while true {
            _ = collector.step()
            if !over, try wait(child.pid, &status) {
                over = true
                collector.ended(pid: child.pid, status: status)
                continue
            }
            if over && collector.running == 0 { break }
            let now = Clock.nanoseconds
            if now >= nextShow {
                nextShow = now + 250_000_000
                let seconds = (now - start) / 1_000_000_000
                let waiting = over ? ", waiting for \(collector.running) more (Ctrl-C ends)" : ""
                progress.show("heapline: \(collector.events) events, \(collector.processes) processes, \(seconds) s\(waiting)")
            }
            // Even without a pause, signals are looked for.
            let signal = relay.wait(nanoseconds: Int(collector.pause), child: child.pid)
            if signal == SIGINT || signal == SIGTERM || signal == SIGHUP {
                interrupts += 1
                // The program was told as well. Once it is over, another Ctrl-C means not to wait for its children.
                if over || interrupts > 2 { break }
            }
        }
        progress.clear()
        collector.finish()
        writer.finish()
        let problems = SessionCollector.list(session.path).sorted().filter { $0.hasSuffix(".problem") }
            .compactMap { ProcFS.text(session.path + "/" + $0) }
        return Recording(
            status: status, processes: collector.processes, events: collector.events, failure: writer.failure,
            interrupted: interrupts > 0, traces: traces, problems: Array(Set(problems)).sorted())
    }

    /// Whether the child has ended. One that the terminal stopped stops us, too, so that the shell gets its terminal. One
    /// that was sent SIGSTOP by itself does not: whoever sent it continues it, and knows nothing of us.
    private static func wait(_ pid: pid_t, _ status: inout Int32) throws -> Bool {
        let got = unsafe waitpid(pid, &status, WNOHANG | WUNTRACED)
        if got < 0 && errno == ECHILD { return true }
        guard got == pid else { return false }
        if status & 0xff == 0x7f {
            if [SIGTSTP, SIGTTIN, SIGTTOU].contains(status >> 8 & 0xff) {
                kill(getpid(), SIGSTOP)
                kill(pid, SIGCONT)
            }
            return false
        }
        return true
    }

    private static func environment(_ setup: Setup, session: String) -> [String] {
        var preload = [setup.library]
        if let allocator = setup.allocator { preload.append(allocator) }
        var variables: [String] = []
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let variable = unsafe String(cString: text)
            unsafe entry += 1
            if variable.hasPrefix("LD_PRELOAD=") {
                preload.append(String(variable.dropFirst(11)))
            } else if !variable.hasPrefix("HEAPLINE") {
                variables.append(variable)
            }
        }
        variables.append("LD_PRELOAD=" + preload.joined(separator: ":"))
        variables.append("HEAPLINE_SESSION=\(session)")
        if setup.options.noFollow { variables.append("HEAPLINE_ONLY=\(getpid())") }
        return variables + setup.options.environment
    }
}

/// A failure of the command itself: exit status 1.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
