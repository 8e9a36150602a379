// SPDX-License-Identifier: Apache-2.0
//
// Random call trees through frames of every make: plain, with an array, with alloca, with a variable array, with many registers
// saved, realigned, and tail calls.
#include "harness.h"

#include <alloca.h>

#define KEPT __attribute__((noinline))

static int dispatch(int left);

KEPT static int plain(int left) {
    return dispatch(left - 1) + 1;
}
KEPT static int array(int left) {
    volatile char bytes[100];
    bytes[left % 100] = 1;
    return dispatch(left - 1) + bytes[left % 100];
}
KEPT static int with_alloca(int left) {
    volatile char *bytes = alloca(harness_random() % 200 + 1);
    bytes[0] = 1;
    int result = dispatch(left - 1) + dispatch(left - 2);
    harness_sink = bytes[0];
    return result;
}
KEPT static int variable_array(int left) {
    int count = (int)(harness_random() % 50) + 1;
    volatile int values[count];
    values[0] = left;
    return dispatch(left - 1) + values[0];
}
KEPT static int registers(int left) {
    int a = harness_sink, b = harness_sink, c = harness_sink, d = harness_sink, e = harness_sink;
    int result = dispatch(left - 1);
    harness_sink = a + b + c + d + e;
    return result + a * b + c * d + e;
}
KEPT static int realigned(int left) {
    _Alignas(64) volatile char bytes[64];
    bytes[0] = 1;
    return dispatch(left - 1) + bytes[0];
}
KEPT static int realigned_alloca(int left) {
    _Alignas(32) volatile char bytes[32];
    volatile char *more = alloca(harness_random() % 100 + 1);
    more[0] = bytes[0] = 1;
    return dispatch(left - 1) + bytes[0] + more[0];
}
KEPT static int tail(int left) {
    return dispatch(left - 1);
}
KEPT static int large(int left) {
    volatile char bytes[20000];
    bytes[left] = 1;
    return dispatch(left - 1) + bytes[left];
}
KEPT static int leaf(int left) {
    probe();
    return left;
}

static int dispatch(int left) {
    if (harness_random() % 4 == 0) {
        probe();
    }
    if (left <= 0) {
        return leaf(left);
    }
    switch (harness_random() % 9) {
    case 0:
        return plain(left);
    case 1:
        return array(left);
    case 2:
        return with_alloca(left);
    case 3:
        return variable_array(left);
    case 4:
        return registers(left);
    case 5:
        return realigned(left);
    case 6:
        return realigned_alloca(left);
    case 7:
        return large(left);
    default:
        return tail(left);
    }
}

KEPT static int deep(int left) {
    int result = left > 0 ? deep(left - 1) : 0;
    if (left % 16 == 0) {
        probe();
    }
    return result + left;
}

KEPT static int steady(int left) { // the same stack again and again, and its neighbours
    if (left > 0) {
        int result = steady(left - 1);
        harness_sink = result;
        return result + 1;
    }
    for (int i = 0; i < 20; i++) {
        probe();
        leaf(i);
        plain(0);
    }
    return 0;
}

void victim_recursion(int rounds) {
    for (int i = 0; i < rounds; i++) {
        dispatch((int)(harness_random() % 14));
        deep((int)(harness_random() % 120));
        steady((int)(harness_random() % 60));
    }
}
