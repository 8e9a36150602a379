// SPDX-License-Identifier: Apache-2.0
//
// Budgets and leak checks around a piece of a test. The traits in HeapTraits.swift do the same around whole tests.
// ThreadHeap.swift is what is measured; Findings.swift judges it.

internal import Heapline
public import Testing

/// Runs `body` and records an issue for each limit that it exceeds.
///
/// Only what the calling thread does counts, in its own calls of `malloc` and its family; memory that `body` hands to other
/// threads to allocate does not. One measurement runs at a time in a process.
///
/// - Parameters:
///   - allocations: The most allocations, reallocations included.
///   - bytes: The most bytes asked for in all.
///   - peak: The most bytes alive at once of what `body` allocates.
public func withHeapBudget(
    allocations: Int? = nil, bytes: Int? = nil, peak: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) throws {
    let budget = HeapBudget(allocations: allocations, bytes: bytes, peak: peak)
    try measure([.budget(budget)], sourceLocation, body)
}

/// Runs `body` and records an issue for each stack whose blocks are still allocated when it returns.
///
/// Blocks that the Swift runtime, the C library and the testing library keep for themselves are left out: what is made once, such as
/// the metadata of a type and the value of a global.
public func withNoLeaks(sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) throws {
    try measure([.noLeaks], sourceLocation, body)
}

private func measure(_ checks: [HeapCheck], _ location: SourceLocation, _ body: () throws -> Void) throws {
    let thread = currentThread()
    let (trace, failure) = try recordTrace(depth: 64, body)
    try Findings(trace, thread: thread, checks).record(at: location)
    if let failure { throw failure }
}
