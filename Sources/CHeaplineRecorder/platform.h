// SPDX-License-Identifier: Apache-2.0
//
// What the recorder asks of the system, without libc functions that allocate, lock or set errno. Functions that can
// fail return a negative errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

void *hl_platform_map(size_t bytes);                // private zeroed memory, NULL when there is none
void hl_platform_unmap(void *at, size_t bytes);
// Backs such memory with pages now, by one call instead of a fault for each; does nothing where the kernel cannot.
void hl_platform_touch(void *at, size_t bytes);
// The same for a table looked up in no order, with `lead` bytes before it: so aligned that it can have large pages.
void *hl_platform_map_table(size_t lead, size_t bytes);
void hl_platform_unmap_table(void *at, size_t lead, size_t bytes);
int hl_platform_random(void *to, size_t bytes); // 0 when there are no random numbers to be had at once
void hl_platform_wipe(void *at, size_t bytes); // zeroes such memory and gives what backed it back
// Whether the aligned word around `address` can be read, without touching it.
int hl_platform_readable(uintptr_t address);
struct hl_range {
    uintptr_t start, end;
};
// The mappings that hl_platform_map() gave and that are still there, in no order. Returns how many.
uint32_t hl_platform_own(struct hl_range *ranges, uint32_t most);
void hl_platform_wipe_on_fork(void *page, size_t bytes);
int hl_platform_open(const char *path, int flags);  // close-on-exec
void hl_platform_close(int fd);
// What tells an open file from others, and from what it was before a change.
struct hl_platform_file {
    uint64_t inode, device, changed_ns;
    size_t bytes;
};
int hl_platform_file_status(int fd, struct hl_platform_file *file);
const void *hl_platform_map_file(int fd, size_t bytes); // a whole file, read only, or NULL
// Gives the storage of a shared mapping back where the file system can; its contents are then zero.
void hl_platform_release(void *at, size_t bytes);
// Creates `path` with `bytes` of room and maps it shared, in the place of what is at `*mapped` unless that is NULL.
int hl_platform_create_shared(const char *path, size_t bytes, void **mapped);
// Gives [at, at + bytes) of a shared mapping of `path` storage, so that touching it cannot fault.
int hl_platform_populate(void *at, size_t bytes, const char *path, size_t offset);
int64_t hl_platform_read(int fd, void *buffer, size_t bytes);
int64_t hl_platform_read_at(int fd, void *buffer, size_t bytes, uint64_t offset);
int64_t hl_platform_list(int fd, void *buffer, size_t bytes); // getdents64 of a directory
int64_t hl_platform_read_file(const char *path, char *buffer, size_t bytes); // NUL-terminated
int64_t hl_platform_read_link(const char *path, char *buffer, size_t bytes);
int hl_platform_write_all(int fd, const void *bytes, size_t count);
int hl_platform_rename(const char *from, const char *to);
int hl_platform_unlink(const char *path);
int hl_platform_remove_directory(const char *path);
int hl_platform_make_directory(const char *path);
uint32_t hl_platform_pid(void);
uint32_t hl_platform_parent_pid(void);
uint32_t hl_platform_tid(void);
void hl_platform_thread_name(char name[16]);
// How many pages right below `page` (page-aligned) can be read, `most` at most.
uint32_t hl_platform_readable_below(uintptr_t page, uint32_t most);
// Copies this process's memory where some of it may not be readable; returns how many bytes could be.
int64_t hl_platform_copy(void *to, uintptr_t from, size_t bytes);
int hl_platform_signal_thread(uint32_t tid, int number);
// Most bytes the main thread's stack may grow to.
uint64_t hl_platform_main_stack_limit(void);
uint64_t hl_platform_wall_ns(void);
uint64_t hl_platform_monotonic_ns(void);
uint64_t hl_platform_processor_ns(void); // of this process, all its threads
uint32_t hl_platform_core_count(void); // processors that may ever be there
uint64_t hl_platform_block_signals(void); // returns the mask before
void hl_platform_restore_signals(uint64_t mask);
void hl_platform_yield(void);
int hl_platform_alive(uint32_t pid);
void hl_platform_wait(uint32_t *word, uint32_t value, uint32_t timeout_ms); // shared futex
void hl_platform_wake(uint32_t *word);
// Offset of this thread's rseq area from the thread pointer, or 0 when rseq is not there.
int64_t hl_platform_rseq_offset(void);
// Starts `path` with `arguments`, detached from this process: no child of it, no signal to it.
int hl_platform_spawn_detached(const char *path, char *const arguments[], char *const environment[]);
