// SPDX-License-Identifier: Apache-2.0
//
// Files that are not what they should be: foreign, empty, cut anywhere, damaged anywhere. Each is an error with a place
// or a trace up to a place, never a trap. The fuzz tests find what a few thousand random changes find; sealed ones get past
// the checksums and reach the decoders.

import CHeaplineFormat
import Glibc
import HeaplineCollector
import HeaplineExport
import Testing

@testable import HeaplineAnalysis

@Suite struct DamageTests {
    /// A trace with something of everything.
    static func script(_ random: inout SeededRandom) -> TraceScript {
        var script = TraceScript()
        script.chunkEvents = 40
        script.processes[0].nodes = HistoryTests.parents
        script.processes[0].notes = [
            (HL_NOTE_PROCESS, 0, Payload.process(pid: 7, parent: 1, ["/bin/program", "program", "argument"])),
            (HL_NOTE_THREAD, 1, Payload.thread(0, tid: 7, "main")),
            (HL_NOTE_MARK, 5, Array("halfway".utf8)),
            (HL_NOTE_RSS, 9, Payload.bytes(UInt64(123_456))),
            (HL_NOTE_EXIT, 1 << 40, Payload.exit(status: 0, reason: HL_EXIT_EXITED)),
        ]
        var counts = hl_counts()
        counts.final = 1
        script.processes[0].counts = counts
        script.events = BruteForce.events(&random, count: 300, stacks: 8, threads: 3, cores: 2)
        return script
    }

    private func error(_ path: String) -> TraceError? {
        do throws(TraceError) {
            _ = try Trace.open(path).history()
            return nil
        } catch {
            return error
        }
    }

    @Test func namesWhatIsWrong() throws {
        #expect(error("/nonexistent/file")?.code == .system)
        #expect(error("/nonexistent/file")?.errno == ENOENT)
        #expect(error("/")?.code == .notAFile)
        #expect(error("/dev/null")?.code == .notAFile)
        try TemporaryFile.with { path in
            #expect(error(path)?.code == .empty)
            try TemporaryFile.write(Array("#!/bin/sh\nexit\n".utf8), path)
            #expect(error(path)?.code == .foreign)
            #expect(error(path)?.path == path)
            try TemporaryFile.write(Array("HEAPLINE".utf8), path)
            #expect(error(path)?.code == .damaged)
        }
        var random = SeededRandom(1)
        try Self.script(&random).with { path in
            var bytes = try TemporaryFile.read(path)
            bytes[8] = 99
            try TemporaryFile.write(bytes, path)
            #expect(error(path)?.code == .version)
            #expect("\(try #require(error(path)))".contains("version 99"))
        }
    }

