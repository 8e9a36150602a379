// SPDX-License-Identifier: Apache-2.0
//
// The lines of a byte stream, one at a time, and the hexadecimal numbers in them.

internal import HeaplineCollector

/// Safe because a line is handed out only during the call, and lies within `buffer`.
@safe
struct LineReader: ~Copyable {
    private let stream: ByteStream
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    /// Lines so far.
    private(set) var number = 0
    /// Whether the last line had no newline, or the stream was cut.
    private(set) var isCut = false

    /// A line longer than this is no heaptrack line.
    private static let longest = 1 << 24

    init(_ file: TraceFile) throws(TraceError) {
        stream = try ByteStream(file)
        unsafe buffer = .allocate(byteCount: 1 << 18, alignment: 16)
    }

    deinit { unsafe buffer.deallocate() }

    /// The next line without its newline, valid until the next call; nil at the end. A last line without newline is not
    /// one: the file was cut inside it.
    mutating func next() throws(TraceError) -> UnsafeRawBufferPointer? {
        var searched = start
        while true {
            if let newline = unsafe Self.find(UnsafeRawBufferPointer(buffer), searched, end) {
                let line = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<newline])
                start = newline + 1
                number += 1
                return unsafe line
            }
            searched = end
            if start > 0 {
                let count = end - start
                unsafe buffer.baseAddress!.copyMemory(from: buffer.baseAddress! + start, byteCount: count)
                searched -= start
                end = count
                start = 0
            }
            if unsafe end == buffer.count {
                guard unsafe buffer.count < Self.longest else {
                    isCut = true
                    return nil
                }
                let larger = unsafe UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
                unsafe larger.baseAddress!.copyMemory(from: buffer.baseAddress!, byteCount: end)
                unsafe buffer.deallocate()
                unsafe buffer = larger
            }
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[end..<buffer.count])
            let count = unsafe try stream.read(into: room)
            guard count > 0 else {
                isCut = stream.isCut || start < end
                return nil
            }
            end += count
        }
    }

    private static func find(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ to: Int) -> Int? {
        var index = from
        while index < to {
            if unsafe bytes[index] == UInt8(ascii: "\n") { return index }
            index += 1
        }
        return nil
    }
}

/// Reads the fields of one line: hexadecimal numbers separated by spaces.
@safe
struct LineFields {
    private let line: UnsafeRawBufferPointer
    private var at: Int

    init(_ line: UnsafeRawBufferPointer, from: Int) {
        unsafe self.line = line
        at = from
    }

    /// The next number, or nil when there is none.
    @inline(__always)
    mutating func number() -> UInt64? {
        while unsafe at < line.count && line[at] == UInt8(ascii: " ") { at += 1 }
        var value: UInt64 = 0
        let first = at
        while unsafe at < line.count {
            let byte = unsafe line[at]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            guard value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
            at += 1
            if unsafe at < line.count && line[at] == UInt8(ascii: " ") { break }
        }
        return at > first ? value : nil
    }

    /// The rest of the line, after one space.
    mutating func rest() -> String {
        if unsafe at < line.count && line[at] == UInt8(ascii: " ") { at += 1 }
        return unsafe String(decoding: line[min(at, line.count)...], as: UTF8.self)
    }
}
