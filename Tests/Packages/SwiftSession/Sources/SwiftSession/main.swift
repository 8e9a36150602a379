// SPDX-License-Identifier: Apache-2.0
//
// The documents' heap tracing session as a Swift program that knows only the package's product.

import Heapline

let heap = try ESPHeap(chip: .esp32s3, poisoning: .light)
_ = heap.takeConsoleOutput()

let dump = try heap.withTracing(capacity: 100, depth: 4) { tracing in
    try tracing.start(.leaks)
    let leaked = try heap.allocate(100)
    try heap.free(heap.allocate(50))
    let other = try heap.runTask(named: "other", core: 1) { try heap.allocate(20) }
    try tracing.stop()

    let records = tracing.records
    precondition(records.map(\.address) == [leaked, other], "\(records)")
    precondition(records.map(\.core) == [0, 1])
    precondition(tracing.summary.allocations == 5)  // the task's stack and control block are two of them
    do {
        try tracing.stop()
        preconditionFailure("stopping twice succeeded")
    } catch let error as ESPError {
        precondition(error.code == .invalidState && error.name == "ESP_ERR_INVALID_STATE")
    }
    return tracing.dump()
}
print(dump, terminator: "")
