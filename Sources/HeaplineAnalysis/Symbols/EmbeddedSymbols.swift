// SPDX-License-Identifier: Apache-2.0
//
// Symbols carried in a trace (`run --embed-symbols`), so that it reads the same on any machine, long after the binaries
// are gone. Encoding and decoding are in EmbeddedSymbols+Coding.swift.

/// Frames of addresses, by module.
public struct EmbeddedSymbols: Sendable, Hashable {
    /// What names a module across machines: its build-id, else its path.
    struct Key: Sendable, Hashable {
        var buildID: [UInt8]
        var path: String

        init(_ module: ModuleImage) {
            buildID = module.buildID
            path = module.path
        }

        init(buildID: [UInt8], path: String) {
            self.buildID = buildID
            self.path = path
        }
    }

    // place → frames; a place is the address looked up: the call, not the return address behind it.
    var modules: [Key: [UInt64: [SymbolFrame]]] = [:]
    // What kept a module's functions from having names or lines when they were looked up, as `.recorded`.
    var problems: [Key: [SymbolProblem]] = [:]

    public init() {}

    /// Whether there is nothing in it.
    public var isEmpty: Bool { modules.isEmpty }

    /// The number of addresses with frames.
    public var count: Int { modules.values.reduce(0) { $0 + $1.count } }

    /// Adds the frames of addresses of a module, as ``Symbolizer/symbolize(module:addresses:kind:)`` returned them, and
    /// its ``Symbolizer/problems``: where the trace is read nobody can look again.
    public mutating func add(
        module: ModuleImage, addresses: [UInt64], kind: CodeAddress = .returnAddress, frames: [[SymbolFrame]],
        problems: [SymbolProblem] = []
    ) {
        precondition(addresses.count == frames.count, "one list of frames for each address")
        let key = Key(module)
        for (address, frames) in zip(addresses, frames) where !frames.isEmpty {
            modules[key, default: [:]][kind == .returnAddress && address > 0 ? address - 1 : address] = frames
        }
        guard modules[key] != nil else { return }
        add(problems.map { .recorded(summary: $0.summary, remedy: $0.remedy) }, to: key)
    }

    private mutating func add(_ more: [SymbolProblem], to key: Key) {
        for problem in more where problems[key]?.contains(problem) != true { problems[key, default: []].append(problem) }
    }

    /// Adds what another table holds; where both know an address, the other's frames stay.
    public mutating func merge(_ other: EmbeddedSymbols) {
        for (key, places) in other.modules { modules[key, default: [:]].merge(places) { $1 } }
        for (key, more) in other.problems { add(more, to: key) }
    }

    /// The frames of an address; nil when it is not in the table.
    public func frames(module: ModuleImage, address: UInt64, kind: CodeAddress = .returnAddress) -> [SymbolFrame]? {
        frames(module: module, place: kind == .returnAddress && address > 0 ? address - 1 : address)
    }

    /// What kept functions of a module from having names or lines when the symbols were embedded.
    public func problems(module: ModuleImage) -> [SymbolProblem] { problems[Key(module)] ?? [] }

    func frames(module: ModuleImage, place: UInt64) -> [SymbolFrame]? { modules[Key(module)]?[place] }
}
