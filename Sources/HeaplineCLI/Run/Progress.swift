// SPDX-License-Identifier: Apache-2.0
//
// One line on a terminal while a program is recorded; nothing in a pipe.

internal import Glibc

struct Progress {
    private let shown: Bool
    private var width = 0

    init(wanted: Bool) {
        shown = wanted && isatty(STDERR_FILENO) == 1 && Installation.environment("TERM") != "dumb"
    }

    mutating func show(_ text: String) {
        guard shown else { return }
        let padding = String(repeating: " ", count: max(0, width - text.count))
        write("\r" + text + padding)
        width = text.count
    }

    /// Takes the line away again.
    mutating func clear() {
        guard shown, width > 0 else { return }
        write("\r" + String(repeating: " ", count: width) + "\r")
        width = 0
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { unsafe _ = Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
    }
}
