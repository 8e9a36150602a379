// SPDX-License-Identifier: Apache-2.0
//
// What an export says adds up to the history's totals, whatever the trace: each format is taken apart by rules of its own
// and compared on random traces.

import Foundation
import HeaplineAnalysis
import HeaplineExport
import Testing

@Suite struct TotalsTests {
    static let seeds = (0..<10).map { 0xe4b0_0000 + UInt64($0) }

    /// The totals under the name of each measure.
    static func expected(_ tree: CallTree) throws -> [Measure: UInt64] {
        let totals = tree.history.totals
        return [
            .allocations: totals.allocations, .bytes: totals.bytesAllocated, .liveBlocks: totals.liveBlocks,
            .liveBytes: try #require(totals.liveBytes), .peakBlocks: try #require(totals.peakBlocks),
            .peakBytes: try #require(totals.peakBytes), .temporary: try #require(totals.temporaryAllocations),
            .reallocations: tree.sites.reduce(0) { $0 + $1.reallocations },
        ]
    }

    @Test(arguments: seeds, [1, 3]) func pprof(_ seed: UInt64, _ processes: Int) throws {
        let tree = try SyntheticTrace.random(seed, processes: processes).tree()
        let expected = try Self.expected(tree)
        let file = try Exporter(tree).bytes(.pprof)
        #expect(file.prefix(3) == [0x1f, 0x8b, 8])
        let profile = try Protobuf(try Tool.run("gzip", ["-dc"], input: file).output)
        let strings = (profile.parts[6] ?? []).map { String(decoding: $0, as: UTF8.self) }
        #expect(strings.first == "")
        let types = try (profile.parts[1] ?? []).map { strings[Int(try Protobuf($0).first(1))] }
        #expect(
            types == [
                "alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space",
                "temporary_objects",
            ])
        let functions = try (profile.parts[5] ?? []).map { try Protobuf($0) }
        #expect(functions.map { $0.first(1) } == (1...UInt64(functions.count)).map { $0 })
        let locations = try (profile.parts[4] ?? []).map { try Protobuf($0) }
        var names: [UInt64: [String]] = [:]
        for location in locations {
            names[location.first(1)] = try (location.parts[4] ?? []).map {
                strings[Int(functions[Int(try Protobuf($0).first(1)) - 1].first(2))]
            }
        }
        var sums = [UInt64](repeating: 0, count: types.count)
        var byStack: [[String]: UInt64] = [:]
        for part in profile.parts[2] ?? [] {
            let sample = try Protobuf(part)
            let values = try sample.packed(2)
            #expect(values.count == types.count, "seed \(seed)")
            for (index, value) in values.enumerated() { sums[index] += value }
            let stack = try sample.packed(1).flatMap { try #require(names[$0]) }
            byStack[stack, default: 0] += values[1]
        }
        let measures: [Measure] = [
            .allocations, .bytes, .liveBlocks, .liveBytes, .peakBlocks, .peakBytes, .temporary,
        ]
        #expect(sums == measures.map { expected[$0] }, "seed \(seed)")
        var truth: [[String]: UInt64] = [:]
        for sums in tree.sites {
            let frames = tree.frames(sums.node).map(\.function)
            truth[frames.isEmpty ? ["[\(tree.end(sums.node).explanation)]"] : frames, default: 0] += sums.bytes
        }
        #expect(byStack == truth, "seed \(seed)")
        #expect(profile.first(10) == tree.history.duration)
    }

    @Test(arguments: seeds) func folded(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        for (measure, expected) in try Self.expected(tree) {
            var sum: UInt64 = 0
            var stacks: Set<Substring> = []
            for line in try Exporter(tree).text(.folded, measure: measure).split(separator: "\n") {
                let space = try #require(line.lastIndex(of: " "))
                sum += try #require(UInt64(line[line.index(after: space)...]), "seed \(seed): \(line)")
                #expect(stacks.insert(line[..<space]).inserted, "seed \(seed): twice: \(line)")
            }
            #expect(sum == expected, "seed \(seed) \(measure)")
        }
    }

