// SPDX-License-Identifier: Apache-2.0
//
// Traits: a whole test as one measurement. Its body runs on a thread of its own, so that what it does can be told from
// what other tests do at the same time; see MeasuringExecutor.swift.

internal import Heapline
internal import Synchronization
public import Testing

/// Measures each test and compares it with limits; made by `.heapBudget(…)` and `.noLeaks`.
///
/// What counts is what the test's own body does, on its own thread. A test that is isolated to an actor, such as the main actor, and
/// what it starts by `Task.detached` or on other threads, is not seen. What `#expect` and the testing library allocate
/// for themselves is left out.
public struct HeapTrait: TestTrait, SuiteTrait, TestScoping {
    let check: HeapCheck

    /// Suites hand the trait on to their tests.
    public var isRecursive: Bool { true }

    /// Measures each test case, not the suite around them.
    public func scopeProvider(for test: Test, testCase: Test.Case?) -> HeapTrait? {
        testCase == nil ? nil : self
    }

    /// Runs the test case as a measurement.
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        if let outer = Measurement.current {  // another trait of the same test measures already
            outer.add(check)
            return try await function()
        }
        let measurement = Measurement(check)
        await Measurement.turn.take()
        defer { Measurement.turn.give() }
        let executor = MeasuringExecutor()
        defer { executor.finish() }
        let failure = try await withTaskExecutorPreference(executor) {
            try await Measurement.$current.withValue(measurement) {
                try await measurement.run(at: test.sourceLocation, function)
            }
        }
        if let failure { throw failure }
    }
}

extension Trait where Self == HeapTrait {
    /// Records an issue when the test exceeds a limit: allocations, bytes asked for in all, bytes alive at once.
    public static func heapBudget(allocations: Int? = nil, bytes: Int? = nil, peak: Int? = nil) -> Self {
        HeapTrait(check: .budget(HeapBudget(allocations: allocations, bytes: bytes, peak: peak)))
    }

    /// Records an issue for each stack whose blocks are still allocated at the end of the test.
    public static var noLeaks: Self { HeapTrait(check: .noLeaks) }
}

/// The measurement of one test, for all its traits.
final class Measurement: Sendable {
    @TaskLocal static var current: Measurement?
    static let turn = Turn()

    private let checks: Mutex<[HeapCheck]>

    init(_ check: HeapCheck) {
        var first = [check]
        first.reserveCapacity(8)  // traits add theirs while the recording runs
        checks = Mutex(first)
    }

    func add(_ check: HeapCheck) { checks.withLock { $0.append(check) } }

    /// Returns the error that the test threw.
    func run(
        at location: SourceLocation, _ function: @Sendable () async throws -> Void
    ) async throws -> (any Error)? {
        let thread = currentThread()
        let (trace, failure) = try await recordTrace(depth: 64) { try await function() }
        try Findings(trace, thread: thread, checks.withLock { $0 }).record(at: location)
        return failure
    }
}

/// Lets one measurement after the other have the process's recorder.
final class Turn: Sendable {
    private struct State {
        var taken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func take() async {
        await withCheckedContinuation { continuation in
            let mine = state.withLock { state -> Bool in
                if state.taken {
                    state.waiting.append(continuation)
                    return false
                }
                state.taken = true
                return true
            }
            if mine { continuation.resume() }
        }
    }

    func give() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.taken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
