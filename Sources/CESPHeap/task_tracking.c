// SPDX-License-Identifier: Apache-2.0
#include "task_tracking.h"
bool hl_tracking_open(struct hl_chip *chip) { (void)chip; return true; }
void hl_tracking_close(struct hl_chip *chip) { (void)chip; }
void hl_tracking_allocated(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t address, uint32_t size) {(void)chip;(void)heap;(void)address;(void)size;}
void hl_tracking_freeing(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t address) {(void)chip;(void)heap;(void)address;}
void hl_tracking_reallocated(struct hl_chip *chip, struct hl_region_heap *heap, uint32_t old_address, uint32_t address,
                             uint32_t old_size, uint32_t old_task, uint32_t size) {(void)chip;(void)heap;(void)address;(void)size;(void)old_address;(void)old_size;(void)old_task;}
