// SPDX-License-Identifier: Apache-2.0
//
// How a workload is traced: by nobody, by us in one of our modes, or by a peer.

internal import Foundation

enum Allocator: String, Codable { case system, jemalloc, tcmalloc }

/// What a record of an event holds, so that nobody wins by recording less.
struct Recorded: OptionSet, Codable {
    var rawValue: Int
    static let counts = Recorded(rawValue: 1)
    static let stack = Recorded(rawValue: 2)
    static let time = Recorded(rawValue: 4)
    static let thread = Recorded(rawValue: 8)
    static let address = Recorded(rawValue: 16)
    static let frees = Recorded(rawValue: 32)
    static let everyEvent: Recorded = [.counts, .time, .thread, .address, .frees]

    var words: String {
        let names: [(Recorded, String)] = [
            (.counts, "counts"), (.stack, "stack"), (.time, "time"), (.thread, "thread"), (.address, "address"), (.frees, "frees"),
        ]
        let held = names.filter { contains($0.0) }.map(\.1)
        return held.isEmpty ? "–" : held.joined(separator: " ")
    }
}

/// A command about to be run, as tracers change it.
struct Launch {
    var arguments: [String]
    var environment: [String: String]
    /// Where the traces of this run go.
    var folder: String

    mutating func preload(_ library: String) {
        environment["LD_PRELOAD"] = ([library] + [environment["LD_PRELOAD"]].compactMap { $0 }).joined(separator: ":")
    }
}

/// What a tracer says it saw.
struct Sighting {
    var events: Double?
    var allocations: Double?
    var lost: Double?
}

struct Tracer {
    enum Group: String, Codable { case untraced, heapline, peer }

    var name: String
    var group: Group
    var mode: String?
    var depth: Int?
    var allocator: Allocator = .system
    var records: Recorded = []
    /// Runs in every round; the others once before the time is up, and again in every third round.
    var often = true
    /// Costs so much that looking at memory meanwhile does not matter: one run gives everything.
    var isSlow = false
    /// Not for real programs in a quick run.
    var isHeavy = false
    /// Takes as long as all others together on real programs: runs there in every third round.
    var isDear = false
    /// The part of the events a tracer this slow is given, where the workload can be made smaller.
    var divisor = 1
    /// Its own part in CPU time and memory is in daemons that run all the time.
    var usesLTTng = false
    var onlyPython = false
    /// Only a peer is limited at all.
    var limitsMemory = true
    var prepare: @Sendable (inout Launch) -> Void = { _ in }
    /// The command that turns the run's files into text.
    var report: (@Sendable (_ folder: String, _ program: String) -> [String]?)?
    /// The command whose output says what was recorded, where the report is not it.
    var totals: (@Sendable (_ folder: String) -> [String])?
    /// Reads what was printed: by the run, and by the report or, where there is one, the totals (their beginning).
    var sighting: @Sendable (_ run: String, _ report: String) -> Sighting = { _, _ in Sighting() }

    static func untraced(_ allocator: Allocator) -> Tracer {
        var tracer = Tracer(name: "untraced", group: .untraced)
        tracer.allocator = allocator
        let library: String? =
            switch allocator {
            case .system: nil
            case .jemalloc: Toolbox.library("libjemalloc.so.2")
            case .tcmalloc: Toolbox.library("libtcmalloc.so.4")
            }
        tracer.prepare = { launch in if let library { launch.preload(library) } }
        return tracer
    }

    /// One number before `word` in `text`.
    static func number(before word: String, in text: String) -> Double? {
        guard let place = text.range(of: word) else { return nil }
        let digits = text[..<place.lowerBound].reversed().drop { $0 == " " }.prefix { $0.isNumber || $0 == "," }
        return Double(String(digits.reversed()).replacingOccurrences(of: ",", with: ""))
    }

    /// One number after `word` in `text`.
    static func number(after word: String, in text: String) -> Double? {
        guard let place = text.range(of: word) else { return nil }
        return Double(String(text[place.upperBound...].drop { $0 == " " || $0 == "\t" }.prefix { $0.isNumber }))
    }
}
