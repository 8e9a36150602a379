// SPDX-License-Identifier: Apache-2.0
//
// The alternatives, each as its documentation says it is to be used, set to record every event where it can.

internal import Foundation

extension Tracer {
    /// The peers found, and those that are missing with the reason.
    static func peers(_ tools: Toolbox, quick: Bool) -> (found: [Tracer], missing: [String: String]) {
        var found: [Tracer] = []
        var missing: [String: String] = [:]
        func peer(_ name: String, needs: [(String, String?)], _ build: ([String]) -> Tracer) {
            if let lacking = needs.first(where: { $0.1 == nil }) {
                missing[name] = "\(lacking.0) not found"
            } else {
                var tracer = build(needs.compactMap(\.1))
                tracer.name = name
                found.append(tracer)
            }
        }
        func tool(_ name: String) -> (String, String?) { (name, Toolbox.find(name)) }
        func library(_ name: String) -> (String, String?) { (name, Toolbox.library(name)) }

        peer("heaptrack", needs: [tool("heaptrack"), tool("heaptrack_print")]) { heaptrack($0[0], printer: $0[1], raw: false, quick) }
        peer("heaptrack -r", needs: [tool("heaptrack"), tool("heaptrack_print")]) { heaptrack($0[0], printer: $0[1], raw: true, quick) }
        peer("LTTng-UST libc", needs: [library("liblttng-ust-libc-wrapper.so.1"), tool("lttng"), tool("lttng-sessiond")]) {
            lttng($0[0], quick)
        }
        peer("memusage", needs: [library("libmemusage.so")]) { paths in
            var tracer = Tracer(name: "", group: .peer, records: [.counts, .frees])
            tracer.prepare = { launch in
                launch.preload(paths[0])
                launch.environment["MEMUSAGE_OUTPUT"] = "\(launch.folder)/memusage.data"
            }
            return tracer
        }
        peer("mtrace", needs: [library("libc_malloc_debug.so.0")]) { mtrace($0[0], tools) }
        peer("jemalloc profiler", needs: [library("libjemalloc.so.2"), tool("jeprof")]) { jemallocProfiler($0[0], $0[1]) }
        peer("gperftools", needs: [library("libtcmalloc.so.4"), tool("google-pprof")]) { gperftools($0[0], $0[1]) }
        for name in ["massif", "dhat"] {
            peer(name == "massif" ? "Massif" : "DHAT", needs: [tool("valgrind")]) { valgrind($0[0], name) }
        }
        peer("memray", needs: [("memray on PATH or as a module of python3", memray(tools))]) { memrayRun($0[0]) }
        peer("bytehound", needs: [library("libbytehound.so"), tool("bytehound")]) { paths in
            var tracer = Tracer(name: "", group: .peer, records: [.counts, .stack, .time, .thread, .address, .frees], divisor: 12)
            tracer.prepare = { launch in
                launch.preload(paths[0])
                launch.environment["MEMORY_PROFILER_OUTPUT"] = "\(launch.folder)/memory.dat"
            }
            return tracer
        }
        return (found, missing)
    }

