// SPDX-License-Identifier: Apache-2.0
//
// Budgets and leak checks: exact on the calling thread, silent when kept, and with the culprit's name when not.

import Glibc
import HeaplineTesting
import Testing

@inline(never) private func allocate(_ count: Int, _ bytes: Int) {
    for _ in 0..<count {
        let block = unsafe malloc(bytes)
        unsafe keep = block
        unsafe free(block)
    }
}
@inline(never) private func leak(_ bytes: Int) { unsafe keep = unsafe malloc(bytes) }
nonisolated(unsafe) private var keep: UnsafeMutableRawPointer?

@Suite(.serialized) struct HeapTraitTests {
    @Test func budgetsAreExact() throws {
        try withHeapBudget(allocations: 100, bytes: 4800, peak: 48) { allocate(100, 48) }
        try expectIssue("100 allocations, the budget is 99") {
            try withHeapBudget(allocations: 99) { allocate(100, 48) }
        }
        try expectIssue("4800 bytes allocated, the budget is 4799") {
            try withHeapBudget(bytes: 4799) { allocate(100, 48) }
        }
        try expectIssue("48 bytes alive at once, the budget is 47") {
            try withHeapBudget(peak: 47) { allocate(100, 48) }
        }
    }

    @Test func budgetOfNothing() throws {
        try withHeapBudget(allocations: 0) {}
    }

    @Test func leaksAreNamed() throws {
        try withNoLeaks { allocate(10, 64) }
        try expectIssue("1 block of 12345 bytes leaked: HeaplineTestingTests.leak") { try withNoLeaks { leak(12_345) } }
    }

    /// Exactly an issue with this text, and no other one.
    func expectIssue(_ text: String, _ body: () throws -> Void) throws {
        try withKnownIssue {
            try body()
        } matching: { issue in
            issue.comments.contains { $0.rawValue.contains(text) }
        }
    }

    @Test func errorsComeThrough() {
        struct Broken: Error {}
        #expect(throws: Broken.self) { try withHeapBudget(allocations: 10) { throw Broken() } }
    }

    @Test(.heapBudget(allocations: 60, bytes: 10_000)) func aTestWithinItsBudget() {
        allocate(50, 100)
    }

    @Test(.noLeaks, .heapBudget(allocations: 1000)) func twoTraits() async {
        allocate(5, 100)
        await Task.yield()
        allocate(5, 100)
    }

    @Test(.heapBudget(peak: 100_000), arguments: [1, 2, 3]) func eachCase(_ number: Int) {
        allocate(number, 90_000)
    }
}
