// SPDX-License-Identifier: Apache-2.0
//
// What memory can do: ESP-IDF's MALLOC_CAP_… bits.

/// What a piece of a chip's memory can do, and what a caller may ask of it.
///
/// An allocation takes memory that has *all* the capabilities asked for. Asking for none (`[]`) never succeeds.
public struct ESPCapabilities: OptionSet, Hashable, Sendable {
    /// The bits as ESP-IDF numbers them.
    public let rawValue: UInt32

    /// Makes a set of ESP-IDF's bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Code may run there (memory protection off).
    public static let executable = Self(rawValue: 1 << 0)
    /// Aligned 32-bit accesses.
    public static let words = Self(rawValue: 1 << 1)
    /// Accesses of any width.
    public static let bytes = Self(rawValue: 1 << 2)
    /// Reachable by DMA.
    public static let dma = Self(rawValue: 1 << 3)
    /// External memory.
    public static let external = Self(rawValue: 1 << 10)
    /// Memory that stays when the flash cache is off.
    public static let `internal` = Self(rawValue: 1 << 11)
    /// What `malloc` may return.
    public static let `default` = Self(rawValue: 1 << 12)
    /// Instruction memory with byte access.
    public static let instructionBytes = Self(rawValue: 1 << 13)
    /// Kept during light sleep.
    public static let retention = Self(rawValue: 1 << 14)
    /// RTC fast memory.
    public static let rtc = Self(rawValue: 1 << 15)
    /// Scratchpad memory.
    public static let scratchpad = Self(rawValue: 1 << 16)
    /// Aligned to the cache line.
    public static let cacheAligned = Self(rawValue: 1 << 19)
    /// Usable by vector instructions.
    public static let simd = Self(rawValue: 1 << 20)
    /// No memory has it.
    public static let invalid = Self(rawValue: 1 << 31)

    private static let names: [(bit: UInt32, name: String)] = [
        (0, "EXEC"), (1, "32BIT"), (2, "8BIT"), (3, "DMA"), (4, "PID2"), (5, "PID3"), (6, "PID4"), (7, "PID5"),
        (8, "PID6"), (9, "PID7"), (10, "SPIRAM"), (11, "INTERNAL"), (12, "DEFAULT"), (13, "IRAM_8BIT"),
        (14, "RETENTION"), (15, "RTCRAM"), (16, "SPM"), (17, "DMA_DESC_AHB"), (18, "DMA_DESC_AXI"),
        (19, "CACHE_ALIGNED"), (20, "SIMD"), (21, "SPIRAM_NO_ENC"), (31, "INVALID"),
    ]

    /// ESP-IDF's names of the capabilities in the set, without their common prefix, lowest bit first.
    public var idfNames: [String] {
        Self.names.filter { rawValue & (1 << $0.bit) != 0 }.map(\.name)
    }
}
