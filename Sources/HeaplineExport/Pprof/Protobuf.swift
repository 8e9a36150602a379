// SPDX-License-Identifier: Apache-2.0
//
// The part of the protobuf wire format that profile.proto needs (https://protobuf.dev/programming-guides/encoding/):
//
//   field  := key value          key := varint (number << 3 | type)
//   value  := varint             type 0
//           | length bytes       type 2: strings, messages, packed varints

/// Builds one message.
struct ProtobufMessage {
    private(set) var bytes: [UInt8] = []

    /// A varint field; 0 is the default and left out.
    mutating func add(_ field: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        varint(field << 3)
        varint(value)
    }

    mutating func add(_ field: UInt64, _ flag: Bool) { add(field, flag ? 1 : 0) }

    /// A string; empty ones are written, as elements of a repeated field count.
    mutating func add(_ field: UInt64, _ text: String) { add(field, bytes: Array(text.utf8)) }

    mutating func add(_ field: UInt64, _ message: ProtobufMessage) { add(field, bytes: message.bytes) }

    mutating func add(_ field: UInt64, packed values: [UInt64]) {
        guard !values.isEmpty else { return }
        var inner = ProtobufMessage()
        for value in values { inner.varint(value) }
        add(field, bytes: inner.bytes)
    }

    private mutating func add(_ field: UInt64, bytes content: [UInt8]) {
        varint(field << 3 | 2)
        varint(UInt64(content.count))
        bytes += content
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest > 127 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
