// SPDX-License-Identifier: Apache-2.0
//
// The collector of a recording, as a thread of the recorded process. What it does itself is left out of the recording.
//
// The recorded threads never wait for a lock that it holds: it takes none of the recorder's, and the ones it could hold in
// the C library and in the Swift runtime are taken for an allocation at most. The other way round, a thread that waits for
// a free buffer may hold any lock of the program's. What this thread does in a round is done once before the recording
// begins, so that nothing is left that needs the dynamic loader or new metadata. If it is held up nevertheless,
// the recorder waits for ten seconds and then counts losses.

internal import Glibc
internal import HeaplineCollector
internal import Synchronization

/// Empties the buffers of one session until it is told to finish.
///
/// `@unchecked Sendable`: `collector` and `writer` are used by the thread that init starts, and by nobody else until
/// finish(expecting:) has joined it; `thread` is written before that thread exists for others, in init. The two that are used
/// by both sides are atomic, and the semaphore is made for that.
@safe final class DrainThread: @unchecked Sendable {
    private let collector: SessionCollector
    private let writer: TraceWriter
    private let isOver = Atomic<Bool>(false)
    private let expected = Atomic<UInt64>(0)
    private let wake: UnsafeMutablePointer<sem_t>
    private var thread = pthread_t()

    /// Why the trace could not be written, once finished.
    var failure: TraceError? { writer.failure }

    /// Starts the thread. It finds nothing to do until the recording begins.
    init(collector: SessionCollector, writer: TraceWriter) throws(TraceError) {
        self.collector = collector
        self.writer = writer
        unsafe wake = .allocate(capacity: 1)
        unsafe sem_init(wake, 0, 0)
        let ready = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        unsafe sem_init(ready, 0, 0)
        defer {
            unsafe sem_destroy(ready)
            unsafe ready.deallocate()
        }
        let start = unsafe Start(self, ready)
        let context = unsafe Unmanaged.passRetained(start).toOpaque()
        let error = unsafe pthread_create(
            &thread, nil,
            { context in
                let start = unsafe Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
                Recorder.ignoreThisThread(true)
                let drain = start.drain
                drain.prepare()
                unsafe sem_post(start.ready)
                drain.run()
                return nil
            }, context)
        guard error == 0 else {
            unsafe Unmanaged<Start>.fromOpaque(context).release()
            throw TraceError(.system, path: writer.path, errno: error, message: "no thread could be made to write it")
        }
        while unsafe sem_wait(ready) != 0 {}
    }

    deinit {
        unsafe sem_destroy(wake)
        unsafe wake.deallocate()
    }

    /// Takes the rest, closes the trace, and ends the thread.
    ///
    /// - Parameter count: How many events were counted in all: threads that had counted one and not yet written it when the
    ///   recording ended are waited for, for five seconds at most.
    func finish(expecting count: UInt64) {
        expected.store(count, ordering: .relaxed)
        isOver.store(true, ordering: .releasing)
        unsafe sem_post(wake)
        pthread_join(thread, nil)
    }

    // MARK: On the thread

    private func prepare() {
        _ = Clock.hz
        _ = collector.step()
    }

    private func run() {
        while !isOver.load(ordering: .acquiring) {
            _ = collector.step()
            if collector.pause > 0 { wait(collector.pause) }
        }
        let last = Clock.nanoseconds + 5_000_000_000
        while collector.step() || (collector.events < expected.load(ordering: .relaxed) && Clock.nanoseconds < last) {
            usleep(100)  // the processor may be what they wait for
        }
        collector.finish()
        writer.finish()
    }

    private func wait(_ nanoseconds: UInt64) {
        let until = Clock.unixNanoseconds + nanoseconds
        var time = timespec(tv_sec: Int(until / 1_000_000_000), tv_nsec: Int(until % 1_000_000_000))
        unsafe sem_timedwait(wake, &time)
    }

    /// What the new thread is given.
    @safe private final class Start {
        let drain: DrainThread
        let ready: UnsafeMutablePointer<sem_t>
        init(_ drain: DrainThread, _ ready: UnsafeMutablePointer<sem_t>) {
            self.drain = drain
            unsafe self.ready = ready
        }
    }
}
