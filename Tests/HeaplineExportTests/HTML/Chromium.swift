// SPDX-License-Identifier: Apache-2.0
//
// A page in a real browser without a window: what the page has become after its scripts ran, and what they complained of.

import Glibc
import Testing

enum Chromium {
    static let path: String? = {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        for name in ["chromium", "chromium-browser", "google-chrome", "chrome"] {
            for folder in path.split(separator: ":") where unsafe access("\(folder)/\(name)", X_OK) == 0 {
                return "\(folder)/\(name)"
            }
        }
        return nil
    }()

    struct Failure: Error { var what: String }

    struct Visit {
        /// The document after the scripts ran.
        var document: String
        /// Lines of the console.
        var console: [String]

        /// The text between the tags of the element with an id; only for elements without others of their kind inside.
        func text(id: String) -> String? {
            guard let start = document.range(of: "id=\"\(id)\"") else { return nil }
            let rest = document[start.upperBound...]
            guard let open = rest.firstIndex(of: ">") else { return nil }
            var text = ""
            var depth = 1
            var index = document.index(after: open)
            while index < document.endIndex, depth > 0 {
                if document[index] == "<" {
                    let close = document[index...].firstIndex(of: ">") ?? document.endIndex
                    depth += document[document.index(after: index)] == "/" ? -1 : 1
                    index = close == document.endIndex ? close : document.index(after: close)
                } else {
                    text.append(document[index])
                    index = document.index(after: index)
                }
            }
            return text
        }

        /// The exact number behind a card.
        func exact(card id: String) -> UInt64? {
            guard let start = document.range(of: "id=\"\(id)\""),
                let exact = document[start.upperBound...].range(of: "data-exact=\"")
            else { return nil }
            return UInt64(document[exact.upperBound...].prefix { $0 != " " && $0 != "\"" }.filter { $0 != "," })
        }
    }

    /// - Parameter hash: what follows # in the page's address.
    static func visit(_ page: String, hash: String = "", errors: String) throws -> Visit {
        let browser = try #require(path)
        let command =
            "'\(browser)' --headless=new --no-sandbox --disable-gpu --enable-logging=stderr --virtual-time-budget=10000 "
            + "--dump-dom 'file://\(page)\(hash)' 2>'\(errors)'"
        guard let pipe = unsafe popen(command, "r") else { throw Failure(what: "the browser cannot be started") }
        let document = unsafe read(pipe)
        let status = unsafe pclose(pipe)
        try #require(status == 0, "the browser failed with \(status)")
        guard let file = unsafe fopen(errors, "r") else { throw Failure(what: "no \(errors)") }
        defer { unsafe fclose(file) }
        let lines = unsafe read(file).split(separator: "\n").map(String.init)
        return Visit(document: document, console: lines.filter { $0.contains("CONSOLE") || $0.contains("Uncaught") })
    }

    @unsafe private static func read(_ file: UnsafeMutablePointer<FILE>) -> String {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            let got = unsafe fread(&block, 1, block.count, file)
            if got == 0 { break }
            bytes += block[..<got]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension StringProtocol {
    /// The first place of `text`.
    func range(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8)
        guard let first = wanted.first else { return nil }
        var at = startIndex
        while let place = self[at...].utf8.firstIndex(of: first) {
            if self[place...].utf8.starts(with: wanted) {
                return place..<utf8.index(place, offsetBy: wanted.count)
            }
            at = utf8.index(after: place)
        }
        return nil
    }
}
