// SPDX-License-Identifier: Apache-2.0
//
// Recording a piece of a program from inside: one call around it, and the report that `heapline run` would give.
// Recorder has the single steps.

public import HeaplineAnalysis
public import HeaplineExport

/// Records what the whole process does with its heap while `body` runs, and reports on it.
///
/// ```swift
/// let report = try Heapline.record(.all, depth: 16) {
///     for line in lines { parse(line) }
/// }
/// print(report.history.totals.allocations)
/// ```
///
/// `malloc` and its family are recorded where the product `CHeaplineHooks` is linked into the program
/// (``Recorder/recordsMalloc``); without it the report holds what was given to `hl_event`. All threads are recorded, whatever
/// they have to do with `body`. Buffers are emptied into a trace file all the time, so a recording may take as long as it
/// likes; the file is deleted once it has been read, unless `options` name one to keep.
///
/// - Parameters:
///   - mode: What to keep of each event.
///   - depth: How many frames of each stack, 0 to 512.
///   - options: Everything else.
///   - symbols: Where names for the stacks come from.
///   - body: What to record. An error that it throws ends the recording and comes out as
///     ``RecorderError/underlying``.
/// - Returns: The report; its events were read from the trace and added up.
/// - Throws: ``RecorderError``; of code ``RecorderError/Code/alreadyRunning`` under `heapline run` and inside another
///   recording, before `body` was called.
public func record(
    _ mode: RecordingMode = .all, depth: Int = 32, options: RecorderOptions = RecorderOptions(),
    symbols: SymbolizerOptions = SymbolizerOptions(), _ body: () throws -> Void
) throws(RecorderError) -> Report {
    let session = try RecorderSession(mode: mode, depth: depth, options: options)
    var failure: (any Error)?
    do { try body() } catch { failure = error }
    return try session.finish(symbols, failure)
}

/// Records what the whole process does with its heap while `body` runs, and reports on it.
///
/// The same as the synchronous function; `body` runs where the caller does. Everything that other tasks do meanwhile is
/// recorded too.
public nonisolated(nonsending) func record(
    _ mode: RecordingMode = .all, depth: Int = 32, options: RecorderOptions = RecorderOptions(),
    symbols: SymbolizerOptions = SymbolizerOptions(), _ body: nonisolated(nonsending) () async throws -> Void
) async throws(RecorderError) -> Report {
    let session = try RecorderSession(mode: mode, depth: depth, options: options)
    var failure: (any Error)?
    do { try await body() } catch { failure = error }
    return try session.finish(symbols, failure)
}

/// As `record`, but leaves the trace unread.
package nonisolated(nonsending) func recordTrace(
    depth: Int, _ body: nonisolated(nonsending) () async throws -> Void
) async throws(RecorderError) -> (trace: Trace, failure: (any Error)?) {
    let session = try RecorderSession(mode: .all, depth: depth, options: RecorderOptions())
    var failure: (any Error)?
    do { try await body() } catch { failure = error }
    return (try session.finish(), failure)
}

/// As `record`, but leaves the trace unread.
package func recordTrace(
    depth: Int, _ body: () throws -> Void
) throws(RecorderError) -> (trace: Trace, failure: (any Error)?) {
    let session = try RecorderSession(mode: .all, depth: depth, options: RecorderOptions())
    var failure: (any Error)?
    do { try body() } catch { failure = error }
    return (try session.finish(), failure)
}
