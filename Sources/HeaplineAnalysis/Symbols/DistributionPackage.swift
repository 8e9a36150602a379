// SPDX-License-Identifier: Apache-2.0
//
// Names the package with the debug symbols of a distribution's file, so a report can say what to install.
// Debian and Ubuntu keep the file list of each installed package in /var/lib/dpkg/info/NAME[:ARCHITECTURE].list.

/// The package that would bring a file's debug symbols.
enum DistributionPackage {
    /// The name of the package; nil when no package owns the file or the distribution is not one of dpkg's.
    static func debugPackage(for path: String, sysroot: String) -> String? {
        let path = String(path.dropFirst(sysroot.count))
        guard ["/usr/", "/lib", "/bin/", "/sbin/"].contains(where: path.hasPrefix) else { return nil }
        // Where /lib is a link to /usr/lib, packages may list either.
        let paths = [path, path.hasPrefix("/usr/") ? String(path.dropFirst(4)) : "/usr" + path]
        let wanted = paths.map { Array("\n\($0)\n".utf8) }
        let directory = sysroot + "/var/lib/dpkg/info"
        for name in SymbolizerTool.entries(of: directory) where name.hasSuffix(".list") {
            guard let store = try? ByteStore(mapping: "\(directory)/\(name)"),
                wanted.contains(where: { store.contains($0) })
            else { continue }
            let package = name.dropLast(5).prefix { $0 != ":" }
            // The C library's have had this name since before automatic -dbgsym packages.
            return package == "libc6" ? "libc6-dbg" : "\(package)-dbgsym"
        }
        return nil
    }
}
