// SPDX-License-Identifier: Apache-2.0
//
// A file that an export or a result goes to. It appears whole or not at all: bytes go to a file beside it, which takes the
// name once it is complete. An existing file is left alone unless it is to be replaced.

internal import Glibc
public import HeaplineCollector

/// Writes files that nobody sees half.
public enum ExportFile {
    /// Refuses when `path` exists and is not to be replaced.
    public static func check(_ path: String, force: Bool) throws(TraceError) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw TraceError(.notAFile, path: path, message: "is a directory, a file was expected")
        }
        if !force { throw TraceError(.exists, path: path, message: "exists already; --force replaces it") }
    }

    /// Creates `path` with what `body` writes to the sink. Nothing is left behind when it throws.
    public static func write(
        _ path: String, force: Bool, _ body: (ExportSink) throws -> Void
    ) throws {
        try check(path, force: force)
        var status = stat()
        if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            // A pipe or a device cannot be replaced; it is written to.
            try write(to: path, for: path, flags: O_WRONLY, body)
            return
        }
        let temporary = "\(path).\(getpid()).part"
        do {
            try write(to: temporary, for: path, flags: O_WRONLY | O_CREAT | O_EXCL, body)
            // Without --force a file that has appeared meanwhile is not replaced either: link fails, rename would not.
            let result = force ? unsafe rename(temporary, path) : unsafe link(temporary, path)
            if result != 0 {
                let reason = errno
                if !force, reason == EPERM || reason == EOPNOTSUPP, unsafe rename(temporary, path) == 0 { return }
                throw TraceError(.system, path: path, errno: reason, message: "cannot be created")
            }
            unsafe unlink(temporary)
        } catch {
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Creates `path` with `bytes`.
    public static func write(_ bytes: [UInt8], to path: String, force: Bool) throws(TraceError) {
        do {
            try write(path, force: force) { $0.append(bytes) }
        } catch {
            throw error as? TraceError ?? TraceError(.system, path: path, message: "\(error)")
        }
    }

    /// - Parameter path: what messages call the file.
    private static func write(
        to file: String, for path: String, flags: CInt, _ body: (ExportSink) throws -> Void
    ) throws {
        let descriptor = unsafe open(file, flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw TraceError(.system, path: path, errno: errno, message: "cannot be created")
        }
        defer { close(descriptor) }
        let sink = ExportSink { bytes throws(TraceError) in try write(bytes, to: descriptor, path: path) }
        try body(sink)
        try sink.finish()
    }

    /// Writes all bytes to an open file.
    public static func write(_ bytes: [UInt8], to descriptor: CInt, path: String) throws(TraceError) {
        var done = 0
        while done < bytes.count {
            let wrote = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
            }
            if wrote > 0 {
                done += wrote
            } else if errno != EINTR {
                throw TraceError(.system, path: path, errno: errno, message: "cannot be written")
            }
        }
    }
}
