// SPDX-License-Identifier: Apache-2.0
//
// A program with awkward heap behaviour, one kind per file, each with counts known by construction. Nothing here uses stdio or
// anything else of libc that allocates by itself: what a trace shows beyond the counts is the C library's start and threads.
#pragma once

#include <stddef.h>

// Blocks that must not be optimised away.
extern void *volatile victim_sink;

// All allocations whose counts matter are made here, so that a test finds them by this function's name.
__attribute__((noinline)) void *victim_allocate(size_t size);

int victim_nothing(int argc, char **argv);
int victim_loop(int argc, char **argv);
int victim_family(int argc, char **argv);
int victim_leak(int argc, char **argv);
int victim_threads(int argc, char **argv);
int victim_cross(int argc, char **argv);
int victim_fork(int argc, char **argv);
int victim_vfork(int argc, char **argv);
int victim_exec(int argc, char **argv);
int victim_signals(int argc, char **argv);
int victim_interrupted(int argc, char **argv);
int victim_destructors(int argc, char **argv);
int victim_dlopen(int argc, char **argv);
int victim_killed(int argc, char **argv);
int victim_exits(int argc, char **argv);
int victim_deep(int argc, char **argv);
int victim_reachable(int argc, char **argv);
int victim_limited(int argc, char **argv);

long victim_number(int argc, char **argv, int index, long otherwise);
