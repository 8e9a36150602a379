// SPDX-License-Identifier: Apache-2.0
//
// Addresses to functions, files and lines, a module at a time. In this order: symbols embedded in the trace, unless debug
// information they lacked is here; the perf map or the vDSO for code without a file; debug information through
// llvm-symbolizer; symbol tables; the start of the function. Whatever was missing on the way is in `problems` with its remedy.

import Glibc

/// Names addresses of recorded modules.
///
/// Answers are remembered, so asking for an address twice costs a look-up; the same files give the same answers in any
/// order. Not thread safe: it is meant to be used by the one task that writes a report.
public final class Symbolizer {
    private let options: SymbolizerOptions
    private let embedded: EmbeddedSymbols
    private let search: DebugFileSearch
    private var modules: [ModuleImage: ModuleState] = [:]
    private var order: [ModuleImage] = []
    private var demangled: [String: String] = [:]
    private lazy var tool: String? = findTool()

    private final class ModuleState {
        var frames: [UInt64: [SymbolFrame]] = [:]
        var symbols: ModuleSymbols?
        var prepared: (symbols: ModuleSymbols, lines: LineJobs.Answer?)?
        var problems: [SymbolProblem] = []
        var hasLines = false  // of any address so far
    }

    /// - Parameter embedded: symbols that came with the trace; they are asked first.
    public init(options: SymbolizerOptions = SymbolizerOptions(), embedded: EmbeddedSymbols = EmbeddedSymbols()) {
        self.options = options
        self.embedded = embedded
        search = DebugFileSearch(options: options)
    }

    /// What kept addresses that were asked for from having names or lines, in the order they were met.
    public var problems: [ModuleImage: [SymbolProblem]] {
        modules.compactMapValues { $0.problems.isEmpty ? nil : $0.problems }
    }

    /// The modules asked for, in that order.
    public var symbolizedModules: [ModuleImage] { order }

    /// The frames of each address, the innermost inlined function first; never empty.
    ///
    /// Ask for all addresses of a module at once: each call may start llvm-symbolizer.
    ///
    /// - Parameters:
    ///   - addresses: virtual addresses in the module's file (``ModuleImage/virtualAddress(of:)``).
    ///   - kind: what the addresses are; return addresses are looked up at the call, `address - 1`.
    public func symbolize(
        module: ModuleImage, addresses: [UInt64], kind: CodeAddress = .returnAddress
    ) -> [[SymbolFrame]] {
        let state = state(of: module)
        let places = addresses.map { kind == .returnAddress && $0 > 0 ? $0 - 1 : $0 }
        let unknown = Set(places.filter { state.frames[$0] == nil }).sorted()
        if !unknown.isEmpty { resolve(module, state, unknown) }
        return places.map { state.frames[$0] ?? [] }
    }

    /// Reads the debug information of several modules at once, ahead of the questions about each of them.
    ///
    /// - Parameter questions: modules, and addresses of instructions in each.
    func prepare(_ questions: [(module: ModuleImage, addresses: [UInt64])]) {
        guard questions.count > 1, !options.addressesOnly, options.tool != .none, tool != nil else { return }
        var jobs: [LineJobs.Job] = []
        var states: [ModuleState] = []
        for (module, addresses) in questions where Self.isFile(module) {
            let state = state(of: module)
            let places = Set(addresses).sorted()
            guard state.symbols == nil, state.frames.isEmpty, let first = places.first,
                embedded.frames(module: module, place: first) == nil
            else { continue }
            let symbols = search.find(module)
            state.prepared = (symbols, nil)
            guard let symbolizer = lineSymbolizer(symbols), let file = symbols.lineFile else { continue }
            jobs.append(
                LineJobs.Job(symbolizer: symbolizer, path: file, addresses: places, effort: Int(clamping: symbols.lineFileSize)))
            states.append(state)
        }
        guard jobs.count > 1 else { return }
        for (state, answer) in zip(states, LineJobs.run(jobs)) { state.prepared?.lines = answer }
    }

    /// Whether a module's code comes from a file that could be there.
    private static func isFile(_ module: ModuleImage) -> Bool {
        !PerfMap.isPath(module.path) && module.path != KernelVDSO.path && module.path.hasPrefix("/")
            && !module.path.hasPrefix("/memfd:") && !module.path.hasPrefix("/dev/")
    }

    private func state(of module: ModuleImage) -> ModuleState {
        if let known = modules[module] { return known }
        let state = ModuleState()
        modules[module] = state
        order.append(module)
        return state
    }

    private func resolve(_ module: ModuleImage, _ state: ModuleState, _ places: [UInt64]) {
        if options.addressesOnly {
            for place in places {
                state.frames[place] = [SymbolFrame(function: "0x" + String(place, radix: 16), module: module.path)]
            }
            return
        }
        let isBetterHere = hasMoreThanEmbedded(module, state)
        var rest: [UInt64] = []
        for place in places {
            if !isBetterHere, let frames = embedded.frames(module: module, place: place) {
                state.frames[place] = frames
            } else {
                rest.append(place)
            }
        }
        if rest.count < places.count {
            for problem in embedded.problems(module: module) { note(problem, in: state) }
        }
        guard !rest.isEmpty else { return }
        if PerfMap.isPath(module.path) {
            resolveRuntimeCode(module, state, rest)
        } else if module.path == KernelVDSO.path {
            let image = KernelVDSO.image(buildID: module.buildID)
            if image == nil { note(.foreignVDSO, in: state) }
            resolveFile(module, state, rest, ModuleSymbols(image: image))
        } else if !Self.isFile(module) {
            note(.notAFile(name: module.path), in: state)
            resolveFile(module, state, rest, ModuleSymbols())
        } else {
            let symbols = state.symbols ?? state.prepared?.symbols ?? search.find(module)
            if state.symbols == nil {
                state.symbols = symbols
                for problem in symbols.problems { note(problem, in: state) }
            }
            resolveFile(module, state, rest, symbols)
        }
    }

