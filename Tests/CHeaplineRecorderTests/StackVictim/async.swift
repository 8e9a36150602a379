// SPDX-License-Identifier: Apache-2.0
//
// Swift: closures, generics, and async functions, whose parts run on any thread of the pool, each with a stack of its own.

@_silgen_name("probe") func probe()
@_silgen_name("harness_start_thread_once") func startThread()
@_silgen_name("harness_run") func run(
    _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32
@_silgen_name("harness_result") func result(_ name: UnsafePointer<CChar>) -> Int32
@_silgen_name("exit") func exitProcess(_ status: Int32) -> Never

@inline(never) func deep(_ left: Int) -> Int {
    if left == 0 {
        probe()
        return [1, 2, 3].map { value -> Int in
            probe()
            return value
        }.reduce(0, +)
    }
    let below = deep(left - 1)
    probe()
    return below + left
}

@inline(never) func suspended(_ left: Int) async -> Int {
    startThread()
    probe()
    if left == 0 { return deep(3) }
    await Task.yield()
    startThread()
    probe()
    let below = await suspended(left - 1)
    startThread()
    probe()
    return below + 1
}

actor Counter {
    var sum = 0
    func add(_ value: Int) {
        startThread()
        probe()
        sum += value
    }
}

@main struct Victim {
    static func main() async {
        _ = run(CommandLine.argc, CommandLine.unsafeArgv)
        let counter = Counter()
        await counter.add(deep(5))
        for _ in 0..<20 {
            await withTaskGroup(of: Int.self) { group in
                for i in 0..<4 { group.addTask { await suspended(i) } }
                for await value in group { await counter.add(value) }
            }
        }
        exitProcess(result("swift"))
    }
}
