// SPDX-License-Identifier: Apache-2.0
//
// `scale`: what an event costs as there is more of everything. Each curve should be flat; where it is not, the plot says so.

internal import Foundation

/// One thing that grows, and what it does to the cost of an event.
struct Curve: Codable {
    var name: String
    var what: String
    var unit: String
    var mode: String
    var depth: Int
    var points: [Point] = []
    var notRun: [Double] = []

    struct Point: Codable {
        var at: Double
        var events: Double
        /// Nanoseconds per event.
        var untraced: Double
        var addedWall: Double
        var addedCPU: Double
        var bytesPerEvent: Double?
        /// Peak memory: of the traced process and of all processes, more than untraced; of `heapline report`.
        var addedPeakBytes: Double?
        var addedTotalPeakBytes: Double?
        var reportPeakBytes: Double?
        var reportNsPerEvent: Double?
    }
}

struct Scale {
    var tools: Toolbox
    var options: Options

    struct Found: Codable {
        var date: String
        var machine: Machine
        var curves: [Curve]
    }

    private struct Plan {
        var curve: Curve
        var values: [Double]
        /// Events of one run at a value, and the workload's arguments.
        var events: (Double) -> Int
        var workload: String
        var parameter: (Double) -> Int?
        var depth: (Double) -> Int
    }

    private func plans() -> [Plan] {
        let quick = options.quick
        let steady = quick ? 1_000_000 : 4_000_000
        func powers(_ low: Int, _ high: Int) -> [Double] { (low...high).map { pow(10, Double($0)) } }
        return [
            Plan(
                curve: Curve(name: "events", what: "One call site, 32 frames deep.", unit: "events", mode: "all", depth: 32), values: powers(5, quick ? 7 : 9), events: { Int($0) },
                workload: "deep", parameter: { _ in 32 }, depth: { _ in 32 }),
            Plan(
                curve: Curve(name: "threads", what: "Blocks freed by other threads, depth 32.", unit: "threads", mode: "all", depth: 32), values: [1, 2, 4, 8, 16, 32, 64], events: { _ in steady },
                workload: "threads", parameter: { Int($0) }, depth: { _ in 32 }),
            Plan(
                curve: Curve(name: "live blocks", what: "Blocks alive while others come and go, depth 32.", unit: "blocks", mode: "all", depth: 32), values: powers(3, quick ? 6 : 7),
                events: { max(steady, Int($0)) }, workload: "live", parameter: { Int($0) }, depth: { _ in 32 }),
            Plan(
                curve: Curve(name: "depth recorded", what: "One call site below 300 frames.", unit: "frames", mode: "all", depth: -1), values: [0, 1, 2, 4, 8, 16, 32, 64, 128, 256],
                events: { _ in steady }, workload: "deep", parameter: { _ in 300 }, depth: { Int($0) }),
            Plan(
                curve: Curve(name: "distinct stacks", what: "Stacks of 30 frames drawn at random, depth 32.", unit: "stacks", mode: "all", depth: 32), values: powers(1, quick ? 5 : 6),
                events: { _ in steady }, workload: "tree", parameter: { Int($0) }, depth: { _ in 32 }),
        ]
    }

