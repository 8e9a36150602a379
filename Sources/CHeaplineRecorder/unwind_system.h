// SPDX-License-Identifier: Apache-2.0
//
// The few system calls of the unwinder, made without libc: the traced program's libc may be hooked, not yet relocated,
// or interrupted in any line, and errno belongs to the program. Results are the kernel's: negative errno on failure.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

// A result that is an error, as the kernel encodes it.
static inline bool hl_system_failed(intptr_t result) {
    return result < 0 && result > -4096;
}

intptr_t hl_system_open(const char *path);
intptr_t hl_system_read(int file, void *bytes, size_t count);
// Size and inode of an open file; 0 or a negative error.
intptr_t hl_system_status(int file, size_t *bytes, uint64_t *inode);
void hl_system_close(int file);

// Zeroed private memory of the unwinder's own, or NULL.
void *hl_system_memory(size_t bytes);
// Backs it with pages now, by one call instead of a fault for each; does nothing where the kernel cannot.
void hl_system_memory_populate(void *memory, size_t bytes);
// Zeroes memory of the unwinder's own and gives what backed it back.
void hl_system_memory_wipe(void *memory, size_t bytes);
void hl_system_memory_drop(void *memory, size_t bytes);
// A whole file, read only, or NULL.
const uint8_t *hl_system_map_file(int file, size_t bytes);

// Whether the aligned word at `address` can be read, without touching it.
bool hl_system_readable(uintptr_t address);
