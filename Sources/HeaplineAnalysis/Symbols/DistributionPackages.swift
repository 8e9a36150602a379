// SPDX-License-Identifier: Apache-2.0
//
// Names the package with the debug symbols of a distribution's file, so a report can say what to install.
// Debian and Ubuntu keep the file list of each installed package in /var/lib/dpkg/info/NAME[:ARCHITECTURE].list, one path
// a line.

/// The packages installed under a root directory. The lists are opened when first asked, and kept mapped.
final class DistributionPackages {
    private let sysroot: String
    private lazy var lists: [(package: Substring, files: ByteStore)] = openLists()

    init(sysroot: String) { self.sysroot = sysroot }

    /// The name of the package that would bring a file's debug symbols; nil when no package owns the file or the
    /// distribution is not one of dpkg's.
    func debugPackage(for path: String) -> String? {
        let path = String(path.dropFirst(sysroot.count))
        guard ["/usr/", "/lib", "/bin/", "/sbin/"].contains(where: path.hasPrefix) else { return nil }
        // Where /lib is a link to /usr/lib, packages may list either.
        let paths = [path, path.hasPrefix("/usr/") ? String(path.dropFirst(4)) : "/usr" + path]
        let wanted = paths.map { Array("\n\($0)\n".utf8) }
        let owner = lists.first { list in wanted.contains { list.files.contains($0) } }
        guard let owner else { return nil }
        // The C library's have had this name since before automatic -dbgsym packages.
        return owner.package == "libc6" ? "libc6-dbg" : "\(owner.package)-dbgsym"
    }

    private func openLists() -> [(package: Substring, files: ByteStore)] {
        let directory = sysroot + "/var/lib/dpkg/info"
        return SymbolizerTool.entries(of: directory).filter { $0.hasSuffix(".list") }.compactMap { name in
            guard let files = try? ByteStore(mapping: "\(directory)/\(name)") else { return nil }
            return (name.dropLast(5).prefix { $0 != ":" }, files)
        }
    }
}
