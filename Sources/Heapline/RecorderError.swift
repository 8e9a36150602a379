// SPDX-License-Identifier: Apache-2.0
//
// Why the recorder of this process could not do what it was asked for.

/// Why a recording could not be made, steered or read.
public struct RecorderError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure; stable, for programs to act upon.
    public enum Code: String, Hashable, Sendable {
        /// A recording runs already: another one of this process, or that of `heapline run`.
        case alreadyRunning
        /// There is no recording.
        case notRunning
        /// An option has no such value.
        case argument
        /// The system refused memory or files.
        case system
        /// It cannot be had on this machine.
        case unsupported
        /// The trace could not be written or read; ``RecorderError/underlying`` is a `TraceError`.
        case trace
        /// The recorded closure threw ``RecorderError/underlying``.
        case body
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, in a sentence.
    public let message: String
    /// The error below this one, if there is one.
    public let underlying: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// The message, with what lies below it.
    public var description: String {
        underlying.map { "\(message): \($0)" } ?? message
    }
}
