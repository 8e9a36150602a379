// SPDX-License-Identifier: Apache-2.0
//
// JUnit's XML as Jenkins and GitLab read it (https://github.com/testmoapp/junitxml), with nothing that the schema of Jenkins's
// xUnit plugin refuses, which would refuse the whole file: no file and line as attributes, so they are in the text.
//
//   <testsuites><testsuite name tests failures><testcase classname name>(<failure message type>text</failure>)?
//   (<system-out>text</system-out>)?</testcase>*</testsuite></testsuites>

internal import HeaplineAnalysis

extension CheckReport {
    /// The outcome as JUnit XML: a test case for each limit.
    public var junit: String {
        let failed = check.findings.count { $0.isFailed }
        let counts = "tests=\"\(check.findings.count)\" failures=\"\(failed)\""
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<testsuites \(counts)>",
            "  <testsuite name=\"heapline\" \(counts) errors=\"0\" skipped=\"0\">",
        ]
        for finding in check.findings {
            let head = "    <testcase classname=\"heapline.\(finding.kind.rawValue)\" name=\"\(Self.xml(finding.name))\""
            guard finding.isFailed else {
                lines.append(head + "/>")
                continue
            }
            lines.append(head + ">")
            let body = finding.stacks.map { stack in
                ([value(stack, finding.kind)] + stack.frames.map { "    " + describe($0) }).joined(separator: "\n")
            }
            let text = Self.xml(body.joined(separator: "\n")).split(
                separator: "&#10;", omittingEmptySubsequences: false)
            lines.append(
                "      <failure type=\"\(finding.kind.rawValue)\" message=\"\(Self.xml(sentence(finding)))\">"
                    + text.joined(separator: "\n") + "</failure>")
            lines.append("    </testcase>")
        }
        lines += ["  </testsuite>", "</testsuites>"]
        return lines.joined(separator: "\n") + "\n"
    }
}
