// SPDX-License-Identifier: Apache-2.0
//
// The views other than the summary.

public import HeaplineAnalysis

extension TextReport {
    // MARK: Stacks

    mutating func sites(limit: Int) {
        heading("Stacks by allocations: \(about)\(Units.count(history.totals.allocations))")
        noStacksHint()
        let order = tree.ranking(by: .allocations, then: .bytes, limit: limit)
        for index in order {
            let sums = tree.sites[index]
            lines.append("")
            var line =
                "  " + style.bold(about + Units.count(sums.allocations, "allocation")) + "  "
                + Units.percent(sums.allocations, of: allocationsOfStacks) + "  " + units.bytes(sums.bytes)
            line += plusMinus(bytes: sums.standardErrors?.bytes)
            if history.totals.temporaryAllocations != nil { line += ", \(Units.count(sums.temporary)) temporary" }
            line += ", \(units.bytes(sums.liveBytes)) alive"
            lines.append(line)
            stack(sums.node, indent: "      ")
            freedBy(index, indent: "      ")
        }
        rest(.allocations, shown: order.count)
    }

    mutating func temporary(limit: Int) {
        let all = history.totals.temporaryAllocations ?? 0
        heading("Temporary allocations: \(about)\(Units.count(all)) (\(Units.percent(all, of: allocationsOfStacks)))")
        lines.append(style.dim("  freed before the next allocation of their thread"))
        noStacksHint()
        let order = tree.ranking(by: .temporary, then: .allocations, limit: limit)
        for index in order {
            let sums = tree.sites[index]
            lines.append("")
            lines.append(
                "  " + style.bold(about + Units.count(sums.temporary)) + " of "
                    + Units.count(sums.allocations, "allocation") + " here")
            stack(sums.node, indent: "      ")
            freedBy(index, indent: "      ")
        }
        rest(.temporary, shown: order.count)
    }

    mutating func growth(limit: Int) {
        heading("Growth by reallocation: \(Units.count(history.totals.reallocations))")
        let groups = report.growth
        if groups.isEmpty { lines.append("  nothing") }
        for group in groups.prefix(limit) {
            lines.append("")
            lines.append(
                "  " + style.bold(Units.count(group.reallocations, "reallocation")) + ", \(Units.count(group.moves)) moved, "
                    + "\(units.bytes(group.bytesMoved)) copied, \(units.bytes(group.bytesGrown)) grown, longest chain "
                    + (group.longestChain >= 255 ? "255 or more" : String(group.longestChain)))
            stack(tree.sites[group.site].node, indent: "      ")
        }
        moreStacks(groups.count, shown: min(limit, groups.count))
    }

    // MARK: Tables

    mutating func threads(tasksOnly: Bool) {
        heading(tasksOnly ? "Tasks" : "Threads")
        let isMany = report.processes.count > 1
        var table = TextTable(
            ["allocations", "bytes", "frees", "of others' blocks", "temporary", "alive", tasksOnly ? "task" : "thread"])
        let chosen = history.threads.filter { !tasksOnly || $0.isTask }.sorted {
            ($1.bytes, $0.process, $0.index) < ($0.bytes, $1.process, $1.index)
        }
        let limit = style.limit ?? 40
        for thread in chosen.prefix(limit) {
            let pid = isMany ? " of \(report.trace.processes[thread.process].name)" : ""
            table.add([
                Units.count(thread.allocations), units.bytes(thread.bytes), Units.count(thread.frees),
                Units.count(thread.foreignFrees),
                history.totals.temporaryAllocations == nil ? "–" : Units.count(thread.temporary), units.bytes(thread.liveBytes),
                Self.label(thread) + pid,
            ])
        }
        if table.isEmpty { lines.append("  nothing") } else { lines += table.lines(style) }
        if chosen.count > limit { lines.append(style.dim("  \(chosen.count - limit) more; --limit \(chosen.count) shows all")) }
    }

    /// Name and number; a task's number is the address of its control block.
    static func label(_ thread: ThreadHistory) -> String {
        if thread.tid == 0 { return thread.name }
        return thread.name + " (" + (thread.isTask ? "0x" + String(thread.tid, radix: 16) : String(thread.tid)) + ")"
    }

    mutating func histogram(_ title: String, _ histogram: Histogram, _ label: (UInt64) -> String) {
        heading(title)
        let total = histogram.count
        guard total > 0 else {
            lines.append("  nothing")
            return
        }
        let quantiles = [(0.5, "half"), (0.9, "90 %"), (0.99, "99 %")].compactMap { share, name in
            histogram.quantile(share).map { "\(name) up to \(label($0))" }
        }
        lines.append("  " + quantiles.joined(separator: ", "))
        let octaves = histogram.octaves
        let most = octaves.map(\.count).max() ?? 1
        var table = TextTable(["from", "count", "share", ""])
        for item in octaves {
            let bar = style.bar(item.count, of: most, beside: 40)
            table.add([label(item.range.lowerBound), Units.count(item.count), Units.percent(item.count, of: total), bar])
        }
        lines += table.lines(style)
    }

