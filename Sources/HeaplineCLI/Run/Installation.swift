// SPDX-License-Identifier: Apache-2.0
//
// Where the parts of Heapline lie: the preload library beside the command, as `swift build` and an installation put it.

internal import Glibc

enum Installation {
    /// The path of the running command.
    static let command: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let got = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
        return got > 0 ? String(decoding: buffer[..<got].map { UInt8(bitPattern: $0) }, as: UTF8.self) : "heapline"
    }()

    /// The preload library: HEAPLINE_PRELOAD, beside the command, or in ../lib.
    static var preloadLibrary: String? {
        let name = "libheapline-preload.so"
        let folder = String(command[..<(command.lastIndex(of: "/") ?? command.startIndex)])
        let candidates = [
            environment("HEAPLINE_PRELOAD"),
            "\(folder)/Heapline_HeaplineCLI.resources/\(name)", "\(folder)/\(name)", "\(folder)/../lib/\(name)",
            "\(folder)/../lib/heapline/\(name)",
        ]
        return candidates.compactMap(\.self).first { unsafe access($0, R_OK) == 0 }
    }

    /// A file that was built for the command to hand on: beside it, or in ../lib.
    static func resource(_ name: String) -> String? {
        let folder = String(command[..<(command.lastIndex(of: "/") ?? command.startIndex)])
        let candidates = [
            "\(folder)/Heapline_HeaplineCLI.resources/\(name)", "\(folder)/\(name)", "\(folder)/../lib/\(name)",
            "\(folder)/../lib/heapline/\(name)",
        ]
        return candidates.first { unsafe access($0, R_OK) == 0 }
    }

    static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
