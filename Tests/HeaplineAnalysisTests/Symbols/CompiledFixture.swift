// SPDX-License-Identifier: Apache-2.0
//
// Small programs compiled while the tests run, in a directory of their own. Each prints, for calls made in known functions
// on known lines, the return address as a virtual address of its file: the truth that symbolisation must give back.
// Tests that need a compiler which is not there are skipped and say so.

import Glibc

@testable import HeaplineAnalysis

/// A temporary directory with compiled programs, removed at the end.
final class CompiledFixture {
    static let tools = SymbolizerTool(environment: SymbolizerOptions().environment)
    static let clang: String? = beside("swift", "clang") ?? tools.inPath("clang")
    static let swiftc: String? = tools.inPath("swiftc")
    /// Only one that runs: rustup leaves a rustc that finds no compiler when HOME is another's.
    static let rustc: String? = tools.inPath("rustc").flatMap { path in
        let process = ChildProcess(path: path, arguments: ["--version"], environment: SymbolizerOptions().childEnvironment)
        return process.run(input: [], output: { _ in }) == nil ? path : nil
    }
    static let objcopy: String? = beside("swift", "llvm-objcopy") ?? tools.inPath("objcopy")
    static let symbolizer: String? = tools.symbolizer()

    static func beside(_ known: String, _ name: String) -> String? {
        guard let path = tools.inPath(known) else { return nil }
        let candidate = SymbolizerTool.directory(of: SymbolizerTool.resolved(path)) + "/" + name
        return SymbolizerTool.isExecutable(candidate) ? candidate : nil
    }

    struct Failure: Error { var message: String }

    let directory: String

    init() throws {
        let base = SymbolizerOptions().environment["TMPDIR"] ?? P_tmpdir
        var template = Array("\(base)/heapline-symbols-\(String(repeating: "X", count: 6))".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failure(message: "no temporary directory") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(directory) }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    @discardableResult
    func run(_ tool: String, _ arguments: [String], environment: [String: String] = [:]) throws -> String {
        var output: [UInt8] = []
        let process = ChildProcess(
            path: tool, arguments: arguments,
            environment: SymbolizerOptions().childEnvironment.merging(environment) { $1 },
            silenceLimitSeconds: 300, timeLimitSeconds: 300)
        if let failure = process.run(input: [], output: { output += $0 }) {
            throw Failure(message: "\(tool) \(arguments): \(failure)")
        }
        return String(decoding: output, as: UTF8.self)
    }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let descriptor = unsafe open(path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(message: "cannot write \(name)") }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written)
            }
            guard count > 0 else { throw Failure(message: "cannot write \(name)") }
            written += count
        }
    }

    func bytes(_ name: String) throws -> [UInt8] {
        let store = try ByteStore(mapping: path(name))
        return store.bytes(at: 0, count: store.count)!
    }

    /// Compiles `source` as C or C++, by the name of its file.
    @discardableResult
    func compile(_ source: String, _ name: String, _ flags: [String], output: String) throws -> String {
        guard let clang = Self.clang else { throw Failure(message: "no clang") }
        try write(name, source)
        let language = name.hasSuffix(".cpp") ? ["-lstdc++"] : []
        try run(clang, flags + [path(name), "-o", path(output)] + language)
        return path(output)
    }

    /// A call whose place is known: the address it returns to, the function and line it is in.
    struct Call: Equatable {
        var address: UInt64
        var function: String
        var line: Int
    }

    /// What the program printed: lines of ADDRESS LINE FUNCTION.
    func calls(of program: String) throws -> [Call] {
        try run(program, []).split(separator: "\n").map { line in
            let fields = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard fields.count == 3, let address = UInt64(fields[0], radix: 16), let number = Int(fields[1]) else {
                throw Failure(message: "unexpected output: \(line)")
            }
            return Call(address: address, function: fields[2], line: number)
        }
    }

    private static func remove(_ path: String) {
        for name in SymbolizerTool.entries(of: path) {
            let entry = "\(path)/\(name)"
            if unsafe unlink(entry) != 0 { remove(entry) }
        }
        unsafe rmdir(path)
    }
}

extension CompiledFixture {
    /// A C program with a plain call, a call in a static function, and one two inlined functions deep.
    static let program =
        functions + """
            int main(void) {
                hidden();
                outer();
                HERE;
                return 0;
            }

            """

    static let functions = """
        #include <stdio.h>
        extern char __ehdr_start;
        __attribute__((noinline)) void report(int line, const char *function) {
            char *address = (char *)__builtin_return_address(0);
            printf("%lx %d %s\\n", (unsigned long)(address - &__ehdr_start), line, function);
            __asm__ volatile("" ::: "memory");
        }
        #define HERE report(__LINE__, __func__)
        static inline __attribute__((always_inline)) void innermost(void) {
            HERE;
        }
        static inline __attribute__((always_inline)) void middle(void) {
            innermost();
        }
        __attribute__((noinline)) void outer(void) {
            middle();
            __asm__ volatile("" ::: "memory");
        }
        static __attribute__((noinline)) void hidden(void) {
            HERE;
            __asm__ volatile("" ::: "memory");
        }

        """
}
