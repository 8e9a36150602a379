// SPDX-License-Identifier: Apache-2.0
//
// family: each function of malloc's family once. Successful allocations: malloc, calloc, realloc(NULL), realloc up, realloc down,
// reallocarray, posix_memalign, aligned_alloc, memalign, valloc, pvalloc, strdup, strndup: 13, of which 3 reallocations
// (realloc up, realloc down, reallocarray). Frees: 13. Failures: malloc(SIZE_MAX / 2), realloc(p, SIZE_MAX / 2): 2; the block
// of the failed realloc lives on and is freed. Bytes: 100+200+300+400+50+600+700+768+900+10+20+6+3 = 4057.

#include "victim.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int victim_family(int argc, char **argv) {
    (void)argc;
    (void)argv;
    volatile size_t huge = SIZE_MAX / 2;
    void *block = malloc(100), *other = NULL;
    int wrong = malloc_usable_size(block) < 100;
    free(block);
    char *zeroed = calloc(10, 20);
    for (int i = 0; i < 200; i++) wrong |= zeroed[i] != 0;
    free(zeroed);
    block = realloc(NULL, 300);
    memset(block, 7, 300);
    block = realloc(block, 400);
    wrong |= ((char *)block)[299] != 7;
    block = realloc(block, 50);
    wrong |= realloc(block, huge) != NULL;
    block = reallocarray(block, 6, 100);
    wrong |= ((char *)block)[49] != 7;
    free(block);
    wrong |= posix_memalign(&other, 64, 700) != 0 || (uintptr_t)other % 64;
    free(other);
    free(other = aligned_alloc(256, 768));
    wrong |= (uintptr_t)other % 256 != 0;
    free(memalign(32, 900));
    free(valloc(10));
    free(pvalloc(20));
    free(strdup("five!"));
    free(strndup("two and more", 2));
    wrong |= malloc(huge) != NULL;
    return wrong;
}
