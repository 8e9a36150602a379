// SPDX-License-Identifier: Apache-2.0
//
// Builds libheapline-preload.so with the toolchain's clang and hands it to the command as a resource.
// A dynamic library product of SwiftPM would need libswiftCore.so in every traced process; this one needs libc only.

import Foundation
import PackagePlugin

@main
struct PreloadLibrary: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) async throws -> [Command] {
        let sources = context.package.directoryURL.appending(path: "Sources")
        let names = ["CHeaplineFormat", "CHeaplineRecorder", "CHeaplineHooks"]
        let folders = names.map { sources.appending(path: $0) }
        var inputs: [URL] = []
        for folder in folders {
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                if ["c", "h", "map", "S"].contains(file.pathExtension) { inputs.append(file) }
            }
        }
        inputs.sort { $0.path < $1.path }
        let output = context.pluginWorkDirectoryURL.appending(path: "libheapline-preload.so")
        let map = sources.appending(path: "CHeaplineHooks/preload.map")
        return [
            .buildCommand(
                displayName: "Building libheapline-preload.so",
                executable: try context.tool(named: "clang").url,
                arguments: [
                    "-shared", "-fPIC", "-O2", "-gdwarf-4", "-std=gnu17", "-D_GNU_SOURCE", "-DHL_PRELOAD",
                    "-fvisibility=hidden", "-ftls-model=initial-exec", "-fno-plt", "-fomit-frame-pointer",
                    "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror",
                    "-ffunction-sections", "-Wl,--gc-sections", "-Wl,--version-script=\(map.path)", "-Wl,-z,now",
                    "-Wl,-soname,libheapline-preload.so",
                ]
                    + folders.flatMap { ["-I\($0.path)", "-I\($0.appending(path: "include").path)"] }
                    + inputs.filter { ["c", "S"].contains($0.pathExtension) }.map(\.path)
                    + ["-o", output.path],
                inputFiles: inputs + [map],
                outputFiles: [output])
        ]
    }
}
