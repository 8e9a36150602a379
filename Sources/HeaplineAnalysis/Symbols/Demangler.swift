// SPDX-License-Identifier: Apache-2.0
//
// Linkage names to source names, without a toolchain: C++ by the C++ runtime if one is there, Swift by the Swift runtime
// this code runs on, Rust by RustDemangler.swift and RustLegacyName.swift. A name nothing can read stays as it is.

import Glibc

/// Demangling of C++, Swift and Rust names.
public enum Demangler {
    /// The source name of a linkage name; the name itself when it is not mangled or cannot be read.
    ///
    /// What compilers append for clones of a function (`.constprop.0`, `.cold`) is kept, as ` [clone .constprop.0]`;
    /// the version of a symbol (`@@GLIBC_2.34`) is dropped.
    public static func demangle(_ linkageName: String) -> String {
        var name = linkageName[...]
        if let at = name.firstIndex(of: "@"), at != name.startIndex, !name.hasPrefix("$") { name = name[..<at] }
        guard name.hasPrefix("_") || name.hasPrefix("$") else { return String(name) }
        let (base, clone) = splitClone(name)
        guard let source = source(of: base) else { return String(name) }
        // Which internal copy it is means nothing to a reader.
        return clone.isEmpty || clone.hasPrefix(".llvm.") ? source : "\(source) [clone \(clone)]"
    }

    private static func source(of name: Substring) -> String? {
        if name.hasPrefix("_R") { return RustDemangler.demangle(name) }
        if name.hasPrefix("_Z") || name.hasPrefix("___Z") {
            return RustLegacyName.demangle(name) ?? cxx(String(name))
        }
        if name.hasPrefix("$s") || name.hasPrefix("$S") || name.hasPrefix("$e") || name.hasPrefix("_$s")
            || name.hasPrefix("_$S") || name.hasPrefix("_T0")
        {
            return swift(String(name))
        }
        return nil
    }

    // Clone suffixes start at the first dot; Rust's v0 and Swift's names hold none, legacy Rust escapes dots as "..".
    private static func splitClone(_ name: Substring) -> (base: Substring, clone: Substring) {
        if name.hasPrefix("_ZN"), let end = RustLegacyName.end(of: name) { return (name[..<end], name[end...]) }
        guard let dot = name.firstIndex(of: ".") else { return (name, "") }
        return (name[..<dot], name[dot...])
    }

    // MARK: C++

    // char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status)
    private typealias CxaDemangle =
        @convention(c) (
            UnsafePointer<CChar>, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UnsafeMutablePointer<Int32>?
        ) -> UnsafeMutablePointer<CChar>?

    private static let cxaDemangle: CxaDemangle? = {
        guard let library = DynamicLibrary("libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"),
            let address = unsafe library.address(of: "__cxa_demangle")
        else { return nil }
        return unsafe unsafeBitCast(address, to: CxaDemangle.self)
    }()

    // Real names of template-heavy code reach some tens of thousands of characters; beyond this, a damaged file.
    private static let longestName = 1 << 18

    private static func cxx(_ name: String) -> String? {
        guard let demangle = unsafe cxaDemangle, name.utf8.count <= longestName else { return nil }
        var status: Int32 = 0
        guard let result = unsafe demangle(name, nil, nil, &status) else { return nil }
        defer { unsafe free(result) }
        return unsafe String(cString: result)
    }

    // MARK: Swift

    private static func swift(_ name: String) -> String? {
        guard name.utf8.count <= longestName,
            let result = unsafe swiftRuntimeDemangle(name, name.utf8.count, nil, nil, 0)
        else { return nil }
        defer { unsafe free(result) }
        return unsafe String(cString: result)
    }
}

// Exported by libswiftCore for crash reporters; its result is allocated with malloc.
@_silgen_name("swift_demangle")
private func swiftRuntimeDemangle(
    _ name: UnsafePointer<CChar>, _ length: Int, _ buffer: UnsafeMutablePointer<CChar>?,
    _ bufferSize: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?
