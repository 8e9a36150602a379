// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells about other processes, read without Foundation. A process that is gone gives nil.

internal import Glibc

package enum ProcFS {
    /// The whole of a small file, or nil.
    package static func text(_ path: String, limit: Int = 1 << 22) -> String? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while bytes.count < limit {
            let got = unsafe read(file, &block, block.count)
            if got < 0 && errno == EINTR { continue }
            if got <= 0 { break }
            bytes.append(contentsOf: block[..<got])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// State letter (`Z`: ended, not yet waited for) and start time in clock ticks, which tells a reused pid apart.
    package static func state(of pid: Int32) -> (letter: Character, start: String)? {
        // pid (name) state ppid … ; the name may hold blanks and parentheses, so look behind the last one.
        guard let stat = text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let letter = fields[0].first else { return nil }
        return (letter, String(fields[19]))
    }

    /// Processor time of a process, all its threads, in nanoseconds.
    package static func processorNanoseconds(of pid: Int32) -> UInt64? {
        var clock = clockid_t()
        var time = timespec()
        guard unsafe clock_getcpuclockid(pid, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Resident bytes.
    package static func residentBytes(of pid: Int32) -> UInt64? {
        guard let statm = text("/proc/\(pid)/statm") else { return nil }
        let fields = statm.split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return nil }
        return pages * UInt64(sysconf(CInt(_SC_PAGESIZE)))
    }

    /// Whether `pid` still maps the file at `path`: an exec takes mappings away. Nil when that cannot be seen: a process that is about to
    /// end has no mappings at all.
    package static func maps(_ pid: Int32, file path: String) -> Bool? {
        guard let text = text("/proc/\(pid)/maps"), !text.isEmpty else { return nil }
        return text.contains(path)
    }
}
