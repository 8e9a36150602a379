// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "CSession",
    dependencies: [.package(name: "Heapline", path: "../../..")],
    targets: [
        .executableTarget(
            name: "CSession", dependencies: [.product(name: "CESPHeap", package: "Heapline")],
            cSettings: [.treatAllWarnings(as: .error)])
    ],
    cLanguageStandard: .gnu17
)
