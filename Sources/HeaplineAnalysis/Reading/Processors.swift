// SPDX-License-Identifier: Apache-2.0
//
// Work in pieces that do not depend on each other, spread over the processors by threads that end before the call does.

internal import Glibc
internal import HeaplineCollector
internal import Synchronization

enum Processors {
    /// How many there are.
    static var count: Int { max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))) }

    /// Calls `body` once for each index below `count`, lower indexes earlier, on as many threads as there are processors; this thread
    /// is one of them. Without threads it does everything itself.
    static func forEach(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let pieces = Pieces(count, body)
        var threads: [pthread_t] = []
        for _ in 1..<max(1, min(Self.count, count)) {
            guard let thread = begin({ pieces.work() }) else { break }
            threads.append(thread)
        }
        pieces.work()
        for thread in threads { pthread_join(thread, nil) }
    }

    /// A thread that runs `body`, to be joined; nil when there can be none.
    static func begin(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(Errand(body)).toOpaque()
        let error = unsafe pthread_create(
            &thread, nil,
            { context in
                unsafe Unmanaged<Errand>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, context)
        guard error != 0 else { return thread }
        unsafe Unmanaged<Errand>.fromOpaque(context).release()
        return nil
    }

    private final class Errand: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private final class Pieces: Sendable {
        private let count: Int
        private let next = Atomic<Int>(0)
        private let body: @Sendable (Int) -> Void

        init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.count = count
            self.body = body
        }

        func work() {
            while true {
                // Relaxed: what pieces leave is read after their threads were joined.
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index)
            }
        }
    }
}
