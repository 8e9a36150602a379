// SPDX-License-Identifier: Apache-2.0
//
// The words of `heapline control` and `heapline console`, and what is said back.

internal import Glibc
internal import HeaplineCollector

enum ControlLine {
    static let help = """
        summary         exact sums so far
        pause, resume   leave out what happens in between (start: the same as resume)
        stop            end the recording; the program runs on
        mark TEXT       put a named point in time into the trace
        depth N         frames of stacks from now on, up to what the recording began with
        dump            search the program's memory for what leads to its live blocks, now
        snapshot FILE   write the buffers as a trace (recordings with --on-full overwrite)
        """

    /// Does what the words say; returns the answer to print.
    static func run(_ words: [String], on processes: [ProcessControl]) throws(ControlError) -> String {
        guard let command = words.first else { return "" }
        let rest = words.dropFirst().joined(separator: " ")
        func plain(_ request: ControlRequest, _ done: String) throws(ControlError) -> String {
            guard rest.isEmpty else { throw ControlError(description: "\(command) takes nothing more, not \(rest)") }
            for process in processes { try process.ask(request) }
            return done
        }
        switch command {
        case "summary": return processes.map(summary).joined(separator: "\n")
        case "pause": return try plain(.pause, "paused")
        case "resume", "start": return try plain(.resume, "recording")
        case "stop": return try plain(.stop, "stopped: the trace is complete once the program ends")
        case "dump": return try plain(.dump, "dumped: reports tell what was reachable now")
        case "mark":
            guard !rest.isEmpty else { throw ControlError(description: "mark takes a text") }
            for process in processes { try process.ask(.mark(rest)) }
            return "marked"
        case "depth":
            guard let depth = Int(rest), (0...512).contains(depth) else {
                throw ControlError(description: "depth takes a number of frames, 0 to 512, not \(rest.isEmpty ? "nothing" : rest)")
            }
            for process in processes { try process.ask(.depth(depth)) }
            return "depth \(depth)"
        case "snapshot": return try snapshot(rest, processes)
        default:
            throw ControlError(description: "there is no command \(command); there are:\n" + help)
        }
    }

    private static func snapshot(_ path: String, _ processes: [ProcessControl]) throws(ControlError) -> String {
        guard !path.isEmpty else { throw ControlError(description: "snapshot takes the file to write") }
        guard processes.count == 1 else { throw ControlError(description: "snapshot is for one process; give its id") }
        guard !processes[0].isDrained else {
            throw ControlError(
                description:
                    "everything so far is in the trace already, which can be read while it grows; snapshots are for --on-full overwrite")
        }
        if unsafe access(path, F_OK) == 0 { throw ControlError(description: "\(path): exists already") }
        // The program may be in another directory.
        var absolute = path
        if !path.hasPrefix("/"), let here = unsafe getcwd(nil, 0) {
            absolute = unsafe String(cString: here) + "/" + path
            unsafe free(here)
        }
        try processes[0].ask(.snapshot(path: absolute))
        return "written: \(path)"
    }

    private static func summary(_ process: ProcessControl) -> String {
        let sums = process.summary
        let rate = sums.seconds > 0 ? Double(sums.allocations) / sums.seconds : 0
        return "pid \(sums.pid): \(sums.state), mode \(sums.mode), \(Int(sums.seconds)) s; \(sums.allocations) allocations "
            + "(\(Int(rate)) a second), \(sums.frees) frees, \(sums.reallocations) reallocations, \(sums.bytes) bytes, "
            + "\(Int64(bitPattern: sums.allocations &- sums.frees)) alive, \(sums.failures) failed, \(sums.lost) lost"
    }
}
