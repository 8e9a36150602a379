// SPDX-License-Identifier: Apache-2.0
//
// containers ROUNDS: what a C++ program does with the standard containers. The nodes and strings it makes are counted by
// an allocator of its own, so the count is the program's, not a tracer's.

extern "C" {
#include "workload.h"
}

#include <algorithm>
#include <list>
#include <map>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

static std::uint64_t events;

template <typename T> struct Counting {
    using value_type = T;
    Counting() = default;
    template <typename U> Counting(const Counting<U> &) {}
    T *allocate(std::size_t count) {
        events++;
        return static_cast<T *>(::operator new(count * sizeof(T)));
    }
    void deallocate(T *block, std::size_t) {
        events++;
        ::operator delete(block);
    }
    template <typename U> bool operator==(const Counting<U> &) const { return true; }
};

using String = std::basic_string<char, std::char_traits<char>, Counting<char>>;
struct Hash {
    std::size_t operator()(const String &text) const {
        return std::hash<std::string_view>()(std::string_view(text.data(), text.size()));
    }
};
template <typename T> using Vector = std::vector<T, Counting<T>>;
using Ordered = std::map<int, String, std::less<int>, Counting<std::pair<const int, String>>>;
using Hashed = std::unordered_map<String, int, Hash, std::equal_to<String>, Counting<std::pair<const String, int>>>;

static String name(std::uint64_t number) {
    String text("an entry whose name is not short, number ");
    for (; number; number /= 10) text.push_back(static_cast<char>('0' + number % 10));
    return text;
}

static std::size_t round(std::uint64_t seed) {
    std::uint64_t random = seed;
    Ordered ordered;
    Hashed hashed;
    std::list<Vector<int>, Counting<Vector<int>>> lists;
    for (int i = 0; i < 400; i++) {
        std::uint64_t drawn = workload_random(&random);
        ordered[static_cast<int>(drawn % 300)] = name(drawn);
        hashed[name(drawn % 200)]++;
        Vector<int> numbers;
        for (int n = 0; n < static_cast<int>(drawn >> 40 & 31); n++) numbers.push_back(n);
        lists.push_back(std::move(numbers));
        if (lists.size() > 50) lists.pop_front();
    }
    Vector<String> sorted;
    for (const auto &entry : ordered) sorted.push_back(entry.second);
    std::sort(sorted.begin(), sorted.end());
    return sorted.size() + hashed.size() + lists.size();
}

int main(int argc, char **argv) {
    std::uint64_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100;
    workload_span begin = workload_begin();
    std::size_t sum = 0;
    for (std::uint64_t i = 0; i < rounds; i++) sum += round(i);
    __asm__ volatile("" : : "r"(sum));
    workload_end(begin, events);
}
