// SPDX-License-Identifier: Apache-2.0
//
// Libraries that come and go at one address: what each did is told with its own rules and its own names, however short a
// time it was there and whenever the collector looked.

import HeaplineAnalysis
import Testing

@Suite struct LibrariesTests {
    /// A library whose functions have the same addresses in all variants, and other frames and names.
    static func library(_ name: String, frame: Int) -> String {
        """
        #include <stdlib.h>
        __attribute__((noinline)) static void *\(name)_inner(size_t n) {
            volatile char room[\(frame)];
            room[0] = 1;
            void *block = malloc(n);
            return room[0] ? block : 0;
        }
        __attribute__((noinline, aligned(4096))) void *allocate(size_t n) {
            volatile char room[2 * \(frame)];
            room[0] = 1;
            void *block = \(name)_inner(n);
            return room[0] ? block : 0;
        }
        """
    }

    /// Opens libraries in turn, lets each allocate its own size, and says where each lay.
    static let program = """
        #include <dlfcn.h>
        #include <stdio.h>
        #include <stdlib.h>
        int main(int count, char **arguments) {
            static char text[1 << 16];
            int at = 0;
            for (int i = 0; i < atoi(arguments[1]); i++) {
                int which = 2 + i % (count - 2);
                void *library = dlopen(arguments[which], RTLD_NOW);
                void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, "allocate");
                free(allocate((size_t)(2000 + which)));
                if (i < 6) at += sprintf(text + at, "%p\\n", (void *)allocate);
                dlclose(library);
            }
            puts(text);
        }
        """

    @Test(.enabled(if: SymbolsTests.clang != nil, "needs clang"), arguments: [6, 3000])
    func eachHasItsOwnNames(times: Int) throws {
        try Harness.withDirectory { directory in
            let names = ["first", "second", "third"]
            for (name, frame) in zip(names, [24, 400, 4000]) {
                try SymbolsTests.compile(
                    Self.library(name, frame: frame), as: "\(name).so", in: directory,
                    ["-shared", "-fPIC", "-fomit-frame-pointer"])
            }
            try SymbolsTests.compile(Self.program, as: "program", in: directory, ["-ldl"])
            let trace = directory + "/trace.heapline"
            let outcome = try Harness.run(
                [Harness.heapline, "run", "--quiet", "-o", trace, "--", directory + "/program", "\(times)"]
                    + names.map { "\(directory)/\($0).so" })
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            let places = Set(outcome.output.split(separator: "\n"))
            try #require(places.count == 1, "the system put the libraries at different places: \(outcome.output)")

            let opened = try Trace.open(trace)
            let tree = try CallTree(try opened.history())
            #expect(opened.processes[0].modules.filter { $0.path.hasPrefix(directory) && $0.unloadedTicks != nil }.count == times)
            for (index, name) in names.enumerated() {
                let size = UInt64(2002 + index)
                let sites = tree.sites.filter { $0.bytes == size * $0.allocations && $0.allocations > 0 }
                #expect(sites.reduce(0) { $0 + $1.allocations } == times / 3, "\(name)")
                for site in sites {
                    let functions = tree.frames(site.node).map(\.function)
                    #expect(functions.prefix(3) == ["\(name)_inner", "allocate", "main"], "\(functions)")
                    #expect(tree.end(site.node) == .complete)
                    #expect(tree.frames(site.node).prefix(2).allSatisfy { $0.module == "\(directory)/\(name).so" })
                }
            }
        }
    }
}
