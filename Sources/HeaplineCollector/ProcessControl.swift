// SPDX-License-Identifier: Apache-2.0
//
// A process that is being recorded, found and steered from outside.

internal import CHeaplineFormat
internal import CHeaplineRecorder
internal import Glibc

/// What can be asked of a recording.
package enum ControlRequest: Equatable, Sendable {
    case stop, pause, resume, dump
    case mark(String)
    case depth(Int)
    case snapshot(path: String)
}

/// Why a process cannot be steered, or did not do what it was asked.
package struct ControlError: Error, CustomStringConvertible, Equatable {
    package var description: String

    package init(description: String) { self.description = description }
}

/// The exact sums of a running process.
package struct ControlSummary: Sendable {
    package var pid: Int32
    package var mode: String
    package var state: String
    package var allocations: UInt64
    package var frees: UInt64
    package var reallocations: UInt64
    package var bytes: UInt64
    package var failures: UInt64
    package var lost: UInt64
    package var seconds: Double
}

/// One process of a session. Used by one thread at a time.
package final class ProcessControl {
    package let pid: Int32
    private let file: ProcessFile

    /// The processes that `target` names: a pid, or a session directory.
    package static func find(_ target: String) throws(ControlError) -> [ProcessControl] {
        guard let pid = Int32(target), pid > 0 else {
            let found = SessionCollector.list(target).filter { $0.hasSuffix(".process") }.sorted()
                .compactMap { ProcessControl(path: target + "/" + $0) }.filter { isAlive($0.pid) }
            guard found.isEmpty else { return found }
            throw ControlError(description: "\(target): is neither a process id nor a session directory with running processes")
        }
        guard isAlive(pid) else { throw ControlError(description: "there is no process \(pid)") }
        guard let maps = ProcFS.text("/proc/\(pid)/maps", limit: 1 << 26) else {
            throw ControlError(description: "process \(pid) is another user's: only its own user may steer it")
        }
        for line in maps.split(separator: "\n") where line.hasSuffix(".process") {
            guard let slash = line.firstIndex(of: "/"), let control = ProcessControl(path: String(line[slash...])), control.pid == pid
            else { continue }
            return [control]
        }
        throw ControlError(
            description: "process \(pid) is not being recorded: start it with heapline run -- PROGRAM (running programs cannot be entered)")
    }

    private static func isAlive(_ pid: Int32) -> Bool {
        guard let state = ProcFS.state(of: pid) else { return false }
        return state.letter != "Z" && state.letter != "X"
    }

    private init?(path: String) {
        guard let file = ProcessFile(path: path) else { return nil }
        self.file = file
        pid = file.pid
    }

    /// Asks, and waits for the answer.
    package func ask(_ request: ControlRequest, seconds: Int = 60) throws(ControlError) {
        let lock = unsafe open(file.path, O_RDWR | O_CLOEXEC)
        guard lock >= 0, flock(lock, LOCK_EX) == 0 else {
            throw ControlError(description: "the recording of process \(pid) has ended")
        }
        defer { close(lock) }
        let result = file.ask(request, milliseconds: seconds * 1000)
        guard result != 0 else { return }
        throw ControlError(description: explain(result, request, seconds))
    }

    private func explain(_ result: Int32, _ request: ControlRequest, _ seconds: Int) -> String {
        switch result {
        case HL_ERROR_STATE.rawValue: return "the recording of process \(pid) has been stopped, or it is busy with another request"
        case HL_ERROR_ARGUMENT.rawValue:
            return "process \(pid) was started with fewer frames: depth can be lowered, and raised up to that again"
        case HL_ERROR_UNSUPPORTED.rawValue: return "process \(pid) cannot dump: that needs mode all and a collector"
        case HL_ERROR_SYSTEM.rawValue:
            return request == .dump
                ? "process \(pid) could not search its memory; its trace says why"
                : "process \(pid) was refused memory or a file by the system"
        case HL_ASK_DEAF.rawValue: return "process \(pid) does not listen: it took back the signal it is steered by"
        case HL_ASK_REFUSED.rawValue: return "process \(pid) may not be sent signals: only its own user may steer it"
        case HL_ASK_LONG.rawValue: return "the text is longer than \(HL_CONTROL_TEXT_BYTES - 1) bytes"
        default: return "process \(pid) did not answer within \(seconds) s: all its threads block the signal, or it is stopped"
        }
    }

    package var summary: ControlSummary {
        let header = file.header
        let counts = file.counts()
        let modes = ["off", "count", "sample", "leaks", "all"]
        let states = [1: "recording", 2: "stopped", 3: "replaced", 4: "broken"]
        let lost = unsafe withUnsafeBytes(of: counts.lost) { bytes in
            unsafe bytes.bindMemory(to: UInt64.self).reduce(0, &+)
        }
        let hz = header.clock_hz == 0 ? Clock.hz : header.clock_hz
        return ControlSummary(
            pid: pid, mode: modes.indices.contains(Int(header.mode)) ? modes[Int(header.mode)] : "?",
            state: states[Int(header.state)] ?? "?", allocations: counts.sums.allocations, frees: counts.sums.frees,
            reallocations: counts.sums.reallocations, bytes: counts.sums.bytes, failures: counts.sums.failures, lost: lost,
            seconds: Double(file.ticks) / Double(max(hz, 1)))
    }

    /// Whether everything is drained as it comes, so that a snapshot would hold next to nothing.
    package var isDrained: Bool { file.header.collector_pid != 0 && file.header.on_full != HL_ON_FULL_OVERWRITE.rawValue }
}
