// SPDX-License-Identifier: Apache-2.0
//
// What `heapline esp run` prints after a program that traced its heap to the host: the log it sent, and what leaked, in the
// words of ESP-IDF's own script.

enum FirmwareReport {
    static func show(recording path: String, program: String) throws {
        if path.hasSuffix(".heapline") {
            print("The trace is \(path); heapline report \(path) reads it.")
            return
        }
        guard path.hasSuffix(".svdat"), let bytes = FirmwareWorkshop.readBytes(path) else { return }
        guard let recording = FirmwareRecording(bytes) else { throw CommandFailure("\(path): not a whole recording") }
        let symbols = FirmwareSymbols(program: program)
        var live: [UInt64: (order: Int, entry: FirmwareRecording.Entry, size: UInt64, callers: [UInt64])] = [:]
        var logs = 0
        var heapEvents = 0
        var order = 0
        for entry in recording.entries {
            switch entry.event {
            case .log(let text):
                logs += 1
                print("[\(seconds(entry))] LOG: \(text)", terminator: text.hasSuffix("\n") ? "" : "\n")
            case .allocated(let address, let size, let callers):
                heapEvents += 1
                order += 1
                if address != 0 { live[address] = (order, entry, size, callers) }
            case .freed(let address):
                heapEvents += 1
                live[address] = nil
            }
        }
        print("=============== LOG TRACE REPORT ===============\nProcessed \(logs) log messages.")
        print("=============== HEAP TRACE REPORT ===============\nProcessed \(heapEvents) heap events.")
        let leaks = live.sorted { $0.value.order < $1.value.order }
        for (address, leak) in leaks {
            let place = "[\(seconds(leak.entry))] HEAP: Allocated \(leak.size) bytes @ 0x\(String(address, radix: 16))"
            print("\(place) from task \"\(leak.entry.task)\" on core \(leak.entry.core) by:")
            let callers = Array(leak.callers.prefix { $0 != 0 })
            for (caller, names) in zip(callers, symbols.names(of: callers)) {
                let text = names.isEmpty ? "" : ": " + names.joined(separator: ", inlined into ")
                print("    0x\(String(caller, radix: 16))\(text)")
            }
        }
        if leaks.isEmpty {
            print("OK - Heap errors was not found.")
        } else {
            print("Found \(leaks.reduce(0) { $0 + $1.value.size }) leaked bytes in \(leaks.count) blocks.")
        }
    }

    /// Nine decimals, as the script prints times.
    private static func seconds(_ entry: FirmwareRecording.Entry) -> String {
        let nanoseconds = UInt64((entry.seconds * 1_000_000_000).rounded())
        let fraction = String(nanoseconds % 1_000_000_000)
        return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 9 - fraction.count) + fraction
    }
}