    @Test(arguments: seeds) func speedscope(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let expected = try Self.expected(tree)
        let file = try Exporter(tree).json(.speedscope)
        let frames = try file.object("shared").objects("frames")
        let measures: [String: Measure] = [
            "allocated bytes": .bytes, "allocations": .allocations, "bytes at the peak": .peakBytes,
            "live bytes at the end": .liveBytes, "live blocks at the end": .liveBlocks,
            "temporary allocations": .temporary,
        ]
        let profiles = try file.objects("profiles")
        #expect(profiles.count == measures.count)
        for profile in profiles {
            let weights = try profile.numbers("weights")
            let samples = try #require(profile["samples"] as? [[Int]])
            #expect(weights.count == samples.count)
            let measure = try #require(measures[try profile.text("name")])
            #expect(weights.reduce(0) { $0 + UInt64($1) } == expected[measure], "seed \(seed) \(measure)")
            #expect(try profile.number("endValue") == expected[measure])
            #expect(samples.allSatisfy { !$0.isEmpty && $0.allSatisfy { frames.indices.contains($0) } })
        }
    }

    @Test(arguments: seeds, [false, true]) func firefox(_ seed: UInt64, _ activity: Bool) throws {
        let tree = try SyntheticTrace.random(seed).tree(activity: activity)
        let expected = try Self.expected(tree)
        let file = try Exporter(tree).json(.firefox)
        let shared = try file.object("shared")
        for name in ["stackTable", "frameTable", "funcTable", "resourceTable", "nativeSymbols", "sources"] {
            let table = try shared.object(name)
            let length = Int(try table.number("length"))
            for (key, column) in table where key != "length" {
                #expect((column as? [Any])?.count == length, "\(name).\(key)")
            }
        }
        let end = try file.object("meta").number("profilingEndTime")
        let stacks = try shared.object("stackTable")
        for (index, prefix) in (try #require(stacks["prefix"] as? [Any])).enumerated() {
            if let prefix = prefix as? Int { #expect(prefix < index) }
        }
        let measures: [Measure] = [.bytes, .allocations, .peakBytes, .liveBytes, .liveBlocks, .temporary]
        for (thread, measure) in zip(try file.objects("threads"), measures) {
            let samples = try thread.object("samples")
            let sum = try samples.numbers("weight").reduce(0) { $0 + UInt64($1) }
            #expect(sum == expected[measure], "seed \(seed) \(measure)")
            let times = try #require(samples["time"] as? [Double])
            #expect(times == times.sorted() && times.allSatisfy { (0...Double(end)).contains($0) }, "seed \(seed) \(measure)")
            // What was allocated is told by time, if that is known.
            if measure == .allocations { #expect((Set(times).count > 1) == activity, "seed \(seed)") }
            let count = Int(try stacks.number("length"))
            #expect(try samples.numbers("stack").allSatisfy { (0..<count).contains($0) })
        }
        let counter = try file.objects("counters")[0].object("samples")
        // The profiler takes the first value for 0, whatever it is.
        #expect(try counter.numbers("count").dropFirst().reduce(0, +) == Int(try #require(expected[.liveBytes])), "seed \(seed)")
    }

    @Test(arguments: seeds) func perfetto(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let totals = tree.history.totals
        let file = try Exporter(tree).json(.perfetto)
        var sums: [String: UInt64] = [:]
        var last: [String: UInt64] = [:]
        var highest: UInt64 = 0
        var threads: [String: UInt64] = [:]
        for event in try file.objects("traceEvents") {
            let phase = try event.text("ph")
            if phase == "C" {
                let name = try event.text("name")
                let value = try #require((try event.object("args").values.first as? NSNumber)?.uint64Value)
                sums[name, default: 0] += value
                last[name] = value
                if name == "highest live bytes" { highest = max(highest, value) }
            } else if phase == "X" {
                for (key, value) in try event.object("args") {
                    if let number = value as? NSNumber { threads[key, default: 0] += number.uint64Value }
                }
            }
        }
        #expect(sums["allocations"] == totals.allocations, "seed \(seed)")
        #expect(sums["frees"] == totals.frees, "seed \(seed)")
        #expect(sums["bytes allocated"] == totals.bytesAllocated, "seed \(seed)")
        #expect(last["live bytes"] == totals.liveBytes, "seed \(seed)")
        #expect(last["live blocks"] == totals.liveBlocks, "seed \(seed)")
        #expect(highest == totals.peakBytes, "seed \(seed)")
        #expect(threads["allocations"] == totals.allocations, "seed \(seed)")
        #expect(threads["liveBytes"] == totals.liveBytes, "seed \(seed)")
        #expect(try file.object("otherData").number("allocations") == totals.allocations)
    }

    @Test(arguments: seeds) func heaptrack(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let totals = tree.history.totals
        var sizes: [UInt64] = []
        var (strings, calls, nodes) = (0, 0, 0)
        var (live, peak, bytes, allocations, frees): (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        var stamp: UInt64 = 0
        for line in try Exporter(tree).text(.heaptrack).split(separator: "\n") {
            let words = line.split(separator: " ")
            func hex(_ index: Int) throws -> UInt64 { try #require(UInt64(words[index], radix: 16), "\(line)") }
            switch words[0] {
            case "s": strings += 1
            case "i":
                calls += 1
                for index in 2..<words.count where (index - 2) % 3 != 0 || index == 2 {
                    #expect(try hex(index) <= UInt64(strings))
                }
            case "t":
                #expect(try hex(1) <= UInt64(calls) && hex(2) <= UInt64(nodes), "seed \(seed)")
                nodes += 1
            case "a":
                #expect(try hex(2) <= UInt64(nodes) && hex(2) > 0)
                sizes.append(try hex(1))
            case "+":
                let size = sizes[Int(try hex(1))]
                live += size
                bytes += size
                allocations += 1
                peak = max(peak, live)
            case "-":
                live -= sizes[Int(try hex(1))]
                frees += 1
            case "c":
                #expect(try hex(1) > stamp)
                stamp = try hex(1)
            default: #expect(["v", "X", "I", "R"].contains(words[0]), "\(line)")
            }
        }
        #expect(allocations == totals.allocations, "seed \(seed)")
        #expect(frees == totals.frees, "seed \(seed)")
        #expect(bytes == totals.bytesAllocated, "seed \(seed)")
        #expect(live == totals.liveBytes, "seed \(seed)")
        #expect(peak == totals.peakBytes, "seed \(seed)")
    }

    @Test(arguments: seeds) func massif(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let totals = tree.history.totals
        let lines = try Exporter(tree).text(.massif).split(separator: "\n")
        var at = 0
        /// Reads one node and returns its bytes; those of its children must add up to them.
        func node(_ depth: Int) throws -> UInt64 {
            let line = lines[at]
            at += 1
            #expect(line.prefix { $0 == " " }.count == depth)
            let words = line.split(separator: " ", maxSplits: 2)
            let children = try #require(Int(words[0].dropFirst().dropLast()), "\(line)")
            let bytes = try #require(UInt64(words[1]), "\(line)")
            var sum: UInt64 = 0
            for _ in 0..<children { sum += try node(depth + 1) }
            if children > 0 { #expect(sum == bytes, "seed \(seed): \(line)") }
            return bytes
        }
        var trees: [Substring: UInt64] = [:]
        var heap: [UInt64] = []
        var time: UInt64 = 0
        while at < lines.count {
            let line = lines[at]
            at += 1
            if line.hasPrefix("time=") {
                let next = try #require(UInt64(line.dropFirst(5)))
                #expect(next >= time)
                time = next
            }
            if line.hasPrefix("mem_heap_B=") { heap.append(try #require(UInt64(line.dropFirst(11)))) }
            if line == "heap_tree=peak" || line == "heap_tree=detailed" {
                trees[line.dropFirst(10)] = try node(0)
                #expect(trees[line.dropFirst(10)] == heap.last, "seed \(seed)")
            }
        }
        #expect(trees["peak"] == totals.peakBytes, "seed \(seed)")
        #expect(trees["detailed"] == totals.liveBytes, "seed \(seed)")
        #expect(heap.max() == totals.peakBytes, "seed \(seed)")
    }

    @Test(arguments: seeds) func dhat(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let totals = tree.history.totals
        let file = try Exporter(tree).json(.dhat)
        var sums: [String: UInt64] = [:]
        var stacks: Set<[Int]> = []
        let frames = try #require(file["ftbl"] as? [String])
        #expect(frames.first == "[root]")
        for point in try file.objects("pps") {
            for key in ["tb", "tbk", "gb", "gbk", "eb", "ebk", "tl"] { sums[key, default: 0] += try point.number(key) }
            #expect(try point.number("mb") >= point.number("gb") && point.number("mb") >= point.number("eb"))
            let path = try point.numbers("fs")
            #expect(stacks.insert(path).inserted)
            #expect(path.allSatisfy { (1..<frames.count).contains($0) })
        }
        #expect(sums["tb"] == totals.bytesAllocated, "seed \(seed)")
        #expect(sums["tbk"] == totals.allocations, "seed \(seed)")
        #expect(sums["gb"] == totals.peakBytes, "seed \(seed)")
        #expect(sums["gbk"] == totals.peakBlocks, "seed \(seed)")
        #expect(sums["eb"] == totals.liveBytes, "seed \(seed)")
        #expect(sums["ebk"] == totals.liveBlocks, "seed \(seed)")
    }

    @Test(arguments: seeds) func csv(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        let expected = try Self.expected(tree)
        let rows = Self.rows(try Exporter(tree).text(.csv))
        #expect(rows.allSatisfy { $0.count == rows[0].count })
        #expect(rows.count == tree.sites.count + 1)
        let names: [(String, Measure)] = [
            ("allocations", .allocations), ("bytes", .bytes), ("live_blocks", .liveBlocks), ("live_bytes", .liveBytes),
            ("peak_blocks", .peakBlocks), ("peak_bytes", .peakBytes), ("temporary", .temporary),
            ("reallocations", .reallocations),
        ]
        for (name, measure) in names {
            let column = try #require(rows[0].firstIndex(of: name))
            let sum = try rows.dropFirst().reduce(UInt64(0)) { $0 + (try #require(UInt64($1[column]))) }
            #expect(sum == expected[measure], "seed \(seed) \(name)")
        }
    }

    @Test(arguments: seeds) func jsonLines(_ seed: UInt64) throws {
        let tree = try SyntheticTrace.random(seed).tree()
        var sums: [Measure: UInt64] = [:]
        var allocations: UInt64 = 0
        for line in try Exporter(tree).text(.jsonl).split(separator: "\n") {
            let object = try JSON.object(Array(line.utf8))
            switch try object.text("type") {
            case "site":
                for measure in Measure.allCases { sums[measure, default: 0] += try object.number(measure.rawValue) }
                #expect(!(try object.objects("stack").isEmpty))
            case "bucket": allocations += try object.number("allocations")
            case "totals": #expect(try object.number("peakBytes") == tree.history.totals.peakBytes)
            default: break
            }
        }
        #expect(sums == (try Self.expected(tree)), "seed \(seed)")
        #expect(allocations == tree.history.totals.allocations, "seed \(seed)")
    }

    /// RFC 4180.
    static func rows(_ text: String) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field = ""
        var isQuoted = false
        var characters = Array(text)[...]
        while let next = characters.popFirst() {
            switch next {
            case "\"" where isQuoted && characters.first == "\"": field.append(characters.removeFirst())
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                row.append(field)
                field = ""
            case "\n" where !isQuoted:
                rows.append(row + [field])
                (row, field) = ([], "")
            default: field.append(next)
            }
        }
        return rows
    }
}
