// SPDX-License-Identifier: Apache-2.0
//
// An emulated ESP32 chip as far as its heap can see it: memory, layout, configuration. Everything
// that is a build option of ESP-IDF is a run-time option here. Read esp_heap_caps.h for what to do
// with the chip, heapline_port.h for what it needs from its surroundings.

#ifndef HEAPLINE_CHIP_H
#define HEAPLINE_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "heapline_nullability.h"
#include "heapline_port.h"

#ifdef __cplusplus
extern "C" {
#endif

HL_ASSUME_NONNULL_BEGIN

/// CONFIG_HEAP_POISONING_…
enum hl_poisoning { HL_POISONING_NONE, HL_POISONING_LIGHT, HL_POISONING_COMPREHENSIVE };

/// CONFIG_HEAP_TASK_TRACKING and CONFIG_HEAP_TRACK_DELETED_TASKS.
enum hl_tracking { HL_TRACKING_OFF, HL_TRACKING_ALIVE, HL_TRACKING_KEEP_DELETED };

/// Generations of ESP-IDF that place or print differently. Later ones compare greater.
enum hl_idf {
    HL_IDF_LATEST, ///< Stands for the last of this list.
    HL_IDF_4_4,    ///< v4.3–v4.3.4, v4.4–v4.4.3, v5.0.0: one size of control structure per chip.
    HL_IDF_4_4_8,  ///< v4.3.5+, v4.4.4+: control structure by region, everything else of v4.4.
    HL_IDF_5_3,    ///< v5.0.1–v5.3.
    HL_IDF_5_4,    ///< v5.4: malloc gives the whole search class.
    HL_IDF_5_5,    ///< v5.5, v6.0, master: heaps searched by ascending size.
};

/// Where the chip's memory lies on this host.
enum hl_mapping {
    HL_MAPPING_AUTO,      ///< At the chip's addresses if they are free, else elsewhere.
    HL_MAPPING_IN_PLACE,  ///< At the chip's addresses: a pointer is an address.
    HL_MAPPING_ELSEWHERE, ///< At a fixed distance from them.
};

/// How to make a chip. Zero-initialise, then set what differs.
struct hl_chip_options {
    const char *_Nullable target; ///< "esp32", "esp32s3", …; see hl_layout_at.
    enum hl_poisoning poisoning;
    enum hl_tracking tracking;
    enum hl_idf idf;
    enum hl_mapping mapping;
    bool no_memory_protection; ///< Memory protection off: EXEC heaps exist on every chip.
    bool psram;                ///< CONFIG_SPIRAM: external memory may be added.
    bool hooks;                ///< CONFIG_HEAP_USE_HOOKS.
    bool abort_on_failure;     ///< CONFIG_HEAP_ABORT_WHEN_ALLOCATION_FAILS.
    bool abort_on_fault;       ///< A fault ends the process, as it would end the firmware.
    bool iram_8bit;            ///< CONFIG_ESP32_IRAM_AS_8BIT_ACCESSIBLE_MEMORY.
    bool single_core;          ///< CONFIG_FREERTOS_UNICORE.
    struct hl_port port;
};

/// Errors of the functions below.
enum hl_chip_error {
    HL_CHIP_UNKNOWN_TARGET = -1,
    HL_CHIP_NO_ADDRESS_SPACE = -2, ///< The mapping asked for is not possible here.
    HL_CHIP_NO_HOST_MEMORY = -3,
};

struct hl_chip;

/// Makes a chip whose memory is there and whose heap has not started. Returns 0 or an enum
/// hl_chip_error.
int hl_chip_create(const struct hl_chip_options *options, struct hl_chip *_Nullable *_Nonnull chip);

/// Unmaps and frees everything. The chip must not be current on any other thread.
void hl_chip_destroy(struct hl_chip *_Nullable chip);

/// Makes `chip` the one that ESP-IDF's functions mean on this thread; returns the one before.
struct hl_chip *_Nullable hl_chip_use(struct hl_chip *_Nullable chip);

/// Makes `chip` the one meant on every thread that has not chosen; returns the one before.
struct hl_chip *_Nullable hl_chip_use_everywhere(struct hl_chip *_Nullable chip);

/// The chip that ESP-IDF's functions mean here, or null.
struct hl_chip *_Nullable hl_chip_current(void);

/// Host pointer of a chip address, and the reverse. Null is 0. Nothing is checked.
void *_Nullable hl_chip_pointer(const struct hl_chip *chip, uint32_t address);
uint32_t hl_chip_address(const struct hl_chip *chip, const void *_Nullable pointer);

/// Whether [address, address + size) is memory of the chip.
bool hl_chip_is_mapped(const struct hl_chip *chip, uint32_t address, size_t size);

/// Makes memory at chip addresses that the chip's layout does not have. Returns 0 or an enum
/// hl_chip_error.
int hl_chip_map(struct hl_chip *chip, uint32_t address, size_t size);

/// Whether pointers are chip addresses.
bool hl_chip_is_in_place(const struct hl_chip *chip);

/// The options the chip was made with; `target` is the layout's own string.
const struct hl_chip_options *hl_chip_options(const struct hl_chip *chip);

/// Exchanges the surroundings or the tracer (null: none). Not while other threads use the chip.
void hl_chip_set_port(struct hl_chip *chip, const struct hl_port *port);
void hl_chip_set_tracer(struct hl_chip *chip, const struct hl_tracer *_Nullable tracer);

/// Adds external memory as start-up code does: {SPIRAM|DEFAULT, 0, 8BIT|32BIT|SIMD}.
esp_err_t hl_chip_add_psram(struct hl_chip *chip, uint32_t start, uint32_t size);

/// The last fault on this chip (kind HL_FAULT_NONE if none yet), and how many there were.
struct hl_fault hl_chip_last_fault(const struct hl_chip *chip);
uint64_t hl_chip_fault_count(const struct hl_chip *chip);

/// The fault last raised on this thread, whichever the chip; false when none was since the last
/// call.
bool hl_chip_take_fault(struct hl_fault *fault);

/// One heap of a chip in search order.
struct hl_heap_description {
    uint32_t start, end;
    uint32_t caps[3];           ///< By priority.
    bool is_registered;         ///< False: startup-stack memory not yet released, or too small.
    const char *_Nullable type; ///< Name of the memory type; null when memory added at run time
                                ///< matches none.
};

/// Heap number `index` in search order; false when there are not as many.
bool hl_chip_heap_at(const struct hl_chip *chip, size_t index,
                     struct hl_heap_description *description);

/// Whether every heap meets all its invariants: sizes add up, no two free blocks are adjacent,
/// lists hold exactly the free blocks, canaries are intact. Otherwise `reason` says what is wrong.
/// Takes time proportional to the number of blocks.
bool hl_chip_is_sound(struct hl_chip *chip, char *reason, size_t size);

HL_ASSUME_NONNULL_END

#ifdef __cplusplus
}
#endif

#endif
