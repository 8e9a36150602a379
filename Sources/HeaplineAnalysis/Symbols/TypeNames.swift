// SPDX-License-Identifier: Apache-2.0
//
// The type that the first word of a block stands for: a C++ object begins with a pointer into its class's vtable, a Swift object with one to
// its class's metadata. Found by symbol; without symbols by what the compiler wrote for the runtime (type_info, nominal type
// descriptors). No code of the program runs.

internal import CHeaplineFormat

/// Names types of one process by the first words of its blocks.
final class TypeNames {
    enum Language { case cxx, swift }
    struct Name: Hashable {
        var text: String
        var language: Language
    }

    private let modules: [TraceModule]
    private let image: MemoryImage?
    private var files: [String: ModuleData?] = [:]
    private var known: [UInt64: Name] = [:]
    /// Words that stand for nothing, each in the place of its own bits: as many as there are blocks may come.
    private var unknown = [UInt64](repeating: 0, count: 1 << 14)

    /// The data of one module's file.
    private final class ModuleData {
        let file: ELFFile
        lazy var symbols = ELFFile.DataSymbols(file)
        lazy var relocated = file.relocatedWords()
        init(_ file: ELFFile) { self.file = file }
    }

    init(_ process: TraceProcess, _ image: MemoryImage?) {
        modules = process.modules.filter { $0.unloadedTicks == nil }
        self.image = image
    }

    /// Nil when the word stands for no type that is known.
    func name(firstWord: UInt64) -> Name? {
        guard firstWord != 0, firstWord & 7 == 0 else { return nil }
        let place = Int((firstWord &* 0x9e37_79b9_7f4a_7c15) >> 50)
        if unknown[place] == firstWord { return nil }
        if let name = known[firstWord] { return name }
        let name = find(firstWord)
        if let name { known[firstWord] = name } else { unknown[place] = firstWord }
        return name
    }

    private func find(_ word: UInt64) -> Name? {
        if let name = symbol(word) { return name }
        if let name = cxxType(vtable: word) { return Name(text: name, language: .cxx) }
        return swiftType(word, depth: 0).map { Name(text: $0, language: .swift) }
    }

    // MARK: Places

    private func module(_ address: UInt64) -> (module: TraceModule, data: ModuleData)? {
        guard let module = modules.last(where: { $0.start <= address && address < $0.end }) else { return nil }
        if let data = files[module.path] { return data.map { (module, $0) } }
        var data: ModuleData?
        // Of another build the same addresses are other types.
        if case .success(let file) = DebugFileSearch.open(module.path), module.buildID.isEmpty || file.buildID == module.buildID {
            data = ModuleData(file)
        }
        files[module.path] = .some(data)
        return data.map { (module, $0) }
    }

    /// A word of the process: from its memory, else as the loader filled it.
    private func word(_ address: UInt64) -> UInt64? {
        if let word = image?.word(at: address) { return word }
        guard let (module, data) = module(address), let value = data.relocated[address &- module.bias] else { return nil }
        return value &+ module.bias
    }

    /// A number in a module's file.
    private func constant<T: FixedWidthInteger & BitwiseCopyable>(_ address: UInt64, as type: T.Type) -> T? {
        guard let (module, data) = module(address), let offset = data.file.fileOffset(of: address &- module.bias) else { return nil }
        return data.file.store.integer(at: offset, as: type)
    }

    private func text(_ address: UInt64) -> String? {
        guard let (module, data) = module(address), let offset = data.file.fileOffset(of: address &- module.bias) else { return nil }
        return data.file.store.string(at: offset, end: min(offset + 4096, data.file.store.count))
    }

    // MARK: Symbols

    private func symbol(_ address: UInt64) -> Name? {
        guard let (module, data) = module(address) else { return nil }
        for (name, _) in data.symbols.names(holding: address &- module.bias) {
            if name.hasPrefix("_ZTV") {
                let source = Demangler.demangle(name)
                if source.hasPrefix("vtable for ") { return Name(text: String(source.dropFirst(11)), language: .cxx) }
            } else if name.hasPrefix("$s") {
                let source = Demangler.demangle(name)
                for prefix in ["type metadata for ", "full type metadata for "] where source.hasPrefix(prefix) {
                    return Name(text: String(source.dropFirst(prefix.count)), language: .swift)
                }
            }
        }
        return nil
    }

