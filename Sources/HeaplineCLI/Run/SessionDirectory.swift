// SPDX-License-Identifier: Apache-2.0
//
// The directory in which the traced processes leave their process files: memory-backed where possible.

internal import Glibc
internal import HeaplineCollector

struct SessionDirectory {
    let path: String

    /// Makes a fresh one in HEAPLINE_TMPDIR, /dev/shm, TMPDIR or /tmp; nil when none can be written to.
    init?() {
        let candidates = [Installation.environment("HEAPLINE_TMPDIR"), "/dev/shm", Installation.environment("TMPDIR"), "/tmp"]
        for parent in candidates.compactMap(\.self) {
            let path = "\(parent)/heapline-\(getpid())-\(Clock.nanoseconds)"
            if unsafe mkdir(path, 0o700) == 0 {
                self.path = path
                return
            }
        }
        return nil
    }

    /// Removes it and whatever is left in it.
    func remove() {
        for name in SessionCollector.list(path) where name != "." && name != ".." { unsafe _ = unlink(path + "/" + name) }
        unsafe _ = rmdir(path)
    }
}
