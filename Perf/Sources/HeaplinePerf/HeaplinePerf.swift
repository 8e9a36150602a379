// SPDX-License-Identifier: Apache-2.0
//
// What tracing costs, measured: whole programs, untraced, under heapline in every mode, and under its alternatives.

internal import Foundation

@main
struct HeaplinePerf {
    static let usage = """
        usage: heapline-perf costs [--quick] [--minutes N] [--only WORKLOAD,…] [--tracers NAME,…] [--rounds N]
               heapline-perf scale [--quick] [--minutes N] [--only CURVE,…]
               heapline-perf stacks [--minutes N] [--rounds N]
               heapline-perf reports [--quick] [--rounds N]
               heapline-perf check | golden | readme
        common: --root REPOSITORY  --heapline COMMAND  --output FOLDER  --verbose
        costs:  writes DATE-MACHINE.json, .md and .svg to Perf/results
        scale:  cost as work grows: events, threads, live blocks, depth, distinct stacks
        stacks: what call stacks cost, beside heaptrack and other unwinders; writes DATE-MACHINE-stacks.md and .json
        reports: what reading a long trace takes, beside heaptrack_print; writes DATE-MACHINE-reports.md and .json
        check:  compares instruction counts and the instructions of the fast path with Perf/*.golden; exit status 2 when
                they differ. golden: writes them anew.
        readme: puts the newest results of costs into README.md.
        """

    static func main() {
        do {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            let tools = try Toolbox(root: options.root, command: options.heapline)
            defer { try? FileManager.default.removeItem(atPath: tools.scratch) }
            switch options.verb {
            case "costs": try Costs(tools: tools, options: options).run()
            case "scale": try Scale(tools: tools, options: options).run()
            case "stacks": try Stacks(tools: tools, options: options).run()
            case "reports": try Reports(tools: tools, options: options).run()
            case "readme": try Costs.readme(tools.root)
            case "check", "golden":
                if try !Gates(tools: tools, update: options.verb == "golden").run() {
                    try? FileManager.default.removeItem(atPath: tools.scratch)
                    exit(2)
                }
            default: throw Options.Wrong(description: usage)
            }
        } catch let wrong as Options.Wrong {
            complain(wrong.description)
            exit(64)
        } catch {
            complain("heapline-perf: \(error)")
            exit(1)
        }
    }

    static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}

struct Options {
    var verb = ""
    var quick = false
    var verbose = false
    var minutes: Double?
    var only: [String] = []
    var tracers: [String] = []
    var rounds: Int?
    var root = FileManager.default.currentDirectoryPath
    var heapline: String?
    var output: String?

    struct Wrong: Error, CustomStringConvertible {
        var description: String
    }

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func value(_ name: String) throws -> String {
            guard let value = rest.popFirst() else { throw Wrong(description: "\(name) needs a value\n\(HeaplinePerf.usage)") }
            return value
        }
        func list(_ name: String) throws -> [String] { try value(name).split(separator: ",").map(String.init) }
        while let argument = rest.popFirst() {
            switch argument {
            case "--quick": quick = true
            case "--verbose": verbose = true
            case "--minutes": minutes = Double(try value(argument))
            case "--rounds": rounds = Int(try value(argument))
            case "--only": only = try list(argument)
            case "--tracers": tracers = try list(argument)
            case "--root": root = URL(fileURLWithPath: try value(argument)).standardizedFileURL.path
            case "--heapline": heapline = URL(fileURLWithPath: try value(argument)).path
            case "--output": output = URL(fileURLWithPath: try value(argument)).path
            case _ where verb.isEmpty && !argument.hasPrefix("-"): verb = argument
            default: throw Wrong(description: "what is \(argument)?\n\(HeaplinePerf.usage)")
            }
        }
        if verb.isEmpty { throw Wrong(description: HeaplinePerf.usage) }
    }
}
