// SPDX-License-Identifier: Apache-2.0
//
// SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html): a result for each stack behind a failed
// limit, so that each shows at its line; one without a place where no stack is known.

internal import HeaplineAnalysis

extension CheckReport {
    private static let rules: [(kind: BudgetKind, text: String)] = [
        (.leaked, "Memory is allocated and not freed."),
        (.peak, "More memory is in use at once than the limit allows."),
        (.allocations, "More allocations are made than the limit allows."),
        (.temporary, "More blocks are freed right after their allocation than the limit allows."),
    ]

    /// The outcome as SARIF.
    public var sarif: [UInt8] {
        var bytes: [UInt8] = []
        var writer = JSONWriter { bytes += $0 }
        writer.object { json in
            json.member("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
            json.member("version", "2.1.0")
            json.array("runs") { json in
                json.object { json in
                    json.object("tool") { json in
                        json.object("driver") { json in
                            json.member("name", "heapline")
                            json.array("rules") { json in for rule in Self.rules { add(rule, &json) } }
                        }
                    }
                    json.array("results") { json in
                        for finding in check.findings where finding.isFailed { add(finding, &json) }
                    }
                }
            }
        }
        writer.finish()
        return bytes
    }

    private func add(_ rule: (kind: BudgetKind, text: String), _ json: inout JSONWriter) {
        json.object { json in
            json.member("id", "heapline/\(rule.kind.rawValue)")
            json.object("shortDescription") { json in json.member("text", rule.text) }
        }
    }

    private func add(_ finding: Check.Finding, _ json: inout JSONWriter) {
        if finding.stacks.isEmpty { result(finding, sentence(finding), nil, &json) }
        for stack in finding.stacks {
            let text = "\(value(stack, finding.kind)): \(path(stack)). \(sentence(finding))"
            result(finding, text, stack, &json)
        }
    }

    private func result(_ finding: Check.Finding, _ text: String, _ stack: Check.Culprit?, _ json: inout JSONWriter) {
        json.object { json in
            json.member("ruleId", "heapline/\(finding.kind.rawValue)")
            json.member("level", "error")
            json.object("message") { json in json.member("text", text) }
            json.array("locations") { json in
                guard let stack, let place = SourcePlace(stack.frames, root: root) else { return }
                json.object { json in physical(place, &json) }
            }
            guard let stack else { return }
            // The same stack is the same alert in the next run, whatever its lines.
            json.object("partialFingerprints") { json in
                json.member("heaplineStack/v1", Self.fingerprint(finding.name, stack.signature))
            }
            json.array("stacks") { json in
                json.object { json in
                    json.array("frames") { json in for frame in stack.frames { self.frame(frame, &json) } }
                }
            }
        }
    }

    private func frame(_ frame: SymbolFrame, _ json: inout JSONWriter) {
        json.object { json in
            json.object("location") { json in
                if let place = SourcePlace([frame], root: root) { physical(place, &json) }
                json.object("message") { json in json.member("text", describe(frame)) }
            }
        }
    }

    private func physical(_ place: SourcePlace, _ json: inout JSONWriter) {
        json.object("physicalLocation") { json in
            json.object("artifactLocation") { json in json.member("uri", Self.uri(place.file)) }
            json.object("region") { json in json.member("startLine", place.line) }
        }
    }

    /// A path as a URI reference (RFC 3986): what is not unreserved or a slash is escaped.
    static func uri(_ path: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = path.hasPrefix("/") ? Array("file://".utf8) : []
        for byte in path.utf8 {
            let isPlain = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            if isPlain || "-._~/".utf8.contains(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// FNV-1a over the names, in hexadecimal.
    static func fingerprint(_ name: String, _ signature: StackSignature) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in ([name] + signature.functions).joined(separator: "\n").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