    func run() throws {
        let began = Clock.now
        _ = try tools.buildWorkloads()
        let deadline = began + (options.minutes ?? (options.quick ? 3 : 15)) * 60
        let canReport = tools.capture([tools.heapline, "report", "--help"]).status == 0
        var runner = Runner(tools: tools, lttng: LTTng(tools), timeout: 300)
        var curves: [Curve] = []
        let plans = plans().filter { options.only.isEmpty || options.only.contains($0.curve.name) }
        for (index, plan) in plans.enumerated() {
            var curve = plan.curve
            // What one curve leaves unused is the next one's. The first has the largest value by far and gets two shares.
            let limit = Clock.now + (deadline - Clock.now) * (index == 0 ? 2 : 1) / Double(plans.count - index + (index == 0 ? 1 : 0))
            var last = 0.0, lastWasRepeated = true
            for value in plan.values {
                // Ten times the events take ten times the time, less what starting takes; elsewhere each value a little more.
                let again = curve.name == "events" ? last * (last < 5 ? 4 : 10) : last * 1.5
                let repeats = lastWasRepeated && again < 15 ? 3 : 0
                let expected = repeats == 0 && lastWasRepeated ? again / 2 : again
                runner.timeout = max(5, min(300, deadline + 10 - Clock.now))
                if Clock.now + expected > limit {
                    curve.notRun.append(value)
                    continue
                }
                let start = Clock.now
                do {
                    curve.points.append(try point(plan, value, &runner, canReport, repeats: repeats))
                } catch {
                    HeaplinePerf.complain("\(curve.name) \(LogScale.label(value)): \(error)")
                    curve.notRun.append(value)
                }
                last = Clock.now - start
                lastWasRepeated = repeats > 0
                HeaplinePerf.complain(String(format: "%5.0f s  %@ %@", Clock.now - began, curve.name, LogScale.label(value)))
            }
            curves.append(curve)
        }
        let page = Found(date: Costs.today, machine: Machine.here(tools), curves: curves)
        try Page.write(
            page, kind: "scale", date: page.date, machine: page.machine, markdown: page.markdown, plot: page.plot, tools, options)
    }

    /// - Parameter repeats: 0 when it takes so long that the run that looks at memory says the time as well.
    private func point(_ plan: Plan, _ value: Double, _ runner: inout Runner, _ canReport: Bool, repeats: Int) throws -> Curve.Point {
        let path = tools.binary("workload"), loop = plan.workload, events = plan.events(value), parameter = plan.parameter(value)
        let workload = Workload(
            name: plan.curve.name, what: "", arguments: { _ in [path, loop, "\(events)"] + (parameter.map { ["\($0)"] } ?? []) },
            countsItself: true, program: "workload")
        let tracer = Tracer.heapline(tools, mode: plan.curve.mode, depth: plan.depth(value), allocator: .system, canReport: canReport)
        var untraced: [Double] = [], wall: [Double] = [], cpu: [Double] = []
        for _ in 0..<repeats {
            let base = try runner.run(workload, .untraced(.system), thorough: false)
            let with = try runner.run(workload, tracer, thorough: false)
            untraced.append(base.wall / base.events * 1e9)
            wall.append((with.wall / with.events - base.wall / base.events) * 1e9)
            cpu.append((with.cpu / with.events - base.cpu / base.events) * 1e9)
        }
        let base = try runner.run(workload, .untraced(.system), thorough: true)
        let full = try runner.run(workload, tracer, thorough: true)
        if repeats == 0 {
            untraced = [base.wall / base.events * 1e9]
            wall = [(full.wall / full.events - base.wall / base.events) * 1e9]
            cpu = [(full.cpu / full.events - base.cpu / base.events) * 1e9]
        }
        return Curve.Point(
            at: value, events: full.events, untraced: Estimate(untraced)?.median ?? 0, addedWall: Estimate(wall)?.median ?? 0,
            addedCPU: Estimate(cpu)?.median ?? 0, bytesPerEvent: full.traceBytes.map { $0 / full.events },
            addedPeakBytes: full.peakBytes - base.peakBytes, addedTotalPeakBytes: total(full, base), reportPeakBytes: full.reportPeakBytes,
            reportNsPerEvent: full.reportSeconds.map { $0 / full.events * 1e9 })
    }

    private func total(_ full: Sample, _ base: Sample) -> Double? {
        // A run that is over before anybody looked has no sum.
        guard let with = full.totalPeakBytes, with > 0, let without = base.totalPeakBytes else { return nil }
        return with - without
    }
}

