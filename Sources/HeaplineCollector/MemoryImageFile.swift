// SPDX-License-Identifier: Apache-2.0
//
// A memory image as a dump left it (heapline_format.h, "Memory images"), on its way into the trace. It is not looked into here.

internal import Glibc

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

    deinit {
        unsafe _ = munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count)
    }
}
