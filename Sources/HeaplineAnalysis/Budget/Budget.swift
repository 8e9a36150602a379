// SPDX-License-Identifier: Apache-2.0
//
// A budget: the most that a program, or one function with all it calls, may leak, hold at the peak, allocate, or allocate
// in vain. Written as on the command line:
//
//   budget := limit | function "=" limit           limit := digits ("K" | "M" | "G")? ("iB" | "B")?

/// What a budget limits.
public enum BudgetKind: String, Sendable, Hashable, CaseIterable {
    /// Bytes alive at the end that are nobody's: not suppressed, not a runtime's, not known to be reachable.
    case leaked
    /// The most live bytes at one moment.
    case peak
    /// Allocations, reallocations included.
    case allocations
    /// Blocks freed before their thread's next allocation.
    case temporary

    /// Whether the limit is in bytes.
    public var isBytes: Bool { self == .leaked || self == .peak }
    /// The option that sets it.
    public var option: String { "max-\(rawValue)" }
}

/// A limit for the whole program or one function.
public struct Budget: Sendable, Hashable {
    public var kind: BudgetKind
    /// A function; nil for the whole program.
    public var function: String?
    public var limit: UInt64

    public init(kind: BudgetKind, function: String? = nil, limit: UInt64) {
        self.kind = kind
        self.function = function
        self.limit = limit
    }

    /// Reads one as written on the command line; nil when it is none.
    public init?(_ kind: BudgetKind, parsing text: String) {
        var number = text[...]
        var function: String?
        // The last one: names of operators have some of their own.
        if let equals = text.lastIndex(of: "=") {
            function = String(text[..<equals])
            number = text[text.index(after: equals)...]
            if function?.isEmpty ?? true { return nil }
        }
        guard let limit = Self.number(number, isBytes: kind.isBytes) else { return nil }
        self.init(kind: kind, function: function, limit: limit)
    }

    /// `1500`, `64K`, `64KiB`, `2MiB`; powers of 1024 for bytes, of 1000 for counts.
    static func number(_ text: Substring, isBytes: Bool) -> UInt64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let value = UInt64(digits) else { return nil }
        let unit = text.dropFirst(digits.count).lowercased()
        let step: UInt64 = isBytes ? 1024 : 1000
        let names =
            isBytes ? ["": "", "b": "", "kib": "k", "kb": "k", "mib": "m", "mb": "m", "gib": "g", "gb": "g"] : [:]
        let factor: UInt64
        switch names[unit] ?? unit {
        case "": factor = 1
        case "k": factor = step
        case "m": factor = step * step
        case "g": factor = step * step * step
        default: return nil
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// Whether a call is of the function that a budget names: by its whole name, its name without arguments, or the end of
    /// that after `::` or `.`.
    public static func names(_ function: String, _ frame: SymbolFrame) -> Bool {
        if frame.function == function { return true }
        let short = frame.shortFunction
        if short == function { return true }
        return short.hasSuffix("::" + function) || short.hasSuffix("." + function)
    }
}
