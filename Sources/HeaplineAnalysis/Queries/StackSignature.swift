// SPDX-License-Identifier: Apache-2.0
//
// What a stack is called when two recordings are compared: its functions without arguments, allocator and start-up code,
// inner to outer. Lines and addresses are no part of it, so a stack keeps its signature when code above it is edited.

/// The names of a stack's calls, the same in another recording of the same or a changed program.
public struct StackSignature: Sendable, Hashable, Comparable {
    /// Inner to outer; never empty.
    public var functions: [String]

    public init(functions: [String]) { self.functions = functions }

    /// - Parameters:
    ///   - frames: inner to outer, not trimmed.
    ///   - end: why the stack ends: the signature of one without frames.
    public init(_ frames: [SymbolFrame], end: StackEnd) {
        let trimmed = StackTrimming.trim(frames)
        functions = trimmed.isEmpty ? ["[\(end.explanation)]"] : trimmed.map(Self.name)
    }

    /// A function without a name is known by its module: its address would change with the next build.
    private static func name(_ frame: SymbolFrame) -> String {
        guard frame.isNamed else {
            let module = frame.module.split(separator: "/").last.map(String.init)
            return "?? in \(module ?? "unknown code")"
        }
        return frame.shortFunction
    }

    public static func < (a: StackSignature, b: StackSignature) -> Bool {
        a.functions.lexicographicallyPrecedes(b.functions)
    }
}

extension CallTree {
    /// The signature of a stack.
    public func signature(_ node: Int) -> StackSignature { StackSignature(frames(node), end: end(node)) }
}
