// SPDX-License-Identifier: Apache-2.0
//
// Chunks of events decoded before their turn, by threads beside the one that adds them up. A chunk decodes by itself, so who decodes
// it and when changes nothing: the merge asks for chunks in its own order and gets what it would have made itself.
//
//   pending ──worker──▶ decoding ──▶ ready ──▶ taken
//      └────────────── the merge itself ────────▲
//
// A chunk whose turn comes while it is pending is decoded by the merge: so no order of turns, whatever a damaged file says, can
// make the two wait for each other, and the merge never idles while there is something to decode.
//
// Memory: `limit` decoded chunks of a megabyte, those being decoded included, and what a ChunkReader needs for each worker.

internal import CHeaplineFormat
internal import Glibc
internal import HeaplineCollector

/// Decodes chunks of one file in the order given, at most a few ahead of where they are taken.
///
/// `@unchecked Sendable`: all that changes is read and written with `mutex` held, but for a buffer's records: they belong to the
/// worker while its chunk is `decoding`, and to whom it was given once it is `taken`. `file` and `order` do not change.
@safe final class DecodeAhead: @unchecked Sendable {
    private enum State: UInt8 { case pending, decoding, ready, taken }
    @safe private struct Done {
        var chunk: Decoded
        var failure: TraceError?
    }
    /// The records of a chunk.
    @safe struct Decoded {
        var records: UnsafeMutablePointer<hl_record>
        /// Whether they never go back, see ``ChunkReader/events(_:into:)``.
        var isInOrder = false
    }

    private let file: TraceFile
    private let order: [Chunk]
    private var states: [State]
    private var done: [Int: Done] = [:]  // of chunks that are ready
    private var spare: [UnsafeMutablePointer<hl_record>] = unsafe []
    private var next = 0  // nothing before is pending
    private var ahead = 0  // chunks that are decoding or ready
    private var isOver = false
    private var threads: [pthread_t] = []
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    static let limit = 6
    private static let mostWorkers = 3
    /// Fewer chunks are decoded before a thread has begun.
    private static let fewestChunks = 4

    /// - Parameter order: events chunks of at most HL_EVENTS_MAX records, in the order in which they will probably be taken.
    init(_ file: TraceFile, _ order: [Chunk]) {
        self.file = file
        self.order = order
        states = Array(repeating: .pending, count: order.count)
        unsafe mutex = .allocate(capacity: 1)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(changed, nil)
        let processors = Processors.count
        guard order.count >= Self.fewestChunks, processors > 1 else { return }
        for _ in 0..<min(processors - 1, Self.mostWorkers) {
            // Without a thread the merge decodes everything itself.
            guard let thread = Processors.begin({ self.work() }) else { return }
            threads.append(thread)
        }
    }

    deinit {
        // Else it would write "unsafebuffer" for "unsafe buffer" here.
        // swift-format-ignore
        for unsafe buffer in unsafe spare { unsafe buffer.deallocate() }
        for done in done.values { unsafe done.chunk.records.deallocate() }
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Ends the threads. To be called before the last reference goes.
    func finish() {
        locked { isOver = true }
        unsafe pthread_cond_broadcast(changed)
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    /// The records of a chunk; each is taken once. The caller gives the memory back with ``giveBack(_:)``.
    ///
    /// - Parameter reader: decodes the chunk when nobody else has begun to.
    func take(_ position: Int, _ reader: ChunkReader) throws(TraceError) -> Decoded {
        var result: Done?
        locked {
            while states[position] == .decoding { unsafe pthread_cond_wait(changed, mutex) }
            result = done.removeValue(forKey: position)
            if result != nil { ahead -= 1 }
            states[position] = .taken
        }
        guard let result else {
            var chunk = unsafe Decoded(records: buffer())
            do throws(TraceError) {
                chunk.isInOrder = unsafe try reader.events(order[position], into: chunk.records)
            } catch {
                unsafe giveBack(chunk.records)
                throw error
            }
            return chunk
        }
        unsafe pthread_cond_broadcast(changed)
        if let failure = result.failure {
            unsafe giveBack(result.chunk.records)
            throw failure
        }
        return result.chunk
    }

    func giveBack(_ buffer: UnsafeMutablePointer<hl_record>) {
        locked { unsafe spare.append(buffer) }
    }

    private func buffer() -> UnsafeMutablePointer<hl_record> {
        var found: UnsafeMutablePointer<hl_record>?
        locked { unsafe found = spare.popLast() }
        return unsafe found ?? .allocate(capacity: Int(HL_EVENTS_MAX))
    }

    private func locked(_ body: () -> Void) {
        unsafe pthread_mutex_lock(mutex)
        body()
        unsafe pthread_mutex_unlock(mutex)
    }

    // MARK: On a worker

    private func work() {
        let reader = ChunkReader(file)
        while let position = claim() {
            var chunk = unsafe Decoded(records: buffer())
            var failure: TraceError?
            do throws(TraceError) {
                chunk.isInOrder = unsafe try reader.events(order[position], into: chunk.records)
            } catch {
                failure = error
            }
            locked {
                done[position] = Done(chunk: chunk, failure: failure)
                states[position] = .ready
            }
            unsafe pthread_cond_broadcast(changed)
        }
    }

    /// The next chunk to decode, once there is room for it; nil at the end.
    private func claim() -> Int? {
        var position: Int?
        locked {
            while !isOver, ahead >= Self.limit { unsafe pthread_cond_wait(changed, mutex) }
            while next < order.count, states[next] != .pending { next += 1 }
            guard !isOver, next < order.count else { return }
            position = next
            states[next] = .decoding
            ahead += 1
        }
        return position
    }
}
