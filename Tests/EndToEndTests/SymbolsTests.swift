// SPDX-License-Identifier: Apache-2.0
//
// Names of functions where the program is not, or not any more: in the trace itself, in separate debug files, in a copy of
// the machine's files, on a server. And a program that has changed is said, not misread.

import Glibc
import Testing

@Suite struct SymbolsTests {
    static let clang = Harness.which("clang")
    static let canCopy = clang != nil && Harness.which("objcopy") != nil && Harness.which("llvm-symbolizer") != nil

    /// Allocates through an inlined function, in itself and in a child.
    static let program = """
        #include <stdlib.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static inline __attribute__((always_inline)) void *inlined(size_t n) { return malloc(n); }
        __attribute__((noinline)) void *shelf(size_t n) {
            void *block = inlined(n);
            __asm__ volatile("" ::"r"(block) : "memory");
            return block;
        }
        int main(void) {
            for (int i = 0; i < 10; i++) shelf(77);
            if (fork() == 0) { free(shelf(555)); _exit(0); }
            wait(0);
        }
        """

    static func compile(_ source: String, as name: String, in directory: String, _ flags: [String] = []) throws {
        try write(source, to: "\(directory)/\(name).c")
        let outcome = try Harness.run(
            [clang!, "-O1", "-g", "-Wl,--build-id"] + flags + ["-o", "\(directory)/\(name)", "\(directory)/\(name).c"])
        try #require(outcome.exitCode == 0, "\(outcome.errors)")
    }

    static func write(_ text: String, to path: String) throws {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        try #require(file >= 0)
        defer { close(file) }
        var text = text
        let count = text.withUTF8 { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        try #require(count == text.utf8.count)
    }

    static func record(_ directory: String, _ options: [String] = [], as name: String = "trace") throws -> String {
        let trace = "\(directory)/\(name).heapline"
        let outcome = try Harness.run(
            [Harness.heapline, "run", "--quiet", "--force", "-o", trace] + options + ["--", "\(directory)/program"])
        try #require(outcome.exitCode == 0, "\(outcome.errors)")
        return trace
    }

    static func report(_ trace: String, _ options: [String] = ["--json"], environment: [String] = []) throws -> String {
        let outcome = try Harness.run([Harness.heapline, "report", trace] + options, environment: environment)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        return outcome.output
    }

    /// The call of malloc with its line, at both levels of inlining.
    static func isNamed(_ report: String) -> Bool {
        report.contains("\"inlined\"") && report.contains("\"shelf\"") && report.contains("program.c")
    }

    @Test(.enabled(if: canCopy, "needs clang and llvm-symbolizer")) func embeddedSymbolsNeedNoFiles() throws {
        try Harness.withDirectory { directory in
            try Self.compile(Self.program, as: "program", in: directory)
            let plain = try Self.record(directory, as: "plain")
            #expect(Self.isNamed(try Self.report(plain)))
            let embedded = try Self.record(directory, ["--embed-symbols"])
            let mine = try Self.report(embedded)
            #expect(Self.isNamed(mine))

            // Another program in its place, and a machine on which none of the files is.
            try Self.compile("int main(void) { return 1; }", as: "program", in: directory)
            try #require(unsafe mkdir("\(directory)/empty", 0o755) == 0)
            for elsewhere in [[], ["--sysroot", "\(directory)/empty"]] {
                #expect(try Self.report(embedded, ["--json"] + elsewhere) == mine)
                for view in ["summary", "sites", "leaks"] {
                    #expect(
                        try Self.report(embedded, ["--view", view] + elsewhere) == Self.report(embedded, ["--view", view]))
                }
                let exported = try Harness.run(
                    [Harness.heapline, "export", "--format", "folded", "-o", "-", embedded] + elsewhere)
                #expect(exported.output.contains("main;shelf;inlined"), "\(exported.output)")
                let difference = try Harness.run([Harness.heapline, "diff", embedded, embedded] + elsewhere)
                #expect(difference.exitCode == 0)
            }
            // Not so without.
            #expect(try Self.report(plain).contains("program has changed since the recording"))
            #expect(try Self.report(plain, ["--sysroot", "\(directory)/empty"]).contains("is missing"))
        }
    }

