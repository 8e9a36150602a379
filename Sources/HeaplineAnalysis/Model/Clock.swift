// SPDX-License-Identifier: Apache-2.0
//
// Each process counts ticks of its own clock from its own start. Inside a process ticks are compared as they are; between
// processes, and for people, they become nanoseconds since the trace's start.

/// Turns the ticks of one process into nanoseconds since the trace's start.
///
/// `nanoseconds(t) = offset + t * 10⁹ / hz`, rounded down.
public struct Clock: Hashable, Sendable {
    /// Ticks per second, above 0.
    public let hz: UInt64
    /// Nanoseconds from the trace's start to the process's tick 0.
    public let offset: UInt64

    public init(hz: UInt64, offset: UInt64) {
        self.hz = hz == 0 ? 1_000_000_000 : hz
        self.offset = offset
    }

    public func nanoseconds(_ ticks: UInt64) -> UInt64 {
        let (sum, overflow) = offset.addingReportingOverflow(duration(ticks))
        return overflow ? .max : sum
    }

    /// A span of ticks as nanoseconds.
    public func duration(_ ticks: UInt64) -> UInt64 {
        let (high, low) = ticks.multipliedFullWidth(by: 1_000_000_000)
        guard high < hz else { return .max }
        return hz.dividingFullWidth((high, low)).quotient
    }

    /// The first tick that is not before `nanoseconds` since the trace's start.
    public func ticks(atOrAfter nanoseconds: UInt64) -> UInt64 {
        guard nanoseconds > offset else { return 0 }
        let (high, low) = (nanoseconds - offset).multipliedFullWidth(by: hz)
        guard high < 1_000_000_000 else { return .max }
        let (quotient, remainder) = UInt64(1_000_000_000).dividingFullWidth((high, low))
        return remainder == 0 ? quotient : quotient &+ 1
    }
}
