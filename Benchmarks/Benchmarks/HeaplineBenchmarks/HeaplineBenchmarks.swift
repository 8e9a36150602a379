// SPDX-License-Identifier: Apache-2.0
//
// In-process micro-benchmarks. Whole programs are measured by Perf: the two never mix.

internal import Benchmark

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock], warmupIterations: 1, scalingFactor: .kilo, maxDuration: .milliseconds(200), maxIterations: 10_000)
    recorderBenchmarks()
    latencyBenchmarks()
    analysisBenchmarks()
    heapBenchmarks()
    traceBenchmarks()
}