    // MARK: C++

    // A vtable's address point follows (offset to top, type_info *); a type_info is (its own vtable, name *, …).
    private func cxxType(vtable: UInt64) -> String? {
        guard let info = word(vtable &- 8), let name = word(info &+ 8), let mangled = text(name), !mangled.isEmpty,
            let first = mangled.utf8.first, first == UInt8(ascii: "N") || first == UInt8(ascii: "S") || (first >= 48 && first <= 57)
        else { return nil }
        let source = Demangler.demangle("_ZTI" + mangled)
        return source.hasPrefix("typeinfo for ") ? String(source.dropFirst(13)) : nil
    }

    // MARK: Swift

    private static let deepest = 6

    /// The type that a metadata record stands for. Classes have their descriptor in the sixth word, structures and enumerations in the second;
    /// which it is, the descriptor itself says.
    private func swiftType(_ metadata: UInt64, depth: Int) -> String? {
        if depth > 0, let name = symbol(metadata), name.language == .swift { return name.text }
        guard depth < Self.deepest else { return nil }
        if let descriptor = word(metadata &+ 40), let flags = constant(descriptor, as: UInt32.self), flags & 0x1f == 16 {
            return nominal(descriptor, flags, metadata, depth)
        }
        if let descriptor = word(metadata &+ 8), let flags = constant(descriptor, as: UInt32.self), [17, 18].contains(flags & 0x1f) {
            return nominal(descriptor, flags, metadata, depth)
        }
        return nil
    }

    private func nominal(_ descriptor: UInt64, _ flags: UInt32, _ metadata: UInt64, _ depth: Int) -> String? {
        guard let name = context(descriptor, 0) else { return nil }
        guard flags & 0x80 != 0 else { return name }
        let isClass = flags & 0x1f == 16
        // The generic header lies behind the fixed part of the descriptor; the arguments in the metadata.
        let header = descriptor &+ (isClass ? 44 : 28)
        guard let parameters = constant(header &+ 8, as: UInt16.self), let keys = constant(header &+ 12, as: UInt16.self),
            parameters > 0, parameters <= 16, keys <= 64
        else { return name }
        var first = metadata &+ 16
        if isClass {
            // With a superclass of another library the place is known at run time only.
            guard flags >> 29 & 1 == 0, let positive = constant(descriptor &+ 28, as: UInt32.self),
                let own = constant(descriptor &+ 32, as: UInt32.self), own <= positive, positive < 1 << 16
            else { return name }
            first = metadata &+ UInt64(positive - own) * 8
        }
        var arguments: [String] = []
        for index in 0..<UInt64(min(parameters, keys)) {
            arguments.append(word(first &+ index * 8).flatMap { swiftType($0, depth: depth + 1) } ?? "_")
        }
        return name + "<" + arguments.joined(separator: ", ") + ">"
    }

    /// The qualified name of a context descriptor: flags, parent, name; the last two relative to where they stand.
    private func context(_ descriptor: UInt64, _ depth: Int) -> String? {
        guard depth < 16, let flags = constant(descriptor, as: UInt32.self) else { return nil }
        let parent = relative(descriptor &+ 4)
        switch flags & 0x1f {
        case 0, 3, 16, 17, 18:
            guard let place = relative(descriptor &+ 8), let name = text(place), Self.isIdentifier(name) else { return nil }
            guard flags & 0x1f != 0, let parent else { return name }
            return context(parent, depth + 1).map { $0 + "." + name } ?? name
        default: return parent.flatMap { context($0, depth + 1) }  // extensions and anonymous contexts have no name
        }
    }

    private func relative(_ place: UInt64) -> UInt64? {
        guard let offset = constant(place, as: Int32.self), offset != 0 else { return nil }
        let target = place &+ UInt64(bitPattern: Int64(offset & ~1))
        return offset & 1 == 0 ? target : word(target)
    }

    private static func isIdentifier(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count < 256 && name.utf8.allSatisfy { $0 > 32 && $0 != 127 }
    }
}
