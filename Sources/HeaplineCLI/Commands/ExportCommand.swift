// SPDX-License-Identifier: Apache-2.0
//
// `heapline export`: a trace in the formats of other tools.

internal import ArgumentParser
internal import Glibc
internal import HeaplineAnalysis
internal import HeaplineCollector
internal import HeaplineExport

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes a trace in the format of another tool.",
        discussion: """
            Formats:
            \(ExportFormat.allCases.map { "  \($0.rawValue)\(String(repeating: " ", count: 12 - $0.rawValue.count))\($0.summary)" }.joined(separator: "\n"))

            A pprof file is what Pyroscope and Parca take (from and until are seconds since 1970):

              curl -F profile=@FILE "http://HOST:4040/ingest?name=APP&format=pprof&from=FROM&until=UNTIL"
              parca-push --remote-store-address=HOST:7070 --labels=__name__=memory FILE

            Exit status: 0, or 1 when the trace cannot be read, lacks what the format needs, or the file cannot be written.
            """)

    @Argument(help: "A trace; its kind is recognised by its content.")
    var file: String

    @Option(name: .shortAndLong, help: "One of the formats below.")
    var format: String

    @Option(name: .shortAndLong, help: "The file to write; - for standard output.")
    var output: String

    @Option(
        help:
            "What folded stacks are weighted by: \(Measure.allCases.map(\.rawValue).joined(separator: ", ")) (default: bytes)."
    )
    var measure: String?

    @Flag(help: "Replace an existing file.")
    var force = false

    @OptionGroup var traceOptions: TraceOptions

    func validate() throws {
        if ExportFormat(name: format) == nil {
            let known = ExportFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no format \"\(format)\"; there are: \(known)")
        }
        if let measure {
            guard Measure(rawValue: measure) != nil else {
                let known = Measure.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("there is no measure \"\(measure)\"; there are: \(known)")
            }
            if ExportFormat(name: format) != .folded {
                throw ValidationError("--measure is for folded stacks; other formats hold every measure")
            }
        }
    }

    func run() throws {
        guard let format = ExportFormat(name: format) else { return }
        let toStandardOutput = output == "-"
        do {
            if toStandardOutput, format.isBinary, isatty(STDOUT_FILENO) == 1 {
                throw CommandFailure("\(format.rawValue) is no text; name a file with -o")
            }
            if !toStandardOutput { try ExportFile.check(output, force: force) }
            let exporter = try exporter(format)
            let measure = measure.flatMap(Measure.init(rawValue:)) ?? .bytes
            if toStandardOutput {
                let sink = ExportSink { bytes throws(TraceError) in
                    try ExportFile.write(bytes, to: STDOUT_FILENO, path: "standard output")
                }
                try exporter.write(format, measure: measure, to: sink)
            } else {
                try ExportFile.write(output, force: force) { sink in
                    try exporter.write(format, measure: measure, to: sink)
                }
            }
            for note in exporter.notes { Terminal.error("heapline: \(note)") }
        } catch {
            Terminal.error("heapline: \(error)")
            throw ExitCode(1)
        }
    }

    /// An exporter of the whole trace, or of its largest process when the format holds only one.
    private func exporter(_ format: ExportFormat) throws(TraceError) -> Exporter {
        let all = Exporter(try traceOptions.tree(file, activity: format.usesActivity))
        guard let process = all.process(for: format) else { return all }
        Terminal.error(
            "heapline: \(format.rawValue) holds one process: \(process.name) (pid \(process.pid)) is written, "
                + "as it allocated most of \(all.history.trace.processes.count); --process chooses another")
        return Exporter(try traceOptions.tree(all.history.trace, processes: [process.id], activity: format.usesActivity))
    }
}
