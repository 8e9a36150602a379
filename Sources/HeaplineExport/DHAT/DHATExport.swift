// SPDX-License-Identifier: Apache-2.0
//
// DHAT's JSON, version 2 (https://valgrind.org/docs/manual/dh-manual.html; the reader is dh_view.js of valgrind).
//
//   file := {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": true, "bkacc": false,
//            "tu", "Mtu": names of the time unit and of a million of it, "tuth": shortest life not called short,
//            "cmd", "pid", "te": end, "tg": time of the peak, "pps": [pp*], "ftbl": ["[root]", frame*]}
//   pp   := {"tb", "tbk": bytes and blocks in all, "tl": sum of lifetimes, "mb", "mbk": at this stack's own peak,
//            "gb", "gbk": at the peak of all, "eb", "ebk": at the end, "fs": [frame index, inner to outer]}
//
// No two pps may have the same frames, so stacks are merged by what a frame's text shows.

internal import HeaplineAnalysis
internal import HeaplineCollector

struct DHATExport {
    private let export: Exporter

    private struct Point {
        var bytes: UInt64 = 0
        var blocks: UInt64 = 0
        var lifetimes: UInt64 = 0
        var liveBytes: UInt64 = 0
        var liveBlocks: UInt64 = 0
        var maxBytes: UInt64 = 0
        var maxBlocks: UInt64 = 0
        var peakBytes: UInt64 = 0
        var peakBlocks: UInt64 = 0
    }

    init(_ export: Exporter) { self.export = export }

    func write(to sink: ExportSink) throws(TraceError) {
        let history = export.history
        var table = ["[root]"]
        var tableIndex: [String: Int] = [:]
        var keys: [[Int]] = []
        var keyIndex: [[Int]: Int] = [:]
        var points: [Point] = []
        var pointOf: [Int] = []
        for sums in export.tree.sites {
            let key = export.frames(sums).map { frame in
                let text = Self.text(frame)
                if let known = tableIndex[text] { return known }
                tableIndex[text] = table.count
                table.append(text)
                return table.count - 1
            }
            let index = keyIndex[key] ?? points.count
            if index == points.count {
                keyIndex[key] = index
                keys.append(key)
                points.append(Point())
            }
            points[index].peakBytes &+= sums.peakBytes
            points[index].peakBlocks &+= sums.peakBlocks
            pointOf.append(index)
        }
        try history.forEachBlockEvent { event in
            switch event {
            case .allocated(let block):
                let index = pointOf[export.tree.siteOf[block.site]]
                points[index].bytes &+= block.size
                points[index].blocks += 1
                points[index].liveBytes &+= block.size
                points[index].liveBlocks += 1
                if points[index].liveBytes > points[index].maxBytes {
                    points[index].maxBytes = points[index].liveBytes
                    points[index].maxBlocks = points[index].liveBlocks
                }
            case .freed(let block, let time):
                let index = pointOf[export.tree.siteOf[block.site]]
                points[index].liveBytes &-= block.size
                points[index].liveBlocks &-= 1
                points[index].lifetimes &+= time - min(block.time, time)
            }
        }
        history.forEachLiveBlock { block in
            let index = pointOf[export.tree.siteOf[block.site]]
            points[index].lifetimes &+= history.duration - min(block.time, history.duration)
        }

        let process = export.processes.first
        var json = JSONWriter { sink.append($0) }
        json.object { json in
            json.member("dhatFileVersion", 2)
            json.member("mode", "heap")
            json.member("verb", "Allocated")
            json.member("bklt", true)
            json.member("bkacc", false)
            json.member("tu", "µs")
            json.member("Mtu", "s")
            json.member("tuth", 10)
            json.member("cmd", export.command(of: process))
            json.member("pid", Int(process?.pid ?? 0))
            json.member("te", history.duration / 1000)
            json.member("tg", (history.totals.peakTime ?? history.duration) / 1000)
            json.array("pps") { json in
                for (point, key) in zip(points, keys) where point.blocks > 0 {
                    json.object { json in
                        json.member("tb", point.bytes)
                        json.member("tbk", point.blocks)
                        json.member("tl", point.lifetimes / 1000)
                        json.member("mb", point.maxBytes)
                        json.member("mbk", point.maxBlocks)
                        json.member("gb", point.peakBytes)
                        json.member("gbk", point.peakBlocks)
                        json.member("eb", point.liveBytes)
                        json.member("ebk", point.liveBlocks)
                        json.array("fs") { json in
                            for index in key { json.value(index) }
                        }
                    }
                }
            }
            json.array("ftbl") { json in
                for text in table {
                    json.value(text)
                }
            }
        }
        json.finish()
    }

    private static func text(_ frame: SymbolFrame) -> String {
        if let file = frame.file { return "\(frame.function) (\(file)\(frame.line.map { ":\($0)" } ?? ""))" }
        return frame.module.isEmpty ? frame.function : "\(frame.function) (in \(frame.module))"
    }
}
