// SPDX-License-Identifier: Apache-2.0
//
// The call into the C script runner.

internal import CESPHeap

extension ESPScript {
    func run(
        target: String, variant: String, mapping: ESPHeap.Mapping, output: ([UInt8]) -> Void
    ) throws(ESPError) {
        var error = hl_script_error()
        let result = withoutActuallyEscaping(output) { output in
            Self.run(text, target: target, variant: variant, mapping: mapping, sink: Sink(output), error: &error)
        }
        guard result == 0 else {
            let message = unsafe withUnsafeBytes(of: &error.message) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            throw ESPError(
                code: .script, name: "script", message: message, line: error.line == 0 ? nil : Int(error.line))
        }
    }

    private final class Sink {
        let write: ([UInt8]) -> Void

        init(_ write: @escaping ([UInt8]) -> Void) {
            self.write = write
        }
    }

    private static func run(
        _ text: [UInt8], target: String, variant: String, mapping: ESPHeap.Mapping, sink: Sink,
        error: inout hl_script_error
    ) -> Int32 {
        unsafe target.withCString { target in
            unsafe variant.withCString { variant in
                unsafe text.withUnsafeBytes { bytes in
                    var options = unsafe hl_script_options(
                        target: target, variant: variant, mapping: mapping.cValue,
                        context: Unmanaged.passUnretained(sink).toOpaque(),
                        output: { context, text, length in
                            guard let context = unsafe context else { return }
                            let sink = unsafe Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
                            sink.write(unsafe Array(UnsafeRawBufferPointer(start: text, count: length)))
                        })
                    guard let start = bytes.baseAddress else {
                        return unsafe hl_script_run("", 0, &options, &error)
                    }
                    return unsafe hl_script_run(
                        start.assumingMemoryBound(to: CChar.self), bytes.count, &options, &error)
                }
            }
        }
    }
}
