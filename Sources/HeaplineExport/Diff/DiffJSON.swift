// SPDX-License-Identifier: Apache-2.0
//
// A diff as JSON. Schema `heapline.diff`, version 1: members are only ever added.
//
//   schema, version
//   old, new     {path}
//   totals       {name: {old, new}}               names as in heapline.report; null where a recording cannot tell
//   notes        [text]                           what keeps the two from being compared in full
//   measures     [name]                           what stacks are compared by
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
            json.array("notes") { json in for note in notes { json.value(note) } }
            json.array("measures") { json in for measure in measures { json.value(measure.rawValue) } }
            json.member("unchanged", unchanged)
            json.objects("stacks", stacks, add)
        }
        writer.finish()
    }

    private func add(_ json: inout JSONWriter, _ stack: Stack) {
        json.member("change", stack.change.rawValue)
        json.array("signature") { json in for name in stack.signature.functions { json.value(name) } }
        json.objects("stack", stack.frames) { json, frame in json.members(of: frame) }
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
