// SPDX-License-Identifier: Apache-2.0
//
// Which calls of a stack say nothing about the program: the allocator's at its inner end, the start-up code's at its
// outer end. What is between is never touched.

/// Leaves out frames of the allocator and of the start-up code.
public enum StackTrimming {
    /// The frames between the two ends; all of them when nothing would be left.
    public static func trim(_ frames: [SymbolFrame]) -> [SymbolFrame] {
        var start = 0
        // Only up to the last call that is certainly the allocator's: a runtime's helper alone is no reason to cut.
        for (index, frame) in frames.enumerated() {
            guard isAllocator(frame) else { break }
            start = index + 1
        }
        var end = frames.count
        while end > start, isStart(frames[end - 1]) { end -= 1 }
        return start < end ? Array(frames[start..<end]) : frames
    }

    /// The first frame that belongs to the program and not to the allocator: whom to name.
    public static func culprit(_ frames: [SymbolFrame]) -> SymbolFrame? { trim(frames).first }

    /// Whether a frame is the allocator's or a runtime's way to it.
    public static func isAllocator(_ frame: SymbolFrame) -> Bool {
        if frame.module.hasSuffix("libheapline-preload.so") { return true }
        let name = frame.function
        if exact.contains(base(name)) { return true }
        return prefixes.contains { name.hasPrefix($0) }
    }

    /// Whether a frame is start-up code of a program or thread.
    public static func isStart(_ frame: SymbolFrame) -> Bool { starts.contains(base(frame.function)) }

    /// The name without parameters, version (`@…`), clone suffixes, and what glibc puts before its internal names.
    static func base(_ name: String) -> String {
        if name.hasPrefix("operator ") { return String(name.prefix { $0 != "(" }) }
        let name = name.hasPrefix("__GI_") ? name.dropFirst(5) : name[...]
        return String(name.prefix { $0 != "(" && $0 != "@" && $0 != " " })
    }

    private static let exact: Set<String> = [
        "malloc", "calloc", "realloc", "reallocarray", "free", "posix_memalign", "aligned_alloc", "memalign", "valloc",
        "pvalloc", "cfree", "strdup", "strndup", "__strdup", "__strndup", "__libc_malloc", "__libc_calloc",
        "__libc_realloc", "__libc_memalign", "operator new", "operator new[]", "operator delete", "operator delete[]",
        "swift_slowAlloc", "swift_slowAllocTyped", "swift_allocObject", "_swift_allocObject_", "swift_slowDealloc",
        "swift::swift_slowAllocTyped", "swift_initStackObject", "swift_allocBox", "swift_allocEmptyBox",
        "__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc", "__rdl_alloc", "__rdl_alloc_zeroed", "__rdl_realloc",
        "alloc::alloc::alloc", "alloc::alloc::realloc", "alloc::alloc::alloc_zeroed", "alloc::alloc::exchange_malloc",
        "heap_caps_malloc", "heap_caps_calloc", "heap_caps_realloc", "heap_caps_malloc_default",
        "heap_caps_realloc_default", "pvPortMalloc",
    ]
    private static let prefixes = [
        "std::allocator<", "std::__new_allocator<", "__gnu_cxx::new_allocator<", "std::allocator_traits<",
        "std::__1::allocator<", "std::__1::allocator_traits<", "void* std::__1::__libcpp_operator_new",
        "std::__1::__libcpp_allocate", "<alloc::alloc::Global as ", "alloc::alloc::Global::", "alloc::raw_vec::",
        "alloc::boxed::Box<", "swift::swift_slowAlloc", "(anonymous namespace)::swift_allocObject",
    ]
    private static let starts: Set<String> = [
        "_start", "__libc_start_main", "__libc_start_call_main", "__libc_start_main_impl", "start_thread", "clone",
        "clone3", "__clone", "__clone3", "thread_start", "call_init", "call_init.part.0", "_dl_init", "_dl_start_user",
    ]
}
