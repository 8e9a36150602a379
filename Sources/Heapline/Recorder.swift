// SPDX-License-Identifier: Apache-2.0
//
// The recorder of this process, step by step. There is one, as there is one malloc; so these are functions of a type
// without values. Recorder+C.swift makes the calls.

public import HeaplineAnalysis

/// The recorder of this process.
///
/// Not a value that could be made: a process has one recorder. Under `heapline run` it is the command's, which these functions
/// then steer; starting another one is an error. Every function may be called from any thread.
///
/// A recording that is started here stays in its buffers, up to ``RecorderOptions/bufferBytes``, until ``snapshot(to:)``
/// writes it to a file. For recordings of any length use `record`.
public enum Recorder {
    /// Whether `malloc` and its family are recorded by themselves: the product `CHeaplineHooks` is linked, or the process
    /// runs under `heapline run`.
    public static var recordsMalloc: Bool { hasHooks() }

    /// Whether a recording runs, whoever started it.
    public static var isRunning: Bool { running() }

    /// The sums so far.
    public static var counts: HeapCounts {
        get throws(RecorderError) { try currentCounts() }
    }

    /// Starts recording into buffers that nobody empties.
    public static func start(
        _ mode: RecordingMode = .all, depth: Int = 32, options: RecorderOptions = RecorderOptions()
    ) throws(RecorderError) {
        try startRecording(mode, depth, options, directory: nil)
    }

    /// Stops. What was recorded can be written by ``snapshot(to:)`` until the next start or ``discard()``.
    public static func stop() throws(RecorderError) { try stopRecording() }

    /// Leaves out what happens until ``resume()``.
    public static func pause() throws(RecorderError) { try pauseRecording() }

    /// Records again after ``pause()``.
    public static func resume() throws(RecorderError) { try resumeRecording() }

    /// Changes the depth of stacks from now on.
    ///
    /// - Parameter depth: At most the depth that the recording was started with.
    public static func setDepth(_ depth: Int) throws(RecorderError) { try changeDepth(depth) }

    /// Puts a named point in time into the trace.
    public static func mark(_ text: String) throws(RecorderError) { try putMark(text) }

    /// Writes what is in the buffers to a trace file, replacing an existing one. Recording may go on meanwhile.
    public static func snapshot(to path: String) throws(RecorderError) { try writeSnapshot(path) }

    /// Deletes the buffers of a recording that was stopped.
    public static func discard() throws(RecorderError) { try discardRecording() }

    /// Leaves out what the calling thread does during `body`.
    ///
    /// Not for asynchronous work, which may go on on another thread.
    public static func ignoringThisThread<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        ignoreThisThread(true)
        defer { ignoreThisThread(false) }
        return try body()
    }
}
