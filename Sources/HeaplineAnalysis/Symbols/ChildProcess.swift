// SPDX-License-Identifier: Apache-2.0
//
// A program run with bytes fed to its input while its output is read: both in one poll loop, so neither side can block
// the other however full the pipes are. Used for llvm-symbolizer and debuginfod.
//
// Its streams are sockets, not pipes: writing to a program that has died is then an error (MSG_NOSIGNAL) and not a SIGPIPE,
// whose handling belongs to the program we are linked into; and they are created close-on-exec in one step.

import Glibc

/// One run of another program.
struct ChildProcess {
    var path: String
    var arguments: [String]
    var environment: [String: String]
    /// The most address space it may use; 0 for no limit.
    var memoryLimit: UInt64 = 0
    /// How long it may be silent, and how long it may run.
    var silenceLimitSeconds = 60
    var timeLimitSeconds = 600

    enum Failure: Error, Equatable, CustomStringConvertible {
        case notStarted(String)
        case silent(seconds: Int)
        case tooSlow(seconds: Int)
        case exited(status: Int32, message: String)
        case signalled(Int32)

        var description: String {
            switch self {
            case .notStarted(let reason): "it could not be started: \(reason)"
            case .silent(let seconds): "no output for \(seconds) s"
            case .tooSlow(let seconds): "not done after \(seconds) s"
            case .exited(let status, let message): message.isEmpty ? "exit status \(status)" : message
            case .signalled(let signal): "ended by signal \(signal)"
            }
        }
    }

    /// Runs the program to its end.
    ///
    /// - Parameters:
    ///   - input: all of its standard input.
    ///   - output: called with each piece of its standard output as it comes.
    func run(input: [UInt8], output: ([UInt8]) -> Void) -> Failure? {
        var inputs: [Int32] = [-1, -1]
        var outputs: [Int32] = [-1, -1]
        var errors: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &inputs) == 0, unsafe socketpair(AF_UNIX, type, 0, &outputs) == 0,
            unsafe socketpair(AF_UNIX, type, 0, &errors) == 0
        else {
            let reason = ByteStore.SystemError.current.description
            for descriptor in inputs + outputs + errors where descriptor >= 0 { close(descriptor) }
            return .notStarted(reason)
        }
        let (pid, error) = spawn(input: inputs[1], output: outputs[1], errors: errors[1])
        close(inputs[1])
        close(outputs[1])
        close(errors[1])
        guard error == 0 else {
            close(inputs[0])
            close(outputs[0])
            close(errors[0])
            return .notStarted(ByteStore.SystemError(rawValue: error).description)
        }
        if memoryLimit > 0 {
            // Before any input is sent, so the program has done nothing yet that could need the memory.
            var limit = rlimit(rlim_cur: rlim_t(memoryLimit), rlim_max: rlim_t(memoryLimit))
            _ = unsafe setLimit(of: pid, Self.addressSpace, &limit, nil)
        }
        let (failure, message) = exchange(
            input: inputs[0], bytes: input, output: outputs[0], errors: errors[0], received: output)
        close(outputs[0])
        close(errors[0])
        if failure != nil { kill(pid, SIGKILL) }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        if let failure { return failure }
        let signal = status & 0x7f
        if signal != 0 { return .signalled(signal) }
        let code = (status >> 8) & 0xff
        return code == 0 ? nil : .exited(status: code, message: message)
    }

    private func spawn(input: Int32, output: Int32, errors: Int32) -> (pid: pid_t, error: Int32) {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2)
        // A fresh start: default signals, none blocked, and a group of its own so that Ctrl-C reaches only us.
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        let argv = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        let envp = unsafe environment.sorted { $0.key < $1.key }.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for index in unsafe argv.indices { unsafe free(argv[index]) }
            for index in unsafe envp.indices { unsafe free(envp[index]) }
        }
        var pid: pid_t = 0
        let error = unsafe posix_spawn(&pid, path, &actions, &attributes, argv, envp)
        return (pid, error)
    }

    private func exchange(
        input: Int32, bytes: [UInt8], output: Int32, errors: Int32, received: ([UInt8]) -> Void
    ) -> (Failure?, message: String) {
        var sent = 0
        var input = input
        defer { if input >= 0 { close(input) } }
        var message: [UInt8] = []
        var open = (output: true, errors: true)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let start = Self.now()
        var lastOutput = start
        func read(_ descriptor: Int32) -> [UInt8]? {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 { return errno == EINTR || errno == EAGAIN ? [] : nil }
            return count == 0 ? nil : Array(buffer[..<count])
        }
        func stopSending() {
            close(input)
            input = -1
        }
        if bytes.isEmpty { stopSending() }
        while open.output || open.errors {
            var polled = [
                pollfd(fd: open.output ? output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: open.errors ? errors : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
            ]
            let ready = unsafe poll(&polled, 3, 500)
            if ready < 0 && errno != EINTR {
                return (.notStarted(ByteStore.SystemError.current.description), "")
            }
            let now = Self.now()
            if now - start > timeLimitSeconds { return (.tooSlow(seconds: timeLimitSeconds), "") }
            if now - lastOutput > silenceLimitSeconds { return (.silent(seconds: silenceLimitSeconds), "") }
            guard ready > 0 else { continue }
            if polled[0].revents != 0 {
                if let piece = read(output) {
                    if !piece.isEmpty { lastOutput = now }
                    received(piece)
                } else {
                    open.output = false
                }
            }
            if polled[1].revents != 0 {
                if let piece = read(errors) {
                    message.append(contentsOf: piece.prefix(4096 - min(message.count, 4096)))
                } else {
                    open.errors = false
                }
            }
            if polled[2].revents != 0 {
                let count = unsafe bytes.withUnsafeBytes { all in
                    unsafe send(
                        input, all.baseAddress! + sent, min(all.count - sent, 1 << 16),
                        Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                }
                if count > 0 {
                    sent += count
                    if sent == bytes.count { stopSending() }
                } else if errno != EAGAIN && errno != EINTR {
                    stopSending()
                }
            }
        }
        let text = String(decoding: message, as: UTF8.self)
        return (nil, text.split(separator: "\n").first.map(String.init) ?? "")
    }

    // RLIMIT_AS, a macro of a form Swift does not import.
    private static let addressSpace: Int32 = 9

    private static func now() -> Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}

// Declared by <sys/resource.h> only for _GNU_SOURCE, which Swift's Glibc module is built without.
@_silgen_name("prlimit")
private func setLimit(
    of process: pid_t, _ resource: Int32, _ new: UnsafePointer<rlimit>?, _ old: UnsafeMutablePointer<rlimit>?
) -> Int32
