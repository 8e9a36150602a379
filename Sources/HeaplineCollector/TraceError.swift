// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong with a trace file, whether it is being written or read: always which file, and where it is known,
// which byte of it. A trace that merely ends too early is not an error but a state of a valid result.

internal import Glibc

/// A trace, or another file that Heapline reads or writes, could not be used.
public struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; stable, for programs to act upon.
    public enum Code: String, Hashable, Sendable {
        /// The system refused to open, read or write the file; see ``TraceError/errno``.
        case system
        /// The file exists, and was not to be overwritten.
        case exists
        /// The file has no bytes at all.
        case empty
        /// The path leads to a directory, socket or device.
        case notAFile
        /// The file is of no kind that Heapline reads.
        case foreign
        /// The file was written by a newer, unknown version of the format.
        case version
        /// Bytes of the file contradict the format or their checksum.
        case damaged
        /// The file needs a library (libzstd, libz) that this machine lacks.
        case library
    }

    public var code: Code
    public var path: String
    /// The byte at which the file is wrong, where that is known.
    public var offset: UInt64?
    /// The system's error number, or 0.
    public var errno: CInt
    /// What is wrong, in a sentence without the path.
    public var message: String

    public init(_ code: Code, path: String, offset: UInt64? = nil, errno: CInt = 0, message: String) {
        self.code = code
        self.path = path
        self.offset = offset
        self.errno = errno
        self.message = message
    }

    /// `path: message (at byte offset)`
    public var description: String {
        var text = "\(path): \(message)"
        if errno != 0, let reason = unsafe strerror(errno) { unsafe text += ": " + String(cString: reason) }
        if let offset { text += " (at byte \(offset))" }
        return text
    }
}
