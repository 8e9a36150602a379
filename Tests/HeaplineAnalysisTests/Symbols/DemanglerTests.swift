// SPDX-License-Identifier: Apache-2.0
//
// Names made by real compilers and what they stand for. The Rust v0 reader was also compared with binutils' c++filt on
// the 125,859 v0 names of rustc 1.95 and cargo: the two differ on 17, where c++filt does not read 128-bit constants and the
// types f16 and f128.

import Testing

@testable import HeaplineAnalysis

@Suite("Demangler")
struct DemanglerTests {
    @Test(
        "Rust v0",
        arguments: [
            ("_RNvCs6GmmlP4bgsG_1r4main", "r::main"),
            ("_RNCNvCs6GmmlP4bgsG_1r4main0B3_", "r::main::{closure#0}"),
            (
                "_RNCNCINvCs6GmmlP4bgsG_1r3genNCNvB6_4main0E00B6_",
                "r::gen::<r::main::{closure#0}>::{closure#0}::{closure#0}"
            ),
            (
                "_RNvMs_NtCslNYArtu3iFV_5alloc3vecINtB4_3VecmE7reserveCs6GmmlP4bgsG_1r",
                "<alloc::vec::Vec<u32>>::reserve"
            ),
            ("_RNvMs2_Cs6GmmlP4bgsG_1rINtB5_1CKxn5_Kb1_Kc78_E2ccB5_", "<r::C<-5, true, 'x'>>::cc"),
            ("_RNvMs2_Cs6GmmlP4bgsG_1rINtB5_1CKx7_Kb0_Kca_E2ccB5_", "<r::C<7, false, '\\n'>>::cc"),
            (
                "_RNvMNtNtCsgEmfK2I1SDS_4core3ptr9const_ptrPu13is_aligned_toCs6GmmlP4bgsG_1r",
                "<*const ()>::is_aligned_to"
            ),
            (
                "_RINvNtNtCsjrHSEGnQ3l9_3std3sys9backtrace28___rust_begin_short_backtraceFEuuECs6GmmlP4bgsG_1r",
                "std::sys::backtrace::__rust_begin_short_backtrace::<fn(), ()>"
            ),
            (
                "_RINvXs3_NtNtCsgEmfK2I1SDS_4core4hash5implsRNtNtCslNYArtu3iFV_5alloc6string6StringNtB8_4Hash4hash"
                    + "NtNtNtCsjrHSEGnQ3l9_3std4hash6random13DefaultHasherECs6GmmlP4bgsG_1r",
                "<&alloc::string::String as core::hash::Hash>::hash::<std::hash::random::DefaultHasher>"
            ),
            (
                "_RNSNvYNCINvNtCsjrHSEGnQ3l9_3std2rt10lang_startuE0INtNtNtCsgEmfK2I1SDS_4core3ops8function6FnOnceuE9call_once"
                    + "6vtableCs6GmmlP4bgsG_1r",
                "<std::rt::lang_start<()>::{closure#0} as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}"
            ),
            (
                "_RNvMs1P_NtNtCsgEmfK2I1SDS_4core9core_arch3x86INtNtB8_4simd4SimdaKj10_E8as_m128iCs6GmmlP4bgsG_1r",
                "<core::core_arch::simd::Simd<i8, 16>>::as_m128i"
            ),
        ])
    func rust(mangled: String, source: String) {
        #expect(Demangler.demangle(mangled) == source)
    }

