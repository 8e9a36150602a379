// SPDX-License-Identifier: Apache-2.0
//
// What can and cannot be traced of a program, before it runs, and what to do about it.

internal import Glibc

struct Diagnosis {
    struct Finding {
        enum Severity: String { case ok, note, problem }
        var severity: Severity
        var text: String
        var fix: String?
    }

    var program: String
    /// Where PATH leads, interpreters of scripts after the script.
    var files: [ExecutableFile] = []
    var findings: [Finding] = []
    var canTrace: Bool { !findings.contains { $0.severity == .problem } }

    init(program: String, arguments: [String] = []) {
        self.program = program
        guard let path = Self.resolve(program) else {
            findings.append(
                .init(
                    severity: .problem, text: "\(program): no such program in PATH",
                    fix: "give the path of the program, for example ./\(program)"))
            return
        }
        examine(path, depth: 0)
        launcher(path, arguments)
        system()
    }

    /// The file that executing `program` would run.
    static func resolve(_ program: String) -> String? {
        if program.contains("/") { return unsafe access(program, F_OK) == 0 ? program : nil }
        let path = Installation.environment("PATH") ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(program)" }.first { unsafe access($0, X_OK) == 0 }
    }

    private mutating func add(_ severity: Finding.Severity, _ text: String, _ fix: String? = nil) {
        findings.append(Finding(severity: severity, text: text, fix: fix))
    }

    private mutating func examine(_ path: String, depth: Int) {
        guard let file = ExecutableFile(path: path) else {
            add(.problem, "\(path): \(unsafe String(cString: strerror(errno)))")
            return
        }
        files.append(file)
        if unsafe access(path, X_OK) != 0 { add(.problem, "\(path) is not executable", "chmod +x \(path)") }
        switch file.kind {
        case .script(let words) where depth < 4:
            guard let interpreter = words.first else {
                add(.problem, "\(path) begins with #! and names no interpreter")
                return
            }
            add(.note, "\(path) is a script run by \(words.joined(separator: " ")); that program is traced")
            if interpreter.hasSuffix("/env"), words.count > 1,
                let next = words[1].split(separator: " ").first(where: { !$0.hasPrefix("-") }).flatMap({ Self.resolve(String($0)) })
            {
                examine(next, depth: depth + 1)
            } else {
                examine(interpreter, depth: depth + 1)
            }
        case .elf: examineELF(file)
        default: add(.problem, "\(path) is neither an ELF program nor a script", "run it through its interpreter")
        }
    }

    private mutating func examineELF(_ file: ExecutableFile) {
        let path = file.path
        if !file.is64Bit {
            add(.problem, "\(path) is a 32-bit program; Heapline records 64-bit ones", "build it for x86-64 or aarch64")
            return
        }
        #if arch(x86_64)
            let ours: UInt16 = 62
        #else
            let ours: UInt16 = 183
        #endif
        if file.machine != ours {
            add(.problem, "\(path) is for another processor (ELF machine \(file.machine))", "build it for this machine")
            return
        }
        if file.interpreter == nil {
            add(
                .problem, "\(path) is statically linked: there is no loader that could preload a library",
                "link it dynamically, or link Heapline's recorder and hooks into it (see README, \"As a library\")")
            return
        }
        if let loader = file.interpreter, loader.contains("ld-musl") {
            add(
                .problem, "\(path) uses musl (\(loader)); the preload library is built against glibc",
                "build the program for glibc, or link Heapline's recorder into it")
            return
        }
        if file.setsID {
            add(
                .problem, "\(path) is set-user-ID or set-group-ID: the loader ignores LD_PRELOAD for it",
                "run it as its owner, or trace a copy without the bit")
        }
        let sanitizers = [
            ("__asan_init", "address"), ("__tsan_init", "thread"), ("__msan_init", "memory"), ("__lsan_init", "leak"),
            ("__hwasan_init", "hardware address"),
        ]
        let linked = file.needed.filter {
            $0.contains("libasan") || $0.contains("libtsan") || $0.contains("liblsan") || $0.contains("libclang_rt")
        }
        if let (_, name) = sanitizers.first(where: { file.symbols.contains($0.0) }) {
            add(
                .problem, "\(path) was built with the \(name) sanitizer, which replaces malloc itself",
                "trace a build without -fsanitize")
        } else if let library = linked.first {
            add(.problem, "\(path) needs \(library): a sanitizer that replaces malloc itself", "trace a build without -fsanitize")
        } else if file.definesMalloc {
            add(
                .problem, "\(path) brings its own malloc, which comes before any preloaded one",
                "link it with the allocator as a shared library, or link Heapline's hooks into it")
        }
        if file.symbols.contains("runtime.goexit") {
            add(.note, "\(path) is a Go program: Go's own heap does not use malloc; only its C parts are seen")
        }
        if let allocator = file.needed.first(where: { $0.contains("jemalloc") || $0.contains("tcmalloc") || $0.contains("mimalloc") }) {
            add(.note, "\(path) uses \(allocator); its allocations are recorded as they are made there")
        }
    }

    private mutating func launcher(_ path: String, _ arguments: [String]) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch name {
        case "sudo", "su", "doas", "pkexec":
            add(.problem, "\(name) starts its program without our environment", "heapline must run inside: \(name) heapline run -- PROGRAM")
        case "env" where arguments.contains { $0 == "-i" || $0 == "-" || $0 == "--ignore-environment" }:
            add(.problem, "env -i clears LD_PRELOAD for what it starts", "env -i … heapline run -- PROGRAM")
        case "snap", "flatpak", "docker", "podman", "systemd-run":
            add(.problem, "\(name) hands its program to another process tree, which is not followed", "run heapline inside it")
        case "valgrind", "gdb", "strace", "ltrace", "rr":
            add(.note, "\(name) runs PROGRAM under its own control; trace PROGRAM without it for true figures")
        case "swift" where arguments.first == "run" || arguments.first == "test":
            add(.note, "swift \(arguments[0]) builds first, and the build is recorded too; better trace .build/…/PROGRAM itself")
        default: break
        }
    }

    private mutating func system() {
        if Installation.preloadLibrary == nil {
            add(.problem, "libheapline-preload.so was not found", "build the package, or set HEAPLINE_PRELOAD")
        }
        if let session = SessionDirectory() {
            session.remove()
        } else {
            add(.problem, "no directory for buffers: /dev/shm, $TMPDIR and /tmp cannot be written to", "set TMPDIR")
        }
        if canTrace { add(.ok, "\(program) can be traced") }
    }
}
