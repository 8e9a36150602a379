// SPDX-License-Identifier: Apache-2.0
//
// Tasks of the emulated chip for Swift programs.

extension ESPHeap {
    /// Runs `body` on the calling thread as a task of the chip.
    ///
    /// The task's stack and control block are allocated before and freed after it, as the chip does; allocations in `body`
    /// belong to the task and come from its core. Only one task runs on a core at a time: call this from two threads to
    /// have both cores busy.
    ///
    ///     try heap.runTask(named: "sensor", core: 1) {
    ///         try heap.allocate(64)
    ///     }
    ///
    /// - Throws: `invalidArgument` for a core the chip lacks, `invalidState` inside a task, `noMemory` when the chip has no
    ///   room for the stack, and what `body` throws.
    public borrowing func runTask<Result>(
        named name: String, core: Int = 0, stackBytes: Int = 4096, _ body: () throws -> Result
    ) throws -> Result {
        try handle.runTask(named: name, core: core, stackBytes: stackBytes, body)
    }
}
