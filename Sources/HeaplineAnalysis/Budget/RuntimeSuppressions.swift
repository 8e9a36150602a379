// SPDX-License-Identifier: Apache-2.0
//
// Blocks that runtimes keep for the life of the process: nobody's leak. Two rules:
//
//   1. no call of the stack is the program's: loader, C and C++ libraries and threads library set themselves up
//   2. a call of the stack is a function below, that fills a cache which is never emptied, and what it called until the
//      allocation is the same module's or a system library's: code of the program that it calls back is not excused
//
// A rule names the function that owns the cache, never one that merely allocates for its caller: getline, strdup, iconv_open
// or swift_allocObject must not be here.

/// Tells what a runtime keeps from what a program leaks.
public enum RuntimeSuppressions {
    /// Which runtime keeps the block; nil when it is none's.
    public static func owner(of frames: [SymbolFrame]) -> String? {
        guard !frames.isEmpty else { return nil }
        for rule in functions {
            guard let place = frames.firstIndex(where: { rule.matches($0) }) else { continue }
            let module = frames[place].module
            if frames[..<place].allSatisfy({ $0.module == module || isSystem($0) || isSwift($0) }) { return rule.owner }
        }
        // The stack must reach the loader or a thread's start: one that is cut may hide the program.
        let isWhole = frames.last.map {
            isSystem($0) && ($0.function.hasPrefix("_dl_") || starts.contains(StackTrimming.base($0.function)))
        }
        if isWhole == true, frames.allSatisfy(isSystem) { return "the C and C++ libraries" }
        return nil
    }

    /// Answers the same for many stacks of one tree, and looks at each frame once.
    struct Owners {
        private struct Facts {
            var rules: [Int]  // those that match, in their order
            var isSystem: Bool
            var isSwift: Bool
        }
        private let tree: CallTree
        private var known: [Facts?]

        init(_ tree: CallTree) {
            self.tree = tree
            known = Array(repeating: nil, count: tree.frames.count)
        }

        /// Which runtime keeps what a stack allocated; nil when it is none's.
        mutating func owner(of node: Int) -> String? {
            var indexes: [Int] = []
            tree.forEachFrame(node) { indexes.append($0) }
            // For each rule the innermost call that it names.
            var found: [(rule: Int, place: Int)] = []
            var mayOwn = !indexes.isEmpty
            for (place, index) in indexes.enumerated() {
                if known[index] == nil { known[index] = look(tree.frames[index]) }
                guard let facts = known[index] else { continue }
                for rule in facts.rules where !found.contains(where: { $0.rule == rule }) { found.append((rule, place)) }
                if !facts.isSystem { mayOwn = false }
            }
            // Most stacks have neither a function of the list nor only system libraries.
            for (rule, place) in found.sorted(by: { $0.rule < $1.rule }) where isExcused(indexes[..<place], indexes[place]) {
                return RuntimeSuppressions.functions[rule].owner
            }
            return mayOwn ? RuntimeSuppressions.owner(of: indexes.map { tree.frames[$0] }) : nil
        }

        /// Whether all that a function called is its own module's, or a library's that allocates for its callers.
        private func isExcused(_ inner: ArraySlice<Int>, _ function: Int) -> Bool {
            inner.allSatisfy { index in
                known[index].map { $0.isSystem || $0.isSwift } == true || tree.frames[index].module == tree.frames[function].module
            }
        }

        private func look(_ frame: SymbolFrame) -> Facts {
            let base = RuntimeSuppressions.base(frame.function)
            let file = RuntimeSuppressions.file(frame.module)
            let functions = RuntimeSuppressions.functions
            return Facts(
                rules: functions.indices.filter { functions[$0].matches(frame.function, base, file) },
                isSystem: RuntimeSuppressions.isSystem(frame), isSwift: RuntimeSuppressions.isSwift(frame))
        }
    }

    fileprivate struct Rule {
        var owner: String
        var name: String
        var isPrefix: Bool
        /// Part of the module's file name; empty for any, where the function may be linked in.
        var module: String

        func matches(_ frame: SymbolFrame) -> Bool {
            matches(frame.function, RuntimeSuppressions.base(frame.function), RuntimeSuppressions.file(frame.module))
        }

        /// - Parameters:
        ///   - base: the function's name alone.
        ///   - file: the name of the module's file.
        func matches(_ function: String, _ base: Substring, _ file: Substring) -> Bool {
            guard isPrefix ? function.hasPrefix(name) : base == name else { return false }
            return module.isEmpty || file.hasPrefix(module)
        }
    }

