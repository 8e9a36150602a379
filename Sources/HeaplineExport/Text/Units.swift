// SPDX-License-Identifier: Apache-2.0
//
// Numbers for people: bytes in powers of 1024 with three digits, counts with separators, times in the unit that fits.

/// How numbers are written in text.
public struct Units: Sendable {
    /// Write exact bytes instead of KiB and MiB.
    public var exactBytes: Bool

    public init(exactBytes: Bool = false) { self.exactBytes = exactBytes }

    /// `1.25 MiB`, or `1,310,720 B`.
    public func bytes(_ value: UInt64) -> String {
        if exactBytes || value < 1024 { return Self.count(value) + " B" }
        var scaled = Double(value) / 1024
        for unit in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
            if scaled < 1023.5 { return Self.threeDigits(scaled) + " " + unit }
            scaled /= 1024
        }
        return Self.threeDigits(scaled) + " EiB"
    }

    /// `1,310,720`
    public static func count(_ value: UInt64) -> String {
        let digits = Array(String(value).utf8)
        var result: [UInt8] = []
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result.append(UInt8(ascii: ",")) }
            result.append(digit)
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// `3 blocks`, `1 block`
    public static func count(_ value: UInt64, _ noun: String) -> String {
        count(value) + " " + noun + (value == 1 ? "" : "s")
    }

    /// `1.25 s`
    public static func duration(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        if value < 1e3 { return "\(nanoseconds) ns" }
        if value < 1e6 { return threeDigits(value / 1e3) + " µs" }
        if value < 1e9 { return threeDigits(value / 1e6) + " ms" }
        if value < 120e9 { return threeDigits(value / 1e9) + " s" }
        let seconds = nanoseconds / 1_000_000_000
        if seconds < 7200 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
    }

    /// `12.5 %`
    public static func percent(_ part: UInt64, of whole: UInt64) -> String {
        guard whole > 0 else { return "–" }
        let value = Double(part) / Double(whole) * 100
        return fixed(value, value < 9.95 ? 1 : 0) + " %"
    }

    static func threeDigits(_ value: Double) -> String { fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0) }

    /// With so many digits after the point; without the C library's printf, which needs Foundation here.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        guard value.isFinite, abs(value * scale) < 9e15 else { return "\(value)" }
        let scaled = UInt64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % UInt64(scale))
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return sign + String(scaled / UInt64(scale)) + "." + zeros + fraction
    }
}
