// SPDX-License-Identifier: Apache-2.0
//
// C++ exceptions: probes in destructors while the stack is being unwound, in handlers, after rethrowing; virtual calls,
// lambdas, and thread_local destructors.
#include "harness.h"

#include <functional>
#include <thread>

namespace {
struct Guard {
    int left;
    ~Guard() {
        probe();
        harness_sink = left;
    }
};

struct Node {
    virtual ~Node() = default;
    virtual int run(int left) = 0;
};
int next(int left);

struct Thrower : Node {
    int run(int left) override {
        Guard guard{left};
        if (left == 0) {
            throw left;
        }
        return next(left - 1) + 1;
    }
};
struct Catcher : Node {
    int run(int left) override {
        try {
            return next(left - 1) + 1;
        } catch (int value) {
            probe();
            if (harness_random() % 2 == 0) {
                throw;
            }
            return value;
        }
    }
};
struct Lambda : Node {
    int run(int left) override {
        std::function<int(int)> call = [left](int more) {
            Guard guard{left};
            return next(more - 1);
        };
        return call(left) + 1;
    }
};

int next(int left) {
    static Thrower thrower;
    static Catcher catcher;
    static Lambda lambda;
    Node *nodes[] = {&thrower, &catcher, &lambda};
    if (left <= 0) {
        return thrower.run(0);
    }
    return nodes[harness_random() % 3]->run(left);
}

struct AtThreadEnd {
    ~AtThreadEnd() { probe(); }
};
} // namespace

extern "C" void victim_exceptions(int rounds) {
    for (int i = 0; i < rounds; i++) {
        try {
            next(static_cast<int>(harness_random() % 16));
        } catch (int) {
            probe();
        }
    }
    std::thread([] {
        harness_start_thread();
        thread_local AtThreadEnd end;
        harness_sink = reinterpret_cast<std::intptr_t>(&end) != 0;
        probe();
    }).join();
}
