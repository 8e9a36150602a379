// SPDX-License-Identifier: Apache-2.0
//
// The commands that ExportCommand documents for sending a profile to a server, against a stand-in on the loopback
// interface: what arrives must hold the file byte for byte.

import Foundation
import Glibc
import HeaplineAnalysis
import HeaplineExport
import Testing

/// Takes one request and answers it. Used by one test at a time; the socket closes with it.
final class StandIn: @unchecked Sendable {
    // Written by the thread before `done` is signalled, read after it.
    private(set) var request: [UInt8] = []
    private let listener: CInt
    let port: UInt16
    private let done = DispatchSemaphore(value: 0)

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(listener >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let (bound, named) = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe (bind(descriptor, generic, length), getsockname(descriptor, generic, &length))
            }
        }
        try #require(bound == 0 && named == 0 && listen(listener, 1) == 0)
        port = UInt16(bigEndian: address.sin_port)
        let thread = Thread { [self] in serve() }
        thread.start()
    }

    deinit { close(listener) }

    /// Waits for the request; nil when none comes within 20 s.
    func received() -> [UInt8]? { done.wait(timeout: .now() + 20) == .success ? request : nil }

    private func serve() {
        defer { done.signal() }
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        defer { close(connection) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var expected: Int?
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(connection, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            request += buffer[..<count]
            if expected == nil, let end = Self.find(Array("\r\n\r\n".utf8), in: request) {
                let head = String(decoding: request[..<end], as: UTF8.self)
                let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                expected = end + 4 + (line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0)
                if head.lowercased().contains("expect: 100-continue") { answer(connection, "HTTP/1.1 100 Continue\r\n\r\n") }
            }
            if let expected, request.count >= expected { break }
        }
        answer(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }

    private func answer(_ connection: CInt, _ text: String) {
        let bytes = Array(text.utf8)
        unsafe bytes.withUnsafeBytes { unsafe _ = write(connection, $0.baseAddress, $0.count) }
    }

    static func find(_ part: [UInt8], in bytes: [UInt8]) -> Int? {
        guard let first = part.first, bytes.count >= part.count else { return nil }
        return (0...(bytes.count - part.count)).first { at in
            bytes[at] == first && bytes[at..<(at + part.count)].elementsEqual(part)
        }
    }
}

@Suite(.enabled(if: Tool.path("curl") != nil)) struct PushTests {
    private func profile() throws -> [UInt8] {
        try Exporter(try SyntheticTrace.random(0xf1ee, events: 2000).tree()).bytes(.pprof)
    }

    @Test func pyroscopeGetsTheFileInAForm() throws {
        let profile = try profile()
        let server = try StandIn()
        try Scratch.with { directory in
            let file = directory + "/heap.pb.gz"
            try Scratch.write(profile, file)
            let url = "http://127.0.0.1:\(server.port)/ingest?name=app&format=pprof&from=1700000000&until=1700000010"
            let (status, output) = try Tool.run("curl", ["-sS", "--noproxy", "*", "-F", "profile=@\(file)", url])
            #expect(status == 0, "\(String(decoding: output, as: UTF8.self))")
        }
        let request = try #require(server.received())
        let head = String(decoding: request.prefix(2000), as: UTF8.self)
        #expect(head.hasPrefix("POST /ingest?name=app&format=pprof"))
        #expect(head.contains("name=\"profile\""))
        let at = try #require(StandIn.find(profile, in: request))
        #expect(request[(at + profile.count)...].starts(with: Array("\r\n--".utf8)))
    }

    @Test func pushServicesGetTheFileInJSON() throws {
        let profile = try profile()
        let server = try StandIn()
        let body: [String: Any] = [
            "series": [
                [
                    "labels": [
                        ["name": "__name__", "value": "memory"], ["name": "service_name", "value": "app"],
                    ],
                    "samples": [["rawProfile": Data(profile).base64EncodedString()]],
                ]
            ]
        ]
        let text = try JSONSerialization.data(withJSONObject: body)
        let url = "http://127.0.0.1:\(server.port)/push.v1.PusherService/Push"
        let (status, _) = try Tool.run(
            "curl", ["-sS", "--noproxy", "*", "-H", "Content-Type: application/json", "--data-binary", "@-", url],
            input: Array(text))
        #expect(status == 0)
        let request = try #require(server.received())
        let end = try #require(StandIn.find(Array("\r\n\r\n".utf8), in: request))
        let series = try JSON.object(Array(request[(end + 4)...])).objects("series")[0]
        let raw = try #require(Data(base64Encoded: try series.objects("samples")[0].text("rawProfile")))
        #expect(Array(raw) == profile)
    }
}
