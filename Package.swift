// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let swift: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let c: [CSetting] = [
    .treatAllWarnings(as: .error),
    .enableWarning("all"),
    .enableWarning("extra"),
    .enableWarning("shadow"),
    .enableWarning("conversion"),
    .define("_GNU_SOURCE"),
]

let package = Package(
    name: "Heapline",
    products: [
        .executable(name: "heapline", targets: ["HeaplineCLI"]),
        .library(name: "Heapline", targets: ["Heapline"]),
        .library(name: "HeaplineTesting", targets: ["HeaplineTesting"]),
        .library(name: "HeaplineAnalysis", targets: ["HeaplineAnalysis", "HeaplineExport"]),
        .library(name: "CHeaplineRecorder", targets: ["CHeaplineRecorder"]),
        .library(name: "CHeaplineHooks", targets: ["CHeaplineHooks"]),
        .library(name: "CESPHeap", targets: ["CESPHeap"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // C: runs inside the traced program.
        .target(name: "CHeaplineFormat", cSettings: c),
        .target(name: "CHeaplineRecorder", dependencies: ["CHeaplineFormat"], cSettings: c),
        .target(
            name: "CHeaplineHooks", dependencies: ["CHeaplineRecorder", "CHeaplineFormat"],
            exclude: ["preload.map"], cSettings: c + [.headerSearchPath("../CHeaplineRecorder")]),
        .target(name: "CESPHeap", dependencies: ["CHeaplineRecorder"], exclude: ["firmware"], cSettings: c),

        // Swift: starts the recording, and reads what it wrote.
        .target(name: "HeaplineCollector", dependencies: ["CHeaplineFormat", "CHeaplineRecorder"], swiftSettings: swift),
        .target(
            name: "HeaplineAnalysis", dependencies: ["CHeaplineFormat", "CESPHeap", "HeaplineCollector"],
            swiftSettings: swift),
        .target(
            name: "HeaplineExport", dependencies: ["HeaplineAnalysis", "HeaplineCollector"],
            resources: [.embedInCode("HTML/Page")], swiftSettings: swift),
        .target(
            name: "Heapline",
            dependencies: [
                "CHeaplineFormat", "CHeaplineRecorder", "CESPHeap", "HeaplineCollector", "HeaplineAnalysis", "HeaplineExport",
            ],
            swiftSettings: swift),
        .target(
            name: "HeaplineTesting",
            dependencies: ["Heapline", "HeaplineAnalysis", "HeaplineCollector", "CHeaplineFormat", "CHeaplineHooks"],
            swiftSettings: swift),
        .executableTarget(
            name: "HeaplineCLI",
            dependencies: [
                "Heapline", "HeaplineCollector", "HeaplineAnalysis", "HeaplineExport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift,
            plugins: ["PreloadLibrary", "FirmwareLibrary"]),
        .plugin(name: "PreloadLibrary", capability: .buildTool()),
        .plugin(name: "FirmwareLibrary", capability: .buildTool()),

        // Programs that the tests run: without us; with the recorder; with recorder and hooks; from C++ and from Swift.
        .executableTarget(
            name: "Victim", path: "Tests/Victim", cSettings: c,
            linkerSettings: [.linkedLibrary("dl"), .linkedLibrary("pthread")]),
        .executableTarget(
            name: "TraceModel", dependencies: ["CESPHeap"], path: "Tests/TraceModel",
            cSettings: c + [.headerSearchPath("../../Sources/CESPHeap")], linkerSettings: [.linkedLibrary("pthread")]),
        .executableTarget(name: "Linked", dependencies: ["CHeaplineRecorder"], path: "Tests/Linked", cSettings: c),
        .executableTarget(
            name: "LinkedHooks", dependencies: ["CHeaplineRecorder", "CHeaplineHooks"], path: "Tests/LinkedHooks",
            cSettings: c, linkerSettings: [.linkedLibrary("pthread")]),
        .executableTarget(
            name: "LinkedCXX", dependencies: ["CHeaplineRecorder", "CHeaplineHooks"], path: "Tests/LinkedCXX"),
        .executableTarget(
            name: "LinkedSwift", dependencies: ["Heapline", "HeaplineAnalysis", "HeaplineExport", "CHeaplineHooks"],
            path: "Tests/LinkedSwift", swiftSettings: swift),
        .testTarget(
            name: "CESPHeapTests", dependencies: ["CESPHeap", "Heapline"], exclude: ["Fixtures"], swiftSettings: swift),
        .testTarget(
            name: "CHeaplineRecorderTests", dependencies: ["CHeaplineRecorder", "CHeaplineFormat"],
            exclude: ["StackVictim", "Aarch64"], swiftSettings: swift),
        .testTarget(
            name: "HeaplineAnalysisTests",
            dependencies: ["HeaplineAnalysis", "HeaplineCollector", "HeaplineExport", "CHeaplineFormat"],
            swiftSettings: swift),
        .testTarget(
            name: "HeaplineExportTests",
            dependencies: ["HeaplineExport", "HeaplineAnalysis", "HeaplineCollector", "CHeaplineFormat"],
            swiftSettings: swift),
        .testTarget(
            name: "CHeaplineFormatTests", dependencies: ["CHeaplineFormat"], swiftSettings: swift),
        .testTarget(
            name: "HeaplineTestingTests", dependencies: ["HeaplineTesting"], swiftSettings: swift),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "HeaplineCLI", "HeaplineAnalysis", "CHeaplineFormat", "Victim", "TraceModel", "Linked", "LinkedHooks", "LinkedCXX",
                "LinkedSwift",
            ],
            swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17,
    cxxLanguageStandard: .cxx17
)

// For `make sanitize`: a sanitizer brings a malloc of its own, before which the hooks that other tests link would stand.
if Context.environment["HEAPLINE_SANITIZE"] != nil {
    package.targets.removeAll { $0.type == .test && $0.name != "CESPHeapTests" }
}
