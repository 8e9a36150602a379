// SPDX-License-Identifier: Apache-2.0
//
// Mode sample: what the estimates promise is that they are right on average, and off by about what they admit.

import CHeaplineFormat
import Glibc
import HeaplineCollector
import Testing

@testable import HeaplineAnalysis

@Suite struct SampleTests {
    /// Samples `sizes` as the recorder does: one byte in `rate`, at exponential distances.
    private func sample(_ sizes: [UInt64], rate: Double, _ random: inout SeededRandom) -> [UInt64] {
        func distance(_ random: inout SeededRandom) -> Double {
            -log(1 - Double(random.next() >> 11) / Double(1 << 53)) * rate
        }
        var left = distance(&random)
        var taken: [UInt64] = []
        for size in sizes {
            left -= Double(size)
            guard left < 0 else { continue }
            taken.append(size)
            while left < 0 { left += distance(&random) }
        }
        return taken
    }

    @Test func estimatesAreUnbiasedAndTheirErrorsHonest() throws {
        let seed: UInt64 = 0x5a_3913
        var random = SeededRandom(seed)
        let rate = 4096.0
        let sizes = (0..<4000).map { _ in UInt64(16 + random.below(random.chance(10) ? 20_000 : 200)) }
        let truth = Double(sizes.reduce(0, +))
        var within = 0
        var sum = 0.0
        var blocks = 0.0
        let rounds = 60
        for _ in 0..<rounds {
            let taken = sample(sizes, rate: rate, &random)
            var script = TraceScript()
            script.processes[0].mode = HL_MODE_SAMPLE
            script.processes[0].sampleBytes = UInt64(rate)
            script.processes[0].nodes = [1]
            script.events = taken.enumerated().map { index, size in
                Event(ticks: UInt64(index), kind: HL_KIND_ALLOC, address: UInt64(16 + 16 * index), size: size, stack: 16)
            }
            let site = try #require(try script.withTrace { try $0.history() }.sites.first)
            let error = try #require(site.standardErrors)
            sum += Double(site.bytes)
            blocks += Double(site.allocations)
            if abs(Double(site.bytes) - truth) <= 2 * error.bytes { within += 1 }
        }
        let mean = sum / Double(rounds)
        #expect(abs(mean - truth) < truth * 0.02, "seed \(seed): mean \(mean), truth \(truth)")
        let meanBlocks = blocks / Double(rounds)
        #expect(abs(meanBlocks - Double(sizes.count)) < Double(sizes.count) * 0.04, "seed \(seed): \(meanBlocks) blocks")
        // Two standard errors hold about 95 % of the rounds.
        #expect(within >= rounds * 85 / 100, "seed \(seed): \(within) of \(rounds)")
    }

    @Test func whatWasAddedIsTakenAway() throws {
        var script = TraceScript()
        script.processes[0].mode = HL_MODE_SAMPLE
        script.processes[0].sampleBytes = 524_288
        script.events = [
            Event(ticks: 1, kind: HL_KIND_ALLOC, address: 0x100, size: 48),
            Event(ticks: 2, kind: HL_KIND_FREE, address: 0x100, stack: 0),
        ]
        let history = try script.withTrace { try $0.history() }
        #expect(history.sites[0].liveBytes == 0)
        #expect(history.totals.liveBytes == 0)
        // Whether another allocation came between, and what became of a block that grew, a sample does not tell.
        #expect(history.totals.temporaryAllocations == nil && history.sites[0].temporary == 0)
        // One sampled block of 48 bytes stands for about 524,288 / 48 blocks.
        #expect(abs(Double(history.sites[0].allocations) - 524_288.0 / 48) < 2)
    }
}