    private static func heaptrack(_ path: String, printer: String, raw: Bool, _ quick: Bool) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .stack, .address, .frees], divisor: quick ? 12 : 16)
        tracer.prepare = { launch in
            launch.arguments = [path] + (raw ? ["-r"] : []) + ["-o", "\(launch.folder)/heaptrack"] + launch.arguments
        }
        tracer.isDear = !raw
        tracer.sighting = { run, report in
            Sighting(allocations: number(after: "\tallocations:", in: run) ?? number(after: "calls to allocation functions: ", in: report))
        }
        // As heaptrack says what to do with raw data at the end of such a run.
        let interpreter = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent().path
            + "/lib/heaptrack/libexec/heaptrack_interpret"
        if !raw {
            tracer.report = { folder, _ in [printer, "\(folder)/heaptrack.zst"] }
        } else if FileManager.default.isExecutableFile(atPath: interpreter), Toolbox.find("zstd") != nil {
            tracer.report = { folder, _ in
                let file = "'\(folder)/heaptrack"
                return ["/bin/sh", "-c", "zstd -dcq \(file).raw.zst' | '\(interpreter)' | zstd -cq > \(file).zst' && '\(printer)' \(file).zst'"]
            }
        }
        return tracer
    }

    private static func lttng(_ wrapper: String, _ quick: Bool) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .time, .thread, .address, .frees], divisor: quick ? 12 : 16)
        tracer.usesLTTng = true
        tracer.isHeavy = true
        tracer.prepare = { launch in launch.preload(wrapper) }
        let reader = Toolbox.find("babeltrace2") ?? Toolbox.find("babeltrace")
        if let reader { tracer.report = { folder, _ in ["/bin/sh", "-c", "'\(reader)' '\(folder)/lttng' | wc -l"] } }
        tracer.sighting = { _, report in
            Sighting(events: report.split(separator: "\n").last.flatMap { Double($0.trimmingCharacters(in: .whitespaces)) })
        }
        return tracer
    }

    private static func mtrace(_ library: String, _ tools: Toolbox) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .address, .frees], often: false, isSlow: true, isHeavy: true, divisor: 32)
        let starter = tools.binary("mtrace_start.so")
        tracer.prepare = { launch in
            launch.preload(starter)
            launch.preload(library)
            launch.environment["MALLOC_TRACE"] = "\(launch.folder)/mtrace.log"
        }
        if let script = Toolbox.find("mtrace") { tracer.report = { folder, _ in [script, "\(folder)/mtrace.log"] } }
        return tracer
    }

    private static func jemallocProfiler(_ library: String, _ jeprof: String) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .stack], often: false, isSlow: true, isHeavy: true, divisor: 120)
        tracer.allocator = .jemalloc
        tracer.prepare = { launch in
            launch.preload(library)
            // lg_prof_sample:0 takes every byte, that is, every allocation.
            launch.environment["MALLOC_CONF"] =
                "prof:true,prof_active:true,lg_prof_sample:0,prof_final:true,prof_accum:true,prof_prefix:\(launch.folder)/jeprof"
        }
        tracer.report = { folder, program in
            let heap = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.first { $0.hasSuffix(".heap") }
            return heap.map { [jeprof, "--text", program, "\(folder)/\($0)"] }
        }
        return tracer
    }

    private static func gperftools(_ library: String, _ pprof: String) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .stack], often: false, isSlow: true, isHeavy: true, divisor: 240)
        tracer.allocator = .tcmalloc
        tracer.prepare = { launch in
            launch.preload(library)
            launch.environment["HEAPPROFILE"] = "\(launch.folder)/heap"
            launch.environment["HEAP_PROFILE_ALLOCATION_INTERVAL"] = "0"
        }
        tracer.report = { folder, program in
            let heap = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.filter { $0.hasSuffix(".heap") }.max()
            return heap.map { [pprof, "--text", program, "\(folder)/\($0)"] }
        }
        return tracer
    }

    private static func valgrind(_ path: String, _ tool: String) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .stack], often: false, isSlow: true, isHeavy: true, divisor: 120)
        tracer.limitsMemory = false // it reserves far more than it uses
        tracer.prepare = { launch in
            launch.arguments =
                [path, "--tool=\(tool)", "--\(tool)-out-file=\(launch.folder)/\(tool).out", "--log-file=\(launch.folder)/log"]
                + launch.arguments
        }
        if tool == "massif", let printer = Toolbox.find("ms_print") {
            tracer.report = { folder, _ in [printer, "\(folder)/massif.out"] }
        }
        return tracer
    }

    /// The Python that has memray: python3's own, or that of the `memray` on PATH, as in an environment of its own.
    private static func memray(_ tools: Toolbox) -> String? {
        let script = Toolbox.find("memray").flatMap { try? String(contentsOfFile: $0, encoding: .utf8) }
        let interpreter = script?.split(separator: "\n").first.flatMap { $0.hasPrefix("#!") ? String($0.dropFirst(2)) : nil }
        return [Toolbox.find("python3"), interpreter].compactMap { $0 }.first { tools.capture([$0, "-c", "import memray"]).status == 0 }
    }

    private static func memrayRun(_ python: String) -> Tracer {
        var tracer = Tracer(name: "", group: .peer, records: [.counts, .stack, .time, .thread, .address, .frees])
        tracer.onlyPython = true
        tracer.isDear = true
        tracer.prepare = { launch in
            launch.arguments = [python, "-m", "memray", "run", "--native", "-q", "-o", "\(launch.folder)/memray.bin"] + launch.arguments.dropFirst()
        }
        tracer.report = { folder, _ in [python, "-m", "memray", "summary", "\(folder)/memray.bin"] }
        return tracer
    }
}
