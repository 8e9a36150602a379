// SPDX-License-Identifier: Apache-2.0
//
// Names for code addresses of a firmware program: as a filter over its output, in the manner of a serial monitor, and for
// reports.

internal import Glibc
internal import HeaplineAnalysis

final class FirmwareSymbols {
    private let symbolizer = Symbolizer()
    private let module: ModuleImage

    init(program: String) {
        module = ModuleImage(path: program)
    }

    /// "function at file:line", the innermost inlined function first, for each address that has a name.
    func names(of addresses: [UInt64]) -> [[String]] {
        symbolizer.symbolize(module: module, addresses: addresses).map { frames in
            frames.filter(\.isNamed).map { frame in
                guard let file = frame.file else { return frame.function }
                let name = file.split(separator: "/").last.map(String.init) ?? file
                return "\(frame.function) at \(name):\(frame.line ?? 0)"
            }
        }
    }

    /// Runs a program and follows each of its lines that holds code addresses by what they mean.
    func run(_ command: [String], environment variables: [String: String]) throws -> CInt {
        var ends: [CInt] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw CommandFailure("no pipe: \(unsafe String(cString: strerror(errno)))") }
        let output = dup(STDOUT_FILENO)
        dup2(ends[1], STDOUT_FILENO)
        close(ends[1])
        let relay = SignalRelay()
        let child = try Launcher(
            command, environment: FirmwareWorkshop.environment(adding: variables), signalMask: relay.before)
        dup2(output, STDOUT_FILENO)
        close(output)
        var rest: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(ends[0], $0.baseAddress, $0.count) }
            if count <= 0 { break }
            rest += piece[..<count]
            while let end = rest.firstIndex(of: 0x0a) {
                show(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
        }
        if !rest.isEmpty { print(String(decoding: rest, as: UTF8.self), terminator: "") }
        var status: CInt = 0
        unsafe waitpid(child.pid, &status, 0)
        return status
    }

    private func show(_ line: String) {
        print(line)
        // What is not an address of this program has no name and gives no line.
        let addresses = codeAddresses(in: line)
        for (address, names) in zip(addresses, names(of: addresses)) where !names.isEmpty {
            for name in names { print("--- 0x\(String(address, radix: 16)): \(name)") }
        }
    }

    /// The hexadecimal numbers after "caller" and "freed by", the words of heap tracing.
    private func codeAddresses(in line: String) -> [UInt64] {
        let words = line.split { $0 == " " || $0 == ":" }
        guard let start = words.firstIndex(where: { $0 == "caller" || $0 == "by" }) else { return [] }
        return words[start...].compactMap { word in
            word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16).flatMap { $0 == 0 ? nil : $0 } : nil
        }
    }
}
