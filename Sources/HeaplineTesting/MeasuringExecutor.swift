// SPDX-License-Identifier: Apache-2.0
//
// One thread that runs the jobs of one test, in the order in which they come. Tests share the usual threads; only on one
// of its own is what a test allocates known by the thread that did it.

internal import Glibc
internal import Synchronization

/// `@unchecked Sendable`: the jobs are behind the mutex, the semaphore is made to be used by several threads, and `thread`
/// is written in init only, before the executor is known to anybody.
@safe final class MeasuringExecutor: TaskExecutor, @unchecked Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var isOver = false
    }
    private let state = Mutex(State())
    private let work: UnsafeMutablePointer<sem_t>
    private var thread = pthread_t()

    init() {
        unsafe work = .allocate(capacity: 1)
        unsafe sem_init(work, 0, 0)
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let error = unsafe pthread_create(
            &thread, nil,
            { context in
                unsafe Unmanaged<MeasuringExecutor>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        precondition(error == 0, "no thread could be made for a test's measurement: error \(error)")
        pthread_detach(thread)
    }

    deinit {
        unsafe sem_destroy(work)
        unsafe work.deallocate()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        unsafe sem_post(work)
    }

    /// The thread ends when all jobs are done.
    func finish() {
        state.withLock { $0.isOver = true }
        unsafe sem_post(work)
    }

    private func run() {
        while true {
            while unsafe sem_wait(work) != 0 {}
            let (job, isOver) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isOver)
            }
            if let job {
                unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            } else if isOver {
                return
            }
        }
    }
}
