// SPDX-License-Identifier: Apache-2.0
//
// Dynamic types of live blocks of small C++ and Swift programs, with and without symbols.

import HeaplineAnalysis
import Testing

@Suite(.serialized) struct TypesTests {
    static let cxx = """
        #include <string>
        struct Shape { virtual ~Shape() {} };
        template <class T> struct Box : Shape { T value{}; };
        namespace deep { struct Other : Shape { long more[4]; }; }
        Shape *volatile kept[17];
        int main() {
            for (int i = 0; i < 12; i++) kept[i] = new Box<int>;
            for (int i = 12; i < 15; i++) kept[i] = new Box<std::string>;
            for (int i = 15; i < 17; i++) kept[i] = new deep::Other;
            for (int i = 5; i < 12; i++) { delete kept[i]; kept[i] = nullptr; }
        }
        """
    static let swift = """
        final class Node { var next: Node?; let name: Int; init(_ name: Int) { self.name = name } }
        final class Pair<A, B> { var a: A; var b: B; init(_ a: A, _ b: B) { self.a = a; self.b = b } }
        struct Point { var x = 1.0, y = 2.0 }
        enum Kind { case one(Node), two(Pair<Int, String>) }
        var kinds: [Kind] = []
        var pairs: [AnyObject] = []
        func lose() { let a = Node(1), b = Node(2); a.next = b; b.next = a }
        for index in 0..<6 {
            kinds.append(index % 2 == 0 ? .one(Node(index)) : .two(Pair(index, "a string of more than fifteen \\(index)")))
        }
        for _ in 0..<4 { lose() }
        pairs.append(Pair(Point(), Optional<Point>.none))
        print(kinds.count, pairs.count)
        """

    /// Compiles and records; returns the groups of types by name.
    private func types(
        _ source: String, _ file: String, _ compiler: [String], stripped: Bool
    ) throws -> [String: Types.Group]? {
        guard Harness.which(compiler[0]) != nil, !stripped || Harness.which("strip") != nil else {
            print("SKIPPED: \(compiler[0]) or strip is not installed")
            return nil
        }
        return try Harness.withDirectory { directory in
            let script =
                "cat > \(directory)/\(file) <<'END'\n\(source)\nEND\ncd \(directory) && \(compiler.joined(separator: " ")) \(file) -o program"
                + (stripped ? " && strip program" : "")
            let built = try Harness.run(["sh", "-c", script])
            try #require(built.exitCode == 0, "\(built.errors)")
            let trace = directory + "/t.heapline"
            let outcome = try Harness.run([Harness.heapline, "run", "-q", "-o", trace, "--", directory + "/program"])
            #expect(outcome.exitCode == 0)
            let history = try Trace.open(trace).history()
            let types = Types(history, try Verdicts(history))
            #expect(types.isExamined)
            #expect(types.groups.reduce(0) { $0 + $1.blocks } == history.totals.liveBlocks)
            #expect(types.groups.reduce(0) { $0 + $1.bytes } == history.totals.liveBytes)
            #expect(types.isPeakKnown)
            #expect(types.groups.reduce(0) { $0 + $1.peakBlocks } == history.totals.peakBlocks)
            #expect(types.groups.reduce(0) { $0 + $1.peakBytes } == history.totals.peakBytes)
            return Dictionary(types.groups.filter { $0.kind != .size }.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
        }
    }

    @Test(arguments: [false, true]) func cxxClasses(_ stripped: Bool) throws {
        guard let types = try types(Self.cxx, "program.cpp", ["g++", "-O1"], stripped: stripped) else { return }
        #expect(types["Box<int>"]?.blocks == 5)
        #expect(types["Box<int>"]?.peakBlocks == 12, "those freed since are what others of their stack are")
        #expect(types["Box<int>"]?.peakBlocksByStack == 7)
        #expect(types["deep::Other"]?.peakBlocks == 2 && types["deep::Other"]?.peakBlocksByStack == 0)
        #expect(types.first { $0.key.hasPrefix("Box<std::") }?.value.blocks == 3)
        #expect(types["deep::Other"]?.blocks == 2)
    }

    @Test(arguments: [false, true]) func swiftClasses(_ stripped: Bool) throws {
        guard let types = try types(Self.swift, "program.swift", ["swiftc", "-O"], stripped: stripped) else { return }
        #expect(types["program.Node"]?.blocks == 11)
        #expect(types["program.Node"]?.leakedBlocks == 8, "the rings, not those whose pointers have flags")
        #expect(types["program.Pair<Swift.Int, Swift.String>"]?.blocks == 3)
        #expect(types["program.Pair<Swift.Int, Swift.String>"]?.leakedBlocks == 0)
        #expect(types["program.Pair<program.Point, Swift.Optional<program.Point>>"]?.blocks == 1)
        #expect(types["Swift.__StringStorage"]?.leakedBlocks == 0)
    }
}
