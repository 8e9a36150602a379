// SPDX-License-Identifier: Apache-2.0
//
// The collector's clocks: the processor's counter, whose rate x86-64 does not tell, and the system's.

internal import CHeaplineRecorder
internal import Glibc

package enum Clock {
    /// Nanoseconds since an arbitrary moment.
    package static var nanoseconds: UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Processor time of the calling thread, in nanoseconds.
    package static var threadNanoseconds: UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Nanoseconds since 1970.
    package static var unixNanoseconds: UInt64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// Counter ticks per second, measured once over 5 ms: two clock readings of some 50 ns doubt each, 2 parts in 10⁵.
    package static let hz: UInt64 = {
        let startNs = nanoseconds
        let start = hl_drain_clock()
        var ns = startNs
        while ns < startNs + 5_000_000 { ns = nanoseconds }
        let ticks = hl_drain_clock() - start
        return UInt64(Double(ticks) * 1e9 / Double(ns - startNs))
    }()
}