    @Test(.enabled(if: canCopy, "needs clang and llvm-symbolizer")) func embedsInTheFileOfEachProcess() throws {
        try Harness.withDirectory { directory in
            try Self.compile(Self.program, as: "program", in: directory)
            let trace = try Self.record(directory, ["--embed-symbols", "--separate"])
            let listed = try Harness.run(["ls", directory]).output.split(separator: "\n").map(String.init)
            let children = listed.filter { $0.hasPrefix("trace.heapline.1.") }
            #expect(children.count == 1)
            try #require(unsafe mkdir("\(directory)/empty", 0o755) == 0)
            for file in [trace] + children.map({ "\(directory)/\($0)" }) {
                #expect(Self.isNamed(try Self.report(file, ["--json", "--sysroot", "\(directory)/empty"])), "\(file)")
            }
        }
    }

    @Test(.enabled(if: canCopy, "needs clang and llvm-symbolizer"), arguments: ["--build-id", "--build-id=none"])
    func changedProgramIsSaid(identity: String) throws {
        try Harness.withDirectory { directory in
            try Self.compile(Self.program, as: "program", in: directory, ["-Wl,\(identity)"])
            let trace = try Self.record(directory)
            #expect(Self.isNamed(try Self.report(trace)))
            // Compiled again the moment the recording is over, with other code at the same addresses.
            let other = Self.program.replacing("shelf", with: "drawer")
            try Self.compile(other, as: "program", in: directory, ["-Wl,\(identity)"])
            let report = try Self.report(trace)
            #expect(!report.contains("drawer") && !report.contains("\"shelf\""))
            #expect(report.contains("program has changed since the recording"))
        }
    }

