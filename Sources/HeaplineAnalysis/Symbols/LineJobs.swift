// SPDX-License-Identifier: Apache-2.0
//
// Several files' debug information read at once: each by a process of its own, as many at a time as there are processors. What one
// answers does not depend on the others.

internal import Synchronization

/// Runs of llvm-symbolizer that wait for a processor.
enum LineJobs {
    struct Job {
        var symbolizer: LineSymbolizer
        var path: String
        var addresses: [UInt64]
        /// The larger, the earlier.
        var effort: Int
    }
    struct Answer {
        var addresses: [UInt64]
        var frames: [[LineFrame]]
        var failure: ChildProcess.Failure?
    }
    private final class Answers: Sendable {
        let byJob: Mutex<[Int: Answer]> = Mutex([:])
    }

    /// Does all jobs; the answers are in their order.
    static func run(_ jobs: [Job]) -> [Answer?] {
        let order = jobs.indices.sorted { (jobs[$1].effort, $0) < (jobs[$0].effort, $1) }
        let answers = Answers()
        Processors.forEach(jobs.count) { place in
            let job = jobs[order[place]]
            let (frames, failure) = job.symbolizer.frames(in: job.path, addresses: job.addresses)
            answers.byJob.withLock {
                $0[order[place]] = Answer(addresses: job.addresses, frames: frames, failure: failure)
            }
        }
        let byJob = answers.byJob.withLock { $0 }
        return jobs.indices.map { byJob[$0] }
    }
}
