// SPDX-License-Identifier: Apache-2.0
//
// Reading the C layout tables.

internal import CESPHeap

extension ESPChip {
    static func loadAll() -> [ESPChip] {
        var chips: [ESPChip] = []
        while let layout = unsafe hl_layout_at(chips.count) {
            chips.append(unsafe ESPChip(layout.pointee))
        }
        return chips
    }

    private init(_ layout: hl_layout) {
        let types = unsafe UnsafeBufferPointer(start: layout.types, count: Int(layout.type_count))
        let regions = unsafe UnsafeBufferPointer(start: layout.regions, count: Int(layout.region_count))
        unsafe self.init(
            target: String(cString: layout.target), title: String(cString: layout.title), coreCount: Int(layout.cores),
            largestRequest: Int(layout.max_contiguous), externalMemory: layout.external.low..<layout.external.high,
            usesHeapInROM: layout.rom_tlsf,
            regions: regions.map { region in
                unsafe Region(
                    start: region.start, size: Int(region.size), type: String(cString: types[Int(region.type)].name),
                    isStartupStack: region.startup_stack, isExternal: UInt32(region.when) == HL_WHEN_PSRAM.rawValue)
            })
    }
}
