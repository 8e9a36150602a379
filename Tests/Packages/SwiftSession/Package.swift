// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "SwiftSession",
    dependencies: [.package(name: "Heapline", path: "../../..")],
    targets: [
        .executableTarget(
            name: "SwiftSession", dependencies: [.product(name: "Heapline", package: "Heapline")],
            swiftSettings: [.strictMemorySafety(), .treatAllWarnings(as: .error)])
    ],
    swiftLanguageModes: [.v6]
)
