// SPDX-License-Identifier: Apache-2.0
//
// Why there is no export: the trace cannot be read, the file cannot be written, or the recording lacks what the format
// is about.

public import HeaplineCollector

/// An export could not be made.
public enum ExportError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A file could not be read or written.
    case file(TraceError)
    /// The recording does not hold what the format needs.
    case unsuitable(format: ExportFormat, reason: String, remedy: String)

    public var description: String {
        switch self {
        case .file(let error): error.description
        case .unsuitable(let format, let reason, let remedy): "no \(format.rawValue) export: \(reason); \(remedy)"
        }
    }
}