    @Test("Rust v0 types, bound lifetimes, constants and non-ASCII names")
    func rustGrammar() {
        // Made from the grammar: each is f::<TYPE>.
        func type(_ mangled: String) -> String? { RustDemangler.demangle("_RINvC1c1f\(mangled)E") }
        #expect(type("TlhE") == "c::f::<(i32, u8)>")
        #expect(type("TlE") == "c::f::<(i32,)>")
        #expect(type("Aj4_") == nil)
        #expect(type("AhKj4_") == nil)
        #expect(type("Ahj4_") == "c::f::<[u8; 4]>")
        #expect(type("RSe") == "c::f::<&[str]>")
        #expect(type("QL_Oz") == "c::f::<&mut *mut !>")
        #expect(type("FG_RL0_hEu") == "c::f::<for<'a> fn(&'a u8)>")
        #expect(type("FUKCPhEj") == "c::f::<unsafe extern \"C\" fn(*const u8) -> usize>")
        #expect(type("FK6vector_EEu") == nil)
        #expect(type("FK10thiscall_uEu") == "c::f::<extern \"thiscall-u\" fn()>")
        #expect(type("DINtC1d8IteratorhEp4ItembEL_") == "c::f::<dyn d::Iterator<u8, Item = bool>>")
        #expect(type("DNtC1d4SendNtC1d4SyncEL_") == "c::f::<dyn d::Send + d::Sync>")
        #expect(type("DG_INtC1d2FnTRL0_hEEEL_") == "c::f::<dyn for<'a> d::Fn<(&'a u8,)>>")
        #expect(type("L_") == "c::f::<'_>")
        #expect(type("Kp") == "c::f::<_>")
        #expect(type("Khff_") == "c::f::<255>")
        #expect(type("Knn80_") == "c::f::<-128>")
        #expect(type("Ko1ffffffffffffffff_") == "c::f::<0x1ffffffffffffffff>")
        #expect(type("KRe68c3a9_") == "c::f::<\"hé\">")
        #expect(type("KAb0_b1_E") == "c::f::<{[false, true]}>")
        #expect(type("KVNtC1d1SS1ah1_1bc61_E") == "c::f::<{d::S { a: 1, b: 'a' }}>")
        #expect(RustDemangler.demangle("_RNvC1cu5a_ZZZ") == nil)
        #expect(RustDemangler.demangle("_RNvC1cu9a_9999999") == nil)
        #expect(Punycode.decode(Array("99999999999a".utf8)) == nil)
        // The example of the encoding's specification.
        #expect(
            RustDemangler.demangle("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y")
                == "utf8_idents::საჭმელად_გემრიელი_სადილი")
        #expect(Punycode.decode(Array("gre_6ka8i".utf8)) == "größe")
        #expect(RustDemangler.demangle("_RNvC1cu9gre_6ka8i") == "c::größe")
    }

    @Test(
        "Rust legacy",
        arguments: [
            ("_ZN4core3ptr10swap_chunk17h8be3b7354aae82a6E", "core::ptr::swap_chunk"),
            (
                "_ZN88_$LT$hashbrown..scopeguard..ScopeGuard$LT$T$C$F$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17h1e7bc0ebfba38681E",
                "<hashbrown::scopeguard::ScopeGuard<T,F> as core::ops::drop::Drop>::drop"
            ),
            (
                "_ZN48_$LT$$u5b$T$u5d$$u20$as$u20$core..fmt..Debug$GT$3fmt17he629116007f07bb3E.llvm.123456",
                "<[T] as core::fmt::Debug>::fmt"
            ),
            (
                "_ZN3std4hash6random11RandomState3new4KEYS29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$closure$u7d$$u7d$17hc8a37fdfc292fa0bE",
                "std::hash::random::RandomState::new::KEYS::{{constant}}::{{closure}}"
            ),
            ("_ZN1r16gr$uf6$$udf$e3foo17h0123456789abcdefE", "_ZN1r16gr$uf6$$udf$e3foo17h0123456789abcdefE"),
            ("_ZN1r13gr$uf6$$udf$e3foo17h0123456789abcdefE", "r::größe::foo"),
        ])
    func rustLegacy(mangled: String, source: String) {
        #expect(Demangler.demangle(mangled) == source)
    }

    static let hasCxx = Demangler.demangle("_Z1fv") != "_Z1fv"

    @Test(
        "C++", .enabled(if: hasCxx, "needs libstdc++.so.6 or libc++abi.so.1"),
        arguments: [
            ("_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)"),
            ("_Znwm", "operator new(unsigned long)"),
            (
                "_ZnwmSt11align_val_tRKSt9nothrow_t@@CXXABI_1.3.11",
                "operator new(unsigned long, std::align_val_t, std::nothrow_t const&)"
            ),
            ("_ZN3Foo3barEi.constprop.0", "Foo::bar(int) [clone .constprop.0]"),
            ("_ZN3Foo3barEi.llvm.5678", "Foo::bar(int)"),
            ("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const"),
        ])
    func cxx(mangled: String, source: String) {
        #expect(Demangler.demangle(mangled) == source)
    }

    @Test(
        "Swift",
        arguments: [
            ("$sSa6appendyyxnF", "Swift.Array.append(__owned A) -> ()"),
            ("_$sSS9hasSuffixySbSSF", "Swift.String.hasSuffix(Swift.String) -> Swift.Bool"),
            ("$s4main3fooyySiF", "main.foo(Swift.Int) -> ()"),
        ])
    func swift(mangled: String, source: String) {
        #expect(Demangler.demangle(mangled) == source)
    }

    @Test(
        "What is not mangled stays",
        arguments: ["malloc", "main", "_start", "_Z", "_R", "_ZN", "$", "", "__libc_start_main", "_RNvC"])
    func plain(name: String) {
        #expect(Demangler.demangle(name) == name)
    }

    @Test("A symbol's version is dropped")
    func version() {
        #expect(Demangler.demangle("malloc@@GLIBC_2.2.5") == "malloc")
        #expect(Demangler.demangle("memcpy@GLIBC_2.14") == "memcpy")
    }

    @Test("Damaged and hostile Rust names end in bounded time and length", arguments: 1...300)
    func fuzz(seed: UInt64) {
        var random = SeededRandom(seed)
        let names = [
            "_RINvYINtNtNtCsgEmfK2I1SDS_4core3ops5range5RangemENtNtNtNtBa_4iter6traits8iterator8Iterator3mapmNCINvCs6GmmlP4bgsG_1r3gen"
                + "NCNvB1A_4main0E0EB1A_",
            "_RINvC1c1fKVNtC1d1SS1ah1_1bc61_EDG_INtC1d2FnTRL0_hEEp4ItembEL_E",
            "_ZN88_$LT$hashbrown..scopeguard..ScopeGuard$LT$T$C$F$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17h1e7bc0ebfba38681E",
        ]
        for name in names {
            let damaged = String(decoding: Array(name.utf8).mutated(&random).map { $0 & 0x7f }, as: UTF8.self)
            #expect(RustDemangler.demangle(damaged[...])?.utf8.count ?? 0 <= RustDemangler.longest, "seed \(seed)")
            _ = RustLegacyName.demangle(damaged[...])
            _ = ShortName.of(damaged)
        }
    }

    @Test("Back references cannot make a name explode")
    func explosion() {
        // Each tuple holds the one before it twice.
        var name = "_RINvC1c1fTuuE"
        var previous = name.utf8.count - 2 - 4
        for _ in 0..<40 {
            let reference = "B" + Self.base62(previous)
            previous = name.utf8.count - 2
            name += "T\(reference)\(reference)E"
        }
        #expect(RustDemangler.demangle((name + "E")[...]) == nil)
        let deep = "_RINvC1c1f" + String(repeating: "R", count: 100_000) + "hE"
        #expect(RustDemangler.demangle(deep[...]) == nil)
    }

    static func base62(_ value: Int) -> String {
        guard value > 0 else { return "_" }
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        var rest = value - 1
        var text = ""
        repeat {
            text = String(digits[rest % 62]) + text
            rest /= 62
        } while rest > 0
        return text + "_"
    }
}
