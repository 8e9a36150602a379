// SPDX-License-Identifier: Apache-2.0
//
// LTTng's daemons and sessions. Every command of it is bounded: `lttng destroy` can wait for ever for a program that was killed.

internal import Foundation

final class LTTng {
    private let tools: Toolbox
    private var daemons: [Int32] = []
    private var sessions = 0

    init(_ tools: Toolbox) {
        self.tools = tools
    }

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    /// Starts the daemon, unless it runs, and a session that writes to `folder`. Returns the daemons' process ids.
    func begin(folder: String) throws -> [Int32] {
        if daemons.isEmpty {
            guard let daemon = Toolbox.find("lttng-sessiond") else { throw Problem(description: "lttng-sessiond not found") }
            _ = tools.capture([daemon, "--daemonize", "--no-kernel"], timeout: 10)
        }
        sessions += 1
        let session = "heapline-perf-\(getpid())-\(sessions)"
        for arguments in [
            ["create", session, "--output=\(folder)/lttng"],
            ["enable-channel", "--userspace", "--session=\(session)", "--subbuf-size=4M", "--num-subbuf=8", "--blocking-timeout=inf", "heap"],
            ["enable-event", "--userspace", "--session=\(session)", "--channel=heap", "lttng_ust_libc:*"],
            ["add-context", "--userspace", "--session=\(session)", "--channel=heap", "--type=vtid"],
            ["start", session],
        ] {
            let (status, text) = lttng(arguments)
            if status != 0 {
                throw Problem(description: "lttng \(arguments[0]): \(text.split(separator: "\n").last.map(String.init) ?? "failed")")
            }
        }
        daemons = Self.running()
        return daemons
    }

    /// Ends the session. Returns how many events it says were discarded.
    func end() -> Double? {
        let session = "heapline-perf-\(getpid())-\(sessions)"
        let text = lttng(["stop", session]).text
        let lost = Tracer.number(before: "events were discarded", in: text) ?? Tracer.number(before: "events discarded", in: text)
        _ = lttng(["destroy", session])
        return lost ?? 0
    }

    /// CPU seconds the daemons have used so far.
    var cpu: Double { daemons.map(Clock.cpu(of:)).reduce(0, +) }

    private func lttng(_ arguments: [String]) -> (status: Int32, text: String) {
        guard let path = Toolbox.find("lttng") else { return (127, "lttng not found") }
        return tools.capture([path] + arguments, timeout: 10)
    }

    private static func running() -> [Int32] {
        let pids = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return pids.filter { pid in
            let name = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? ""
            return name.hasPrefix("lttng-sessiond") || name.hasPrefix("lttng-consumerd")
        }
    }
}
