// SPDX-License-Identifier: Apache-2.0
//
// The codec of the trace file: what goes in comes out, whatever the records are; damaged bytes give an error and
// nothing else. The mutations can find reads outside the buffers only under the address sanitizer.

import CHeaplineFormat
import Testing

/// xorshift64*: the same sequence for the same seed everywhere.
struct Random: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed | 1 }
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

@Suite struct CodecTests {
    @safe final class Scratch {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: Int(HL_EVENTS_SCRATCH_BYTES), alignment: 64)
        init() { unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0, count: Int(HL_EVENTS_SCRATCH_BYTES)) }
        deinit { unsafe bytes.deallocate() }
    }
    let encoder = Scratch(), decoder = Scratch()

    func encode(_ records: [hl_record]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: hl_events_bound(UInt32(records.count)))
        let size = unsafe hl_events_encode(records, UInt32(records.count), &out, encoder.bytes)
        return Array(out.prefix(size))
    }

    func decode(_ bytes: [UInt8], count: Int, first: UInt64) -> [hl_record]? {
        var records = [hl_record](repeating: hl_record(), count: count + 1)
        records[count].size = 0xfeed
        let result = unsafe hl_events_decode(bytes, bytes.count, UInt32(count), first, &records, decoder.bytes)
        #expect(records[count].size == 0xfeed, "nothing is written behind the last record")
        var others = [hl_record](repeating: hl_record(), count: count + 1)
        let other = unsafe hl_events_decode_portable(bytes, bytes.count, UInt32(count), first, &others, decoder.bytes)
        #expect(other == result)
        if result == 0 { #expect(same(Array(others.prefix(count)), Array(records.prefix(count))), "decoded without pext") }
        return result == 0 ? Array(records.prefix(count)) : nil
    }

    func same(_ a: [hl_record], _ b: [hl_record]) -> Bool {
        a.count == b.count
            && zip(a, b).allSatisfy {
                $0.time_kind == $1.time_kind && $0.address == $1.address && $0.size == $1.size && $0.stack == $1.stack
                    && $0.thread == $1.thread
            }
    }

    @Test(
        arguments: [
            ([(5, HL_KIND_ALLOC), (5, HL_KIND_ALLOC), (6, HL_KIND_FREE), (6, HL_KIND_REALLOC_FREE), (6, HL_KIND_ALLOC)], true),
            ([(5, HL_KIND_ALLOC), (6, HL_KIND_ALLOC), (6, HL_KIND_FREE), (7, HL_KIND_ALLOC)], false),
            ([(5, HL_KIND_ALLOC), (4, HL_KIND_FREE), (9, HL_KIND_ALLOC)], false), ([(0, HL_KIND_FREE)], true),
        ] as [([(UInt64, hl_kind)], Bool)])
    func tellsWhetherRecordsAreInOrder(_ events: [(ticks: UInt64, kind: hl_kind)], _ isInOrder: Bool) {
        let records = events.map { event in
            hl_record(time_kind: event.ticks << 8 | UInt64(event.kind.rawValue), address: 0x1000, size: 8, stack: 16, thread: 0)
        }
        #expect(decode(encode(records), count: records.count, first: events[0].ticks) != nil)
        #expect(unsafe (hl_events_in_order(decoder.bytes) != 0) == isInOrder)
    }

    @Test(arguments: 0..<20) func mergesTwoSequences(_ number: Int) {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("CodecTests.mergesTwoSequences \(number): seed \(seed)")
        var random = Random(seed)
        func key(_ record: hl_record) -> UInt64 { (record.time_kind >> 8) << 1 | (2...3 ~= record.time_kind & 0xff ? 0 : 1) }
        // Few moments, so that many are the same; `thread` says which sequence a record is from, `size` its place there.
        let sequences: [[hl_record]] = (0..<2).map { sequence in
            let count = number < 3 ? number * sequence : Int.random(in: 0...300, using: &random)
            let unnumbered = (0..<count).map { _ in
                hl_record(
                    time_kind: UInt64.random(in: 0..<100, using: &random) << 8 | UInt64.random(in: 1...4, using: &random), address: 1,
                    size: 0,
                    stack: 0, thread: UInt32(sequence))
            }
            return unnumbered.sorted { key($0) < key($1) }.enumerated().map { place, record in
                var record = record
                record.size = UInt64(place)
                return record
            }
        }
        var merged = [hl_record](repeating: hl_record(), count: sequences[0].count + sequences[1].count + 1)
        unsafe hl_records_merge(sequences[0], sequences[0].count, sequences[1], sequences[1].count, &merged)
        #expect(merged.removeLast().time_kind == 0, "nothing is written behind the last record")
        let expected = (sequences[0] + sequences[1]).sorted { (key($0), $0.thread, $0.size) < (key($1), $1.thread, $1.size) }
        #expect(same(merged, expected), "seed \(seed)")
    }

    /// A program as programs are: few sites, blocks that are reused, most of them short-lived.
    func realistic(_ count: Int, _ random: inout Random) -> [hl_record] {
        var records: [hl_record] = []
        var live: [UInt64] = []
        var freed: [UInt64] = []
        var top: UInt64 = 0x5555_0000_0000
        var ticks: UInt64 = .random(in: 0...1 << 40, using: &random)
        var thread: UInt32 = 0
        for _ in 0..<count {
            ticks += .random(in: 0...3000, using: &random)
            if Int.random(in: 0..<50, using: &random) == 0 { thread = .random(in: 0...5, using: &random) }
            if live.count > 100 || (!live.isEmpty && Bool.random(using: &random)) {
                let index =
                    Bool.random(using: &random) ? live.count - 1 : Int.random(in: 0..<live.count, using: &random)
                let address = live.remove(at: index)
                freed.append(address)
                let kind = Int.random(in: 0..<9, using: &random) == 0 ? HL_KIND_REALLOC_FREE : HL_KIND_FREE
                records.append(
                    hl_record(
                        time_kind: ticks << 8 | UInt64(kind.rawValue), address: address, size: 0, stack: 0,
                        thread: thread))
            } else {
                let site = UInt32.random(in: 16..<40, using: &random)
                let size = UInt64(site) * 24
                let address = freed.popLast() ?? top
                if address == top { top += (size + 23) & ~15 }
                live.append(address)
                records.append(
                    hl_record(
                        time_kind: ticks << 8 | UInt64(HL_KIND_ALLOC.rawValue), address: address, size: size,
                        stack: site, thread: thread))
            }
        }
        return records
    }

    /// Nothing that any program does: all bits of everything, times that go back.
    func arbitrary(_ count: Int, _ random: inout Random) -> [hl_record] {
        (0..<count).map { _ in
            let kind = UInt64.random(in: 1..<UInt64(HL_KIND_COUNT_.rawValue), using: &random)
            let free = kind == 2 || kind == 3
            let plain = Bool.random(using: &random)
            return hl_record(
                time_kind: UInt64.random(in: 0..<1 << 56, using: &random) << 8 | kind, address: random.next(),
                size: free && plain ? 0 : random.next(),
                stack: free && plain ? 0 : UInt32(truncatingIfNeeded: random.next()),
                thread: UInt32(truncatingIfNeeded: random.next()))
        }
    }

    @Test(arguments: 0..<40) func roundTrip(_ number: Int) {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("CodecTests.roundTrip \(number): seed \(seed)")
        var random = Random(seed)
        let count =
            number < 2 ? number : Int.random(in: 1...(number % 4 == 0 ? Int(HL_EVENTS_MAX) : 2000), using: &random)
        let records = number % 3 == 0 ? arbitrary(count, &random) : realistic(count, &random)
        let bytes = encode(records)
        let back = decode(bytes, count: count, first: (records.first?.time_kind ?? 0) >> 8)
        #expect(same(back ?? [], records), "seed \(seed), \(count) records")
        if number % 3 != 0, count > 1000 {
            #expect(bytes.count < count * 8, "seed \(seed): \(bytes.count) bytes for \(count)")
        }
    }

    /// The worked examples of the article TraceFormat, byte by byte.
    @Test func documentedExamples() {
        let records = [
            hl_record(time_kind: 1000 << 8 | 1, address: 0x5000, size: 24, stack: 17, thread: 0),
            hl_record(time_kind: 1300 << 8 | 2, address: 0x5000, size: 0, stack: 0, thread: 0),
            hl_record(time_kind: 1400 << 8 | 1, address: 0x5000, size: 24, stack: 17, thread: 0),
            hl_record(time_kind: 1450 << 8 | 2, address: 0x5000, size: 0, stack: 0, thread: 0),
        ]
        let lengths: [UInt8] = [4, 0, 6, 2, 2, 3, 0].flatMap { [$0, 0, 0, 0] }
        let columns: [UInt8] = [
            0xc1, 0x02, 0x81, 0x02, 0x00, 0xd8, 0x04, 0xc8, 0x01, 0x64, 0x22, 0x00, 0x18, 0x18, 0x80, 0xc0, 0x02,
        ]
        #expect(encode(records) == lengths + columns)
        #expect(same(decode(lengths + columns, count: 4, first: 1000) ?? [], records))

        let nodes = [
            hl_node(pc: 0x401136, parent: 1, flags: HL_NODE_VALID),
            hl_node(pc: 0x401150, parent: 16, flags: HL_NODE_VALID),
        ]
        var bytes = [UInt8](repeating: 0, count: 48)
        let size = unsafe hl_nodes_encode(nodes, 2, 16, &bytes)
        #expect(Array(bytes.prefix(size)) == [0x1e, 0xec, 0xc4, 0x80, 0x04, 0x02, 0x34])

        var header: [UInt8] = Array("HEAPLINE".utf8) + [1, 0, 0, 0, 32, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
        let checksum = unsafe hl_crc32c(0, header, header.count)
        header += (0..<4).map { UInt8(truncatingIfNeeded: checksum >> ($0 * 8)) }
        #expect(Array(header.suffix(4)) == [0x2d, 0x7e, 0x44, 0xdd])
    }

    @Test func loopCostsThreeBytesAnEvent() {
        var records: [hl_record] = []
        for i in UInt64(0)..<1000 {
            let ticks = i * 200
            records.append(hl_record(time_kind: ticks << 8 | 1, address: 0x1000, size: 24, stack: 77, thread: 0))
            records.append(hl_record(time_kind: (ticks + 100) << 8 | 2, address: 0x1000, size: 0, stack: 0, thread: 0))
        }
        // A tag of one byte and a time of two for each, but for the first pair.
        #expect(encode(records).count < 2000 * 3 + 64)
    }

    @Test(arguments: 0..<20) func damagedBytesNeverCrash(_ number: Int) {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("CodecTests.damagedBytesNeverCrash \(number): seed \(seed)")
        var random = Random(seed)
        let records = number % 2 == 0 ? realistic(500, &random) : arbitrary(500, &random)
        let whole = encode(records)
        for _ in 0..<200 {
            var bytes = whole
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
            case 1: bytes.append(contentsOf: (0..<9).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            case 2:
                bytes[Int.random(in: 0..<min(28, bytes.count), using: &random)] ^= UInt8.random(
                    in: 1...255, using: &random)
            default:
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
                }
            }
            if let back = decode(bytes, count: 500, first: 0) { #expect(back.count == 500) }
            #expect(decode(whole, count: 499, first: 0) == nil && decode(whole, count: 501, first: 0) == nil)
        }
        #expect(decode(whole, count: 500, first: records[0].time_kind >> 8) != nil, "a failure leaves nothing behind")
    }

    // MARK: Nodes

    @Test(arguments: 0..<10) func nodesRoundTrip(_ number: Int) {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("CodecTests.nodesRoundTrip \(number): seed \(seed)")
        var random = Random(seed)
        let first = UInt64.random(in: 16...100_000, using: &random)
        let count = Int.random(in: 1...5000, using: &random)
        let nodes = (0..<count).map { (i: Int) -> hl_node in
            hl_node(
                pc: random.next() >> UInt64.random(in: 8...40, using: &random),
                parent: UInt32.random(in: 0..<UInt32(first) + UInt32(i), using: &random),
                flags: HL_NODE_VALID | (Bool.random(using: &random) ? HL_NODE_EXACT : 0))
        }
        var bytes = [UInt8](repeating: 0, count: count * 24)
        let size = unsafe hl_nodes_encode(nodes, UInt32(count), first, &bytes)
        var back = [hl_node](repeating: hl_node(), count: count)
        #expect(unsafe hl_nodes_decode(bytes, size, UInt32(count), first, &back) == 0)
        for (a, b) in zip(nodes, back) where a.pc != b.pc || a.parent != b.parent || a.flags != b.flags {
            Issue.record("a node changed on its way: seed \(seed)")
        }
        #expect(unsafe hl_nodes_decode(bytes, size - 1, UInt32(count), first, &back) != 0)
        for _ in 0..<200 {
            var mutated = Array(bytes.prefix(size))
            mutated[Int.random(in: 0..<size, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            if unsafe hl_nodes_decode(mutated, size, UInt32(count), first, &back) == 0 {
                for (index, node) in back.enumerated() where UInt64(node.parent) >= first + UInt64(index) {
                    Issue.record("a parent that does not come first: seed \(seed)")
                }
            }
        }
    }

    // MARK: Checksums, compression

    @Test func crc32cKnownAnswers() {
        func crc(_ bytes: [UInt8]) -> UInt32 { unsafe hl_crc32c(0, bytes, bytes.count) }
        // RFC 3720, B.4, and the check value of the polynomial.
        #expect(crc(Array("123456789".utf8)) == 0xe306_9283)
        #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(crc([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(crc((0..<32).map { UInt8($0) }) == 0x46dd_794e)
        #expect(crc((0..<32).map { UInt8(31 - $0) }) == 0x113f_db5c)
        #expect(crc([]) == 0)
        let text = Array("in two parts".utf8)
        #expect(unsafe hl_crc32c(hl_crc32c(0, text, 5), Array(text[5...]), text.count - 5) == crc(text))
    }

    @Test func chunksAreSealed() {
        var chunk = hl_chunk()
        chunk.kind = UInt16(HL_CHUNK_NOTES.rawValue)
        let payload: [UInt8] = [1, 2, 3]
        chunk.stored_bytes = 3
        unsafe hl_chunk_seal(&chunk, payload)
        #expect(unsafe hl_chunk_check(&chunk) == 0)
        for offset in 0..<MemoryLayout<hl_chunk>.size {
            var damaged = chunk
            unsafe withUnsafeMutableBytes(of: &damaged) { unsafe $0[offset] ^= 0x10 }
            #expect(unsafe hl_chunk_check(&damaged) != 0, "byte \(offset)")
        }
    }

    @Test(.enabled(if: hl_zstd_available() != 0)) func zstd() {
        let plain = (0..<10_000).map { UInt8($0 / 100 % 256) }
        var packed = [UInt8](repeating: 0, count: hl_zstd_bound(plain.count))
        let size = unsafe hl_zstd_compress(plain, plain.count, &packed, packed.count, 1)
        #expect(size > 0 && size < 2000)
        var back = [UInt8](repeating: 0, count: plain.count)
        #expect(unsafe hl_zstd_decompress(packed, size, &back, back.count) == plain.count && back == plain)
        #expect(unsafe hl_zstd_decompress(packed, size, &back, back.count - 1) == 0, "does not fit")
        #expect(unsafe hl_zstd_decompress(packed, size / 2, &back, back.count) == 0, "cut")
    }
}
