// SPDX-License-Identifier: Apache-2.0
//
// Short lines, millions of them, on their way to a sink: a letter and hexadecimal numbers, as heaptrack writes them. Text goes
// through here too, so that it stays in order.

/// Collects lines and hands them on in large pieces. What is left goes by ``flush()``.
///
/// Safe because every line, at most ``longest`` bytes, is only begun where so many are left, and text is bounded by what is left.
@safe struct ExportLines: ~Copyable {
    private let sink: ExportSink
    private let bytes: UnsafeMutablePointer<UInt8>
    private var used = 0

    private static let capacity = 1 << 16
    private static let longest = 40  // a letter, two numbers of 16 digits, two spaces, the line's end

    init(_ sink: ExportSink) {
        self.sink = sink
        unsafe bytes = .allocate(capacity: Self.capacity)
    }

    deinit { unsafe bytes.deallocate() }

    /// `letter number`
    @inline(__always)
    mutating func append(_ letter: UInt8, _ number: UInt64) {
        if used > Self.capacity &- Self.longest { flush() }
        put(letter)
        put(number)
        put(UInt8(ascii: "\n"))
    }

    /// `letter number number`
    mutating func append(_ letter: UInt8, _ number: UInt64, _ second: UInt64) {
        if used > Self.capacity - Self.longest { flush() }
        put(letter)
        put(number)
        put(second)
        put(UInt8(ascii: "\n"))
    }

    mutating func append(_ text: String) {
        for byte in text.utf8 {
            if used == Self.capacity { flush() }
            put(byte)
        }
    }

    mutating func flush() {
        unsafe sink.append(Array(UnsafeBufferPointer(start: bytes, count: used)))
        used = 0
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        unsafe bytes[used] = byte
        used &+= 1
    }

    /// A space and lower-case digits.
    @inline(__always)
    private mutating func put(_ value: UInt64) {
        put(UInt8(ascii: " "))
        var shift = value == 0 ? 0 : UInt64(truncatingIfNeeded: 63 &- value.leadingZeroBitCount) & ~3
        while true {
            let digit = UInt8(truncatingIfNeeded: value &>> shift & 15)
            put(digit < 10 ? 48 &+ digit : 87 &+ digit)
            if shift == 0 { return }
            shift &-= 4
        }
    }
}
