// SPDX-License-Identifier: Apache-2.0
//
// Several files' debug information read at once: as many processes at a time as there are processors. What is said about one address
// does not depend on the others.
//
//   a small file   shares a process with others: to start one takes longer than to read a small file, and an interpreter loads dozens
//   many addresses of a large file   are shared out over one process for each processor
//
// When such a run does not end well, its files are asked again, each by itself and as a whole: what is said about trouble is about one file.

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
    /// What one process is asked: some addresses of some jobs, by their indexes.
    struct Part: Equatable {
        var job: Int
        var addresses: Range<Int>
    }
    private final class Answers: Sendable {
        let frames: Mutex<[Int: [[[LineFrame]]]]> = Mutex([:])  // by run: by part
        let byJob: Mutex<[Int: Answer]> = Mutex([:])
    }

    /// Files with fewer bytes share a process.
    static let smallFile = 4 << 20
    /// Fewer addresses are not shared out: every process reads the file's index for itself.
    static let manyAddresses = 1024

    /// Does all jobs; the answers are in their order.
    static func run(_ jobs: [Job]) -> [Answer?] {
        let runs = runs(jobs, on: Processors.count)
        let answers = Answers()
        Processors.forEach(runs.count) { number in
            let parts = runs[number]
            if parts.count == 1, parts[0].addresses.count == jobs[parts[0].job].addresses.count {
                let answer = alone(jobs[parts[0].job])
                answers.byJob.withLock { $0[parts[0].job] = answer }
            } else if let frames = together(jobs, parts) {
                answers.frames.withLock { $0[number] = frames }
            }
        }
        var byJob = answers.byJob.withLock { $0 }
        var frames: [Int: [[LineFrame]]] = [:]
        for (parts, found) in answers.frames.withLock({ $0 }).sorted(by: { $0.key < $1.key }).map({ (runs[$0.key], $0.value) }) {
            for (part, some) in zip(parts, found) { frames[part.job, default: []] += some }
        }
        for (job, frames) in frames where frames.count == jobs[job].addresses.count {
            byJob[job] = Answer(addresses: jobs[job].addresses, frames: frames, failure: nil)
        }
        let left = jobs.indices.filter { byJob[$0] == nil }
        Processors.forEach(left.count) { place in
            let answer = alone(jobs[left[place]])
            answers.byJob.withLock { $0[left[place]] = answer }
        }
        byJob.merge(answers.byJob.withLock { $0 }) { known, _ in known }
        return jobs.indices.map { byJob[$0] }
    }

    /// What each process is asked, those with the largest files first; the parts of a job are in the order of its addresses.
    static func runs(_ jobs: [Job], on processors: Int) -> [[Part]] {
        let order = jobs.indices.sorted { (jobs[$1].effort, $0) < (jobs[$0].effort, $1) }
        var runs: [[Part]] = []
        var small: [Part] = []
        for job in order {
            let count = jobs[job].addresses.count
            if !LineSymbolizer.canShare(jobs[job].path) {
                runs.append([Part(job: job, addresses: 0..<count)])
            } else if jobs[job].effort < smallFile {
                small.append(Part(job: job, addresses: 0..<count))
            } else {
                let pieces = count < manyAddresses ? 1 : processors
                for piece in 0..<pieces {
                    runs.append([Part(job: job, addresses: count * piece / pieces..<count * (piece + 1) / pieces)])
                }
            }
        }
        var shared = [[Part]](repeating: [], count: min(processors, small.count))
        for (place, part) in small.enumerated() { shared[place % shared.count].append(part) }
        return runs + shared
    }

    private static func alone(_ job: Job) -> Answer {
        let (frames, failure) = job.symbolizer.frames(in: job.path, addresses: job.addresses)
        return Answer(addresses: job.addresses, frames: frames, failure: failure)
    }

    /// Nil when not everything was answered by one run.
    private static func together(_ jobs: [Job], _ parts: [Part]) -> [[[LineFrame]]]? {
        let symbolizers = parts.map { jobs[$0.job].symbolizer }
        return symbolizers.max { $0.memoryLimit < $1.memoryLimit }?
            .frames(inAll: parts.map { (jobs[$0.job].path, Array(jobs[$0.job].addresses[$0.addresses])) })
    }
}
