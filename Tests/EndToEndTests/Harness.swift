// SPDX-License-Identifier: Apache-2.0
//
// Runs the built command on the victim and on real programs, and reads the traces back.

import Glibc
import HeaplineAnalysis
import Testing

enum Harness {
    /// The folder of built products: that of the running test bundle.
    static let products: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let candidates =
            ["/proc/self/exe"].compactMap { path -> String? in
                let got = unsafe readlink(path, &buffer, buffer.count)
                return got > 0 ? String(decoding: buffer[..<got].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
            } + CommandLine.arguments
        for candidate in candidates {
            var folder = candidate
            while let slash = folder.lastIndex(of: "/") {
                folder = String(folder[..<slash])
                if unsafe access(folder + "/heapline", X_OK) == 0, unsafe access(folder + "/Victim", X_OK) == 0 { return folder }
            }
        }
        return ".build/debug"
    }()
    static var heapline: String { products + "/heapline" }
    static var victim: String { products + "/Victim" }
    static var preload: String { products + "/Heapline_HeaplineCLI.resources/libheapline-preload.so" }

    struct Outcome {
        var status: Int32  // as of waitpid(2)
        var output: String
        var errors: String
        var exitCode: Int32? { status & 0x7f == 0 ? (status >> 8) & 0xff : nil }
        var signal: Int32? { status & 0x7f == 0 ? nil : status & 0x7f }
    }

    /// A fresh directory, removed with everything in it after `body`.
    static func withDirectory<R>(_ body: (String) throws -> R) rethrows -> R {
        var template = Array("/tmp/heapline-test-XXXXXX".utf8CString)
        let path = unsafe String(cString: mkdtemp(&template)!)
        defer { _ = try? run(["rm", "-rf", path]) }
        return try body(path)
    }

    /// Runs a program to its end, with its standard streams in files.
    static func run(_ arguments: [String], environment: [String] = [], input: String = "/dev/null") throws -> Outcome {
        var template = Array("/tmp/heapline-out-XXXXXX".utf8CString)
        let out = unsafe mkstemp(&template)
        unsafe unlink(&template)
        var template2 = Array("/tmp/heapline-err-XXXXXX".utf8CString)
        let err = unsafe mkstemp(&template2)
        unsafe unlink(&template2)
        defer {
            close(out)
            close(err)
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, out, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, err, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var inherited: [String] = []
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            unsafe inherited.append(String(cString: text))
            unsafe entry += 1
        }
        let names = environment.map { $0.prefix { $0 != "=" } + "=" }
        let all = inherited.filter { variable in !names.contains { variable.hasPrefix($0) } } + environment
        var envp: [UnsafeMutablePointer<CChar>?] = unsafe all.map { unsafe strdup($0) } + [nil]
        var pid: pid_t = 0
        let error = unsafe posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        try #require(error == 0, "cannot start \(arguments[0]): \(error)")
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return Outcome(status: status, output: contents(out), errors: contents(err))
    }

    private static func contents(_ file: CInt) -> String {
        lseek(file, 0, SEEK_SET)
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            let got = unsafe read(file, &block, block.count)
            if got <= 0 { break }
            bytes.append(contentsOf: block[..<got])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Records a program and returns what it did and the history of its heap.
    static func record(_ program: [String], options: [String] = [], environment: [String] = []) throws -> (Outcome, History) {
        try withDirectory { directory in
            let trace = directory + "/trace.heapline"
            let outcome = try run(
                [heapline, "run", "--quiet", "-o", trace] + options + ["--"] + program, environment: environment)
            let history = try Trace.open(trace).history()
            return (outcome, history)
        }
    }

    static func which(_ program: String) -> String? {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }.first { unsafe access($0, X_OK) == 0 }
    }
}

extension History {
    /// Allocations of exactly `size` bytes (below 1,024, where the histogram is exact).
    func allocations(ofSize size: UInt64) -> Int {
        Int(sizes.classes.first { $0.range == size...size }?.count ?? 0)
    }
}
