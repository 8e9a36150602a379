// SPDX-License-Identifier: Apache-2.0
//
// A malloc and a free under the recorder: every mode, depth, backend and number of threads. Times are for one pair, that is, two
// events, in each thread; what `off` takes is what the hooks and the allocator take.

internal import Benchmark
internal import CLoops

/// How the recorder is set; numbers as in heapline_format.h.
struct Setting {
    var mode: (name: String, number: Int32)
    var depth: Int32
    var backend: (name: String, number: Int32)

    static let modes: [(name: String, number: Int32)] = [("count", 1), ("sample", 2), ("leaks", 3), ("all", 4)]
    static let backends: [(name: String, number: Int32)] = [("rseq", 1), ("cas", 2)]
    static let depths: [Int32] = [0, 2, 8, 16, 32, 64]
}

/// Frames below the loop, so that every depth finds a stack that is deep enough.
private let frames: Int32 = 64

/// Beginning and ending threads must not weigh: with more than one, a million pairs each.
private func configuration(_ threads: Int32) -> Benchmark.Configuration {
    .init(
        metrics: [.wallClock], warmupIterations: 1, scalingFactor: threads > 1 ? .mega : .kilo, maxDuration: .milliseconds(300),
        maxIterations: 10_000)
}

func recorderBenchmarks() {
    for threads: Int32 in [1, 2, 8] {
        Benchmark("recorder off, \(threads) threads", configuration: configuration(threads)) { benchmark in
            loops_pairs(UInt64(benchmark.scaledIterations.count), threads, frames)
        }
        for backend in Setting.backends {
            for mode in Setting.modes {
                for depth in mode.name == "count" ? [0] : Setting.depths {
                    let setting = Setting(mode: mode, depth: depth, backend: backend)
                    recorder(setting, threads: threads)
                }
            }
        }
    }
}

private func recorder(_ setting: Setting, threads: Int32) {
    Benchmark(
        "recorder \(setting.mode.name), depth \(setting.depth), \(setting.backend.name), \(threads) threads",
        configuration: configuration(threads)
    ) { benchmark in
        guard loops_record(setting.mode.number, setting.depth, setting.backend.number) == 0 else {
            benchmark.error("the recorder cannot start here")
            return
        }
        defer { loops_record_end() }
        loops_pairs(100, threads, frames) // the thread's first events make its state
        benchmark.startMeasurement()
        loops_pairs(UInt64(benchmark.scaledIterations.count), threads, frames)
        benchmark.stopMeasurement()
    }
}

/// How long single calls take: the recorder must not make some of them slow to make the others fast.
func latencyBenchmarks() {
    let pairs = 100_000
    let settings: [(String, Int32, Int32)] = [
        ("off", 0, 0), ("count", 1, 0), ("sample, depth 32", 2, 32), ("leaks, depth 32", 3, 32), ("all, depth 0", 4, 0),
        ("all, depth 32", 4, 32),
    ]
    for (name, mode, depth) in settings {
        let points: [(String, Double)] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1)]
        let metrics = ["malloc", "free"].flatMap { call in
            points.map { BenchmarkMetric.custom("\(call) \($0.0) (ns)", polarity: .prefersSmaller, useScalingFactor: false) }
        }
        Benchmark(
            "latency \(name)", configuration: .init(metrics: metrics, scalingFactor: .one, maxDuration: .seconds(2), maxIterations: 20)
        ) { benchmark in
            if mode > 0, loops_record(mode, depth, 0) != 0 {
                benchmark.error("the recorder cannot start here")
                return
            }
            var allocations = [UInt64](repeating: 0, count: pairs), frees = allocations
            loops_latencies(UInt64(pairs), frames, &allocations, &frees)
            if mode > 0 { loops_record_end() }
            let tick = loops_tick_ns()
            for (index, metric) in metrics.enumerated() {
                let ticks = index < points.count ? allocations : frees
                let place = Int(Double(pairs - 1) * points[index % points.count].1)
                benchmark.measurement(metric, Int((Double(ticks[place]) * tick).rounded()))
            }
        }
    }
}
