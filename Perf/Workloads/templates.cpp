// SPDX-License-Identifier: Apache-2.0
//
// What the C++ compiler is given to compile: containers, algorithms, a little code of its own.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

template <int N> struct Chain {
    std::map<int, std::vector<std::string>> entries;
    Chain<N - 1> next;
    std::size_t count() const { return entries.size() + next.count(); }
};
template <> struct Chain<0> {
    std::size_t count() const { return 0; }
};

std::size_t measure(const Chain<40> &chain, std::unordered_map<std::string, std::function<int(int)>> &table) {
    std::vector<std::pair<std::string, int>> order;
    for (auto &entry : table) order.emplace_back(entry.first, entry.second(1));
    std::sort(order.begin(), order.end(), [](auto &a, auto &b) { return a.second < b.second; });
    auto shared = std::make_shared<std::vector<int>>(order.size());
    std::transform(order.begin(), order.end(), shared->begin(), [](auto &entry) { return entry.second; });
    return chain.count() + shared->size();
}
