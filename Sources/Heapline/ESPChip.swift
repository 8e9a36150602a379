// SPDX-License-Identifier: Apache-2.0
//
// The chips of the ESP32 family as data.

/// A chip of the ESP32 family.
///
/// A description, not a running chip: make an ``ESPHeap`` to have memory.
public struct ESPChip: Hashable, Sendable, CustomStringConvertible {
    /// A piece of memory of one type as the chip has it, before anything is reserved.
    public struct Region: Hashable, Sendable {
        /// First address.
        public let start: UInt32
        /// Size in bytes.
        public let size: Int
        /// Name of the memory type, such as `D/IRAM`.
        public let type: String
        /// Whether the start-up code uses it as its stack.
        public let isStartupStack: Bool
        /// Whether it is there only when external memory is configured.
        public let isExternal: Bool
    }

    /// ESP-IDF's target name, such as `esp32s3`.
    public let target: String
    /// The name people write, such as `ESP32-S3`.
    public let title: String
    /// Number of cores.
    public let coreCount: Int
    /// The largest possible request in bytes.
    public let largestRequest: Int
    /// Addresses of external memory, empty when the chip can not have any.
    public let externalMemory: Range<UInt32>
    /// Whether ESP-IDF's default build uses an older heap in the chip's ROM. The emulation is of the one in flash.
    public let usesHeapInROM: Bool
    /// Memory in the order of ESP-IDF's tables.
    public let regions: [Region]

    /// The title.
    public var description: String { title }

    /// The chip with this target name, or nil.
    public init?(target: String) {
        guard let chip = Self.all.first(where: { $0.target == target }) else { return nil }
        self = chip
    }

    init(
        target: String, title: String, coreCount: Int, largestRequest: Int, externalMemory: Range<UInt32>,
        usesHeapInROM: Bool, regions: [Region]
    ) {
        self.target = target
        self.title = title
        self.coreCount = coreCount
        self.largestRequest = largestRequest
        self.externalMemory = externalMemory
        self.usesHeapInROM = usesHeapInROM
        self.regions = regions
    }

    /// All chips, in the order of ESP-IDF's documents.
    public static let all: [ESPChip] = loadAll()

    private static func known(_ target: String) -> ESPChip {
        guard let chip = ESPChip(target: target) else { preconditionFailure("no layout for \(target)") }
        return chip
    }

    /// ESP32
    public static let esp32 = known("esp32")
    /// ESP32-S2
    public static let esp32s2 = known("esp32s2")
    /// ESP32-S3
    public static let esp32s3 = known("esp32s3")
    /// ESP32-C2
    public static let esp32c2 = known("esp32c2")
    /// ESP32-C3
    public static let esp32c3 = known("esp32c3")
    /// ESP32-C5
    public static let esp32c5 = known("esp32c5")
    /// ESP32-C6
    public static let esp32c6 = known("esp32c6")
    /// ESP32-C61
    public static let esp32c61 = known("esp32c61")
    /// ESP32-H2
    public static let esp32h2 = known("esp32h2")
    /// ESP32-H21
    public static let esp32h21 = known("esp32h21")
    /// ESP32-H4
    public static let esp32h4 = known("esp32h4")
    /// ESP32-P4
    public static let esp32p4 = known("esp32p4")
}
