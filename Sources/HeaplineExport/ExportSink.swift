// SPDX-License-Identifier: Apache-2.0
//
// Where an export goes, in large pieces, so that an export of every event needs no memory for them. A failure to write is
// kept and reported once, at the end: the exporters in between only append.

public import HeaplineCollector

/// Takes the bytes of an export.
public final class ExportSink {
    private var buffer: [UInt8] = []
    private let limit: Int
    private let write: ([UInt8]) throws(TraceError) -> Void
    private var failure: TraceError?

    /// - Parameter write: gets the bytes, in order, in pieces of about a megabyte.
    public init(_ write: @escaping ([UInt8]) throws(TraceError) -> Void) {
        self.write = write
        limit = 1 << 20
        buffer.reserveCapacity(limit + (1 << 16))
    }

    /// Hands on what is left. Throws the first failure there was.
    public func finish() throws(TraceError) {
        flush()
        if let failure { throw failure }
    }

    func append(_ text: String) {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= limit { flush() }
    }

    /// Takes bytes.
    public func append(_ bytes: [UInt8]) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= limit { flush() }
    }

    func append(_ byte: UInt8) { buffer.append(byte) }

    private func flush() {
        guard failure == nil else {
            buffer.removeAll(keepingCapacity: true)
            return
        }
        do throws(TraceError) { try write(buffer) } catch { failure = error }
        buffer.removeAll(keepingCapacity: true)
    }
}
