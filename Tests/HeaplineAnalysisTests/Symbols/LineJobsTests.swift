// SPDX-License-Identifier: Apache-2.0
//
// Which files share a process, which are shared out over several, and that the answers are those of asking one by one: with a
// stand-in for llvm-symbolizer that writes down its runs.

import Glibc
import Testing

@testable import HeaplineAnalysis

@Suite struct LineJobsTests {
    /// Answers `f<address>` in the file asked for. Any run that is asked about a file named "bad" ends with status 3.
    static let script = """
        obj=
        for word in "$@"; do case "$word" in --obj=*) obj="${word#--obj=}";; esac; done
        echo "run $obj" >>"${0%/*}/runs"
        while read -r line; do
            case "$line" in
            '"'*) line="${line#?}"; address="${line##*\\" }"; file="${line%\\"*}";;
            *) address="$line"; file="$obj";;
            esac
            case "$file" in */bad) exit 3;; esac
            printf 'f%s\\n%s:1:1\\n\\n' "$address" "$file"
        done
        """

    private func job(_ tool: LineSymbolizer, _ path: String, _ addresses: Range<UInt64>, megabytes: Int) -> LineJobs.Job {
        LineJobs.Job(symbolizer: tool, path: path, addresses: Array(addresses), effort: megabytes << 20)
    }

    private func runs(_ fixture: CompiledFixture) throws -> [String] {
        let file = try TraceFile(path: fixture.path("runs"))
        return String(decoding: try file.prefix(Int(file.size)), as: UTF8.self).split(separator: "\n").map(String.init).sorted()
    }

    private func check(_ job: LineJobs.Job, _ answer: LineJobs.Answer?) {
        #expect(answer?.failure == nil)
        #expect(answer?.addresses == job.addresses)
        #expect(answer?.frames.map { $0.first?.function } == job.addresses.map { "f0x" + String($0, radix: 16) })
        #expect(answer?.frames.allSatisfy { $0.count == 1 && $0[0].file == job.path } == true, "\(job.path)")
    }

    @Test func smallFilesShareAProcess() throws {
        let fixture = try CompiledFixture()
        let tool = try LineSymbolizerTests.tool(fixture, Self.script)
        var jobs = (0..<9).map { job(tool, "/lib/with space/\($0)", 0x10..<UInt64(0x11 + $0), megabytes: 1) }
        jobs.insert(job(tool, "/lib/large", 1..<20, megabytes: 9), at: 4)
        jobs.append(job(tool, "/lib/with \"quotes\"", 1..<3, megabytes: 0))
        let answers = LineJobs.run(jobs)
        for (job, answer) in zip(jobs, answers) { check(job, answer) }
        let ran = try runs(fixture)
        let shared = min(Processors.count, 9)
        #expect(ran.count == 2 + shared)
        #expect(ran.filter { $0 == "run " }.count == shared)
    }

    @Test func manyAddressesAreSharedOut() throws {
        let fixture = try CompiledFixture()
        let tool = try LineSymbolizerTests.tool(fixture, Self.script)
        let jobs = [job(tool, "/lib/large", 0x1000..<0x1c00, megabytes: 9), job(tool, "/lib/other", 1..<20, megabytes: 8)]
        let parts = LineJobs.runs(jobs, on: 3)
        #expect(
            parts == [
                [.init(job: 0, addresses: 0..<1024)], [.init(job: 0, addresses: 1024..<2048)],
                [.init(job: 0, addresses: 2048..<3072)], [.init(job: 1, addresses: 0..<19)],
            ])
        for (job, answer) in zip(jobs, LineJobs.run(jobs)) { check(job, answer) }
        #expect(try runs(fixture).count == Processors.count + 1)
    }

    @Test func whatDoesNotEndWellIsAskedOneByOne() throws {
        let fixture = try CompiledFixture()
        let tool = try LineSymbolizerTests.tool(fixture, Self.script)
        var jobs = (0..<6).map { job(tool, "/lib/\($0)", 0x10..<UInt64(0x11 + $0), megabytes: 1) }
        jobs.insert(job(tool, "/lib/bad", 1..<4, megabytes: 1), at: 2)
        jobs.append(job(tool, "/large/bad", 0..<2048, megabytes: 9))
        let answers = LineJobs.run(jobs)
        for (job, answer) in zip(jobs, answers) where !job.path.hasSuffix("bad") { check(job, answer) }
        for place in [2, 7] {
            guard case .exited(status: 3, message: _)? = answers[place]?.failure else {
                Issue.record("no failure of \(jobs[place].path)")
                continue
            }
            #expect(answers[place]?.frames.count == jobs[place].addresses.count)
        }
    }
}
