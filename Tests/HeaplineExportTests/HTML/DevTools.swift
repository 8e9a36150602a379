// SPDX-License-Identifier: Apache-2.0
//
// A page in a real browser that goes on running: told what to do by the DevTools protocol over a pipe (messages are JSON, each
// ended by a zero byte), so that real time passes and real keys are pressed. For a page that only has to be read, see
// Chromium.visit.

import Foundation
import Glibc
import Testing

final class DevTools {
    /// What the page wrote to its console, and exceptions that nothing caught.
    private(set) var complaints: [String] = []

    private let browser: pid_t
    private let pipe: CInt
    private var buffer: [UInt8] = []
    private var session: String?
    private var lastID = 0
    private var isLoaded = false

    /// Starts the browser with an empty page, or with one of its own.
    init(at address: String = "about:blank") throws {
        // One pair for both directions, that no other child of these tests inherits.
        var ends: [CInt] = [0, 0]
        let made = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
        try #require(made == 0)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe _ = posix_spawn_file_actions_destroy(&actions) }
        for output in [STDOUT_FILENO, STDERR_FILENO] {
            unsafe posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
        }
        // 3 is read by the browser, 4 is written. Ours may be either number, so it moves away first.
        for (from, to) in [(ends[1], 63), (63, 3), (63, 4)] as [(CInt, CInt)] {
            unsafe posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        let words = [
            try #require(Chromium.path), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
            "--window-size=1440,1000", "about:blank",
        ]
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        // Else it would write "unsafebuffer" for "unsafe buffer" here.
        // swift-format-ignore
        defer { for unsafe word in unsafe arguments { unsafe free(word) } }
        var pid: pid_t = 0
        let status = unsafe posix_spawn(&pid, words[0], &actions, nil, arguments, environ)
        close(ends[1])
        browser = pid
        pipe = ends[0]
        try #require(status == 0, "the browser cannot be started")
        let target = try send("Target.createTarget", ["url": address])
        let attached = try send("Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true])
        session = attached["sessionId"] as? String
        for domain in ["Page", "Runtime", "Log"] { _ = try send("\(domain).enable") }
    }

    deinit {
        close(pipe)
        kill(browser, SIGKILL)
        var status: CInt = 0
        unsafe waitpid(browser, &status, 0)
    }

    /// Opens a page of ours and waits until its scripts have run.
    func open(_ path: String, hash: String = "") throws {
        isLoaded = false
        _ = try send("Page.navigate", ["url": "file://\(path)\(hash)"])
        while !isLoaded { note(try JSON.object(try receive())) }
        try wait("document.documentElement.dataset.ready === '1'")
    }

    /// Waits until a condition holds; the browser looks at it once a frame.
    func wait(_ condition: String) throws {
        let look =
            "new Promise((done) => { const look = () => (\(condition)) ? done('yes') : setTimeout(look, 10); look(); })"
        let answer = try evaluate(look) as? String
        #expect(answer == "yes", "\(condition)")
    }

    /// The value of an expression; promises are waited for.
    @discardableResult
    func evaluate(_ expression: String) throws -> Any? {
        let answer = try send(
            "Runtime.evaluate", ["expression": expression, "returnByValue": true, "awaitPromise": true])
        if let failure = answer["exceptionDetails"] { throw Chromium.Failure(what: "\(expression): \(failure)") }
        return (answer["result"] as? [String: Any])?["value"]
    }

    func text(_ expression: String) throws -> String {
        let value = try evaluate(expression) as? String
        return try #require(value, "\(expression)")
    }

    /// Presses and releases a key, as "Enter" or "d".
    func press(_ key: String) throws {
        let codes = ["Enter": 13, "Tab": 9, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39]
        let text = key == "Enter" ? "\r" : key.count == 1 ? key : ""
        for kind in ["keyDown", "keyUp"] {
            _ = try send(
                "Input.dispatchKeyEvent",
                [
                    "type": kind, "key": key, "text": kind == "keyDown" ? text : "",
                    "windowsVirtualKeyCode": codes[key] ?? Int(key.uppercased().utf8.first ?? 0),
                ])
        }
    }

    func send(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        lastID += 1
        var message: [String: Any] = ["id": lastID, "method": method, "params": parameters]
        if let session { message["sessionId"] = session }
        var bytes = Array(try JSONSerialization.data(withJSONObject: message)) + [0]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe write(pipe, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Chromium.Failure(what: "the browser does not listen any more") }
            bytes.removeFirst(count)
        }
        while true {
            let answer = try JSON.object(try receive())
            if let id = answer["id"] as? Int, id == lastID {
                if let error = answer["error"] { throw Chromium.Failure(what: "\(method): \(error)") }
                return answer["result"] as? [String: Any] ?? [:]
            }
            note(answer)
        }
    }

    /// What the browser says by itself.
    private func note(_ event: [String: Any]) {
        switch event["method"] as? String {
        case "Page.loadEventFired": isLoaded = true
        case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded": complaints.append("\(event["params"] ?? "")")
        default: break
        }
    }

    /// The next message; an error when none comes within a minute.
    private func receive() throws -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if let end = buffer.firstIndex(of: 0) {
                let message = Array(buffer[..<end])
                buffer.removeSubrange(...end)
                return message
            }
            var ready = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&ready, 1, 60_000) == 1 else { throw Chromium.Failure(what: "the browser does not answer") }
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(pipe, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Chromium.Failure(what: "the browser has ended") }
            buffer += block[..<count]
        }
    }
}
