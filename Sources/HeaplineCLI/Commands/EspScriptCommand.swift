// SPDX-License-Identifier: Apache-2.0
//
// `heapline esp script`: runs an operation file on an emulated chip and prints the result lines.

internal import ArgumentParser
internal import Glibc
internal import Heapline

struct EspScriptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "script",
        abstract: "Runs heap operations from a file on an emulated chip and prints what each returns.",
        discussion: """
            One operation per line, for example "cmalloc 1 1024 0x808" or "free 1"; lines that begin with # are comments. \
            Each operation prints one result line, after the lines of the chip's own output, which begin with "| ". An \
            operation that would stop the chip prints "abort". A malformed line ends the run with its number and exit \
            status 1.
            """)

    enum Place: String, ExpressibleByArgument, CaseIterable {
        case auto
        case inPlace = "in-place"
        case elsewhere

        var mapping: ESPHeap.Mapping {
            switch self {
            case .auto: .automatic
            case .inPlace: .inPlace
            case .elsewhere: .elsewhere
            }
        }
    }

    @Argument(help: "The operation file; - for standard input.")
    var file: String

    @Option(help: "The chip, such as esp32s3.")
    var chip = "esp32"

    @Option(
        help: """
            none, light, comp (poisoning), task, taskdel, taskcomp (task tracking), trace, tracehash (heap tracing); \
            v44., v448., v53., v54. in front for older versions of ESP-IDF, such as v53.light; v44trace.
            """)
    var variant = "none"

    @Option(help: "Where the chip's memory lies in this process. The results are the same.")
    var memory = Place.auto

    func run() throws {
        guard let chip = ESPChip(target: chip) else {
            let known = ESPChip.all.map(\.target).joined(separator: ", ")
            throw ValidationError("No chip is called '\(chip)'. The chips are \(known).")
        }
        let script = ESPScript(bytes: try readFile())
        do {
            try script.run(chip: chip, variant: variant, mapping: memory.mapping) { Self.write($0) }
        } catch {
            fail(error.line.map { "\(file):\($0): \(error.message)" } ?? error.message)
            throw ExitCode(1)
        }
    }

    private func fail(_ message: String) {
        let bytes = Array("heapline: \(message)\n".utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
    }

    private static func write(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[done...])
                let written = unsafe Glibc.write(1, rest.baseAddress, rest.count)
                if written < 0 && errno == EINTR { continue }
                guard written > 0 else { return }
                done += written
            }
        }
    }

    private func readFile() throws -> [UInt8] {
        let descriptor = file == "-" ? 0 : unsafe open(file, O_RDONLY | O_CLOEXEC)
        defer { if descriptor > 0 { close(descriptor) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var count = descriptor < 0 ? -1 : 0
        while descriptor >= 0 {
            count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        if count < 0 {
            fail("\(file): \(unsafe String(cString: strerror(errno)))")
            throw ExitCode(1)
        }
        return bytes
    }
}