    private static func rules(_ owner: String, _ module: String, _ names: [String]) -> [Rule] {
        names.map { name in
            let isPrefix = name.hasSuffix("*")
            return Rule(
                owner: owner, name: isPrefix ? String(name.dropLast()) : name, isPrefix: isPrefix, module: module)
        }
    }

    fileprivate static let functions =
        rules(
            "libc", "libc",
            [
                "_IO_file_doallocate", "_IO_wfile_doallocate", "tzset_internal", "__tzfile_read", "__tzfile_compute",
                "__tzstring*", "_nl_find_locale", "_nl_load_locale*", "_nl_intern_locale_data", "__gconv_load_cache",
                "__gconv_find_shlib", "__wcsmbs_load_conv", "__nss_database_get", "__nss_lookup_function",
                "__nss_module_load", "__new_exitfn", "__cxa_thread_atexit_impl", "__resolv_conf_load",
                "__resolv_conf_allocate", "_dlerror_run",
            ])
        + rules(
            "the dynamic loader", "ld-linux",
            ["_dl_map_object*", "_dl_new_object", "dl_open_worker*", "_dl_allocate_tls", "allocate_dtv"])
        + rules("libstdc++", "libstdc++", ["std::locale::classic*", "__cxa_get_globals*"])
        + rules(
            "the Swift runtime", "libswiftCore",
            [
                "swift_getGenericMetadata*", "_swift_getGenericMetadata*", "swift_getForeignTypeMetadata*",
                "swift_getTypeByMangledName*", "swift_getAssociatedTypeWitness*",
                "swift_getAssociatedConformanceWitness*",
                "swift_conformsToProtocol*", "swift_getWitnessTable*", "swift_getTupleTypeMetadata*",
                "swift_getFunctionTypeMetadata*", "swift_getExistentialTypeMetadata*",
                "swift_getExistentialMetatypeMetadata*", "swift_getMetatypeMetadata*", "swift_getSingletonMetadata*",
                "swift_checkMetadataState*", "swift_initClassMetadata*", "swift_initStructMetadata*",
                "swift_initEnumMetadata*", "swift::MetadataAllocator*", "swift_registerProtocolConformances*",
                "swift_registerTypeMetadataRecords*", "swift::initializeProtocolConformanceLookup*",
                "swift::runtime::environment::initialize*",
            ])
        + rules("libdispatch", "libdispatch", ["_dispatch_continuation_alloc_from_heap", "libdispatch_init"])
        + rules("XCTest", "libXCTest", ["XCTest.*", "$s6XCTest*"])
        + rules("Swift Testing", "libTesting", ["Testing.*", "$s7Testing*"])
        + rules(
            "Python", "",
            [
                "_PyRuntime_Initialize", "_PyRuntimeState_Init", "PyInterpreterState_New", "_PyInterpreterState_New",
                "PyThreadState_New", "new_arena", "_PyUnicode_InitTypes", "_PyTypes_InitTypes",
                "PyUnicode_InternInPlace", "pymain_init", "Py_InitializeFromConfig", "PyType_Ready",
            ])

    /// Whether a call is of a library that every program has.
    fileprivate static func isSystem(_ frame: SymbolFrame) -> Bool {
        let name = file(frame.module)
        return system.contains { name.hasPrefix($0) } || frame.module == "[vdso]"
    }

    /// Whether a call is of Swift's own libraries, which allocate for whoever calls them.
    fileprivate static func isSwift(_ frame: SymbolFrame) -> Bool {
        let name = file(frame.module)
        return ["libswift", "libdispatch", "libFoundation", "lib_Foundation"].contains { name.hasPrefix($0) }
    }

    private static let system = [
        "ld-linux", "ld-musl", "libc.so", "libc-2", "libpthread", "libdl.so", "libdl-2", "libm.so", "librt.so",
        "libgcc_s",
        "libstdc++", "libc++", "libheapline-preload", "libjemalloc", "libtcmalloc", "libmimalloc",
    ]
    private static let starts: Set<String> = ["clone", "clone3", "__clone", "__clone3", "start_thread"]

    fileprivate static func file(_ path: String) -> Substring { path.split(separator: "/").last ?? "" }

    fileprivate static func base(_ name: String) -> Substring { name.prefix { $0 != "(" && $0 != "@" && $0 != " " } }
}
