// SPDX-License-Identifier: Apache-2.0
//
// The vDSO is code the kernel maps into every process: no file holds it, but this process has it too. It serves for a
// trace recorded on the same kernel, which its build-id tells.

import Glibc

/// The vDSO of the running kernel.
enum KernelVDSO {
    static let path = "[vdso]"

    /// A copy of it, when its build-id is the recorded one.
    static func image(buildID: [UInt8]) -> ELFFile? {
        guard !buildID.isEmpty, let range = mappedRange(),
            let file = try? ELFFile(ByteStore(copy(range))), file.buildID == buildID
        else { return nil }
        return file
    }

    static func mappedRange() -> Range<UInt>? {
        guard let stream = unsafe fopen("/proc/self/maps", "re") else { return nil }
        defer { unsafe fclose(stream) }
        var line = [CChar](repeating: 0, count: 4096)
        while unsafe fgets(&line, Int32(line.count), stream) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.contains(path) else { continue }
            let bounds = text.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
            return bounds[0]..<bounds[1]
        }
        return nil
    }

    static func copy(_ range: Range<UInt>) -> [UInt8] {
        // The kernel maps the whole range readable for as long as the process lives.
        unsafe Array(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: range.lowerBound), count: range.count))
    }
}
