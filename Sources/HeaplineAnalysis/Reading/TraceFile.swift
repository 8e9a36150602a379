// SPDX-License-Identifier: Apache-2.0
//
// A file opened for reading at given offsets. Read with pread rather than mapped: a trace that is cut while it is being
// looked at is then a short read and not a SIGBUS, and what has been read does not stay in our resident memory.

internal import Glibc
internal import HeaplineCollector

/// `Sendable`: nothing in it changes, and pread has no position that threads could share.
final class TraceFile: Sendable {
    let path: String
    /// Bytes in the file when it was opened; a trace still being written is read up to here.
    let size: UInt64
    private let descriptor: CInt

    init(path: String) throws(TraceError) {
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard opened >= 0 else {
            throw TraceError(.system, path: path, errno: errno, message: "cannot be opened")
        }
        var status = stat()
        guard unsafe fstat(opened, &status) == 0 else {
            let reason = errno
            close(opened)
            throw TraceError(.system, path: path, errno: reason, message: "cannot be examined")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(opened)
            let what = status.st_mode & S_IFMT == S_IFDIR ? "is a directory" : "is not a regular file"
            throw TraceError(.notAFile, path: path, message: "\(what), a trace was expected")
        }
        guard status.st_size > 0 else {
            close(opened)
            throw TraceError(.empty, path: path, message: "is empty: nothing was ever recorded into it")
        }
        self.path = path
        size = UInt64(status.st_size)
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Reads exactly `target.count` bytes.
    func read(at offset: UInt64, into target: UnsafeMutableRawBufferPointer) throws(TraceError) {
        var done = 0
        while done < target.count {
            let place = unsafe target.baseAddress! + done
            let result = unsafe pread(descriptor, place, target.count - done, off_t(offset) + off_t(done))
            if result > 0 {
                done += result
            } else if result == 0 {
                throw TraceError(
                    .damaged, path: path, offset: offset + UInt64(done), message: "shrank while it was being read")
            } else if errno != EINTR {
                throw TraceError(.system, path: path, offset: offset, errno: errno, message: "cannot be read")
            }
        }
    }

    /// The first bytes of the file, at most `count`.
    func prefix(_ count: Int) throws(TraceError) -> [UInt8] {
        let length = min(count, Int(min(size, UInt64(Int.max))))
        var bytes = [UInt8](repeating: 0, count: length)
        var failure: TraceError?
        unsafe bytes.withUnsafeMutableBytes { buffer in
            do throws(TraceError) { unsafe try read(at: 0, into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}
