// SPDX-License-Identifier: Apache-2.0
//
// A memory image as a dump left it (heapline_format.h, "Memory images"), on its way into the trace. Only its header is
// looked at here.

package import CHeaplineFormat
internal import Glibc

/// Leaves out of a memory image what the search for what leads to the live blocks given does not need; nil when it is no image.
package typealias ImageCondenser = (_ image: RawSpan, _ live: [hl_record]) -> [UInt64]?

@safe final class MemoryImageFile {
    let bytes: UnsafeRawBufferPointer

    /// Maps the file at `path`; nil when there is none.
    init?(path: String) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_size > 0 else { return nil }
        let mapped = unsafe mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, file, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { return nil }
        unsafe bytes = UnsafeRawBufferPointer(start: mapped, count: Int(status.st_size))
    }

    private var header: hl_image? {
        unsafe bytes.count < MemoryLayout<hl_image>.size ? nil : bytes.loadUnaligned(as: hl_image.self)
    }
    /// Whether the program's end was the reason, not somebody who asked.
    var isAtExit: Bool { header?.reason == HL_DUMP_EXIT.rawValue }
    /// The moment that it shows.
    var ticks: UInt64 { header?.ticks ?? 0 }

    deinit {
        unsafe _ = munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
    }
}
