// SPDX-License-Identifier: Apache-2.0
//
// From calls on recorded stacks to places in files: the module that was there, and the address within it by which all
// processes that loaded the file, and all runs, agree.

internal import HeaplineCollector

struct CodePlaces {
    private let processes: [TraceProcess]
    private let images: [[ModuleImage]]

    init(_ trace: Trace) {
        processes = trace.processes
        // As files: without where they were loaded.
        images = processes.map { $0.modules.map { ModuleImage(path: $0.path, buildID: $0.buildID) } }
    }

    /// The module of a call, and the virtual address in its file of the call itself: to be asked for as
    /// ``CodeAddress/instruction``.
    func place(of frame: StackFrame, process: Int) -> (image: ModuleImage, address: UInt64) {
        let address = frame.isExact || frame.pc == 0 ? frame.pc : frame.pc - 1
        guard let index = processes[process].module(of: frame) else {
            return (.runtimeCode(processID: Int(processes[process].pid)), address)
        }
        return (images[process][index], address &- processes[process].modules[index].bias)
    }
}

extension SymbolizerOptions {
    /// The same, knowing what the trace says of when it was recorded.
    func dated(_ trace: Trace) -> SymbolizerOptions {
        var result = self
        result.recordingEnd = recordingEnd ?? trace.endUnixNanoseconds
        return result
    }
}

extension Trace {
    /// Symbols that came with the trace. Damaged ones are left out: the files may still be there.
    func embeddedSymbols() -> EmbeddedSymbols {
        var result = EmbeddedSymbols()
        do throws(TraceError) {
            try embeddedSymbols { _, bytes in
                if let part = try? EmbeddedSymbols(decoding: bytes) { result.merge(part) }
            }
        } catch {
            return result
        }
        return result
    }
}
