// SPDX-License-Identifier: Apache-2.0
//
// What the parts of the trace model share: chance, and how they fail.

#pragma once

#include <stddef.h>
#include <stdint.h>

extern uint64_t seed;

uint64_t next_random(uint64_t *state);
unsigned below(uint64_t *state, unsigned limit);
_Noreturn void fail(uint64_t operation, const char *what, long long expected, long long actual);
void check(uint64_t operation, const char *what, size_t expected, size_t actual);

// Random events in rings of three writers, merged now and then, against a naive list.
void merge_model(uint64_t operations);
