// SPDX-License-Identifier: Apache-2.0
//
// What was said once, of all processes, in time order: starts and ends, marks, pauses, forks, execs, problems, log lines.

/// One line of a trace's log.
public struct LogLine: Sendable, Hashable {
    /// Nanoseconds since the trace's start.
    public var time: UInt64
    public var process: Int
    public var text: String
}

extension Trace {
    /// The log, in time order.
    public var log: [LogLine] {
        var lines: [LogLine] = []
        for process in processes {
            func add(_ ticks: UInt64, _ text: String) {
                lines.append(LogLine(time: process.clock.nanoseconds(ticks), process: process.id, text: text))
            }
            let command = process.arguments.isEmpty ? process.executable : process.arguments.joined(separator: " ")
            add(0, "start \(command) (pid \(process.pid), parent \(process.parentPid))")
            for note in process.notes {
                switch note.kind {
                case .mark(let text): add(note.ticks, "mark \(text)")
                case .pause: add(note.ticks, "pause")
                case .resume: add(note.ticks, "resume")
                case .fork(let child): add(note.ticks, "fork of \(child)")
                case .exec(let path): add(note.ticks, "exec \(path)")
                case .problem(let text): add(note.ticks, "problem: \(text)")
                case .log(let thread, _, let text): add(note.ticks, "\(process.threadName(thread)): \(text)")
                case .dump(let text): add(note.ticks, text.isEmpty ? "dump" : "dump: \(text)")
                }
            }
            if let ending = process.ending { add(ending.ticks, ending.description) }
        }
        return lines.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    }
}

extension ProcessEnding: CustomStringConvertible {
    /// `exit 0`, `killed by signal 9`, …
    public var description: String {
        switch reason {
        case .unknown: "end"
        case .exited(let status): status.map { "exit \($0)" } ?? "exit"
        case .killed(let signal): signal == 0 ? "killed" : "killed by signal \(signal)"
        case .exec: "replaced by exec"
        case .detached: "still running when the recording ended"
        }
    }
}
