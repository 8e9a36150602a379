// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "HeaplineBenchmarks",
    dependencies: [
        .package(name: "Heapline", path: ".."),
        // Without its malloc interposer: we are the interposer here.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.29.0", traits: []),
    ],
    targets: [
        .target(
            name: "CLoops",
            dependencies: [
                .product(name: "CHeaplineRecorder", package: "Heapline"), .product(name: "CHeaplineHooks", package: "Heapline"),
                .product(name: "CESPHeap", package: "Heapline"),
            ],
            cSettings: [
                .treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra"), .enableWarning("shadow"),
                .enableWarning("conversion"), .define("_GNU_SOURCE"),
            ]),
        // The emulated heap's figures against their budgets.
        .executableTarget(
            name: "HeapFigures",
            dependencies: [.product(name: "CESPHeap", package: "Heapline")],
            cSettings: [
                .treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra"), .enableWarning("shadow"),
                .enableWarning("conversion"), .define("_GNU_SOURCE"),
            ],
            linkerSettings: [.linkedLibrary("pthread")]),
        .executableTarget(
            name: "HeaplineBenchmarks",
            dependencies: [
                "CLoops", .product(name: "Benchmark", package: "benchmark"), .product(name: "HeaplineAnalysis", package: "Heapline"),
            ],
            path: "Benchmarks/HeaplineBenchmarks",
            swiftSettings: [
                .treatAllWarnings(as: .error), .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("ExistentialAny"),
            ],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17
)
