// SPDX-License-Identifier: Apache-2.0
//
// Builds what `heapline esp run` gives firmware: libheapline-esp.so, and the headers in one archive. Both reach the command
// as resources, so that it works from a fresh clone. The library holds the emulated heap, tasks and the recorder; it is
// a module of its own so that the firmware's code can be told from it.

import Foundation
import PackagePlugin

@main
struct FirmwareLibrary: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) async throws -> [Command] {
        let sources = context.package.directoryURL.appending(path: "Sources")
        let folders = ["CHeaplineFormat", "CHeaplineRecorder", "CESPHeap"].map { sources.appending(path: $0) }
        var inputs: [URL] = []
        for folder in folders {
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                if ["c", "h", "hpp"].contains(file.pathExtension) { inputs.append(file) }
            }
        }
        inputs.sort { $0.path < $1.path }
        let esp = sources.appending(path: "CESPHeap")
        let library = context.pluginWorkDirectoryURL.appending(path: "libheapline-esp.so")
        let archive = context.pluginWorkDirectoryURL.appending(path: "heapline-esp-headers.tar")
        // heapline_esp_main.c is compiled with the firmware, for its sdkconfig.h.
        let compiled = inputs.filter { $0.pathExtension == "c" && $0.lastPathComponent != "heapline_esp_main.c" }
        return [
            .buildCommand(
                displayName: "Building libheapline-esp.so",
                executable: try context.tool(named: "clang").url,
                arguments: [
                    "-shared", "-fPIC", "-O2", "-g", "-std=gnu17", "-D_GNU_SOURCE", "-fno-omit-frame-pointer",
                    "-ftls-model=initial-exec", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror",
                    "-Wl,-z,now", "-Wl,-soname,libheapline-esp.so",
                ]
                    + folders.flatMap { ["-I\($0.appending(path: "include").path)", "-I\($0.path)"] }
                    + compiled.map(\.path) + ["-o", library.path],
                inputFiles: inputs,
                outputFiles: [library]),
            .buildCommand(
                displayName: "Packing the headers of libheapline-esp.so",
                executable: URL(filePath: "/bin/tar"),
                arguments: [
                    "-cf", archive.path, "-C", esp.path, "include", "firmware/heapline_esp_main.c",
                ],
                inputFiles: inputs.filter { $0.path.hasPrefix(esp.path) },
                outputFiles: [archive]),
        ]
    }
}