    @Test func aDamagedByteIsFoundAndPlaced() throws {
        let seed: UInt64 = 0xdab
        var random = SeededRandom(seed)
        try Self.script(&random).with { path in
            let good = try TemporaryFile.read(path)
            let chunks = Self.chunks(good)
            for _ in 0..<200 {
                var bytes = good
                let place = random.below(bytes.count)
                bytes[place] ^= UInt8(1 << random.below(8))
                try TemporaryFile.write(bytes, path)
                // A chunk's padding is in no checksum; the rest must be noticed, and placed at its chunk.
                let chunk = chunks.last { $0.offset <= place }
                if let chunk, place >= chunk.end { continue }
                let found = error(path)
                #expect(found != nil, "seed \(seed), byte \(place)")
                if let chunk, let found { #expect(found.offset == UInt64(chunk.offset), "seed \(seed), byte \(place)") }
            }
        }
    }

    @Test func anyPrefixIsATrace() throws {
        let seed: UInt64 = 0xc07
        var random = SeededRandom(seed)
        let script = Self.script(&random)
        try script.with { path in
            let good = try TemporaryFile.read(path)
            let chunks = Self.chunks(good)
            var last: UInt64 = 0
            for length in stride(from: MemoryLayout<hl_file_header>.size, through: good.count, by: 61) {
                try TemporaryFile.write(Array(good.prefix(length)), path)
                let trace = try Trace.open(path)
                let history = try trace.history()
                let whole = chunks.filter { $0.end <= length }
                let events = whole.filter { $0.kind == HL_CHUNK_EVENTS.rawValue }.reduce(0) { $0 + UInt64($1.count) }
                #expect(history.eventCount == events, "cut at \(length)")
                #expect(history.eventCount >= last, "cut at \(length)")
                #expect(!history.isComplete, "cut at \(length)")
                last = history.eventCount
                if let next = chunks.first(where: { $0.end > length }), next.offset < length {
                    #expect(trace.state == .cut(offset: UInt64(next.offset)), "cut at \(length)")
                }
            }
            #expect(last > 200)
        }
    }

    @Test(arguments: 0..<6) func randomChangesNeverTrap(_ number: Int) throws {
        let seed = 0xf022_0000 + UInt64(number)
        var random = SeededRandom(seed)
        try Self.script(&random).with { path in
            let good = try TemporaryFile.read(path)
            var opened = 0
            for _ in 0..<150 {
                var bytes = good
                for _ in 0...random.below(4) {
                    switch random.below(4) {
                    case 0: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                    case 1: bytes.removeSubrange(random.below(bytes.count)..<bytes.count)
                    case 2:
                        let from = random.below(bytes.count)
                        bytes.removeSubrange(from..<min(bytes.count, from + 1 + random.below(64)))
                    default:
                        let from = random.below(bytes.count)
                        bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + random.below(200))], at: from)
                    }
                    if bytes.isEmpty { bytes = [0] }
                }
                try TemporaryFile.write(bytes, path)
                if try read(path) { opened += 1 }
            }
            #expect(opened < 150, "seed \(seed)")
        }
    }

    /// Changes payloads and headers and makes the checksums right again, so that decoders see the damage.
    @Test(arguments: 0..<10) func sealedDamageNeverTraps(_ number: Int) throws {
        let seed = 0x5ea1_0000 + UInt64(number)
        var random = SeededRandom(seed)
        var script = Self.script(&random)
        script.chunkEvents = 300
        try script.with { path in
            let good = try Self.uncompressed(TemporaryFile.read(path))
            let chunks = Self.chunks(good)
            #expect(!chunks.isEmpty)
            for _ in 0..<150 {
                var bytes = good
                let chunk = chunks[random.below(chunks.count)]
                for _ in 0...random.below(3) {
                    if random.chance(30) || chunk.stored == 0 {
                        // Not magic and checksum, and not the sizes: those only move the chunk's end.
                        let fields = [4, 8, 12, 16, 32, 33, 39, 40, 47]
                        bytes[chunk.offset + fields[random.below(fields.count)]] = UInt8(truncatingIfNeeded: random.next())
                    } else {
                        bytes[chunk.offset + 64 + random.below(chunk.stored)] = UInt8(truncatingIfNeeded: random.next())
                    }
                }
                Self.seal(&bytes, chunk)
                try TemporaryFile.write(bytes, path)
                _ = try read(path)
            }
        }
    }

    /// Reads a file as far as it goes. Returns whether it could be read.
    private func read(_ path: String) throws -> Bool {
        do throws(TraceError) {
            var symbols = SymbolizerOptions()
            symbols.tool = .none
            let report = try Report(try Trace.open(path), symbols: symbols)
            let totals = report.history.totals
            #expect(totals.allocations &- totals.frees == totals.liveBlocks)
            for view in ReportView.allCases { #expect(!report.text(view).isEmpty) }
            var size = 0
            report.json { size += $0.count }
            #expect(size > 100)
            return true
        } catch {
            #expect(error.path == path)
            return false
        }
    }

    // MARK: The file, by hand

    struct Place {
        var offset: Int
        var kind: UInt32
        var count: Int
        var stored: Int
        /// One past the payload; padding follows.
        var end: Int { offset + 64 + stored }
    }

    static func chunks(_ bytes: [UInt8]) -> [Place] {
        var result: [Place] = []
        var offset = MemoryLayout<hl_file_header>.size
        while offset + 64 <= bytes.count {
            let header = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: hl_chunk.self) }
            let place = Place(
                offset: offset, kind: UInt32(header.kind), count: Int(header.count), stored: Int(header.stored_bytes))
            result.append(place)
            offset = (place.end + 7) & ~7
        }
        return result
    }

    /// The same trace with every payload stored as it is.
    static func uncompressed(_ bytes: [UInt8]) -> [UInt8] {
        var result = Array(bytes.prefix(MemoryLayout<hl_file_header>.size))
        for place in chunks(bytes) {
            var header = unsafe bytes.withUnsafeBytes {
                unsafe $0.loadUnaligned(fromByteOffset: place.offset, as: hl_chunk.self)
            }
            var payload = Array(bytes[(place.offset + 64)..<place.end])
            if header.codec == UInt16(HL_CODEC_ZSTD.rawValue) {
                var raw = [UInt8](repeating: 0, count: Int(header.raw_bytes))
                let size = unsafe payload.withUnsafeBytes { from in
                    unsafe raw.withUnsafeMutableBytes { to in
                        unsafe hl_zstd_decompress(from.baseAddress!, from.count, to.baseAddress!, to.count)
                    }
                }
                #expect(size == raw.count)
                payload = raw
            }
            header.codec = UInt16(HL_CODEC_NONE.rawValue)
            header.stored_bytes = UInt32(payload.count)
            unsafe payload.withUnsafeBytes { unsafe hl_chunk_seal(&header, $0.baseAddress) }
            result += Payload.bytes(header) + payload
            while result.count % 8 != 0 { result.append(0) }
        }
        return result
    }

    static func seal(_ bytes: inout [UInt8], _ place: Place) {
        var header = unsafe bytes.withUnsafeBytes {
            unsafe $0.loadUnaligned(fromByteOffset: place.offset, as: hl_chunk.self)
        }
        let payload = Array(bytes[(place.offset + 64)..<place.end])
        header.stored_bytes = UInt32(payload.count)
        unsafe payload.withUnsafeBytes { unsafe hl_chunk_seal(&header, $0.baseAddress) }
        bytes.replaceSubrange(place.offset..<place.offset + 64, with: Payload.bytes(header))
    }
}
