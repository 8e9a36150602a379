// SPDX-License-Identifier: Apache-2.0
//
// A diff as JSON. Schema `heapline.diff`, version 1: members are only ever added.
//
//   schema, version
//   old, new     {path}
//   totals       {name: {old, new}}               names as in heapline.report; null where a recording cannot tell
//   unchanged    number of stacks that did not change
//   stacks       [{change, signature, stack, name: {old, new}…}]    only measures that changed; by signature
//                change: new, gone, grown, shrunk

public import HeaplineAnalysis

extension TraceDiff {
    /// Writes the diff as JSON.
    ///
    /// - Parameter sink: gets the bytes as they are made.
    public func json(oldPath: String, newPath: String, _ sink: @escaping ([UInt8]) -> Void) {
        var writer = JSONWriter(sink)
        writer.object { json in
            json.member("schema", "heapline.diff")
            json.member("version", 1)
            json.object("old") { json in json.member("path", oldPath) }
            json.object("new") { json in json.member("path", newPath) }
            json.object("totals") { json in
                for total in totals {
                    json.object(total.name) { json in
                        json.member("old", total.old)
                        json.member("new", total.new)
                    }
                }
            }
            json.member("unchanged", unchanged)
            json.array("stacks") { json in for stack in stacks { json.object { json in add(stack, &json) } } }
        }
        writer.finish()
    }

    private func add(_ stack: Stack, _ json: inout JSONWriter) {
        json.member("change", stack.change.rawValue)
        json.array("signature") { json in for name in stack.signature.functions { json.value(name) } }
        json.array("stack") { json in
            for frame in stack.frames {
                json.object { json in
                    json.member("function", frame.function)
                    json.member("file", frame.file)
                    json.member("line", frame.line)
                    json.member("module", frame.module)
                    json.member("inlined", frame.inlined)
                }
            }
        }
        for measure in Measure.allCases {
            let pair = stack.pair(measure)
            guard pair.change != .same else { continue }
            json.object(measure.rawValue) { json in
                json.member("old", pair.old)
                json.member("new", pair.new)
            }
        }
    }
}
