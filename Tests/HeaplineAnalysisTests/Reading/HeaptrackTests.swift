// SPDX-License-Identifier: Apache-2.0
//
// heaptrack's files, written out by hand in each format, packed and plain, whole, cut and damaged.

import CHeaplineFormat
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct HeaptrackTests {
    static let text = """
        v 10400 3
        X ./program --option
        I 1000 5e298f
        s 8 /bin/own
        s 4 main
        s 6 own.cc
        s 6 inside
        i 5000 1 4 3 a 2 3 14
        i 6000 1 2 3 1e
        i 7000 1
        t 2 0
        t 1 1
        t 3 1
        # a comment
        a 64 2
        a a 3
        + 0
        c a
        + 1
        + 0
        - 0
        R 10
        - 1
        c 14
        + 1

        """

    private func open(_ bytes: [UInt8]) throws -> Result<Trace, TraceError> {
        try TemporaryFile.with { path in
            try TemporaryFile.write(bytes, path)
            do throws(TraceError) {
                let trace = try Trace.open(path)
                _ = try trace.history()
                return .success(trace)
            } catch {
                return .failure(error)
            }
        }
    }

    private func check(_ bytes: [UInt8]) throws {
        try TemporaryFile.with { path in
            try TemporaryFile.write(bytes, path)
            let trace = try Trace.open(path)
            let history = try trace.history()
            #expect(trace.kind == .heaptrack)
            #expect(trace.state == .complete)
            #expect(trace.processes[0].arguments == ["./program", "--option"])
            #expect(history.totals.allocations == 4)
            #expect(history.totals.frees == 2)
            #expect(history.totals.bytesAllocated == 220)
            #expect(history.totals.peakBytes == 210)
            #expect(history.totals.peakTime == 10_000_000)
            #expect(history.totals.liveBytes == 110)
            #expect(history.totals.temporaryAllocations == 1)
            #expect(trace.processes[0].resident == [ResidentSample(ticks: 10_000_000, bytes: 0x10 * 0x1000)])
            let tree = try CallTree(history)
            #expect(tree.sites.count == 2)
            let frames = tree.frames(tree.sites[0].node)
            #expect(frames.map(\.function) == ["inside", "main", "main"])
            #expect(frames.map(\.line) == [10, 20, 30])
            #expect(frames.allSatisfy { $0.file == "own.cc" && $0.module == "/bin/own" })
            #expect(tree.frames(tree.sites[1].node).first?.function == "0x7000")
        }
    }

    @Test func plain() throws { try check(Array(Self.text.utf8)) }

    @Test func zstd() throws {
        let bytes = Array(Self.text.utf8)
        var packed = [UInt8](repeating: 0, count: hl_zstd_bound(bytes.count))
        let size = unsafe bytes.withUnsafeBytes { from in
            unsafe packed.withUnsafeMutableBytes { to in
                unsafe hl_zstd_compress(from.baseAddress!, from.count, to.baseAddress!, to.count, 3)
            }
        }
        try #require(size > 0)
        try check(Array(packed.prefix(size)))
        // A cut frame is a cut trace, or damage; never a trap, and never complete.
        for length in stride(from: 12, to: size, by: 7) {
            if case .success(let trace) = try open(Array(packed.prefix(length))) { #expect(trace.state != .complete) }
        }
    }

    @Test func gzip() throws {
        let packed = Self.gzip(Array(Self.text.utf8))
        try check(packed)
        // Two members one after the other are one file.
        let halves = [Self.text.prefix(100), Self.text.dropFirst(100)].map { Self.gzip(Array($0.utf8)) }
        try check(halves[0] + halves[1])
    }

    @Test func formatsBeforeAllocationInfo() throws {
        let text = "v 10000\ns /bin/own\ni 5000 1\nt 1 0\n+ 10 1 aa0\n+ 20 1 bb0\n- aa0\n- cc0\n"
        let trace = try open(Array(text.utf8)).get()
        #expect(trace.kind == .heaptrack)
        try TemporaryFile.with { path in
            try TemporaryFile.write(Array(text.utf8), path)
            let history = try Trace.open(path).history()
            #expect(history.totals.allocations == 2)
            #expect(history.totals.frees == 1)
            #expect(history.totals.unknownFrees == 1)
            #expect(history.totals.liveBytes == 32)
        }
    }

    @Test func saysWhatItCannotRead() throws {
        func code(_ text: String) throws -> TraceError.Code? {
            if case .failure(let error) = try open(Array(text.utf8)) { return error.code }
            return nil
        }
        #expect(try code("v 10400 4\n") == .version)
        #expect(try code("v 10400 2\nm 1000 0\n") == .foreign)
        #expect(try code("v 10400 3\nt 1 0\n") == .damaged)
        #expect(try code("v 10400 3\na 10 5\n") == .damaged)
        #expect(try code("virtual\n") == .foreign)
    }

    @Test(arguments: 0..<6) func damageNeverTraps(_ number: Int) throws {
        let seed = 0x4ea_0000 + UInt64(number)
        var random = SeededRandom(seed)
        let plain = Array(Self.text.utf8)
        let good = number % 2 == 0 ? plain : Self.gzip(plain)
        for _ in 0..<200 {
            if case .failure(let error) = try open(good.mutated(&random)) { #expect(!error.message.isEmpty, "seed \(seed)") }
        }
    }

    /// gzip without compression: stored blocks.
    static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
        let size = UInt16(bytes.count)
        result += [1, UInt8(size & 0xff), UInt8(size >> 8), UInt8(~size & 0xff), UInt8(~size >> 8)]
        result += bytes
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
        for number in [~crc, UInt32(bytes.count)] {
            for shift in [0, 8, 16, 24] as [UInt32] { result.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return result
    }
}
