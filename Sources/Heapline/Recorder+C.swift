// SPDX-License-Identifier: Apache-2.0
//
// Calls into the recorder's C interface, heapline.h: options into its struct, its codes into errors.

internal import CHeaplineFormat
internal import CHeaplineRecorder
internal import HeaplineAnalysis

extension Recorder {
    static func hasHooks() -> Bool { hl_has_hooks() != 0 }
    static func running() -> Bool { hl_is_running() != 0 }
    static func ignoreThisThread(_ ignore: Bool) { hl_ignore_this_thread(ignore ? 1 : 0) }

    /// Starts; with a `directory`, somebody empties the buffers.
    static func startRecording(
        _ mode: RecordingMode, _ depth: Int, _ options: RecorderOptions, directory: String?
    ) throws(RecorderError) {
        guard mode != .off else { throw RecorderError(.argument, "mode off records nothing: start with another") }
        guard (0...512).contains(depth) else { throw RecorderError(.argument, "a depth of \(depth) is not in 0...512") }
        guard options.sampleBytes > 0, options.bufferBytes ?? 1 > 0 else {
            throw RecorderError(.argument, "sizes of samples and buffers are above 0")
        }
        var wanted = unsafe hl_options()
        unsafe wanted.mode = mode.code
        unsafe wanted.depth = Int32(depth)
        unsafe wanted.on_full = options.onFull.code
        unsafe wanted.backend = options.backend.code
        unsafe wanted.sample_bytes = UInt64(options.sampleBytes)
        unsafe wanted.buffer_bytes = UInt64(options.bufferBytes ?? (directory == nil ? 0 : 64 << 20))
        unsafe wanted.free_stacks = options.freeStacks ? 1 : 0
        unsafe wanted.maps = options.maps ? 1 : 0
        let code: Int32
        if let directory {
            code = unsafe directory.withCString { path in
                unsafe wanted.directory = unsafe path
                return unsafe hl_start(&wanted)
            }
        } else {
            code = unsafe hl_start(&wanted)
        }
        try check(code, state: RecorderError(.alreadyRunning, "a recording runs in this process already"))
    }

    static func stopRecording() throws(RecorderError) { try check(hl_stop()) }
    static func pauseRecording() throws(RecorderError) { try check(hl_pause()) }
    static func resumeRecording() throws(RecorderError) { try check(hl_resume()) }
    static func changeDepth(_ depth: Int) throws(RecorderError) {
        try check(hl_set_depth(Int32(clamping: max(depth, -1))))
    }
    static func putMark(_ text: String) throws(RecorderError) { try check(unsafe hl_mark(text)) }
    static func writeSnapshot(_ path: String) throws(RecorderError) { try check(unsafe hl_snapshot(path)) }
    static func discardRecording() throws(RecorderError) { try check(hl_discard()) }

    static func currentCounts() throws(RecorderError) -> HeapCounts {
        var counts = hl_counts()
        try check(unsafe hl_counts_now(&counts))
        var result = HeapCounts()
        result.allocations = counts.sums.allocations
        result.frees = counts.sums.frees
        result.reallocations = counts.sums.reallocations
        result.bytesAllocated = counts.sums.bytes
        result.failures = counts.sums.failures
        let lost = counts.lost
        result.lost = lost.0 &+ lost.1 &+ lost.2 &+ lost.3 &+ lost.4 &+ lost.5 &+ lost.6 &+ lost.7
        return result
    }

    private static func check(
        _ code: Int32,
        state: RecorderError = RecorderError(.notRunning, "no recording of this process is in that state")
    ) throws(RecorderError) {
        switch code {
        case 0: return
        case HL_ERROR_STATE.rawValue: throw state
        case HL_ERROR_ARGUMENT.rawValue: throw RecorderError(.argument, "the recorder knows no such value")
        case HL_ERROR_UNSUPPORTED.rawValue:
            throw RecorderError(.unsupported, "this system has no restartable sequences")
        default:
            let problem = unsafe String(cString: hl_last_problem())
            throw RecorderError(.system, problem.isEmpty ? "the system refused memory or a file" : problem)
        }
    }
}

extension RecordingMode {
    fileprivate var code: hl_mode {
        switch self {
        case .off: HL_MODE_OFF
        case .count: HL_MODE_COUNT
        case .sample: HL_MODE_SAMPLE
        case .leaks: HL_MODE_LEAKS
        case .all: HL_MODE_ALL
        }
    }
}

extension RecorderOptions.OnFull {
    fileprivate var code: hl_on_full {
        switch self {
        case .block: HL_ON_FULL_BLOCK
        case .drop: HL_ON_FULL_DROP
        case .overwrite: HL_ON_FULL_OVERWRITE
        }
    }
}

extension RecorderOptions.Backend {
    fileprivate var code: hl_backend {
        switch self {
        case .automatic: hl_backend(0)
        case .restartableSequences: HL_BACKEND_RSEQ
        case .compareExchange: HL_BACKEND_CAS
        }
    }
}
