// SPDX-License-Identifier: Apache-2.0
//
// Several files' debug information read at once: each by a process of its own, as many at a time as there are processors. What one
// answers does not depend on the others.

import Glibc

/// Runs of llvm-symbolizer that wait for a processor.
///
/// `@unchecked Sendable`: `next` and `answers` are read and written with `mutex` held while threads run; `jobs` does not change.
@safe final class LineJobs: @unchecked Sendable {
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

    private let jobs: [Job]
    private let order: [Int]
    private var next = 0
    private var answers: [Answer?]
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    private init(_ jobs: [Job]) {
        self.jobs = jobs
        order = jobs.indices.sorted { (jobs[$1].effort, $0) < (jobs[$0].effort, $1) }
        answers = Array(repeating: nil, count: jobs.count)
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Does all jobs; the answers are in their order.
    static func run(_ jobs: [Job]) -> [Answer] {
        let all = LineJobs(jobs)
        var threads: [pthread_t] = []
        // This thread works too.
        for _ in 1..<max(1, min(sysconf(CInt(_SC_NPROCESSORS_ONLN)), jobs.count)) {
            var thread = pthread_t()
            let context = unsafe Unmanaged.passRetained(all).toOpaque()
            let error = unsafe pthread_create(
                &thread, nil,
                { context in
                    unsafe Unmanaged<LineJobs>.fromOpaque(context!).takeRetainedValue().work()
                    return nil
                }, context)
            guard error == 0 else {
                unsafe Unmanaged<LineJobs>.fromOpaque(context).release()
                break
            }
            threads.append(thread)
        }
        all.work()
        for thread in threads { pthread_join(thread, nil) }
        return all.answers.map { $0! }
    }

    private func work() {
        while let index = claim() {
            let job = jobs[index]
            let (frames, failure) = job.symbolizer.frames(in: job.path, addresses: job.addresses)
            let answer = Answer(addresses: job.addresses, frames: frames, failure: failure)
            locked { answers[index] = answer }
        }
    }

    private func claim() -> Int? {
        var index: Int?
        locked {
            guard next < order.count else { return }
            index = order[next]
            next += 1
        }
        return index
    }

    private func locked(_ body: () -> Void) {
        unsafe pthread_mutex_lock(mutex)
        body()
        unsafe pthread_mutex_unlock(mutex)
    }
}
