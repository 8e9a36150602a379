// SPDX-License-Identifier: Apache-2.0
//
// Reads the SystemView recording that the emulated chip has just written: its own dialect only, two streams with offsets
// or one stream.

/// What heap tracing to the host recorded, in order of time.
struct FirmwareRecording {
    enum Event {
        case allocated(address: UInt64, size: UInt64, callers: [UInt64])
        case freed(address: UInt64)
        case log(String)
    }

    struct Entry {
        var seconds: Double
        var core: Int
        var task: String
        var event: Event
    }

    private(set) var entries: [Entry] = []

    private struct Raw {
        var tick: UInt64
        var core: Int
        var id: UInt64
        var payload: ArraySlice<UInt8>
    }

    /// The recording in `bytes`; nil when they are none, or end inside a packet.
    init?(_ bytes: [UInt8]) {
        guard let header = Self.header(of: bytes) else { return nil }
        var raw: [Raw] = []
        for (core, stream) in header.enumerated() {
            guard let packets = Self.packets(of: bytes[stream], core: core) else { return nil }
            raw += packets
        }
        // Stable: packets of one core keep their order.
        let order = raw.indices.sorted { (raw[$0].tick, $0) < (raw[$1].tick, $1) }
        var names: [UInt64: String] = [:]
        var running: [Int: UInt64] = [:]
        var frequency = 40_000_000.0
        for packet in order.map({ raw[$0] }) {
            var numbers = Numbers(packet.payload)
            func entry(_ event: Event) -> Entry {
                let task = running[packet.core].flatMap { names[$0] } ?? "IDLE\(packet.core)"
                return Entry(seconds: Double(packet.tick) / frequency, core: packet.core, task: task, event: event)
            }
            switch packet.id {
            case 4: running[packet.core] = numbers.next()
            case 17: running[packet.core] = nil
            case 24: if let value = numbers.next() { frequency = Double(value) }
            case 9:
                guard let task = numbers.next(), numbers.next() != nil else { return nil }
                names[task] = numbers.text()
            case 26: entries.append(entry(.log(numbers.text())))
            case 512:
                guard let address = numbers.next(), let size = numbers.next() else { return nil }
                entries.append(entry(.allocated(address: address, size: size, callers: numbers.rest())))
            case 513:
                guard let address = numbers.next() else { return nil }
                entries.append(entry(.freed(address: address)))
            default: break
            }
        }
    }

    /// The byte ranges of the streams.
    private static func header(of bytes: [UInt8]) -> [Range<Int>]? {
        var end = 0
        var separators = 0
        var second: Int?
        while separators < 2 {
            guard let newline = bytes[end...].firstIndex(of: 0x0a), newline - end < 200 else { return nil }
            let line = String(decoding: bytes[end..<newline], as: UTF8.self)
            if line == ";" { separators += 1 }
            if line.hasPrefix("; Offset Core1 ") { second = Int(line.dropFirst(15)) }
            end = newline + 1
        }
        guard let second else { return [end..<bytes.count] }
        guard second >= 0, end + second <= bytes.count else { return nil }
        return [end..<(end + second), (end + second)..<bytes.count]
    }

    private static func packets(of stream: ArraySlice<UInt8>, core: Int) -> [Raw]? {
        var numbers = Numbers(stream.dropFirst(10))
        var result: [Raw] = []
        var tick: UInt64 = 0
        while !numbers.isAtEnd {
            guard let id = numbers.next() else { return nil }
            let start = numbers.bytes
            if id >= 24 {
                guard let length = numbers.next(), let payload = numbers.take(length) else { return nil }
                guard let delta = numbers.next() else { return nil }
                tick += delta
                result.append(Raw(tick: tick, core: core, id: id, payload: payload))
            } else {
                guard numbers.skipFixed(id) else { return nil }
                let payload = start.prefix(start.count - numbers.bytes.count)
                guard let delta = numbers.next() else { return nil }
                tick += delta
                result.append(Raw(tick: tick, core: core, id: id, payload: payload))
            }
        }
        return result
    }

    /// Varints and strings, one after the other.
    private struct Numbers {
        var bytes: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

        var isAtEnd: Bool { bytes.isEmpty }

        mutating func next() -> UInt64? {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while let byte = bytes.popFirst() {
                if shift < 64 { value |= UInt64(byte & 0x7f) << shift }
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }

        mutating func take(_ count: UInt64) -> ArraySlice<UInt8>? {
            guard count <= UInt64(bytes.count) else { return nil }
            defer { bytes = bytes.dropFirst(Int(count)) }
            return bytes.prefix(Int(count))
        }

        mutating func text() -> String {
            guard let length = bytes.popFirst(), let text = take(UInt64(length)) else { return "" }
            return String(decoding: text, as: UTF8.self)
        }

        mutating func rest() -> [UInt64] {
            var values: [UInt64] = []
            while let value = next() { values.append(value) }
            return values
        }

        /// Steps over the payload of an id below 24; letters: n a number, s a string.
        mutating func skipFixed(_ id: UInt64) -> Bool {
            let layouts = [
                "", "n", "n", "", "n", "", "n", "nn", "n", "nns", "", "", "n", "nn", "s", "n", "n", "", "", "n", "", "nnnn",
                "nns", "nn",
            ]
            for kind in layouts[Int(id)] {
                if kind == "n" { if next() == nil { return false } } else { _ = text() }
            }
            return true
        }
    }
}