    @Test(.enabled(if: canCopy, "needs clang, objcopy and llvm-symbolizer")) func separateDebugFiles() throws {
        try Harness.withDirectory { directory in
            try Self.compile(Self.program, as: "program", in: directory)
            let outcome = try Harness.run([
                "sh", "-c",
                """
                set -e; cd '\(directory)'; mkdir -p "debug$PWD" "root$PWD" none
                objcopy --only-keep-debug program "debug$PWD/program.debug"
                cp program "root$PWD/program"
                objcopy --strip-all --add-gnu-debuglink="debug$PWD/program.debug" program
                """,
            ])
            try #require(outcome.exitCode == 0, "\(outcome.errors)")
            let trace = try Self.record(directory)
            #expect(!Self.isNamed(try Self.report(trace)))
            #expect(Self.isNamed(try Self.report(trace, ["--json", "--debug-directory", "\(directory)/debug"])))
            #expect(
                Self.isNamed(
                    try Self.report(
                        trace,
                        ["--json", "--debug-directory", "\(directory)/none", "--debug-directory", "\(directory)/debug"])))
            #expect(Self.isNamed(try Self.report(trace, ["--json", "--sysroot", "\(directory)/root"])))
            // Other commands take the same options.
            let export = try Harness.run([
                Harness.heapline, "export", "-f", "folded", "-o", "-", "--debug-directory", "\(directory)/debug", trace,
            ])
            #expect(export.output.contains("main;shelf;inlined"), "\(export.output)\(export.errors)")
            let diff = try Harness.run([
                Harness.heapline, "diff", "--sysroot", "\(directory)/root", "--json", trace, trace,
            ])
            #expect(diff.exitCode == 0, "\(diff.errors)")
            let check = try Harness.run([
                Harness.heapline, "check", "--debug-directory", "\(directory)/debug", "--max-leaked", "shelf=1", trace,
            ])
            #expect(check.exitCode == 2, "\(check.output)\(check.errors)")
        }
    }

    @Test(
        .enabled(
            if: canCopy && Harness.which("python3") != nil && Harness.which("curl") != nil,
            "needs clang, objcopy, llvm-symbolizer, curl, and python3 to stand in for a server"))
    func debuginfodServer() throws {
        try Harness.withDirectory { directory in
            try Self.compile(Self.program, as: "program", in: directory)
            // Serves on a port of the system's choice, writes it and all requests to files, and ends with its input.
            try Self.write(
                """
                import http.server, os, sys, threading
                class Handler(http.server.SimpleHTTPRequestHandler):
                    def log_request(self, code='-', size='-'):
                        with open('requests', 'a') as file: file.write(f'{self.path} {code}\\n')
                    def log_message(self, *arguments): pass
                server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                open('requests', 'w').close()
                with open('port.new', 'w') as file: file.write(str(server.server_port))
                os.rename('port.new', 'port')
                sys.stdin.read()
                """, to: "\(directory)/server.py")
            let outcome = try Harness.run([
                "sh", "-c",
                """
                set -e; cd '\(directory)'
                id=$(readelf -n program | sed -n 's/.*Build ID: //p'); mkdir -p buildid/$id home
                objcopy --only-keep-debug program buildid/$id/debuginfo
                objcopy --strip-all program
                '\(Harness.heapline)' run --quiet -o trace.heapline -- ./program
                mkfifo input; python3 server.py < input & exec 3> input
                while ! test -e port; do :; done
                export DEBUGINFOD_URLS="http://127.0.0.1:$(cat port)" HOME="$PWD/home" XDG_CACHE_HOME="$PWD/cache"
                unset DEBUGINFOD_CACHE_PATH
                '\(Harness.heapline)' report --json trace.heapline > not-asked; cp requests requests.not-asked
                '\(Harness.heapline)' report --json --debuginfod trace.heapline > asked; cp requests requests.asked
                exec 3>&-; wait
                '\(Harness.heapline)' report --json --debuginfod trace.heapline > again
                ls cache/debuginfod_client/$id; rm -r cache
                '\(Harness.heapline)' report --json --debuginfod trace.heapline > alone
                """,
            ])
            #expect(outcome.exitCode == 0 && outcome.output == "debuginfo\n", "\(outcome.output)\(outcome.errors)")
            func text(_ name: String) throws -> String { try Harness.run(["cat", "\(directory)/\(name)"]).output }
            #expect(try text("requests.not-asked").isEmpty, "nothing goes over the network unless asked for")
            #expect(!Self.isNamed(try text("not-asked")))
            #expect(try text("requests.asked").contains("/debuginfo 200"))
            #expect(Self.isNamed(try text("asked")))
            // The server has gone: what was fetched is kept; without that, why there are no names is said.
            #expect(Self.isNamed(try text("again")))
            #expect(!Self.isNamed(try text("alone")))
            #expect(try text("alone").contains("debuginfod: "))
        }
    }

    @Test func badValuesAreSaid() throws {
        let cases: [([String], String)] = [
            (["--debug-directory", "/nowhere/at/all"], "--debug-directory /nowhere/at/all: No such file or directory"),
            (["--sysroot", "/dev/null"], "--sysroot /dev/null: not a directory"),
            (["--debuginfod"], "DEBUGINFOD_URLS names no server"),
            (["--no-symbols", "--sysroot", "/"], "--no-symbols looks for no symbols"),
        ]
        for command in [["report"], ["export", "-f", "folded", "-o", "-"], ["diff", "a"], ["check", "--max-leaked", "0"]] {
            for (options, said) in cases {
                let outcome = try Harness.run(
                    [Harness.heapline] + command + options + ["trace"], environment: ["DEBUGINFOD_URLS="])
                #expect(outcome.exitCode == 64 && outcome.errors.contains(said), "\(command): \(outcome.errors)")
            }
        }
        let outcome = try Harness.run([Harness.heapline, "run", "--embed-symbols", "--no-symbols", "--", "true"])
        #expect(outcome.exitCode == 64 && outcome.errors.contains("exclude each other"), "\(outcome.errors)")
    }
}
