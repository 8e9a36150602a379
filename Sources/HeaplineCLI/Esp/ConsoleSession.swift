// SPDX-License-Identifier: Apache-2.0
//
// What the console's statements do. heaptrace.* follows NodeMCU's module: same arguments, same messages.

internal import Glibc
internal import Heapline

final class ConsoleSession {
    enum Value {
        case none
        case number(Double)
        case block(ESPHeap.Address)
    }

    struct Failure: Error { var text: String }

    private let chip: ESPChip
    private var variables: [String: Value] = [:]
    private(set) var hasFailed = false
    /// Asked for by heaptrace.init: the trace that comes next.
    private var wantedCapacity: Int?
    private var isAtEnd = false

    init(chip: ESPChip) {
        self.chip = chip
        variables = [
            "heaptrace.TRACE_ALL": .number(0), "heaptrace.TRACE_LEAKS": .number(1),
        ]
        for (name, capability) in Self.capabilities { variables["MALLOC_CAP_\(name)"] = .number(Double(capability.rawValue)) }
    }

    private static let capabilities: [(String, ESPCapabilities)] = [
        ("32BIT", .words), ("8BIT", .bytes), ("DMA", .dma), ("SPIRAM", .external), ("INTERNAL", .internal),
        ("DEFAULT", .default),
    ]

    /// Reads statements until the end of input.
    ///
    /// A trace lives in a scope of the heap: heaptrace.init ends the scope and a new one begins.
    func run(_ heap: borrowing ESPHeap, prompt: String) {
        while !isAtEnd {
            if let capacity = wantedCapacity {
                wantedCapacity = nil
                do {
                    try heap.withTracing(capacity: capacity) { tracing in
                        self.loop(heap, prompt: prompt) { try self.trace($0, $1, tracing) }
                    }
                } catch {
                    report("failed to init heap tracing; code \((error as? ESPError)?.code.rawValue ?? -1)")
                }
            } else {
                loop(heap, prompt: prompt) { try self.traceWithout($0, $1) }
            }
        }
    }

    private func report(_ text: String) {
        hasFailed = true
        print("error: \(text)")
    }

    private typealias Tracer = (_ function: String, _ arguments: [Value]) throws -> Void

    private func loop(_ heap: borrowing ESPHeap, prompt: String, tracer: Tracer) {
        while wantedCapacity == nil {
            print(prompt, terminator: "")
            fflush(nil)
            guard let line = readLine() else {
                isAtEnd = true
                return
            }
            do {
                guard let statement = try ConsoleStatement(line) else { continue }
                let value = try evaluate(statement.expression, heap, tracer)
                if let variable = statement.variable { variables[variable] = value } else { show(value) }
            } catch let failure as ConsoleStatement.Failure {
                report(failure.text)
            } catch let failure as Failure {
                report(failure.text)
            } catch {
                report("\(error)")
            }
            print(heap.takeConsoleOutput(), terminator: "")
        }
    }

    private func show(_ value: Value) {
        switch value {
        case .none: break
        case .number(let number): print(number == number.rounded() ? "\(Int64(number))" : "\(number)")
        case .block(let address): print(address)
        }
    }

    private func evaluate(
        _ expression: ConsoleStatement.Expression, _ heap: borrowing ESPHeap, _ tracer: Tracer
    ) throws -> Value {
        switch expression {
        case .number(let number): return .number(number)
        case .name(let name): return variables[name] ?? .none
        case .operation(let symbol, let left, let right):
            let a = try number(evaluate(left, heap, tracer)), b = try number(evaluate(right, heap, tracer))
            switch symbol {
            case "|": return .number(Double(try integer(a) | integer(b)))
            case "+": return .number(a + b)
            case "-": return .number(a - b)
            default: return .number(a * b)
            }
        case .call(let function, let expressions):
            var arguments: [Value] = []
            for expression in expressions { arguments.append(try evaluate(expression, heap, tracer)) }
            if function.hasPrefix("heaptrace.") {
                try tracer(String(function.dropFirst(10)), arguments)
                return .none
            }
            return try call(function, arguments, heap)
        }
    }

    private func number(_ value: Value) throws -> Double {
        switch value {
        case .number(let number): return number
        case .block(let address): return Double(address.rawValue)
        case .none: throw Failure(text: "attempt to perform arithmetic on a nil value")
        }
    }