extension Scale.Found {
    var markdown: String {
        var text = """
            # Cost as work grows: \(date)

            \(machine.processor), \(machine.cores) cores, \(machine.kernel). Mode all; medians of three runs paired with untraced ones; one pair where it
            takes long. Memory is peak MiB: added in the traced process / in all processes, the collector included; of `heapline report`.
            Report is with functions and lines, so naming stacks once weighs on short traces.

            """
        for curve in curves {
            text += "\n## \(curve.name)\n\n\(curve.what)\n\n"
            text += "| \(curve.unit) | events | untraced ns | added wall ns | added CPU ns | bytes/event | memory MiB | report ns/event | report MiB |\n"
            text += "|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
            for point in curve.points {
                text += "| \(LogScale.label(point.at)) | \(Table.events(point.events)) | \(Table.number(point.untraced)) | \(Table.number(point.addedWall)) "
                text += "| \(Table.number(point.addedCPU)) | \(Table.number(point.bytesPerEvent, 2)) "
                text += "| \(Table.mebibytes(point.addedPeakBytes)) / \(Table.mebibytes(point.addedTotalPeakBytes)) "
                text += "| \(Table.number(point.reportNsPerEvent, 0)) | \(Table.mebibytes(point.reportPeakBytes)) |\n"
            }
            if !curve.notRun.isEmpty { text += "\nNot run in the time: \(curve.notRun.map(LogScale.label).joined(separator: ", ")).\n" }
        }
        return text
    }

    private struct Series {
        var name: String
        var value: (Curve.Point) -> Double?
    }

    /// Two panels for each curve, time and memory; all axes logarithmic.
    var plot: String {
        let time = [
            Series(name: "added wall, ns/event") { $0.addedWall }, Series(name: "added CPU, ns/event") { $0.addedCPU },
            Series(name: "report, ns/event") { $0.reportNsPerEvent }, Series(name: "trace, bytes/event") { $0.bytesPerEvent },
        ]
        let memory = [
            Series(name: "traced process, MiB") { $0.addedPeakBytes.map { $0 / 1_048_576 } },
            Series(name: "all processes, MiB") { $0.addedTotalPeakBytes.map { $0 / 1_048_576 } },
            Series(name: "report, MiB") { $0.reportPeakBytes.map { $0 / 1_048_576 } },
        ]
        let drawn = curves.filter { !$0.points.isEmpty }
        let width = 480.0, height = 230.0
        var drawing = Drawing(width: width * 2 + 20, height: Double(drawn.count) * height + 90)
        drawing.text("Cost of an event, and memory, as there is more of everything (mode all; both axes logarithmic)", x: 12, y: 22, style: "h")
        drawing.text("\(machine.processor), \(machine.cores) cores, \(date)", x: 12, y: 38)
        for (column, group) in [time, memory].enumerated() {
            var x = 12 + Double(column) * width
            for (index, each) in group.enumerated() {
                drawing.box(x: x, y: 48, width: 10, height: 10, style: "f\(index)")
                drawing.text(each.name, x: x + 13, y: 57)
                x += 20 + Double(each.name.count) * 5.3
            }
            for (row, curve) in drawn.enumerated() {
                panel(&drawing, curve, group, left: Double(column) * width + 60, top: 90 + Double(row) * height, width: width - 90, height: height - 70)
            }
        }
        return drawing.svg
    }

    private func panel(_ drawing: inout Drawing, _ curve: Curve, _ group: [Series], left: Double, top: Double, width: Double, height: Double) {
        let right = left + width, bottom = top + height
        let shift = curve.points.contains { $0.at == 0 } ? 1.0 : 0 // depth 0 stands at 1
        let values = curve.points.flatMap { point in group.compactMap { $0.value(point) } }
        let x = LogScale(curve.points.map { $0.at + shift }, from: left, to: right)
        let y = LogScale([0.1, values.max() ?? 10], from: bottom, to: top)
        drawing.text(curve.name, x: left, y: top - 6, style: "h")
        for tick in y.ticks {
            drawing.line([(left, y(tick)), (right, y(tick))], style: "g")
            drawing.text(LogScale.label(tick), x: left - 4, y: y(tick) + 4, anchor: "end")
        }
        for tick in x.ticks {
            drawing.line([(x(tick), top), (x(tick), bottom)], style: "g")
            drawing.text(LogScale.label(tick), x: x(tick), y: bottom + 14, anchor: "middle")
        }
        drawing.text(curve.unit + (shift > 0 ? " + 1" : ""), x: (left + right) / 2, y: bottom + 28, anchor: "middle")
        for (number, each) in group.enumerated() {
            let places = curve.points.compactMap { point in each.value(point).map { (x: x(point.at + shift), y: y($0)) } }
            drawing.line(places, style: "l\(number)")
            for place in places { drawing.dot(x: place.x, y: place.y, style: "f\(number)") }
        }
    }
}
