// SPDX-License-Identifier: Apache-2.0
//
// Walks stacks that record.c wrote down on aarch64, on this machine: the unwinder is built with aarch64's rules, the program
// and the stack are mapped where they lay there. Usage: replay PROGRAM STACKS; a line for each stack, 1 after a difference.
#include "platform.h"
#include "stack.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK ((char *)0x5000000000)
#define STACK_BYTES ((size_t)1 << 18)
#define NODES (1u << 16)
#define MOST 256

static struct hl_node *nodes;
static uint64_t nodes_made;

static int grow(size_t bytes) {
    return bytes <= NODES * sizeof *nodes;
}

static void give_up(const char *what) {
    perror(what);
    exit(2);
}

// As the loader would: segments at their own addresses, page by page.
static void map_program(const char *path) {
    int file = open(path, O_RDONLY);
    Elf64_Ehdr header;
    if (file < 0 || pread(file, &header, sizeof header, 0) != sizeof header || header.e_machine != EM_AARCH64) give_up(path);
    for (int i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        pread(file, &segment, sizeof segment, (off_t)(header.e_phoff + (size_t)i * sizeof segment));
        if (segment.p_type != PT_LOAD) continue;
        size_t before = segment.p_vaddr % 4096;
        char *place = (char *)(segment.p_vaddr - before);
        int protection = PROT_READ | (segment.p_flags & PF_X ? PROT_EXEC : 0);
        if (mmap(place, segment.p_filesz + before, protection, MAP_PRIVATE | MAP_FIXED_NOREPLACE, file,
                 (off_t)(segment.p_offset - before)) != place)
            give_up("no room for the program");
    }
    close(file);
}

static const char *difference(uint32_t id, const uintptr_t *pcs, const int *exact, unsigned count) {
    unsigned at = 0;
    for (; id >= HL_ROOT_COUNT; id = nodes[id].parent, at++) {
        if (at == count) return nodes[id].pc >> 32 == 0x40 ? "more frames" : NULL; // what called the program is not here
        if (nodes[id].pc != pcs[at]) return "another frame";
        if (((nodes[id].flags & HL_NODE_EXACT) != 0) != exact[at]) return "an interrupted frame taken for a call";
    }
    return at >= count ? NULL : "fewer frames";
}

int main(int arguments, char **argument) {
    if (arguments != 3) return 64;
    map_program(argument[1]);
    if (mmap(STACK, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != STACK)
        give_up("no room for the stack");
    nodes = calloc(NODES, sizeof *nodes);
    if (!hl_intern_start(nodes, &nodes_made, NODES, grow)) return 2;
    struct hl_stack_memo *memo =
        hl_stack_memo_make(calloc(1, hl_stack_memo_bytes(64)), 64, (uintptr_t)STACK, (uintptr_t)STACK + STACK_BYTES);
    FILE *stacks = fopen(argument[2], "r");
    if (!stacks) give_up(argument[2]);
    char line[256], name[64] = "";
    struct hl_registers from = {0};
    uintptr_t pcs[MOST];
    int exact[MOST], differences = 0;
    unsigned count = 0;
    while (fgets(line, sizeof line, stacks)) {
        uintptr_t address, value;
        if (sscanf(line, "stack %63s %lx %lx %lx", name, &from.pc, &from.sp, &from.fp) == 4) {
            count = 0;
            memset(STACK, 0, STACK_BYTES);
        } else if (count < MOST && sscanf(line, "frame %lx %d", &pcs[count], &exact[count]) == 2) {
            count++;
        } else if (sscanf(line, "word %lx %lx", &address, &value) == 2 && address - (uintptr_t)STACK < STACK_BYTES - 7) {
            *(uintptr_t *)address = value;
        } else if (strcmp(line, "end\n") == 0) {
            // Twice with the memo: the second time it verifies what it remembers.
            uint32_t full = hl_stack_capture_full(from, 64);
            uint32_t first = hl_stack_capture(memo, from.pc, from.sp, from.fp, 64);
            uint32_t second = hl_stack_capture(memo, from.pc, from.sp, from.fp, 64);
            const char *what = first != full || second != full ? "memo and full walk differ" : difference(full, pcs, exact, count);
            printf("%s: %u frames, %s\n", name, count, what ? what : "ok");
            if (!what) continue;
            differences = 1;
            for (; full >= HL_ROOT_COUNT; full = nodes[full].parent) printf("  %lx\n", (unsigned long)nodes[full].pc);
            printf("  root %u\n", full);
        }
    }
    return differences;
}
