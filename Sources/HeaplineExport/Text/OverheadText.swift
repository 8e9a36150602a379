// SPDX-License-Identifier: Apache-2.0
//
// What recording cost, in words that the summary and the page share.

internal import HeaplineAnalysis

extension Overhead {
    /// `of 12.3 s processor time: 38 ns an allocation, 9 ns a free`
    var detail: String {
        var kinds: [String] = []
        if let cost = allocationNanoseconds { kinds.append("\(Units.duration(UInt64(cost.rounded()))) an allocation") }
        if let cost = freeNanoseconds { kinds.append("\(Units.duration(UInt64(cost.rounded()))) a free") }
        let each = kinds.joined(separator: ", ")
        guard let processor = processorNanoseconds else { return each }
        return "of \(Units.duration(processor)) processor time" + (each.isEmpty ? "" : ": " + each)
    }
}
