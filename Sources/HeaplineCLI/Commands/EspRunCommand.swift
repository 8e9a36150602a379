// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp run`: compiles firmware sources for this host and runs them on an emulated chip.

internal import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector

struct EspRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Compiles firmware sources with the system's compiler and runs app_main on an emulated chip.",
        discussion: """
            malloc and free of the firmware go to the chip's emulated heap; tasks run on its one or two virtual cores.
            With CONFIG_HEAP_TRACING_TOHOST the recording is read when the program has ended, and leaks are listed.
            Exit status: the program's. 1 when it does not compile; 3 when every task waits for ever.
            """)

    @Option(help: "The chip: esp32, esp32s3, esp32c6, … (see heapline esp chips).")
    var chip: String?

    @Option(help: "The ESP-IDF release whose behaviour and headers are wanted.")
    var idf: String = "5.5"

    @Option(help: "An sdkconfig file; may be given several times, later ones win.")
    var config: [String] = []

    @Option(name: [.customShort("D")], help: "One option of the configuration or macro: NAME or NAME=VALUE.")
    var define: [String] = []

    @Option(name: [.customShort("I")], help: "A directory with headers.")
    var include: [String] = []

    @Option(help: "Where a recording for the host goes: FILE.svdat, FILE.heapline or tcp://HOST:PORT.")
    var trace: String?

    @Option(name: .shortAndLong, help: "Keep the program here.")
    var output: String?

    @Flag(help: "Compile only; needs --output.")
    var build = false

    @Flag(name: .customLong("skip-idle"), help: "Let time jump while every task waits.")
    var skipIdle = false

    @Flag(name: .customLong("keep-running"), help: "Go on after app_main has returned, until interrupted.")
    var keepRunning = false

    @Flag(name: .customLong("boot-log"), help: "Show what start-up code prints.")
    var bootLog = false

    @Flag(name: .customLong("host-malloc"), help: "Leave malloc to the host, as ESP-IDF's linux target does.")
    var hostMalloc = false

    @Flag(help: "Follow lines with code addresses by the functions and lines they mean.")
    var symbols = false

    @Option(help: "Makes esp_random repeat.")
    var seed: UInt64?

    @Argument(help: "C and C++ sources; after --, the program's arguments.")
    var words: [String] = []

    // The parser has one list of words; where the terminator stood is in the process's own arguments.
    private var argumentCount: Int {
        CommandLine.arguments.firstIndex(of: "--").map { CommandLine.arguments.count - $0 - 1 } ?? 0
    }
    private var sources: [String] { Array(words.dropLast(argumentCount)) }
    private var arguments: [String] { Array(words.suffix(argumentCount)) }

    func validate() throws {
        if sources.isEmpty { throw ValidationError("which sources? heapline esp run --chip esp32s3 main.c") }
        if build && output == nil { throw ValidationError("--build needs --output") }
    }

    func run() throws {
        let workshop = try FirmwareWorkshop()
        defer { workshop.remove() }
        var configuration = FirmwareConfiguration(idf: idf)
        for path in config { try configuration.read(sdkconfig: path) }
        if let chip { configuration.setTarget(chip) }
        for definition in define { configuration.define(definition) }
        let program = try output ?? workshop.program(named: sources[0])
        try workshop.build(sources: sources, configuration: configuration, includes: include, hostMalloc: hostMalloc, into: program)
        if build { return }

        let recordsForHost = configuration.isSet("CONFIG_HEAP_TRACING_TOHOST")
        let recording = trace ?? (recordsForHost ? "\(workshop.path)/recording.svdat" : nil)
        let status = try workshop.run(program, arguments: arguments, environment: environment(recording: recording), symbols: symbols)
        if let recording { try nameFunctions(in: recording) }
        if recordsForHost, let recording, status & 0x7f == 0 {
            try FirmwareReport.show(recording: recording, program: program)
        }
        workshop.remove()
        SignalRelay.endLike(status: status)
    }

    /// The program may be gone when the trace is read, so the trace gets the names while they can be had.
    private func nameFunctions(in recording: String) throws {
        guard recording.hasSuffix(".heapline"), !recording.hasPrefix("tcp://") else { return }
        guard unsafe access(recording, F_OK) == 0 else {
            Terminal.error(
                "heapline: nothing was recorded to \(recording): the firmware did not trace its heap to the host; "
                    + "that takes CONFIG_HEAP_TRACING_TOHOST, heap_trace_init_tohost() and heap_trace_start()")
            return
        }
        do throws(TraceError) {
            _ = try SymbolEmbedding.embed(in: recording)
        } catch {
            Terminal.error("heapline: \(recording) stays without names of functions: \(error)")
        }
    }

    private func environment(recording: String?) -> [String: String] {
        var variables: [String: String] = [:]
        if let recording { variables["HEAPLINE_ESP_TRACE"] = recording }
        if skipIdle { variables["HEAPLINE_ESP_SKIP_IDLE"] = "1" }
        if keepRunning { variables["HEAPLINE_ESP_KEEP_RUNNING"] = "1" }
        if bootLog { variables["HEAPLINE_ESP_BOOT_LOG"] = "1" }
        if let seed { variables["HEAPLINE_ESP_SEED"] = "\(seed)" }
        return variables
    }
}
