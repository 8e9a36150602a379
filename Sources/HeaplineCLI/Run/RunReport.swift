// SPDX-License-Identifier: Apache-2.0
//
// What `run` says at its end.

enum RunReport {
    static func show(trace: String, recording: Recording, program: [String]) {
        Terminal.error("heapline: \(recording.events) events of \(recording.processes) processes in \(trace)")
    }
}
