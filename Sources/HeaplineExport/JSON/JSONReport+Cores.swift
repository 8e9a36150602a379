// SPDX-License-Identifier: Apache-2.0
//
// What ran on the cores of an emulated chip, for the JSON report; see JSONReport.swift.

internal import HeaplineAnalysis

extension Report {
    func cores(_ json: inout JSONWriter) {
        guard let cores else { return }
        json.object("cores") { json in
            json.member("cores", cores.cores)
            json.member("switches", cores.spanCount)
            json.array("contexts") { json in
                for context in cores.contexts {
                    json.object { json in
                        json.member("process", context.process)
                        json.member("thread", context.thread)
                        json.member("name", trace.processes[context.process].threadName(context.thread))
                        json.member("kind", "\(context.activity)")
                        json.member("runs", context.runs)
                        json.member("nanoseconds", context.time)
                        json.array("nanosecondsByCore") { json in for time in context.timeByCore { json.value(time) } }
                        json.member("longestNanoseconds", context.longest)
                    }
                }
            }
        }
    }
}
