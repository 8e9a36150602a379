// SPDX-License-Identifier: Apache-2.0
//
// What a page shows beyond sums of stacks: how blocks grew by reallocation, what the live
// blocks are and where they lie.

internal import HeaplineAnalysis

struct PageShape {
    static let areaLimit = 500
    static let typeLimit = 2000

    let report: Report
    let stacks: PageStacks

    func json() -> [(String, PageJSON)] {
        [("growth", growth), ("fragmentation", fragmentation), ("types", types)]
    }

    /// Rows of [row of the stack, reallocations, moves, bytes moved, bytes grown, longest chain], most reallocations first.
    private var growth: PageJSON {
        .array(
            report.growth.filter { stacks.row[$0.site] < stacks.kept.count }.map { item in
                .array([
                    PageJSON(stacks.row[item.site]), .unsigned(item.reallocations), .unsigned(item.moves),
                    .unsigned(item.bytesMoved), .unsigned(item.bytesGrown), PageJSON(item.longestChain),
                ])
            })
    }

    /// Live blocks by dynamic type; null when nobody looked at them.
    private var types: PageJSON {
        guard report.types.isExamined else { return .null }
        return .object([
            ("total", PageJSON(report.types.groups.count)),
            ("hasPeak", .bool(report.types.isPeakKnown)),
            (
                "rows",
                .array(
                    report.types.groups.prefix(Self.typeLimit).map { group in
                        .object([
                            ("name", .text(group.name)), ("kind", .text(group.kind.rawValue)), ("blocks", .unsigned(group.blocks)),
                            ("bytes", .unsigned(group.bytes)), ("leaked", .unsigned(group.leakedBlocks)),
                            ("peakBlocks", .unsigned(group.peakBlocks)), ("peakBytes", .unsigned(group.peakBytes)),
                        ])
                    })
            ),
        ])
    }

    /// Areas with the most bytes in holes, and the blocks that keep the largest holes apart.
    private var fragmentation: PageJSON {
        let all = report.fragmentation
        let areas = all.areas.sorted { ($1.holeBytes, $0.process, $0.start) < ($0.holeBytes, $1.process, $1.start) }
        return .object([
            ("total", PageJSON(areas.count)),
            (
                "areas",
                .array(
                    areas.prefix(Self.areaLimit).map { area in
                        .object([
                            ("process", PageJSON(area.process)), ("name", .text(area.name)),
                            ("start", .text(Self.hex(area.start))), ("bytes", .unsigned(area.end &- area.start)),
                            ("blocks", .unsigned(area.blocks)), ("liveBytes", .unsigned(area.liveBytes)),
                            ("holes", .unsigned(area.holes)), ("holeBytes", .unsigned(area.holeBytes)),
                            ("largestHole", .unsigned(area.largestHole)),
                        ])
                    })
            ),
            (
                "pins",
                .array(
                    all.pins.map { pin in
                        .object([
                            ("row", PageJSON(stacks.row(ofSite: pin.block.site))),
                            ("address", .text(Self.hex(pin.block.address))), ("bytes", .unsigned(pin.block.size)),
                            ("joined", .unsigned(pin.joined)), ("time", .unsigned(pin.block.time)),
                            ("process", PageJSON(pin.block.process)),
                        ])
                    })
            ),
        ])
    }

    private static func hex(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }
}
