// SPDX-License-Identifier: Apache-2.0
//
// Builds the stack victims with whatever compilers are here, and runs them. The victims are programs of their own since what they
// test is what a compiler makes of a frame.

import Glibc

enum StackToolchain {
    struct Outcome {
        var exitCode: Int32
        var output: String
    }

    /// The package's folder.
    static let package: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()
    static var victims: String { package + "/Tests/CHeaplineRecorderTests/StackVictim" }
    static var includes: String {
        "-I\(victims) -I\(package)/Sources/CHeaplineRecorder -I\(package)/Sources/CHeaplineFormat/include -D_GNU_SOURCE"
    }
    static let unwinder = [
        "stack", "stack_ids", "stack_straight", "stack_cache", "intern", "unwind_rule", "unwind_step", "unwind_cfi", "unwind_expression",
        "unwind_find",
        "unwind_module", "platform_linux",
    ]
    static let warningsOff = "-w -D_Nonnull= -D_Nullable="

    /// A fresh directory, removed with everything in it after `body`.
    static func withDirectory<R>(_ body: (String) throws -> R) rethrows -> R {
        var template = Array("/tmp/heapline-stack-XXXXXX".utf8CString)
        let path = unsafe String(cString: mkdtemp(&template)!)
        defer { _ = shell("rm -rf '\(path)'") }
        return try body(path)
    }

    /// Runs a shell command to its end; output and errors together.
    static func shell(_ command: String) -> Outcome {
        guard let pipe = unsafe popen("{ " + command + "\n} 2>&1", "r") else { return Outcome(exitCode: -1, output: "") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        let status = unsafe pclose(pipe)
        return Outcome(exitCode: status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f), output: String(decoding: bytes, as: UTF8.self))
    }

    static func has(_ tool: String) -> Bool { shell("command -v \(tool)").exitCode == 0 }

    /// The commands that build `victim`, first.so and second.so in `directory`.
    static func build(in directory: String, c: String, cxx: String, flags: String) -> Outcome {
        let names = ["harness", "recursion", "jumps", "contexts", "signals", "threads", "assembly", "modules", "debug_frame"]
        let recorder = unwinder.map { "\(package)/Sources/CHeaplineRecorder/\($0).c" }.joined(separator: " ")
        let sources = names.map { "\(victims)/\($0).c" }.joined(separator: " ")
        return shell(
            """
            set -e; cd '\(directory)'
            \(c) -std=gnu17 -O2 -g -fPIC -fasynchronous-unwind-tables \(warningsOff) \(includes) -c \(recorder)
            \(c) -std=gnu17 \(flags) \(warningsOff) \(includes) -c \(sources)
            \(cxx) \(flags) \(warningsOff) \(includes) -c \(victims)/exceptions.cpp
            \(c) \(flags) -shared -fPIC -DFRAME=40 \(victims)/module_library.c -o first.so
            \(c) \(flags) -shared -fPIC -DFRAME=200 \(victims)/module_library.c -o second.so
            \(cxx) *.o -o victim -lpthread -ldl
            """)
    }
}
