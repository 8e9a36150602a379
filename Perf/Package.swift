// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "HeaplinePerf",
    targets: [
        .target(
            name: "CPerfProcess",
            cSettings: [
                .treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra"), .enableWarning("shadow"),
                .enableWarning("conversion"), .define("_GNU_SOURCE"),
            ]),
        .executableTarget(
            name: "HeaplinePerf", dependencies: ["CPerfProcess"],
            swiftSettings: [
                .treatAllWarnings(as: .error), .strictMemorySafety(), .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("ExistentialAny"),
            ]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17
)