    private func integer(_ number: Double) throws -> UInt32 {
        guard let value = UInt32(exactly: number.rounded(.towardZero)) else {
            throw Failure(text: "\(number) is no 32-bit number")
        }
        return value
    }

    /// Argument `index` of `function` as Lua 5.1 takes an integer: cut towards zero.
    private func argument(_ index: Int, of function: String, _ arguments: [Value]) throws -> Int {
        guard index < arguments.count else {
            throw Failure(text: "bad argument #\(index + 1) to '\(function)' (number expected, got no value)")
        }
        switch arguments[index] {
        case .number(let number) where abs(number) < 1e15: return Int(number)
        case .block(let address): return Int(address.rawValue)
        default: throw Failure(text: "bad argument #\(index + 1) to '\(function)' (number expected, got nil)")
        }
    }

    private func block(_ index: Int, of function: String, _ arguments: [Value]) throws -> ESPHeap.Address? {
        if index < arguments.count, case .none = arguments[index] { return nil }
        return ESPHeap.Address(rawValue: try integer(Double(argument(index, of: function, arguments))))
    }

    private func call(_ function: String, _ arguments: [Value], _ heap: borrowing ESPHeap) throws -> Value {
        func size(_ index: Int) throws -> Int { try argument(index, of: function, arguments) }
        func caps(_ index: Int) throws -> ESPCapabilities { ESPCapabilities(rawValue: try integer(Double(size(index)))) }
        switch function {
        case "malloc": return .block(try heap.allocate(size(0)))
        case "calloc": return .block(try heap.allocateZeroed(size(0) * size(1)))
        case "realloc":
            guard let old = try block(0, of: function, arguments) else { return .block(try heap.allocate(size(1))) }
            return try heap.reallocate(old, to: size(1)).map(Value.block) ?? .none
        case "heap_caps_malloc": return .block(try heap.allocate(size(0), capabilities: caps(1)))
        case "heap_caps_aligned_alloc": return .block(try heap.allocate(size(1), capabilities: caps(2), alignment: size(0)))
        case "free", "heap_caps_free":
            if let address = try block(0, of: function, arguments) { try heap.free(address) }
        case "info": heap.printSummary(for: arguments.isEmpty ? .default : try caps(0))
        case "check": print(try heap.isIntact() ? "the heap is intact" : "the heap is damaged")
        case "collectgarbage": break  // nothing here is collected
        case "print": arguments.forEach(show)
        case "help": print(EspConsoleCommand.statements)
        default: throw Failure(text: "attempt to call global '\(function)' (a nil value)")
        }
        return .none
    }

    // heaptrace.* before heaptrace.init has succeeded.
    private func traceWithout(_ function: String, _ arguments: [Value]) throws {
        switch function {
        case "init": try initialise(arguments)
        case "start":
            _ = try mode(arguments)
            throw Failure(text: "failed to start heap tracing; code 259")
        case "stop", "resume", "dump": throw Failure(text: "heaptrace.\(function): call heaptrace.init first")
        default: throw Failure(text: "attempt to call field '\(function)' (a nil value)")
        }
    }

    private func trace(_ function: String, _ arguments: [Value], _ tracing: borrowing ESPHeapTracing) throws {
        func attempt(_ verb: String, _ body: () throws(ESPError) -> Void) throws {
            do { try body() } catch { throw Failure(text: "failed to \(verb) heap tracing; code \(error.code.rawValue)") }
        }
        switch function {
        case "init": try initialise(arguments)
        case "start":
            let mode = try mode(arguments)
            try attempt("start") { () throws(ESPError) in try tracing.start(mode) }
        case "stop": try attempt("stop") { () throws(ESPError) in try tracing.stop() }
        case "resume": try attempt("resume") { () throws(ESPError) in try tracing.resume() }
        case "dump": print(tracing.dump(), terminator: "")
        default: throw Failure(text: "attempt to call field '\(function)' (a nil value)")
        }
    }

    private func initialise(_ arguments: [Value]) throws {
        let count = try argument(0, of: "init", arguments)
        guard count > 0 else { throw Failure(text: "invalid trace buffer size") }
        guard count < 1 << 24 else { throw Failure(text: "out of memory") }
        wantedCapacity = count
    }

    private func mode(_ arguments: [Value]) throws -> ESPHeap.TracingMode {
        switch try argument(0, of: "start", arguments) {
        case 0: return .all
        case 1: return .leaks
        default: throw Failure(text: "invalid trace mode")
        }
    }
}