    /// Whether lines that were not there when symbols were embedded can be had by now, for the very same build.
    private func hasMoreThanEmbedded(_ module: ModuleImage, _ state: ModuleState) -> Bool {
        guard !module.buildID.isEmpty, !embedded.problems(module: module).isEmpty, options.tool != .none else { return false }
        let symbols = state.symbols ?? search.find(module)
        guard symbols.lineFile != nil, tool != nil else { return false }
        state.symbols = symbols
        return true
    }

    private func resolveFile(_ module: ModuleImage, _ state: ModuleState, _ places: [UInt64], _ symbols: ModuleSymbols) {
        var tables = SymbolSearch(addresses: places)
        for file in [symbols.debug, symbols.image] {
            file?.scanSymbols(into: &tables, .full)
            file?.scanSymbols(into: &tables, .dynamic)
        }
        let names = tables.results()
        // Nobody's start-up code has lines: a program that was seen there only lacks none.
        let expectsLines = names.contains { $0?.name != "_start" }
        let lines = lineFrames(module, state, places, symbols, expectsLines)
        for (index, place) in places.enumerated() {
            let named = names[index].map { demangle($0.name) }
            var frames: [SymbolFrame] = []
            let inner = lines.map { $0[index] } ?? []
            for (level, line) in inner.enumerated() {
                let isOutermost = level == inner.count - 1
                // Without line and file the tool only guessed from the symbol table, which is read better here.
                let isGuess = isOutermost && line.line == nil && !(line.file?.utf8.contains(UInt8(ascii: "/")) ?? false)
                let function = isGuess ? nil : line.function.map { demangle($0) }
                frames.append(
                    SymbolFrame(
                        function: function ?? (isOutermost ? named : nil) ?? address(of: place, symbols),
                        file: isGuess ? nil : line.file, line: line.line, module: module.path, inlined: !isOutermost))
            }
            if frames.isEmpty {
                frames = [SymbolFrame(function: named ?? address(of: place, symbols), module: module.path)]
            }
            state.frames[place] = frames
        }
    }

    private func lineFrames(
        _ module: ModuleImage, _ state: ModuleState, _ places: [UInt64], _ symbols: ModuleSymbols, _ expectsLines: Bool
    ) -> [[LineFrame]]? {
        guard let file = symbols.lineFile, options.tool != .none else { return nil }
        guard let symbolizer = lineSymbolizer(symbols) else {
            note(.symbolizerMissing(path: file), in: state)
            return nil
        }
        let frames: [[LineFrame]]
        let failure: ChildProcess.Failure?
        if let answer = state.prepared?.lines, answer.addresses == places {
            (frames, failure) = (answer.frames, answer.failure)
        } else {
            (frames, failure) = symbolizer.frames(in: file, addresses: places)
        }
        state.prepared?.lines = nil
        if let failure {
            note(.symbolizerFailed(path: file, reason: failure.description), in: state)
        } else if frames.contains(where: { $0.contains { $0.line != nil } }) {
            state.hasLines = true
            state.problems.removeAll { if case .noDebugInfo = $0 { true } else { false } }
        } else if !state.hasLines, expectsLines {
            // Debug information of the start-up code alone, or of other parts than those asked for so far.
            let package = search.packages.debugPackage(for: options.sysroot + module.path)
            note(.noDebugInfo(path: file, package: package), in: state)
        }
        return frames
    }

    private func lineSymbolizer(_ symbols: ModuleSymbols) -> LineSymbolizer? {
        guard let tool else { return nil }
        let limit = options.memoryLimit == 0 ? 0 : options.memoryLimit &+ 2 * UInt64(symbols.lineFileSize)
        return LineSymbolizer(
            tool: tool, environment: options.childEnvironment, memoryLimit: limit,
            silenceLimitSeconds: options.silenceLimitSeconds)
    }

    private func resolveRuntimeCode(_ module: ModuleImage, _ state: ModuleState, _ places: [UInt64]) {
        let path = options.sysroot + module.path
        let store = try? ByteStore(mapping: path)
        if store == nil { note(.noPerfMap(path: path), in: state) }
        let names = store.map { PerfMap.names(in: $0, addresses: places) } ?? places.map { _ in nil }
        for (place, found) in zip(places, names) {
            let function = found.map { demangle($0.name) } ?? "0x" + String(place, radix: 16)
            state.frames[place] = [SymbolFrame(function: function, module: module.path)]
        }
    }

    // One name for all of a nameless function's addresses, if the unwind table knows where it starts.
    private func address(of place: UInt64, _ symbols: ModuleSymbols) -> String {
        "0x" + String(symbols.image?.functionStart(holding: place) ?? place, radix: 16)
    }

    private func demangle(_ name: String) -> String {
        if let known = demangled[name] { return known }
        let source = Demangler.demangle(name)
        demangled[name] = source
        return source
    }

    private func note(_ problem: SymbolProblem, in state: ModuleState) {
        if !state.problems.contains(problem) { state.problems.append(problem) }
    }

    private func findTool() -> String? {
        switch options.tool {
        case .automatic: SymbolizerTool(environment: options.environment).symbolizer()
        case .path(let path): SymbolizerTool.isExecutable(path) ? path : nil
        case .none: nil
        }
    }
}
