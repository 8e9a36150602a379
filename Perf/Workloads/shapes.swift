// SPDX-License-Identifier: Apache-2.0
//
// What the Swift compiler is given to compile.

protocol Shape {
    associatedtype Unit: Numeric & Comparable
    var area: Unit { get }
}

struct Box<Unit: Numeric & Comparable>: Shape {
    var width: Unit
    var height: Unit
    var area: Unit { width * height }
}

enum Tree<Element: Comparable> {
    case empty
    indirect case node(Tree, Element, Tree)

    func inserting(_ element: Element) -> Tree {
        switch self {
        case .empty: .node(.empty, element, .empty)
        case .node(let left, let here, let right):
            element < here
                ? .node(left.inserting(element), here, right) : .node(left, here, right.inserting(element))
        }
    }

    var elements: [Element] {
        switch self {
        case .empty: []
        case .node(let left, let here, let right): left.elements + [here] + right.elements
        }
    }
}

func largest<S: Sequence>(of shapes: S) -> S.Element.Unit? where S.Element: Shape {
    shapes.map(\.area).max()
}

func grouped<Key: Hashable, Value>(_ values: [Value], by key: (Value) -> Key) -> [(Key, [Value])] {
    Dictionary(grouping: values, by: key).map { ($0.key, $0.value) }.sorted { $0.1.count > $1.1.count }
}
