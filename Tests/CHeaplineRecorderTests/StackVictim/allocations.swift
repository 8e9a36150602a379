// SPDX-License-Identifier: Apache-2.0
//
// A Swift program that allocates in ordinary ways, for gdb to stop in.

final class Tree {
    let left: Tree?
    let right: Tree?
    let names: [String: [Int]]

    init(depth: Int) {
        left = depth > 0 ? Tree(depth: depth - 1) : nil
        right = depth > 1 ? Tree(depth: depth - 2) : nil
        names = Dictionary(uniqueKeysWithValues: (0..<3).map { ("a rather long key \($0) of \(depth)", [$0, depth]) })
    }

    var count: Int { names.count + (left?.count ?? 0) + (right?.count ?? 0) }
}

@main struct Program {
    static func main() {
        print(Tree(depth: 9).count)
    }
}
