// SPDX-License-Identifier: Apache-2.0
//
// Compiling, linking and running firmware in a directory of its own. The linker is told to send the allocating functions of
// the firmware's objects to the emulated heap (--wrap); the program is not position-independent, so code addresses in
// dumps are those of the file.

internal import Glibc

final class FirmwareWorkshop {
    /// The directory.
    let path: String
    private let library: String
    private var isRemoved = false

    /// The functions of the C library that go to the emulated heap.
    static let wrapped = [
        "malloc", "free", "realloc", "calloc", "memalign", "aligned_alloc", "posix_memalign", "malloc_usable_size",
        "strdup", "strndup", "asprintf", "vasprintf", "fdopen", "fopen", "fclose",
    ]

    /// How firmware is compiled, whatever its language. Frame pointers make the call stacks of traces; an optimiser that
    /// knows malloc would take away what is to be traced.
    static let compilerOptions = [
        "-fno-pie", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-D_GNU_SOURCE", "-fno-builtin-malloc",
        "-fno-builtin-calloc", "-fno-builtin-realloc", "-fno-builtin-free", "-include heapline_esp_libc.h",
    ]

    /// The library, and the archive with headers and the program's entry.
    static func parts() throws -> (library: String, archive: String) {
        guard let library = Installation.resource("libheapline-esp.so"),
            let archive = Installation.resource("heapline-esp-headers.tar")
        else { throw CommandFailure("libheapline-esp.so was not found beside \(Installation.command); build the package") }
        return (library, archive)
    }

    init() throws {
        let (library, archive) = try Self.parts()
        let folder = Installation.environment("TMPDIR") ?? "/tmp"
        var template = Array("\(folder)/heapline-esp-\(String(repeating: "X", count: 6))".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw CommandFailure("no directory in \(folder): \(unsafe String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.library = library
        try Self.require(["tar", "-xf", archive, "-C", path])
    }

    /// Where a program goes that nobody keeps; it has its first source's name, by which reports call its recording.
    func program(named source: String) throws -> String {
        let file = source.split(separator: "/").last ?? "program"
        let folder = "\(path)/program"
        guard unsafe mkdir(folder, 0o700) == 0 else {
            throw CommandFailure("\(folder): \(unsafe String(cString: strerror(errno)))")
        }
        return "\(folder)/\(file.split(separator: ".").first ?? file)"
    }

    /// Deletes the directory.
    func remove() {
        if isRemoved { return }
        isRemoved = true
        _ = try? Self.status(of: ["rm", "-rf", path])
    }

    func build(
        sources: [String], configuration: FirmwareConfiguration, includes: [String], hostMalloc: Bool,
        into program: String
    ) throws {
        try Self.write(configuration.header, to: "\(path)/sdkconfig.h")
        let c = Installation.environment("CC") ?? "cc"
        let cxx = Installation.environment("CXX") ?? "c++"
        var common = ["-c", "-g", "-Og", "-Wno-int-to-pointer-cast", "-Wno-format", "-I\(path)"]
        common += Self.compilerOptions.flatMap { $0.split(separator: " ").map(String.init) }
        common += configuration.versionOptions + includes.map { "-I\($0)" } + ["-I\(path)/include", "-I\(path)/include/catch2"]
        var objects: [String] = []
        var isCxx = false
        for (index, source) in (sources + ["\(path)/firmware/heapline_esp_main.c"]).enumerated() {
            let object = "\(path)/\(index).o"
            let needsCxx = [".cpp", ".cc", ".cxx"].contains { source.hasSuffix($0) }
            isCxx = isCxx || needsCxx
            let compiler = needsCxx ? [cxx, "-std=gnu++2b"] : [c, "-std=gnu17", "-Wno-pointer-to-int-cast"]
            try Self.require(compiler + common + [source, "-o", object])
            objects.append(object)
        }
        let folder = String(library[..<(library.lastIndex(of: "/") ?? library.startIndex)])
        try Self.require(
            [isCxx ? cxx : c, "-no-pie", "-o", program] + objects
                + [library, "-Wl,-rpath,\(folder)", "-lm", "-lpthread"] + (hostMalloc ? [] : Self.wrapped.map { "-Wl,--wrap=\($0)" }))
    }

    /// Runs the program with the command's own streams; returns its wait status.
    func run(_ program: String, arguments: [String], environment: [String: String], symbols: Bool) throws -> CInt {
        let runnable = program.contains("/") ? program : "./\(program)"
        guard symbols else { return try Self.status(of: [runnable] + arguments, adding: environment) }
        return try FirmwareSymbols(program: program).run([runnable] + arguments, environment: environment)
    }

    static func write(_ text: String, to file: String) throws {
        guard let stream = unsafe fopen(file, "w") else {
            throw CommandFailure("\(file): \(unsafe String(cString: strerror(errno)))")
        }
        unsafe fputs(text, stream)
        unsafe fclose(stream)
    }

    /// A file's text; nil with errno.
    static func readText(_ file: String) -> String? {
        readBytes(file).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A file's bytes; nil with errno.
    static func readBytes(_ file: String) -> [UInt8]? {
        let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }

    /// The environment with `variables` in it.
    static func environment(adding variables: [String: String]) -> [String] {
        var result: [String] = []
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            let text = unsafe String(cString: entry)
            let name = text.prefix { $0 != "=" }
            if variables[String(name)] == nil { result.append(text) }
            unsafe next += 1
        }
        return result + variables.map { "\($0.key)=\($0.value)" }
    }

    private static func status(of command: [String], adding variables: [String: String] = [:]) throws -> CInt {
        let relay = SignalRelay()
        defer {
            var mask = relay.before
            unsafe _ = sigprocmask(SIG_SETMASK, &mask, nil)
        }
        let child: Launcher
        do {
            child = try Launcher(command, environment: environment(adding: variables), signalMask: relay.before)
        } catch {
            throw CommandFailure("\(error)")
        }
        var status: CInt = 0
        while unsafe waitpid(child.pid, &status, WNOHANG) == 0 {
            _ = relay.wait(nanoseconds: 200_000_000, child: child.pid)
        }
        return status
    }

    /// Runs a tool that must succeed; its own messages say why it did not.
    static func require(_ command: [String]) throws {
        if try status(of: command) != 0 { throw CommandFailure("\(command[0]) failed") }
    }
}
