// SPDX-License-Identifier: Apache-2.0
//
// Each public C header compiles alone, in C11 and in C++17, with every warning an error, by clang and by the system's
// compiler where there is one.

import Glibc
import Testing

@Suite struct HeaderTests {
    static let root = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()
    static let headers = [
        "CHeaplineFormat/include/heapline_format.h", "CHeaplineFormat/include/heapline_codec.h",
        "CHeaplineRecorder/include/heapline.h", "CHeaplineRecorder/include/heapline_drain.h",
        "CHeaplineHooks/include/heapline_hooks.h",
    ]
    static let compilers = ["clang", "gcc"].filter { Harness.which($0) != nil }

    @Test(arguments: headers, compilers) func compilesAlone(_ header: String, _ compiler: String) throws {
        let sources = Self.root + "/Sources"
        try Harness.withDirectory { directory in
            for (language, standard, name) in [("c", "c11", "alone.c"), ("c++", "c++17", "alone.cpp")] {
                let file = directory + "/" + name
                let out = unsafe open(file, O_WRONLY | O_CREAT, 0o600)
                let text = "#include \"\(sources)/\(header)\"\n"
                #expect(unsafe write(out, text, text.utf8.count) == text.utf8.count)
                close(out)
                let outcome = try Harness.run(
                    [
                        compiler, "-x", language, "-std=\(standard)", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow",
                        "-Wconversion", "-Werror", "-I\(sources)/CHeaplineFormat/include", file,
                    ])
                #expect(outcome.exitCode == 0, "\(outcome.errors)")
            }
        }
    }
}
