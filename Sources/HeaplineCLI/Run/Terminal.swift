// SPDX-License-Identifier: Apache-2.0
//
// Lines to standard error.

internal import Glibc

enum Terminal {
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
