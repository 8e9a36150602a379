// SPDX-License-Identifier: Apache-2.0
//
// Swift: closures, generics, and async functions, whose frames continue one another on the threads of the pool.

@_silgen_name("probe") func probe()
@_silgen_name("harness_start_thread") func startThread()
@_silgen_name("harness_main") func harnessMain(
    _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32

@inline(never) func deep(_ left: Int) -> Int {
    if left == 0 {
        startThread()
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

func rounds(_ count: Int32) async -> Int {
    var sum = 0
    for _ in 0..<count {
        sum += await withTaskGroup(of: Int.self) { group in
            for i in 0..<4 { group.addTask { await suspended(i) } }
            return await group.reduce(0, +)
        }
    }
    return sum
}

@_cdecl("swift_victim_async") func swiftVictimAsync() {
    startThread()
}

@main struct Victim {
    static func main() async {
        let sum = deep(5)
        let more = await rounds(20)
        if sum + more < 0 { print(sum) }
        finish()
    }
}

@_silgen_name("harness_finish") func finish()
