// SPDX-License-Identifier: Apache-2.0
//
// The task statistics of ESP-IDF's documents, as printed.

import Heapline
import Testing

@Suite struct TaskTests {
    /// Two tasks as in ESP-IDF's basic example: one frees what it takes, one does not.
    private let example = """
        boot
        start_os
        task 0x3ffb0400 main
        cmalloc 1 348 0x1800
        cmalloc 2 348 0x1800
        taskof 1 no_leak_task
        cmalloc 3 2000 0x1800
        cmalloc 4 1000 0x1800
        cfree 3
        cfree 4
        taskof 2 leaking_task
        cmalloc 5 1000 0x1800
        cmalloc 6 1500 0x1800

        """

    @Test func overviewIsTheDocumentsTable() throws {
        let output = try ESPScript(example + "t_over\n").run(chip: .esp32, variant: "task")
        let table = output.split(separator: "\n").filter {
            $0.hasPrefix("| ") && $0.contains(where: { "│┌├└".contains($0) })
        }
        #expect(
            table.joined(separator: "\n") == """
                | ┌────────────────────┬─────────┬──────────────────────┬───────────────────┬─────────────────┐
                | │ TASK               │ STATUS  │ CURRENT MEMORY USAGE │ PEAK MEMORY USAGE │ TOTAL HEAP USED │
                | ├────────────────────┼─────────┼──────────────────────┼───────────────────┼─────────────────┤
                | │               main │ ALIVE   │                  704 │               704 │               1 │
                | │       leaking_task │ ALIVE   │                 2560 │              2560 │               1 │
                | │       no_leak_task │ ALIVE   │                    0 │              3072 │               1 │
                | │      Pre-scheduler │ ALIVE   │                  208 │               208 │               1 │
                | └────────────────────┴─────────┴──────────────────────┴───────────────────┴─────────────────┘
                """)
    }

    @Test func aDeletedTaskIsKeptOrForgotten() throws {
        let deletion = "task 0x3ffb0400 main\ncfree 1\nt_over\n"
        let kept = try ESPScript(example + deletion).run(chip: .esp32, variant: "task")
        #expect(kept.contains("no_leak_task │ DELETED │"))
        let forgotten = try ESPScript(example + deletion).run(chip: .esp32, variant: "taskdel")
        #expect(!forgotten.contains("no_leak_task │"))
        #expect(forgotten.contains("leaking_task │ ALIVE   │"))
    }

    @Test func withoutTrackingThereIsNothing() throws {
        let output = try ESPScript("boot\nt_over\nt_all\n").run(chip: .esp32, variant: "none")
        #expect(output.hasSuffix("heaps=5\nok\nok\n"))
    }
}
