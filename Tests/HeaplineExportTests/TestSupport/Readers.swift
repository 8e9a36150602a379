// SPDX-License-Identifier: Apache-2.0
//
// What tests read exports with: the bytes of an export, JSON, a program of this machine, a protobuf message.

import Foundation
import HeaplineAnalysis
import HeaplineCollector
import HeaplineExport
import Testing

extension Exporter {
    func bytes(_ format: ExportFormat, measure: Measure = .bytes) throws -> [UInt8] {
        let box = Box()
        try write(format, measure: measure, to: ExportSink { bytes in box.bytes += bytes })
        return box.bytes
    }

    func text(_ format: ExportFormat, measure: Measure = .bytes) throws -> String {
        try #require(String(validating: try bytes(format, measure: measure), as: UTF8.self))
    }

    func json(_ format: ExportFormat) throws -> [String: Any] { try JSON.object(try bytes(format)) }

    private final class Box { var bytes: [UInt8] = [] }
}

enum JSON {
    static func object(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }
}

extension [String: Any] {
    func object(_ key: String) throws -> [String: Any] { try #require(self[key] as? [String: Any], "\(key)") }
    func objects(_ key: String) throws -> [[String: Any]] { try #require(self[key] as? [[String: Any]], "\(key)") }
    func numbers(_ key: String) throws -> [Int] { try #require(self[key] as? [Int], "\(key)") }
    func number(_ key: String) throws -> UInt64 { try #require((self[key] as? NSNumber)?.uint64Value, "\(key)") }
    func text(_ key: String) throws -> String { try #require(self[key] as? String, "\(key)") }
}

/// A program of this machine; tests that need one are skipped where it is missing.
enum Tool {
    static func path(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func run(_ name: String, _ arguments: [String], input: [UInt8] = []) throws -> (status: Int32, output: [UInt8]) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path(name)))
        process.arguments = arguments
        process.environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "LC_ALL": "C"]
        let output = Pipe()
        let stdin = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = stdin
        try process.run()
        let feed = Thread {
            try? stdin.fileHandleForWriting.write(contentsOf: Data(input)); try? stdin.fileHandleForWriting.close()
        }
        feed.start()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, Array(bytes))
    }
}

/// A directory that goes away with the test.
enum Scratch {
    static func with<R>(_ body: (String) throws -> R) throws -> R {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("heapline-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    static func write(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
    static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
}

/// A protobuf message taken apart: varints and length-delimited fields by number, in order.
struct Protobuf {
    private(set) var varints: [Int: [UInt64]] = [:]
    private(set) var parts: [Int: [[UInt8]]] = [:]

    init(_ bytes: [UInt8]) throws {
        var at = 0
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                let byte = try #require(at < bytes.count ? bytes[at] : nil, "a varint is cut")
                at += 1
                value |= UInt64(byte & 127) << shift
                if byte < 128 { return value }
                shift += 7
            }
        }
        while at < bytes.count {
            let key = try varint()
            switch key & 7 {
            case 0: varints[Int(key >> 3), default: []].append(try varint())
            case 2:
                let count = Int(try varint())
                try #require(count <= bytes.count - at, "a field is cut")
                parts[Int(key >> 3), default: []].append(Array(bytes[at..<(at + count)]))
                at += count
            default: throw Unexpected(type: key & 7)
            }
        }
    }

    struct Unexpected: Error { var type: UInt64 }

    func first(_ field: Int) -> UInt64 { varints[field]?.last ?? 0 }

    func packed(_ field: Int) throws -> [UInt64] {
        var result: [UInt64] = []
        for part in parts[field] ?? [] {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            for byte in part {
                value |= UInt64(byte & 127) << shift
                shift += 7
                if byte < 128 {
                    result.append(value)
                    (value, shift) = (0, 0)
                }
            }
        }
        return result
    }
}
