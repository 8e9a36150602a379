// SPDX-License-Identifier: Apache-2.0
//
// One chip of `heapline esp chips`: its heaps as text and as JSON.
//
//     json   = {"version": 1, "chips": [chip, …]}
//     chip   = {"target", "title", "cores", "largestRequest", "externalMemory": null | {"start", "end"},
//               "usesHeapInROM", "heaps": [heap, …], "regions": [region, …]}
//     heap   = {"start", "end", "size", "type", "startupStack", "capabilities": [[name, …] × 3]}
//     region = {"start", "end", "size", "type", "startupStack", "external"}
//
// Addresses are strings with 0x and eight digits, sizes are numbers.

internal import Heapline

struct EspChipListing {
    let chip: ESPChip
    let heaps: [ESPHeap.Region]

    init(_ chip: ESPChip) throws {
        self.chip = chip
        heaps = try ESPHeap(chip: chip).regions
    }

    private func isStartupStack(_ heap: ESPHeap.Region) -> Bool {
        chip.regions.contains {
            $0.isStartupStack && heap.addresses.contains($0.start)
                || $0.isStartupStack && $0.start <= heap.addresses.lowerBound
                    && UInt64($0.start) + UInt64($0.size) > UInt64(heap.addresses.lowerBound)
        }
    }

    private static func hex(_ address: UInt32) -> String {
        ESPHeap.Address(rawValue: address).description
    }

    private static func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - text.count))
        return right ? blanks + text : text + blanks
    }

    /// The chip as a table of its heaps.
    var table: String {
        var lines = [
            "\(chip.title) (\(chip.target)): \(chip.coreCount) core\(chip.coreCount == 1 ? "" : "s"), "
                + "largest request \(chip.largestRequest) bytes"
                + (chip.externalMemory.isEmpty
                    ? ""
                    : ", external memory at \(Self.hex(chip.externalMemory.lowerBound))–"
                        + Self.hex(chip.externalMemory.upperBound))
                + (chip.usesHeapInROM ? "; default builds use the older heap in ROM" : "")
        ]
        lines.append("  start      end          size  type           capabilities by priority")
        for heap in heaps {
            let capabilities = heap.capabilities.map { $0.isEmpty ? "–" : $0.idfNames.joined(separator: ",") }
            let type = (heap.type ?? "?") + (isStartupStack(heap) ? "*" : "")
            lines.append(
                "  \(Self.hex(heap.addresses.lowerBound)) \(Self.hex(heap.addresses.upperBound)) "
                    + "\(Self.pad(String(heap.addresses.count), 6, right: true))  \(Self.pad(type, 14)) "
                    + capabilities.joined(separator: " / "))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// All chips as JSON.
    static func json(_ listings: [EspChipListing]) -> String {
        "{\"version\": 1, \"chips\": [\n" + listings.map(\.json).joined(separator: ",\n") + "\n]}"
    }

    private var json: String {
        let external =
            chip.externalMemory.isEmpty
            ? "null"
            : "{\"start\": \"\(Self.hex(chip.externalMemory.lowerBound))\", "
                + "\"end\": \"\(Self.hex(chip.externalMemory.upperBound))\"}"
        let heapLines = heaps.map { heap in
            let sets = heap.capabilities.map { set in
                "[" + set.idfNames.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
            }
            return Self.memory(heap.addresses, type: heap.type ?? "", stack: isStartupStack(heap))
                + ", \"capabilities\": [\(sets.joined(separator: ", "))]}"
        }
        let regionLines = chip.regions.map { region in
            Self.memory(
                region.start..<(region.start + UInt32(region.size)), type: region.type, stack: region.isStartupStack)
                + ", \"external\": \(region.isExternal)}"
        }
        return """
              {"target": "\(chip.target)", "title": "\(chip.title)", "cores": \(chip.coreCount), \
            "largestRequest": \(chip.largestRequest), "externalMemory": \(external), \
            "usesHeapInROM": \(chip.usesHeapInROM),
               "heaps": [
            \(heapLines.joined(separator: ",\n"))],
               "regions": [
            \(regionLines.joined(separator: ",\n"))]}
            """
    }

    private static func memory(_ addresses: Range<UInt32>, type: String, stack: Bool) -> String {
        "    {\"start\": \"\(hex(addresses.lowerBound))\", \"end\": \"\(hex(addresses.upperBound))\", "
            + "\"size\": \(addresses.count), \"type\": \"\(type)\", \"startupStack\": \(stack)"
    }
}
