// SPDX-License-Identifier: Apache-2.0
//
// pprof: one gzipped protobuf message (https://github.com/google/pprof/blob/main/proto/profile.proto).
//
//   Profile  := sample_type=1* sample=2* mapping=3* location=4* function=5* string_table=6*
//               time_nanos=9 duration_nanos=10 period_type=11 period=12 comment=13* default_sample_type=14
//   Sample   := location_id=1* (inner to outer) value=2* (as many as sample types)
//   Location := id=1 mapping_id=2 line=4* (inlined functions first)      Line := function_id=1 line=2
//
// Strings are indexes into string_table, whose first entry is "". Locations have no addresses: stacks were merged by name,
// so that profiles of two runs can be subtracted. The first four sample types are those of Go's heap profile, by which
// Pyroscope and Parca know them.

internal import HeaplineAnalysis

struct PprofExport {
    private let export: Exporter
    private var strings = [""]
    private var stringIndex = ["": UInt64(0)]
    private var profile = ProtobufMessage()

    static let types: [(name: String, unit: String, measure: Measure)] = [
        ("alloc_objects", "count", .allocations),
        ("alloc_space", "bytes", .bytes),
        ("inuse_objects", "count", .liveBlocks),
        ("inuse_space", "bytes", .liveBytes),
        ("peak_objects", "count", .peakBlocks),
        ("peak_space", "bytes", .peakBytes),
        ("temporary_objects", "count", .temporary),
    ]

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) { sink.append(Gzip.file(message())) }

    /// The message without its gzip wrapping.
    func message() -> [UInt8] {
        var builder = self
        builder.build()
        return builder.profile.bytes
    }

    private mutating func build() {
        for type in Self.types { profile.add(1, valueType(type.name, type.unit)) }
        addSamples()
        let history = export.history
        let start = history.trace.startUnixNanoseconds
        var comments: [String] = []
        for process in export.processes {
            let command = export.command(of: process)
            comments.append("\(command) (pid \(process.pid), mode \(process.mode.rawValue))")
        }
        // pprof prints all of them above every table.
        if comments.count > 8 { comments = comments.prefix(8) + ["and \(comments.count - 8) more processes"] }
        if !history.isComplete { comments.append("the recording has gaps") }
        let indexes = comments.map { string($0) }
        let period = valueType("space", "bytes")
        let standard = string("inuse_space")
        for text in strings { profile.add(6, text) }
        profile.add(9, start)
        profile.add(10, history.duration)
        profile.add(11, period)
        profile.add(12, export.processes.map(\.sampleBytes).max().map { max($0, 1) } ?? 1)
        profile.add(13, packed: indexes)
        profile.add(14, standard)
    }

    private mutating func addSamples() {
        let tree = export.tree
        var functions: [FunctionKey: UInt64] = [:]
        var locations: [[Int]: UInt64] = [:]
        var mappings: [String: UInt64] = [:]
        // Readers take the first mapping for the program.
        if let program = export.processes.first?.executable, !program.isEmpty { _ = mapping(program, &mappings) }
        for sums in tree.sites {
            let values = Self.types.map { $0.measure.value(sums) }
            guard values.contains(where: { $0 > 0 }) else { continue }
            var ids: [UInt64] = []
            var group: [Int] = []
            var at = sums.node
            while at >= CallTree.rootCount {
                let index = tree.nodes[at].frame
                group.append(index)
                at = tree.nodes[at].parent
                if tree.frames[index].inlined && at >= CallTree.rootCount { continue }
                ids.append(location(group, &locations, &functions, &mappings))
                group.removeAll(keepingCapacity: true)
            }
            if ids.isEmpty {
                // A frame that stands for the missing stack; numbered below all others.
                let key = [-1 - at]
                ids = [
                    locations[key]
                        ?? add(
                            frames: [SymbolFrame(function: export.noStack(at), module: "")], key, &locations,
                            &functions, &mappings)
                ]
            }
            var sample = ProtobufMessage()
            sample.add(1, packed: ids)
            sample.add(2, packed: values)
            profile.add(2, sample)
        }
    }

    private struct FunctionKey: Hashable {
        var name: String
        var file: String?
    }

    private mutating func location(
        _ group: [Int], _ locations: inout [[Int]: UInt64], _ functions: inout [FunctionKey: UInt64],
        _ mappings: inout [String: UInt64]
    ) -> UInt64 {
        if let known = locations[group] { return known }
        return add(frames: group.map { export.tree.frames[$0] }, group, &locations, &functions, &mappings)
    }

    private mutating func add(
        frames: [SymbolFrame], _ key: [Int], _ locations: inout [[Int]: UInt64],
        _ functions: inout [FunctionKey: UInt64], _ mappings: inout [String: UInt64]
    ) -> UInt64 {
        let id = UInt64(locations.count + 1)
        locations[key] = id
        var location = ProtobufMessage()
        location.add(1, id)
        if let module = frames.last?.module, !module.isEmpty { location.add(2, mapping(module, &mappings)) }
        for frame in frames {
            let key = FunctionKey(name: frame.function, file: frame.file)
            var function = functions[key]
            if function == nil {
                function = UInt64(functions.count + 1)
                functions[key] = function
                var message = ProtobufMessage()
                message.add(1, UInt64(functions.count))
                message.add(2, string(frame.function))
                message.add(3, string(frame.function))
                message.add(4, string(frame.file ?? ""))
                profile.add(5, message)
            }
            var line = ProtobufMessage()
            line.add(1, function ?? 0)
            line.add(2, UInt64(max(frame.line ?? 0, 0)))
            location.add(4, line)
        }
        profile.add(4, location)
        return id
    }

    private mutating func mapping(_ module: String, _ mappings: inout [String: UInt64]) -> UInt64 {
        if let known = mappings[module] { return known }
        let id = UInt64(mappings.count + 1)
        mappings[module] = id
        let buildID = export.processes.lazy.flatMap(\.modules).first { $0.path == module }?.buildID ?? []
        var message = ProtobufMessage()
        message.add(1, id)
        message.add(5, string(module))
        if !buildID.isEmpty { message.add(6, string(Self.hex(buildID))) }
        message.add(7, true)
        message.add(8, true)
        message.add(9, true)
        message.add(10, true)
        profile.add(3, message)
        return id
    }

    private mutating func valueType(_ type: String, _ unit: String) -> ProtobufMessage {
        var message = ProtobufMessage()
        message.add(1, string(type))
        message.add(2, string(unit))
        return message
    }

    private mutating func string(_ text: String) -> UInt64 {
        if let known = stringIndex[text] { return known }
        let index = UInt64(strings.count)
        strings.append(text)
        stringIndex[text] = index
        return index
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
