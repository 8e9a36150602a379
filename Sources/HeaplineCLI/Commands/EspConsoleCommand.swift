// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp console`: a chip's heap at a prompt, in the manner of NodeMCU.

internal import ArgumentParser
internal import Glibc
internal import Heapline

struct EspConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "An emulated chip's heap at a prompt: allocate, trace, dump.",
        discussion: """
            Understands the statements of NodeMCU's heaptrace module as typed there, and functions that allocate:

            \(statements)
            """)

    static let statements = """
          heaptrace.init(200)                      heaptrace.start(heaptrace.TRACE_LEAKS)
          heaptrace.stop()                         heaptrace.resume()       heaptrace.dump()
          a = malloc(100)                          b = calloc(4, 16)        a = realloc(a, 200)
          c = heap_caps_malloc(64, MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL)
          free(a)       info()       check()       print(a)
        """

    @Option(help: "The chip.")
    var chip: String = "esp32"

    @Option(help: "Heap poisoning: none, light or comprehensive.")
    var poisoning: String = "none"

    func run() throws {
        guard let target = ESPChip(target: chip) else { throw ValidationError("no chip is called \(chip); see heapline esp chips") }
        let levels: [String: ESPHeap.Poisoning] = ["none": .none, "light": .light, "comprehensive": .comprehensive]
        guard let level = levels[poisoning] else { throw ValidationError("no poisoning level is called \(poisoning)") }
        let heap = try ESPHeap(chip: target, poisoning: level)
        _ = heap.takeConsoleOutput()  // what start-up printed
        let session = ConsoleSession(chip: target)
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal { print("\(target), \(heap.statistics().freeBytes) bytes free. help() lists what there is; Ctrl-D ends.") }
        session.run(heap, prompt: isTerminal ? "> " : "")
        if session.hasFailed && !isTerminal { throw ExitCode(1) }
    }
}
