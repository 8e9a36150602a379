// SPDX-License-Identifier: Apache-2.0
//
// While a program is traced, signals meant for it pass through. A signal from the terminal reaches the whole process
// group, the program included, and is left to it; one sent to us alone is sent on.

internal import Glibc

/// Blocks the signals of this process and waits for them instead.
struct SignalRelay {
    let before: sigset_t
    private var waited = sigset_t()

    init() {
        var all = sigset_t()
        var previous = sigset_t()
        unsafe sigemptyset(&all)
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGTSTP, SIGWINCH, SIGCONT] {
            unsafe sigaddset(&all, signal)
        }
        unsafe sigprocmask(SIG_BLOCK, &all, &previous)
        before = previous
        waited = all
    }

    /// Waits up to `nanoseconds` and relays what comes to `child`. Returns the signal, 0 for none.
    func wait(nanoseconds: Int, child: pid_t) -> CInt {
        var info = unsafe siginfo_t()
        var timeout = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        var set = waited
        let signal = unsafe sigtimedwait(&set, &info, &timeout)
        guard signal > 0 else { return 0 }
        let fromTerminal = unsafe info.si_code > 0  // SI_KERNEL
        switch signal {
        case SIGCHLD, SIGWINCH: break
        case SIGTSTP, SIGCONT: break
        default: if !fromTerminal { kill(child, signal) }
        }
        return signal
    }

    /// Ends this process as the program ended: with its status, or by the same signal.
    static func endLike(status: CInt) -> Never {
        let signalNumber = status & 0x7f
        guard signalNumber != 0 else { exit((status >> 8) & 0xff) }
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        unsafe setrlimit(__rlimit_resource_t(4), &limit)  // RLIMIT_CORE: the core file is the program's, not ours
        _ = signal(signalNumber, SIG_DFL)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, signalNumber)
        unsafe sigprocmask(SIG_UNBLOCK, &set, nil)
        kill(getpid(), signalNumber)
        exit(128 + signalNumber)
    }
}
