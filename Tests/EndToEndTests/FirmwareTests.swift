// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp run` on the sources in Tests/Firmware, and `heapline esp console`.

import HeaplineAnalysis
import Testing

@Suite("Firmware on an emulated chip")
struct FirmwareTests {
    private static let folder = #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Firmware"

    private func run(
        _ source: String, options: [String] = [], arguments: [String] = []
    ) throws -> Harness.Outcome {
        try Harness.run(
            [Harness.heapline, "esp", "run", "--skip-idle"] + options + ["\(Self.folder)/\(source)", "--"] + arguments)
    }

    @Test("the documents' session lists what two tasks leaked, with their lines")
    func leakSession() throws {
        let outcome = try run("leak_session.c", options: ["--symbols"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.contains("====== Heap Trace: 3 records (100 capacity) ======"))
        #expect(lines.contains("142 bytes 'leaked' in trace (3 allocations)"))
        let records = lines.filter { $0.contains(" allocated CPU ") }
        #expect(records.map { $0.contains("CPU 1") } == [false, true, true])
        #expect(records.map { $0.split(separator: " ")[0] } == ["100", "20", "22"])
        #expect(lines.contains { $0.hasSuffix(": app_main at leak_session.c:29") }, "\(outcome.output)")
        #expect(lines.filter { $0.hasSuffix(": other at leak_session.c:17") }.count == 2)
    }

    @Test("tracing to the host finds exactly the blocks that were lost, run after run", arguments: 1...5)
    func hostRecording(round: Int) throws {
        let outcome = try run("host_recording.c", options: ["-D", "CONFIG_HEAP_TRACING_TOHOST"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.hasSuffix("Found 50 leaked bytes in 5 blocks.\n"), "\(outcome.output)")
        #expect(outcome.output.contains("Processed 5 log messages."))
        #expect(outcome.output.contains("LOG: I ("))
        #expect(outcome.output.contains("Processed 15 heap events."))
        #expect(outcome.output.contains("app_main at host_recording.c:"))
    }

    @Test("a firmware's trace names its functions after the program is gone, and none is promised where nothing was traced")
    func namedTrace() throws {
        try Harness.withDirectory { directory in
            let trace = directory + "/trace.heapline"
            let options = ["-D", "CONFIG_HEAP_TRACING_TOHOST", "-D", "CONFIG_HEAP_TRACING_STACK_DEPTH=10", "--trace", trace]
            let run = try run("host_recording.c", options: options)
            #expect(run.exitCode == 0 && run.errors == "", "\(run.errors)")
            let report = try Harness.run([Harness.heapline, "report", trace])
            #expect(report.output.contains("app_main (host_recording.c:"), "\(report.output)")
            #expect(report.output.hasPrefix("host_recording "), "\(report.output)")
            let none = try self.run("leak_session.c", options: ["--trace", directory + "/none.heapline"])
            #expect(none.exitCode == 0 && none.errors.contains("nothing was recorded to \(directory)/none.heapline"), "\(none.errors)")
        }
    }

    @Test(
        "test cases of firmware pass on every kind of chip",
        arguments: ["esp32", "esp32s3", "esp32p4"], ["kernel.c", "trace_states.c", "containers.cpp"])
    func testCases(chip: String, source: String) throws {
        let outcome = try run(source, options: ["--chip", chip])
        #expect(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains(" 0 Failures 0 Ignored"))
        #expect(outcome.output.contains(":PASS"))
    }

    @Test("memory at two addresses is one, and static data can be a heap", arguments: ["esp32s2", "esp32s3", "esp32c3"])
    func memoryViews(chip: String) throws {
        let outcome = try run("memory_views.c", options: ["--chip", chip])
        #expect(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("3 Tests 0 Failures 0 Ignored"))
    }

    @Test("a failed assertion fails the run")
    func chosenTests() throws {
        let none = try run("kernel.c", arguments: ["no such test"])
        #expect(none.exitCode == 2)
        let some = try run("kernel.c", arguments: ["[mutex]"])
        #expect(some.exitCode == 0)
        #expect(some.output.contains("2 Tests 0 Failures"))
    }

    @Test(
        "mistakes end the run with a message that names the call",
        arguments: [
            ("wild-free", "free() target pointer is outside heap areas"), ("double-free", "CORRUPT HEAP"),
            ("stack-overflow", "A stack overflow in task deep"), ("task-returns", "Task \"short\" should not return"),
            ("bad-handle", "vTaskDelete: 0x3fce0000 is no task"), ("bad-queue", "xQueueGenericSend:"),
            ("bad-core", "core 2 is none of this chip's 2"), ("foreign-give", "xSemaphoreGive: the mutex"),
        ])
    func mistakes(mistake: String, message: String) throws {
        let options = mistake == "double-free" ? ["-D", "CONFIG_HEAP_POISONING_LIGHT"] : []
        let outcome = try run("mistakes.c", options: options, arguments: [mistake])
        #expect(outcome.signal != nil, "\(mistake): \(outcome.status)")
        #expect((outcome.output + outcome.errors).contains(message), "\(outcome.output)\(outcome.errors)")
    }

    @Test("waiting for ever is said, and tracing to no host does not wait")
    func waiting() throws {
        let deadlock = try run("mistakes.c", arguments: ["deadlock"])
        #expect(deadlock.exitCode == 3)
        #expect(deadlock.errors.contains("every task waits for ever"))
        let noHost = try run("mistakes.c", arguments: ["no-host"])
        #expect(noHost.exitCode == 0)
        #expect(noHost.output.contains("start gave ESP_ERR_TIMEOUT"))
    }

    @Test("a delay after a jump in time ends when it is due, though another task keeps a core busy")
    func skippedTime() throws {
        let outcome = try run("skipped_time.c")
        let line = try #require(outcome.output.split(separator: "\n").first { $0.hasPrefix("delayed ") }, "\(outcome.errors)")
        // In processor time of a busy machine; without being woken, the timekeeper slept through 15 s.
        #expect((40..<5000).contains(Int(line.split(separator: " ")[1]) ?? 0), "\(line)")
    }

    @Test("the console runs NodeMCU's session as typed")
    func console() throws {
        try Harness.withDirectory { directory in
            let input = directory + "/session.lua"
            let session = """
                heaptrace.init(200)  -- your needed buffer size will depend on your use case
                collectgarbage()     -- start with as clean a slate as possible
                heaptrace.start(heaptrace.TRACE_LEAKS) -- start in leak tracing mode
                heaptrace.dump()     -- dump the current state of allocations
                ...                  -- do the thing that is leaking memory
                a = malloc(100)
                b = malloc(50)
                free(b)
                collectgarbage()
                heaptrace.stop()
                heaptrace.dump()
                heaptrace.resume()
                """
            try #require(write(session + "\n", to: input))
            let outcome = try Harness.run([Harness.heapline, "esp", "console", "--chip", "esp32"], input: input)
            #expect(outcome.exitCode == 0, "\(outcome.output)")
            #expect(outcome.output.contains("0 bytes 'leaked' in trace (0 allocations)"))
            #expect(outcome.output.contains("100 bytes 'leaked' in trace (1 allocations)"))
            #expect(outcome.output.contains("total allocations: 2\ntotal frees: 1\n"))
        }
    }

    @Test("each header compiles alone, in C and in C++, and the library links by pkg-config")
    func headersAndPackage() throws {
        try Harness.withDirectory { directory in
            let sdk = directory + "/sdk"
            #expect(try Harness.run([Harness.heapline, "esp", "sdk", sdk]).exitCode == 0)
            let check = """
                cd "$SDK/include/heapline-esp" || exit 1
                for header in $(find . -name '*.h'); do
                    printf '#include "%s"\\n' "${header#./}" > "$SDK/alone.c"
                    cp "$SDK/alone.c" "$SDK/alone.cpp"
                    cc -std=gnu17 -Wall -Wextra -Werror -fsyntax-only -I. "$SDK/alone.c" || exit 1
                    c++ -std=gnu++17 -Wall -Wextra -Werror -fsyntax-only -I. "$SDK/alone.cpp" || exit 1
                done
                export PKG_CONFIG_PATH="$SDK/lib/pkgconfig"
                cc "$FIRMWARE/leak_session.c" $(pkg-config --variable=main heapline-esp) \\
                    $(pkg-config --cflags --libs heapline-esp) -o "$SDK/session" || exit 1
                HEAPLINE_ESP_SKIP_IDLE=1 exec "$SDK/session"
                """
            let outcome = try Harness.run(["sh", "-c", check], environment: ["SDK=\(sdk)", "FIRMWARE=\(Self.folder)"])
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("142 bytes 'leaked' in trace (3 allocations)"))
        }
    }

    private func write(_ text: String, to path: String) -> Bool {
        (try? Harness.run(["sh", "-c", "printf '%s' \"$TEXT\" > \"$FILE\""], environment: ["TEXT=\(text)", "FILE=\(path)"]))?.exitCode == 0
    }

    @Test("the trace API equals a naive list on two cores")
    func traceModel() throws {
        let outcome = try Harness.run([Harness.products + "/TraceModel", "200000"])
        #expect(outcome.exitCode == 0, "\(outcome.output)")
        #expect(outcome.output.hasPrefix("seed "))
    }
}
