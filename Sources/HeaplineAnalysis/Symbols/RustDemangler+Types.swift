// SPDX-License-Identifier: Apache-2.0
//
// Types of Rust's v0 mangling. See RustDemangler.swift.

extension RustDemangler {
    private static let basicTypes: [UInt8: String] = {
        let names = [
            ("a", "i8"), ("b", "bool"), ("c", "char"), ("d", "f64"), ("e", "str"), ("f", "f32"), ("h", "u8"),
            ("i", "isize"), ("j", "usize"), ("l", "i32"), ("m", "u32"), ("n", "i128"), ("o", "u128"), ("p", "_"),
            ("s", "i16"), ("t", "u16"), ("u", "()"), ("v", "..."), ("x", "i64"), ("y", "u64"), ("z", "!"),
        ]
        return Dictionary(uniqueKeysWithValues: names.map { ($0.0.utf8.first!, $0.1) })
    }()

    static func basicType(_ letter: UInt8) -> String? { basicTypes[letter] }

    mutating func type() throws(Failure) {
        try nested { demangler throws(Failure) in try demangler.typeBody() }
    }

    private mutating func typeBody() throws(Failure) {
        let tag = try next()
        if let name = Self.basicType(tag) { return try print(name) }
        switch tag {
        case UInt8(ascii: "R"), UInt8(ascii: "Q"):
            try print("&")
            if eat("L") {
                let index = try base62()
                if index > 0 {
                    try lifetime(index)
                    try print(" ")
                }
            }
            if tag == UInt8(ascii: "Q") { try print("mut ") }
            try type()
        case UInt8(ascii: "P"):
            try print("*const ")
            try type()
        case UInt8(ascii: "O"):
            try print("*mut ")
            try type()
        case UInt8(ascii: "A"):
            try print("[")
            try type()
            try print("; ")
            try constant(inValue: true)
            try print("]")
        case UInt8(ascii: "S"):
            try print("[")
            try type()
            try print("]")
        case UInt8(ascii: "T"):
            try print("(")
            let count = try list(separator: ", ") { demangler throws(Failure) in try demangler.type() }
            try print(count == 1 ? ",)" : ")")
        case UInt8(ascii: "F"):
            try withBinder { demangler throws(Failure) in try demangler.functionType() }
        case UInt8(ascii: "D"):
            try print("dyn ")
            try withBinder { demangler throws(Failure) in
                try demangler.list(separator: " + ") { demangler throws(Failure) in try demangler.traitBound() }
            }
            guard eat("L") else { throw .damaged }
            let index = try base62()
            if index > 0 {
                try print(" + ")
                try lifetime(index)
            }
        case UInt8(ascii: "B"):
            try backReference { demangler throws(Failure) in try demangler.type() }
        default:
            position -= 1
            try path(inValue: false)
        }
    }

    private mutating func functionType() throws(Failure) {
        if eat("U") { try print("unsafe ") }
        if eat("K") {
            if eat("C") {
                try print("extern \"C\" ")
            } else {
                // Dashes of the ABI's name are written as underscores.
                let name = try plainIdentifier().map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
                try print("extern \"")
                try print(name)
                try print("\" ")
            }
        }
        try print("fn(")
        try list(separator: ", ") { demangler throws(Failure) in try demangler.type() }
        try print(")")
        // `()` is not written as a result.
        if eat("u") { return }
        try print(" -> ")
        try type()
    }

    // A trait with its generic arguments and associated types in one pair of brackets: Iterator<Item = u8>.
    private mutating func traitBound() throws(Failure) {
        var isOpen = try openPath()
        while eat("p") {
            try print(isOpen ? ", " : "<")
            isOpen = true
            try print(plainIdentifier())
            try print(" = ")
            try type()
        }
        if isOpen { try print(">") }
    }

    // A path whose generic arguments, if any, are left without their closing bracket.
    private mutating func openPath() throws(Failure) -> Bool {
        if eat("B") {
            var isOpen = false
            try backReference { demangler throws(Failure) in isOpen = try demangler.openPath() }
            return isOpen
        }
        guard eat("I") else {
            try path(inValue: false)
            return false
        }
        try path(inValue: false)
        try print("<")
        try genericArguments()
        return true
    }

    // G <number>: so many lifetimes are bound here, printed as for<'a, 'b>.
    private mutating func withBinder(
        _ body: (inout RustDemangler) throws(Failure) -> Void
    ) throws(Failure) {
        let count = try optionalBase62(after: "G")
        guard count < 1024 else { throw .tooLong }
        let outer = boundLifetimes
        if count > 0 {
            try print("for<")
            for index in 0..<count {
                if index > 0 { try print(", ") }
                boundLifetimes += 1
                try lifetime(1)
            }
            try print("> ")
        }
        try body(&self)
        boundLifetimes = outer
    }

    /// A lifetime, counted from the innermost bound one; 0 is an erased one.
    mutating func lifetime(_ index: UInt64) throws(Failure) {
        // Back references are not followed in silence, so binders may not have been counted.
        if silence > 0 { return }
        guard index > 0 else { return try print("'_") }
        guard index <= boundLifetimes else { throw .damaged }
        let depth = boundLifetimes - index
        if depth < 26 {
            try print("'" + String(Character(Unicode.Scalar(UInt8(97 + depth)))))
        } else {
            try print("'_\(depth)")
        }
    }
}
