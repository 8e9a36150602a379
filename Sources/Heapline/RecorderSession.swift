// SPDX-License-Identifier: Apache-2.0
//
// One recording from start to report, inside the recorded process: a directory for its buffers, a thread that empties
// them into a trace, and the reading of that trace. DrainThread.swift is the thread.

internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

final class RecorderSession {
    private let mode: RecordingMode
    private let directory: String
    private let trace: String
    private let keepsTrace: Bool
    private let process = getpid()
    private let drain: DrainThread
    private var over = false

    /// Starts recording. All that this itself allocates comes before the start.
    init(mode: RecordingMode, depth: Int, options: RecorderOptions) throws(RecorderError) {
        self.mode = mode
        guard !Recorder.isRunning else {
            throw RecorderError(.alreadyRunning, "a recording runs in this process already")
        }
        directory = try Self.makeDirectory()
        keepsTrace = options.trace != nil
        trace = options.trace ?? directory + "/trace.heapline"
        do throws(TraceError) {
            let writer = try TraceWriter(path: trace, force: true, startUnixNs: Clock.unixNanoseconds)
            drain = try DrainThread(collector: SessionCollector(directory: directory, writer: writer), writer: writer)
        } catch {
            Self.remove(directory)
            throw RecorderError(.trace, "the trace cannot be written", underlying: error)
        }
        do throws(RecorderError) {
            try Recorder.startRecording(mode, depth, options, directory: directory)
        } catch {
            over = true
            drain.finish(expecting: 0)
            Self.remove(directory)
            throw error
        }
    }

    deinit { try? stop() }

    /// Stops, and reports; or throws what the recorded closure threw.
    func finish(_ symbols: SymbolizerOptions, _ failure: (any Error)?) throws(RecorderError) -> Report {
        defer { Self.remove(directory) }
        try stop()
        if let failure { throw RecorderError(.body, "the recorded closure threw an error", underlying: failure) }
        do throws(TraceError) {
            if let failure = drain.failure { throw failure }
            return try Report(try Trace.open(trace), options: HistoryOptions(), symbols: symbols)
        } catch {
            throw RecorderError(.trace, "the trace cannot be read", underlying: error)
        }
    }

    /// The trace and its name, when somebody else is to read it.
    func finish() throws(RecorderError) -> Trace {
        defer { Self.remove(directory) }
        try stop()
        do throws(TraceError) {
            if let failure = drain.failure { throw failure }
            return try Trace.open(trace)
        } catch {
            throw RecorderError(.trace, "the trace cannot be read", underlying: error)
        }
    }

    private func stop() throws(RecorderError) {
        guard !over else { return }
        over = true
        guard process == getpid() else {
            throw RecorderError(.notRunning, "the recording is that of the parent process, which goes on")
        }
        try Recorder.stopRecording()
        var expected: UInt64 = 0
        if mode == .all, let counts = try? Recorder.currentCounts() {
            expected = counts.allocations &+ counts.frees &- min(counts.lost, counts.allocations &+ counts.frees)
        }
        drain.finish(expecting: expected)
        try? Recorder.discardRecording()
    }

    // MARK: The directory

    /// Memory-backed where possible.
    private static func makeDirectory() throws(RecorderError) -> String {
        for case let parent? in [variable("HEAPLINE_TMPDIR"), "/dev/shm", variable("TMPDIR"), "/tmp"] {
            let path = "\(parent)/heapline-\(getpid())-\(Clock.nanoseconds)"
            if unsafe mkdir(path, 0o700) == 0 { return path }
        }
        throw RecorderError(.system, "no directory for the buffers could be made in /dev/shm, $TMPDIR or /tmp")
    }

    private static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    private static func remove(_ directory: String) {
        for name in SessionCollector.list(directory) where name != "." && name != ".." {
            unsafe _ = unlink(directory + "/" + name)
        }
        unsafe _ = rmdir(directory)
    }
}
