// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HeaplineAnalysis

@Suite("Short names")
struct ShortNameTests {
    @Test(
        "C and C++",
        arguments: [
            ("malloc", "malloc"),
            ("foo(int, char)", "foo"),
            ("foo(int) [clone .constprop.0]", "foo [clone .constprop.0]"),
            (
                "void std::vector<int, std::allocator<int> >::_M_realloc_insert<int const&>(__gnu_cxx::__normal_iterator<int*, X>, int const&)",
                "std::vector<…>::_M_realloc_insert<…>"
            ),
            ("unsigned long h<char>(char)", "h<…>"),
            ("std::enable_if<true, int>::type g<int>(int)", "g<…>"),
            ("decltype (declval<int>()) f<int>(int)", "f<…>"),
            ("std::ostream& operator<< <char>(std::ostream&, char const*)", "operator<< <…>"),
            ("bool operator<(A const&, A const&)", "operator<"),
            ("A::operator->() const", "A::operator->"),
            ("Foo::operator()(int) const", "Foo::operator()"),
            ("Foo::operator bool() const", "Foo::operator bool"),
            ("operator new[](unsigned long)", "operator new[]"),
            ("(anonymous namespace)::Bar<int>::go((anonymous namespace)::T)", "(anonymous namespace)::Bar<…>::go"),
            ("main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"),
            ("Foo::bar(int) const::{lambda()#1}::operator()() const", "Foo::bar::{lambda()#1}::operator()"),
            ("std::string::c_str[abi:cxx11]() const", "std::string::c_str[abi:cxx11]"),
            ("non-virtual thunk to Foo::bar(int)", "non-virtual thunk to Foo::bar"),
        ])
    func cxx(name: String, short: String) { #expect(ShortName.of(name) == short) }

    @Test(
        "Rust",
        arguments: [
            ("<alloc::vec::Vec<u8> as core::clone::Clone>::clone", "<alloc::vec::Vec<…> as core::clone::Clone>::clone"),
            (
                "core::fmt::num::<impl core::fmt::Debug for u8>::fmt",
                "core::fmt::num::<impl core::fmt::Debug for u8>::fmt"
            ),
            ("stacker::grow::<(), <rustc::Err>::note::{closure#9}>", "stacker::grow::<…>"),
            ("<fn(u8) -> Vec<u8> as r::Tr>::go", "<fn(u8) -> Vec<…> as r::Tr>::go"),
            ("r::main::{closure#0}", "r::main::{closure#0}"),
        ])
    func rust(name: String, short: String) { #expect(ShortName.of(name) == short) }

    @Test(
        "Swift",
        arguments: [
            ("Swift.Array.append(__owned A) -> ()", "Swift.Array.append"),
            (
                "closure #1 (Swift.Int) -> Swift.Int in closure #2 @Sendable () async throws -> () in main.f<A where A: P>(x: Swift.Int) async -> ()",
                "closure #1 in closure #2 in main.f"
            ),
            ("generic specialization <Swift.Int> of Swift.Array.append(A) -> ()", "Swift.Array.append"),
            ("static Swift.Comparable.< infix(A, A) -> Swift.Bool", "static Swift.Comparable.<"),
            ("main.Tree.(Node in _0F3AFFFF).depth.getter : Swift.Int", "main.Tree.Node.depth.getter"),
            (
                "(extension in Foundation):Swift.String.init(data: Foundation.Data) -> Swift.Optional<Swift.String>",
                "Swift.String.init"
            ),
            (
                "protocol witness for static Swift.Equatable.== infix(A, A) -> Swift.Bool in conformance main.X : Swift.Equatable in main",
                "protocol witness for static Swift.Equatable.=="
            ),
            ("(3) await resume partial function for main.f() async -> ()", "main.f"),
            (
                "(2) suspend resume partial function for closure #1 () async -> () in closure #1 (inout Swift.TaskGroup<()>) async -> () in main",
                "closure #1 in closure #1 in main"
            ),
            ("closure #1 (Swift.Int) -> Swift.Int in f", "closure #1 in f"),
            ("reabstraction thunk helper from @escaping @callee_guaranteed () -> () to @out ()", "reabstraction thunk helper"),
            (
                "function signature specialization <Arg[1] = [Constant Propagated Function : main]> of reabstraction thunk helper from @escaping @convention(thin) @async () -> () to @escaping @callee_guaranteed @async () -> (@out (), @error @owned Swift.Error)",
                "reabstraction thunk helper"
            ),
            (
                "partial apply forwarder for closure #1 () -> () in main.f() -> ()",
                "partial apply forwarder for closure #1 in main.f"
            ),
        ])
    func swift(name: String, short: String) { #expect(ShortName.of(name) == short) }

    @Test(
        "Files",
        arguments: [
            ("/usr/lib/gcc/12/../../../include/c++/12/new", "/usr/include/c++/12/new"),
            ("./elf/dl-init.c", "elf/dl-init.c"),
            ("./csu/../csu/libc-start.c", "csu/libc-start.c"), ("../src/a.c", "../src/a.c"),
            ("../../a/../b.c", "../../b.c"),
            ("/../a.c", "/a.c"), ("/src/a.c", "/src/a.c"), ("a.c", "a.c"),
        ])
    func files(path: String, short: String) { #expect(ShortName.ofFile(path) == short) }
}
