// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp sdk`: the headers and the library of `heapline esp run` for other build systems.

internal import ArgumentParser
internal import Glibc

struct EspSDKCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sdk",
        abstract: "Puts headers, library, pkg-config file and CMake package for firmware into a directory.",
        discussion: """
            With pkg-config:  cc main.c $(pkg-config --variable=main heapline-esp) $(pkg-config --cflags --libs heapline-esp)
            With CMake:       find_package(HeaplineESP)  and  heapline_esp_firmware(target)
            Both read PKG_CONFIG_PATH=DIRECTORY/lib/pkgconfig or CMAKE_PREFIX_PATH=DIRECTORY.
            """)

    @Argument(help: "The directory; made if it is not there.")
    var directory: String

    func run() throws {
        let absolute = directory.hasPrefix("/") ? directory : "\(Self.workingDirectory)/\(directory)"
        try FirmwareSDK(prefix: absolute).install()
        print("PKG_CONFIG_PATH=\(absolute)/lib/pkgconfig")
        print("CMAKE_PREFIX_PATH=\(absolute)")
    }

    private static var workingDirectory: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard unsafe getcwd(&buffer, buffer.count) != nil else { return "." }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
