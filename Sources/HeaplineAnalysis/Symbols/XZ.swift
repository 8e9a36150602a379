// SPDX-License-Identifier: Apache-2.0
//
// .gnu_debugdata ("mini debug information" of Fedora and its kin): an xz-compressed ELF file with the symbol table that
// was stripped. Decompressed with liblzma when it is there.

/// Decompression of xz streams by liblzma, found at run time.
enum XZ {
    enum Failure: Error, Equatable { case libraryMissing, damaged, tooLarge }

    // lzma_stream_buffer_decode(memlimit, flags, allocator, in, in_pos, in_size, out, out_pos, out_size)
    private typealias Decode =
        @convention(c) (
            UnsafeMutablePointer<UInt64>, UInt32, UnsafeRawPointer?, UnsafePointer<UInt8>, UnsafeMutablePointer<Int>,
            Int,
            UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<Int>, Int
        ) -> Int32

    /// - Parameter limit: the most bytes to produce; a small damaged or hostile file can expand without end.
    static func decompress(_ input: [UInt8], limit: Int = 512 << 20) throws(Failure) -> [UInt8] {
        guard let library = DynamicLibrary("liblzma.so.5"),
            let address = unsafe library.address(of: "lzma_stream_buffer_decode")
        else { throw .libraryMissing }
        let decode = unsafe unsafeBitCast(address, to: Decode.self)
        guard !input.isEmpty else { throw .damaged }
        var capacity = min(max(input.count * 8, 1 << 16), limit)
        while true {
            var status: Int32 = 0
            let output = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                var memory: UInt64 = 256 << 20
                var consumed = 0
                unsafe input.withUnsafeBufferPointer { source in
                    status = unsafe decode(
                        &memory, 0, nil, source.baseAddress!, &consumed, source.count, buffer.baseAddress!, &count,
                        capacity)
                }
            }
            // LZMA_OK, and LZMA_BUF_ERROR: the output did not fit.
            if status == 0 { return output }
            guard status == 10 else { throw .damaged }
            guard capacity < limit else { throw .tooLarge }
            capacity = min(capacity * 4, limit)
        }
    }
}
