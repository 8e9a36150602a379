// SPDX-License-Identifier: Apache-2.0
//
// Starts the program to be traced and stays out of its way: its standard streams, process group and signals are the
// ones it would have without us.

internal import Glibc

/// A child process that was started.
struct Launcher {
    let pid: pid_t

    /// The program could not be started at all.
    struct Failure: Error, CustomStringConvertible {
        var program: String
        var errno: CInt
        /// As shells have it: 127 when there is no such program, 126 when it cannot be executed.
        var exitCode: CInt { errno == ENOENT ? 127 : 126 }
        var description: String { "\(program): \(unsafe String(cString: strerror(errno)))" }
    }

    /// Starts `arguments[0]`, looked up in PATH, with `environment`.
    init(_ arguments: [String], environment: [String], signalMask: sigset_t) throws(Failure) {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe _ = posix_spawnattr_destroy(&attributes) }
        var mask = signalMask
        unsafe posix_spawnattr_setsigmask(&attributes, &mask)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        let error = unsafe Self.withStrings(Self.asGiven(arguments)) { argv in
            unsafe Self.withStrings(environment.map(Self.asInherited)) { envp in
                unsafe posix_spawnp(&pid, argv[0]!, nil, &attributes, argv, envp)
            }
        }
        if error != 0 { throw Failure(program: arguments[0], errno: error) }
        self.pid = pid
    }

    /// The bytes of `arguments`. A program's arguments need not be UTF-8, which a String cannot hold: where they are the last ones of
    /// this command, as after `run --`, they are passed on as this command got them.
    private static func asGiven(_ arguments: [String]) -> [[CChar]] {
        let first = Int(CommandLine.argc) - arguments.count
        return arguments.enumerated().map { index, text in
            if first > 0, let given = unsafe CommandLine.unsafeArgv[first + index], unsafe String(cString: given) == text {
                return unsafe Array(UnsafeBufferPointer(start: given, count: strlen(given) + 1))
            }
            return Array(text.utf8CString)
        }
    }

    /// The same for a variable of the environment, which is this command's own unless it was changed.
    private static func asInherited(_ variable: String) -> [CChar] {
        var entry = unsafe environ
        // Only what was repaired can differ from what was inherited.
        while variable.unicodeScalars.contains("\u{fffd}"), let given = unsafe entry.pointee {
            if unsafe String(cString: given) == variable {
                return unsafe Array(UnsafeBufferPointer(start: given, count: strlen(given) + 1))
            }
            unsafe entry += 1
        }
        return Array(variable.utf8CString)
    }

    private static func withStrings<R>(
        _ strings: [[CChar]], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
        // Else it would write "unsafebuffer" for "unsafe buffer" here.
        // swift-format-ignore
        defer { for unsafe pointer in unsafe pointers { unsafe free(pointer) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }
    }
}
