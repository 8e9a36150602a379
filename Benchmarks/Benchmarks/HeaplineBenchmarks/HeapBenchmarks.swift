// SPDX-License-Identifier: Apache-2.0
//
// The emulated heap against glibc's and jemalloc's, and as its region grows: TLSF promises a cost that depends neither on the
// size of the heap nor on its fragmentation. Times are for one pair.

internal import Benchmark
internal import CLoops

/// An allocator under test for the time of one benchmark run.
private func withHeap(
    _ benchmark: Benchmark, _ allocator: loops_allocator, chip: String = "esp32", poisoning: Int32 = 0, bytes: UInt64 = 1 << 20,
    fill: Int32 = 0, _ body: (OpaquePointer) -> Void
) {
    guard let heap = loops_heap_make(allocator, chip, poisoning, bytes, fill) else {
        benchmark.error("this allocator is not here, or has no room")
        return
    }
    body(heap)
    loops_heap_end(heap)
}

private let loops: [(name: String, run: @Sendable (OpaquePointer, UInt64) -> Void)] = [
    ("pairs", { loops_heap_pairs($0, $1) }), ("random sizes", { loops_heap_mixed($0, $1) }),
    ("realloc", { loops_heap_realloc($0, $1) }), ("aligned", { loops_heap_aligned($0, $1) }),
]

private func measure(_ name: String, _ run: @escaping @Sendable (OpaquePointer, UInt64) -> Void, _ make: @escaping (Benchmark, (OpaquePointer) -> Void) -> Void) {
    Benchmark(name) { benchmark in
        make(benchmark) { heap in
            run(heap, 1000)
            benchmark.startMeasurement()
            run(heap, UInt64(benchmark.scaledIterations.count))
            benchmark.stopMeasurement()
        }
    }
}

func heapBenchmarks() {
    for loop in loops {
        measure("heap \(loop.name), glibc", loop.run) { withHeap($0, LOOPS_SYSTEM, $1) }
        measure("heap \(loop.name), jemalloc", loop.run) { withHeap($0, LOOPS_JEMALLOC, $1) }
        for (level, name) in ["none", "light", "comprehensive"].enumerated() {
            measure("heap \(loop.name), esp32, poisoning \(name)", loop.run) {
                withHeap($0, LOOPS_EMULATED, poisoning: Int32(level), $1)
            }
        }
    }
    for chip in ["esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32h21", "esp32h4", "esp32p4"] {
        measure("heap pairs, \(chip)", { loops_heap_pairs($0, $1) }) { withHeap($0, LOOPS_EMULATED, chip: chip, $1) }
    }
    for kibibytes: UInt64 in [16, 64, 256, 1024, 4096, 16384] {
        for (name, fill) in [("empty", 0), ("fragmented", 80)] as [(String, Int32)] {
            measure("heap of \(kibibytes) KiB, \(name)", { loops_heap_mixed($0, $1) }) {
                withHeap($0, LOOPS_EMULATED, bytes: kibibytes << 10, fill: fill, $1)
            }
        }
    }
}

/// ESP-IDF's heap_trace: flat in the number of records, where the chip's list is walked.
func traceBenchmarks() {
    Benchmark("heap_trace off") { benchmark in
        withHeap(benchmark, LOOPS_EMULATED, bytes: 0) { heap in
            benchmark.startMeasurement()
            loops_caps_pairs(heap, UInt64(benchmark.scaledIterations.count))
            benchmark.stopMeasurement()
        }
    }
    for (name, all) in [("leaks", 0), ("all", 1)] as [(String, Int32)] {
        for records: UInt64 in [100, 1000, 10_000, 100_000] {
            Benchmark("heap_trace \(name), \(records) records") { benchmark in
                withHeap(benchmark, LOOPS_EMULATED, bytes: 0) { heap in
                    if loops_trace(heap, all, records) == 0 {
                        benchmark.startMeasurement()
                        loops_caps_pairs(heap, UInt64(benchmark.scaledIterations.count))
                        benchmark.stopMeasurement()
                    } else {
                        benchmark.error("the trace could not be filled")
                    }
                    loops_trace_end(heap)
                }
            }
        }
    }
}
