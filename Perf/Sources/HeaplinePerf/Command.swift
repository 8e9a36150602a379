// SPDX-License-Identifier: Apache-2.0
//
// One command: started under limits, waited for, and accounted for. The only file that speaks to CPerfProcess.

internal import CPerfProcess
internal import Foundation

struct Command {
    var arguments: [String]
    var environment: [String: String]
    var folder: String
    var output: String
    var input: String?
    var timeout: Double = 60
    var memoryBytes: UInt64 = 0
    /// Look at the memory of all processes every so many seconds; looking disturbs the clock.
    var sampleEvery: Double = 0
    var daemons: [Int32] = []

    struct Usage {
        var status: Int32 = 0
        var timedOut = false
        var wall: Double = 0
        var cpu: Double = 0
        var peakBytes: UInt64 = 0

        /// nil when all went well.
        var failure: String? {
            if timedOut { return "timed out" }
            if status & 0x7f != 0 { return "ended by signal \(status & 0x7f)" }
            let code = (status >> 8) & 0xff
            return code == 0 ? nil : "exit status \(code)"
        }
    }

    struct NotStarted: Error, CustomStringConvertible {
        var description: String
    }

    func run() throws -> Usage {
        var usage = cperf_usage()
        let error = unsafe withC { command in unsafe cperf_run(command, &usage) }
        if error != 0 { throw NotStarted(description: "\(arguments[0]): \(unsafe String(cString: strerror(error)))") }
        return Usage(
            status: usage.status, timedOut: usage.timed_out != 0, wall: Double(usage.wall_ns) / 1e9,
            cpu: Double(usage.user_ns + usage.system_ns) / 1e9, peakBytes: usage.peak_bytes)
    }

    /// Starts it outside of all measuring.
    func start() throws -> Companion {
        let pid = unsafe withC { command in unsafe cperf_start(command) }
        if pid < 0 { throw NotStarted(description: "\(arguments[0]): \(unsafe String(cString: strerror(-pid)))") }
        return Companion(pid: pid)
    }

    struct Companion {
        var pid: Int32
        func wait(timeout: Double) { cperf_wait(pid, UInt64(timeout * 1e9)) }
    }

    private func withC<Result>(_ body: (UnsafePointer<cperf_command>) -> Result) -> Result {
        unsafe withStrings(arguments) { argv in
            unsafe withStrings(environment.map { "\($0.key)=\($0.value)" }) { envp in
                unsafe folder.withCString { folder in
                    unsafe output.withCString { output in
                        unsafe daemons.withUnsafeBufferPointer { daemons in
                            var command = unsafe cperf_command(
                                arguments: argv, environment: envp, folder: folder, output: output, input: nil,
                                memory_bytes: memoryBytes, timeout_ns: UInt64(timeout * 1e9),
                                sample_ns: UInt64(sampleEvery * 1e9), daemons: daemons.baseAddress,
                                daemon_count: UInt32(daemons.count))
                            guard let input else { return unsafe body(&command) }
                            return unsafe input.withCString { input in
                                unsafe command.input = unsafe input
                                return unsafe body(&command)
                            }
                        }
                    }
                }
            }
        }
    }

    private func withStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = unsafe strings.map { unsafe UnsafePointer<CChar>(strdup($0)) } + [nil]
        defer { for unsafe copy in unsafe copies { unsafe free(UnsafeMutablePointer(mutating: copy)) } }
        return unsafe copies.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }
}

enum Clock {
    /// Seconds since some point in the past.
    static var now: Double { Double(cperf_now_ns()) / 1e9 }
    /// Nanoseconds that one reading of the processor's counter costs.
    static var counterCost: Double { cperf_counter_cost_ns() }
    /// CPU seconds of one running process.
    static func cpu(of pid: Int32) -> Double { Double(cperf_cpu_ns(pid)) / 1e9 }
}
