// SPDX-License-Identifier: Apache-2.0
//
// Where the symbols of a module are: in the file itself, in a separate debug file found by build-id or by .gnu_debuglink,
// in the file's compressed .gnu_debugdata, or on a debuginfod server when the user allows it.
// Nothing is used that does not belong to the recorded build: a build-id or the CRC of the link must match.

import Glibc

/// The files that hold the symbols of one module.
struct ModuleSymbols {
    var problems: [SymbolProblem] = []
    /// The recorded file itself.
    var image: ELFFile?
    /// Its separate debug file, or the symbol table unpacked from it.
    var debug: ELFFile?
    /// The file with line information, for llvm-symbolizer.
    var lineFile: String?
    var lineFileSize = 0
}

/// The search for the symbols of modules.
struct DebugFileSearch {
    let options: SymbolizerOptions
    let packages: DistributionPackages

    init(options: SymbolizerOptions) {
        self.options = options
        packages = DistributionPackages(sysroot: options.sysroot)
    }

    func find(_ module: ModuleImage) -> ModuleSymbols {
        var found = ModuleSymbols()
        let path = options.sysroot + Self.pathWithoutMark(module.path)
        openImage(module, at: path, into: &found)
        if let image = found.image, image.hasDebugInfo {
            use(path, image, into: &found)
            return found
        }
        let buildID = module.buildID.isEmpty ? found.image?.buildID ?? [] : module.buildID
        if !buildID.isEmpty { findByBuildID(buildID, path, into: &found) }
        if found.debug == nil, let image = found.image { findByLink(image, path, into: &found) }
        if found.lineFile == nil, options.allowDebuginfod, !buildID.isEmpty { fetch(buildID, into: &found) }
        if found.debug == nil, let image = found.image { unpack(image, path, into: &found) }
        guard found.lineFile == nil, let image = found.image else {
            // With its debug file found by build-id, the module itself is not missed.
            if found.lineFile != nil {
                found.problems.removeAll { problem in
                    switch problem {
                    case .fileMissing, .changed, .unreadable, .debugFileMismatch: true
                    default: false
                    }
                }
            }
            return found
        }
        let package = packages.debugPackage(for: path)
        let named = image.hasFullSymbolTable || found.debug?.hasFullSymbolTable == true
        found.problems.append(
            named ? .noDebugInfo(path: path, package: package) : .stripped(path: path, package: package))
        return found
    }

    private func openImage(_ module: ModuleImage, at path: String, into found: inout ModuleSymbols) {
        switch Self.open(path) {
        case .failure(.missing): found.problems.append(.fileMissing(path: path))
        case .failure(.unusable(let reason)): found.problems.append(.unreadable(path: path, reason: reason))
        case .success(let file):
            let id = file.buildID
            if !module.buildID.isEmpty {
                guard id == module.buildID else {
                    found.problems.append(.changed(path: path, recorded: module.buildID, found: id))
                    return
                }
            } else if hasChanged(module, path) {
                found.problems.append(.changed(path: path, recorded: [], found: id))
                return
            }
            found.image = file
        }
    }

    // Without a build-id, by what the file system tells.
    private func hasChanged(_ module: ModuleImage, _ path: String) -> Bool {
        guard let now = Self.identity(of: path) else { return false }
        if let recorded = module.fileIdentity { return recorded != now }
        return options.recordingEnd.map { now.modified > $0 } ?? false
    }

    private func use(_ path: String, _ file: ELFFile, into found: inout ModuleSymbols) {
        if file.hasDebugInfo {
            found.lineFile = path
            found.lineFileSize = file.store.count
        }
    }

    // Those of the recorded machine's files, then this machine's: what is found is checked, so both may be right.
    private var debugDirectories: [String] {
        let own = options.debugDirectories
        return options.sysroot.isEmpty ? own : own.filter { $0.hasPrefix("/") }.map { options.sysroot + $0 } + own
    }

    // DIR/.build-id/ab/cdef….debug
    private func findByBuildID(_ id: [UInt8], _ path: String, into found: inout ModuleSymbols) {
        guard id.count > 1 else { return }
        let hex = SymbolProblem.hex(id)
        for directory in debugDirectories {
            let candidate = "\(directory)/.build-id/\(hex.prefix(2))/\(hex.dropFirst(2)).debug"
            guard case .success(let file) = Self.open(candidate) else { continue }
            guard file.buildID == id else {
                found.problems.append(.debugFileMismatch(path: path, debugFile: candidate))
                continue
            }
            found.debug = file
            use(candidate, file, into: &found)
            return
        }
    }

    // Beside the file, in .debug beside it, and under each debug directory, in gdb's order.
    private func findByLink(_ image: ELFFile, _ path: String, into found: inout ModuleSymbols) {
        guard let link = image.debugLink else { return }
        let directory = SymbolizerTool.directory(of: path)
        let inRoot = directory.dropFirst(options.sysroot.count)
        let candidates =
            ["\(directory)/\(link.name)", "\(directory)/.debug/\(link.name)"]
            + debugDirectories.map { "\($0)\(inRoot)/\(link.name)" }
        for candidate in candidates where candidate != path {
            guard case .success(let file) = Self.open(candidate) else { continue }
            guard DebugLinkChecksum.checksum(file.store) == link.crc else {
                found.problems.append(.debugFileMismatch(path: path, debugFile: candidate))
                continue
            }
            found.debug = file
            use(candidate, file, into: &found)
            return
        }
    }

    private func unpack(_ image: ELFFile, _ path: String, into found: inout ModuleSymbols) {
        guard let section = image.section(named: ".gnu_debugdata"), let packed = image.content(of: section) else {
            return
        }
        do throws(XZ.Failure) {
            let bytes = try XZ.decompress(packed)
            found.debug = try? ELFFile(ByteStore(bytes))
            if found.debug == nil { throw .damaged }
        } catch {
            let reason =
                switch error {
                case .libraryMissing: "liblzma.so.5 was not found"
                case .damaged: "they are damaged"
                case .tooLarge: "they are too large"
                }
            found.problems.append(.compressedSymbols(path: path, reason: reason))
        }
    }

    private func fetch(_ buildID: [UInt8], into found: inout ModuleSymbols) {
        switch Debuginfod(options: options).debugFile(for: buildID) {
        case .failure(let failure): found.problems.append(.debuginfod(reason: failure.reason))
        case .success(let path):
            guard case .success(let file) = Self.open(path), file.buildID == buildID else {
                found.problems.append(.debuginfod(reason: "the server's file is of another build or damaged"))
                return
            }
            found.debug = file
            use(path, file, into: &found)
        }
    }

    enum OpenFailure: Error {
        case missing
        case unusable(String)
    }

    static func open(_ path: String) -> Result<ELFFile, OpenFailure> {
        do {
            return .success(try ELFFile(ByteStore(mapping: path)))
        } catch let error as ByteStore.SystemError {
            let missing = error.rawValue == ENOENT || error.rawValue == ENOTDIR
            return .failure(missing ? .missing : .unusable(error.description))
        } catch {
            return .failure(.unusable("\(error)"))
        }
    }

    static func identity(of path: String) -> ModuleImage.FileIdentity? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return ModuleImage.FileIdentity(
            size: UInt64(status.st_size), modificationSeconds: Int64(status.st_mtim.tv_sec),
            modificationNanoseconds: Int64(status.st_mtim.tv_nsec))
    }

    // The kernel marks a mapped file that has been removed or replaced since.
    static func pathWithoutMark(_ path: String) -> String {
        let mark = " (deleted)"
        return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
    }
}
