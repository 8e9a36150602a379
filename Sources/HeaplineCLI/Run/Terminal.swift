// SPDX-License-Identifier: Apache-2.0
//
// Lines to standard error.

internal import Glibc

enum Terminal {
    /// How wide the terminal is; nil when the descriptor is none, or it does not say.
    static func columns(of descriptor: Int32) -> Int? {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    static func error(_ line: String) {
        var line = line + "\n"
        line.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let wrote = unsafe write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
                if wrote <= 0 && errno != EINTR { return }
                done += max(wrote, 0)
            }
        }
    }
}
