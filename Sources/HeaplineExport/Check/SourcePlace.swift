// SPDX-License-Identifier: Apache-2.0
//
// The line of source that a finding is shown at. Pipelines know files relative to the checkout, compilers often record
// absolute paths: what lies below the root is made relative to it.

internal import Glibc
public import HeaplineAnalysis

/// A file and line to point to.
public struct SourcePlace: Sendable, Hashable {
    public var file: String
    public var line: Int

    /// The innermost call whose source is below `root`; else the innermost with a source at all. A relative path is taken for one
    /// below `root` if it is there: libraries are built with relative paths, too.
    public init?(_ frames: [SymbolFrame], root: String) {
        let prefix = root.hasSuffix("/") ? root : root + "/"
        var first: SourcePlace?
        for frame in frames {
            guard let file = frame.file, let line = frame.line, line > 0 else { continue }
            if file.hasPrefix(prefix) {
                self.init(file: String(file.dropFirst(prefix.count)), line: line)
                return
            }
            if !file.hasPrefix("/"), unsafe access(prefix + file, F_OK) == 0 {
                self.init(file: file, line: line)
                return
            }
            if first == nil { first = SourcePlace(file: file, line: line) }
        }
        guard let first else { return nil }
        self = first
    }

    private init(file: String, line: Int) {
        self.file = file
        self.line = line
    }
}
