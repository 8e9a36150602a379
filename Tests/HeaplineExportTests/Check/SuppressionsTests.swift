// SPDX-License-Identifier: Apache-2.0
//
// LeakSanitizer's suppression files: patterns against names, and files as people write them.

import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct SuppressionsTests {
    @Test(arguments: [
        ("leak", "my_leak_function", true),
        ("leak", "other", false),
        ("^leak", "leaky", true),
        ("^leak", "a leak", false),
        ("leak$", "my_leak", true),
        ("leak$", "leaky", false),
        ("^leak$", "leak", true),
        ("^leak$", "leak()", false),
        ("a*c", "xxabbbcyy", true),
        ("a*c", "xxcab", false),
        ("^a*c$", "abc", true),
        ("^a*c$", "zabc", false),
        ("*", "anything", true),
        ("*.so*", "/usr/lib/libfoo.so.1", true),
        ("lib*.so$", "libfoo.so", true),
        ("", "anything", true),
        ("x", "", false),
        ("foo$", "foofoo", false),  // the first occurrence decides
        ("foo*$", "foobar", true),
        ("operator new*", "operator new(unsigned long)", true),
        ("größe", "die größe()", true),
    ]) func patterns(_ pattern: String, _ name: String, _ expected: Bool) {
        #expect(Suppressions.matches(pattern, name) == expected, "\(pattern) in \(name)")
    }

    @Test func filesAreReadAsTheyAre() throws {
        let text = "# comment\n\n  leak:libfoo.so  \n\t leak:^main$\r\n#leak:no\nleak:a b*c\n"
        let file = try Suppressions(text: text)
        #expect(file.rules.map(\.pattern) == ["libfoo.so", "^main$", "a b*c"])
        #expect(file.rules.map(\.line) == [3, 4, 6])
    }

    @Test func otherLinesAreErrorsWithTheirNumber() throws {
        let error = #expect(throws: TraceError.self) { try Suppressions(text: "leak:a\nrace:b\n", path: "s.txt") }
        #expect(try #require(error).description.contains("line 2"))
    }

    @Test func anyCallIsEnough() throws {
        let rules = try Suppressions(text: "leak:nothing\nleak:libx.so\nleak:cache.c\nleak:^keep$\n")
        func frame(_ function: String, _ file: String?, _ module: String) -> SymbolFrame {
            SymbolFrame(function: function, file: file, module: module)
        }
        #expect(rules.rule(matching: [frame("a", nil, "/app"), frame("b", nil, "/lib/libx.so.2")]) == 1)
        #expect(rules.rule(matching: [frame("a", "/src/cache.c", "/app")]) == 2)
        // Files written for names without arguments hold as well.
        #expect(rules.rule(matching: [frame("keep(int)", nil, "/app")]) == 3)
        #expect(rules.rule(matching: [frame("a", "/src/a.c", "/app")]) == nil)
        #expect(rules.rule(matching: []) == nil)
    }

    @Test func runtimesKeepTheirOwn() {
        func frame(_ function: String, _ module: String) -> SymbolFrame { SymbolFrame(function: function, module: module) }
        let loader = [
            frame("0xa5780", "/lib/libstdc++.so.6"), frame("call_init", "/lib64/ld-linux-x86-64.so.2"),
            frame("_dl_init", "/lib64/ld-linux-x86-64.so.2"), frame("_dl_start_user", "/lib64/ld-linux-x86-64.so.2"),
        ]
        #expect(RuntimeSuppressions.owner(of: loader) != nil)
        // The same from the program's own constructor is the program's.
        let constructor = [frame("global", "/opt/app")] + loader.dropFirst()
        #expect(RuntimeSuppressions.owner(of: constructor) == nil)
        // A cut stack may hide the program.
        #expect(RuntimeSuppressions.owner(of: [loader[0]]) == nil)
        #expect(RuntimeSuppressions.owner(of: []) == nil)

        let standardOutput = [
            frame("malloc", "/lib/libc.so.6"), frame("_IO_file_doallocate", "/lib/libc.so.6"),
            frame("puts", "/lib/libc.so.6"), frame("main", "/opt/app"),
        ]
        #expect(RuntimeSuppressions.owner(of: standardOutput) == "libc")
        // What merely allocates for its caller is the caller's.
        let line = [frame("getline", "/lib/libc.so.6"), frame("main", "/opt/app")]
        #expect(RuntimeSuppressions.owner(of: line) == nil)
        // A thread of the libraries alone, with the names that the C library's debug information has.
        let thread = [
            frame("calloc", "/lib/libc.so.6"), frame("timer_helper_thread", "/lib/libc.so.6"),
            frame("start_thread", "/lib/libc.so.6"), frame("__GI___clone3", "/lib/libc.so.6"),
        ]
        #expect(RuntimeSuppressions.owner(of: thread) != nil)
        // A plugin's constructor under dlopen is the plugin's.
        let plugin = [
            frame("make", "/opt/plugin.so"), frame("call_init", "/lib64/ld-linux-x86-64.so.2"),
            frame("dl_open_worker", "/lib64/ld-linux-x86-64.so.2"), frame("main", "/opt/app"),
        ]
        #expect(RuntimeSuppressions.owner(of: plugin) == nil)
    }
}
