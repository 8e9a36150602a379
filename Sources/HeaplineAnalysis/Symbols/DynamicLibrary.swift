// SPDX-License-Identifier: Apache-2.0
//
// Functions of libraries that may not be there: found at run time by soname, so the command needs none of them.

import Glibc

/// A shared library opened if present and kept open.
struct DynamicLibrary {
    // Handles stay open for the life of the process, so pointers from `function` never dangle.
    private let handle: UInt

    /// Opens the first of `names` that is there.
    init?(_ names: String...) {
        for name in names {
            if let handle = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) {
                self.handle = UInt(bitPattern: handle)
                return
            }
        }
        return nil
    }

    /// The address of a function; the caller names its type.
    func address(of name: String) -> UnsafeMutableRawPointer? {
        unsafe dlsym(UnsafeMutableRawPointer(bitPattern: handle), name)
    }
}
