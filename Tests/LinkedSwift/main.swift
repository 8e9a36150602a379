// SPDX-License-Identifier: Apache-2.0
//
// linked-swift NAME: a Swift program that links Heapline and the hooks. Prints what its reports say, one `key value` a
// line. Behaviours: `record`, `async`, `long`, `errors`, `steps TRACE`, `modes`, `nested` (for `heapline run`).

import Glibc
import Heapline
import HeaplineAnalysis
import HeaplineExport

@inline(never) func blocks(_ count: Int, _ bytes: Int, stay: Bool = false) {
    for _ in 0..<count {
        let block = unsafe malloc(bytes)
        unsafe sink = block
        if !stay { unsafe free(block) }
    }
}
nonisolated(unsafe) var sink: UnsafeMutableRawPointer?

func show(_ name: String, _ report: Report) {
    let totals = report.history.totals
    print("\(name).allocations \(totals.allocations)")
    print("\(name).frees \(totals.frees)")
    print("\(name).bytes \(totals.bytesAllocated)")
    print("\(name).liveBlocks \(totals.liveBlocks)")
    print("\(name).gaps \(report.history.gaps.count)")
    print("\(name).mode \(report.mode.rawValue)")
    for gap in report.history.gaps { print("\(name).gap \(gap.kind)") }
    let named = report.tree.sites.contains { site in
        report.tree.frames(site.node).contains { $0.function.contains("blocks") }
    }
    print("\(name).named \(named)")
}

/// A thread that allocates until it is told to stop.
func withBusyThreads(_ count: Int, _ body: () throws -> Void) rethrows {
    unsafe busy = true
    var threads: [pthread_t] = []
    for _ in 0..<count {
        var thread = pthread_t()
        unsafe pthread_create(
            &thread, nil,
            { _ in
                while unsafe busy { blocks(100, 64) }
                return nil
            }, nil)
        threads.append(thread)
    }
    defer {
        unsafe busy = false
        for thread in threads { _ = pthread_join(thread, nil) }
    }
    try body()
}
nonisolated(unsafe) var busy = false

struct Broken: Error {}

let arguments = CommandLine.arguments
print("hooks \(Recorder.recordsMalloc)")
switch arguments.count > 1 ? arguments[1] : "" {
case "record":
    for round in 1...3 {
        let report = try Heapline.record(.all, depth: 16) {
            blocks(1000 * round, 40)
            blocks(7, 100, stay: true)
        }
        show("record\(round)", report)
    }
case "async":
    let report = try await Heapline.record(.all, depth: 8) {
        blocks(500, 48)
        await Task.yield()
        blocks(500, 48)
    }
    show("async", report)
case "long":
    // More than the buffers hold, with other threads at work.
    var options = RecorderOptions()
    options.bufferBytes = 1 << 20
    try withBusyThreads(2) {
        let report = try Heapline.record(.all, depth: 4, options: options) { blocks(100_000, 48) }
        print("long.own \(report.history.sizes.classes.first { $0.range.contains(48) }?.count ?? 0)")
        show("long", report)
    }
case "errors":
    do {
        _ = try Heapline.record { throw Broken() }
    } catch {
        print("errors.body \(error.code.rawValue) \(error.underlying is Broken)")
    }
    do {
        _ = try Heapline.record(depth: 600) {}
    } catch {
        print("errors.depth \(error.code.rawValue)")
    }
    do throws(RecorderError) { try Recorder.stop() } catch { print("errors.stop \(error.code.rawValue)") }
    var options = RecorderOptions()
    options.trace = "/nonexistent/trace"
    do {
        _ = try Heapline.record(options: options) {}
    } catch {
        print("errors.trace \(error.code.rawValue)")
    }
    let outer = try Heapline.record {
        do throws(RecorderError) {
            _ = try Heapline.record {}
        } catch {
            print("errors.nested \(error.code.rawValue)")
        }
    }
    print("errors.outer \(outer.history.isComplete)")
case "steps":
    try Recorder.start(.all, depth: 8)
    blocks(10, 40, stay: true)
    try Recorder.pause()
    blocks(10, 40, stay: true)
    try Recorder.resume()
    try Recorder.mark("middle")
    try Recorder.setDepth(1)
    blocks(5, 56, stay: true)
    Recorder.ignoringThisThread { blocks(5, 72, stay: true) }
    let counts = try Recorder.counts
    try Recorder.stop()
    print("steps.counted \(counts.allocations)")
    try Recorder.snapshot(to: arguments[2])
    try Recorder.discard()
    print("steps.running \(Recorder.isRunning)")
case "modes":
    for mode in [RecordingMode.count, .leaks, .sample, .all] {
        var options = RecorderOptions()
        options.sampleBytes = 256
        let report = try Heapline.record(mode, depth: 8, options: options) {
            blocks(5000, 40)
            blocks(9, 100, stay: true)
        }
        show(mode.rawValue, report)
    }
case "nested":
    do {
        _ = try Heapline.record {}
    } catch {
        print("nested \(error.code.rawValue)")
    }
    try Recorder.mark("from inside")
    blocks(123, 520, stay: true)
default:
    exit(64)
}