    mutating func timeline(rows: Int) {
        heading("Live bytes over time")
        let buckets = history.timeline.buckets
        guard !buckets.isEmpty else {
            lines.append("  nothing")
            return
        }
        let merged = max(1, (buckets.count + max(rows, 1) - 1) / max(rows, 1))
        let most = buckets.map(\.maxLiveBytes).max() ?? 1
        let hasResident = buckets.contains { $0.residentBytes != nil }
        var table = TextTable(["until", "highest", "blocks", "allocations", "frees"] + (hasResident ? ["resident"] : []) + [""])
        var start = 0
        while start < buckets.count {
            let part = buckets[start..<min(start + merged, buckets.count)]
            let last = part.last ?? Timeline.Bucket()
            let highest = part.map(\.maxLiveBytes).max() ?? 0
            let end = history.timeline.start + UInt64(part.endIndex) * history.timeline.width
            let bar = style.bar(highest, of: most, beside: 66)
            var row = [
                Units.duration(min(end, max(history.duration, 1))), units.bytes(highest), Units.count(last.liveBlocks),
                Units.count(part.reduce(0) { $0 + $1.allocations }), Units.count(part.reduce(0) { $0 + $1.frees }),
            ]
            if hasResident { row.append(part.compactMap(\.residentBytes).max().map(units.bytes) ?? "–") }
            table.add(row + [bar])
            start += merged
        }
        lines += table.lines(style)
    }

    mutating func fragmentation(limit: Int) {
        heading("Holes between live blocks")
        let fragmentation = report.fragmentation
        var table = TextTable(["blocks", "alive", "holes", "in holes", "largest", "start", "area"])
        let areas = fragmentation.areas.sorted { ($1.holeBytes, $0.start) < ($0.holeBytes, $1.start) }
        for area in areas.prefix(limit) {
            table.add([
                Units.count(area.blocks), units.bytes(area.liveBytes), Units.count(area.holes), units.bytes(area.holeBytes),
                units.bytes(area.largestHole), "0x" + String(area.start, radix: 16),
                area.name + " " + units.bytes(area.end - area.start),
            ])
        }
        if table.isEmpty { lines.append("  nothing is alive") } else { lines += table.lines(style) }
        guard !fragmentation.pins.isEmpty else { return }
        heading("Blocks that keep large holes apart")
        for pin in fragmentation.pins.prefix(min(limit, 8)) {
            lines.append(
                "  \(units.bytes(pin.block.size)) at 0x\(String(pin.block.address, radix: 16)) pins \(units.bytes(pin.joined)): "
                    + culprit(tree.sites[tree.siteOf[pin.block.site]].node))
        }
    }

    mutating func types() {
        let types = report.types
        heading(types.isExamined ? "Live blocks by type" : "Live blocks by size class")
        if !types.isExamined {
            let why = moment.map { "; leave out --at: this is the heap at \($0)" } ?? " (--verdicts)"
            lines.append(style.dim("  no types are known: they come from the search of the program's memory at its end\(why)"))
        }
        let hasLeaks = types.groups.contains { $0.leakedBlocks > 0 }
        let hasPeak = types.isPeakKnown && types.isExamined
        var table = TextTable(["bytes", "blocks"] + (hasLeaks ? ["lost"] : []) + (hasPeak ? ["at the peak", "blocks"] : []) + ["type"])
        let limit = style.limit ?? 30
        for group in types.groups.prefix(limit) {
            var row = group.blocks > 0 ? [units.bytes(group.bytes), Units.count(group.blocks)] : ["", ""]
            if hasLeaks { row.append(group.leakedBlocks > 0 ? Units.count(group.leakedBlocks) : "") }
            if hasPeak {
                row.append(group.peakBlocks > 0 ? units.bytes(group.peakBytes) : "")
                row.append(group.peakBlocks > 0 ? Units.count(group.peakBlocks) : "")
            }
            table.add(
                row + [
                    group.kind == .size
                        ? style.dim("up to \(UInt64(group.name).map { Units.count($0) } ?? group.name) B") : Self.cut(group.name)
                ])
        }
        lines += table.lines(style)
        if types.groups.count > limit {
            lines.append(style.dim("  \(types.groups.count - limit) more; --limit \(types.groups.count) shows all"))
        }
        if hasPeak, types.groups.contains(where: { $0.peakBlocksByStack > 0 }) {
            lines.append(
                style.dim("  At the peak, blocks freed since are counted as what others of their stack are, or by their stack's mean size.")
            )
        }
    }

    /// Names of generic types can be as long as a page; whole they are in the JSON.
    private static func cut(_ name: String) -> String { name.count > 120 ? name.prefix(119) + "…" : name }

    mutating func log() {
        heading("Log")
        let all = report.trace.log
        let isMany = report.processes.count > 1
        if all.isEmpty { lines.append("  nothing") }
        let limit = style.limit ?? .max
        let times = all.prefix(limit).map { Units.duration($0.time) }
        let width = times.map(\.count).max() ?? 0
        for (line, time) in zip(all, times) {
            let who = isMany ? "[\(report.trace.processes[line.process].pid)] " : ""
            lines.append("  " + String(repeating: " ", count: width - time.count) + style.dim(time) + "  " + who + line.text)
        }
        if all.count > limit { lines.append(style.dim("  \(all.count - limit) more; --limit \(all.count) shows all")) }
    }
}

extension Report {
    /// Growth by named stack, most reallocations first; `site` is an index into the tree's sites.
    public var growth: [Growth] {
        var merged: [Int: Growth] = [:]
        for item in history.growth {
            let site = tree.siteOf[item.site]
            if var known = merged[site] {
                known.reallocations &+= item.reallocations
                known.moves &+= item.moves
                known.bytesMoved &+= item.bytesMoved
                known.bytesGrown &+= item.bytesGrown
                known.longestChain = max(known.longestChain, item.longestChain)
                merged[site] = known
            } else {
                var first = item
                first.site = site
                merged[site] = first
            }
        }
        return merged.values.sorted { a, b in
            a.reallocations != b.reallocations
                ? a.reallocations > b.reallocations : tree.precedes(tree.sites[a.site].node, tree.sites[b.site].node)
        }
    }
}
