// SPDX-License-Identifier: Apache-2.0
//
// SystemView packets, encoded into a growing stream per core.
//
//     id | length, only if id ≥ 24 | payload | time delta
//
// All numbers are varints, low 7 bits first: 300 is ac 02.  Id and length take one byte up to 127, else two.  A string is
// a length byte (0 to 254) and that many bytes.  The delta counts from the packet before in the same stream:
//
//     0a f8 82 ae 01     trace start (10), 2851192 ticks
//     1a 05 02 68 69 00 00 07     text "hi" (26, 5 bytes), level 0, no arguments, 7 ticks

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hl_sysview_id {
    HL_SYSVIEW_NOP = 0,
    HL_SYSVIEW_TASK_START_EXEC = 4,
    HL_SYSVIEW_TASK_START_READY = 6,
    HL_SYSVIEW_TASK_STOP_READY = 7,
    HL_SYSVIEW_TASK_CREATE = 8,
    HL_SYSVIEW_TASK_INFO = 9,
    HL_SYSVIEW_TRACE_START = 10,
    HL_SYSVIEW_TRACE_STOP = 11,
    HL_SYSVIEW_TIME_US = 13,
    HL_SYSVIEW_DESCRIPTION = 14,
    HL_SYSVIEW_IDLE = 17,
    HL_SYSVIEW_STACK_INFO = 21,
    HL_SYSVIEW_MODULE = 22,
    HL_SYSVIEW_INIT = 24,
    HL_SYSVIEW_PRINT = 26,
    HL_SYSVIEW_MODULE_COUNT = 27,
    HL_SYSVIEW_HEAP_ALLOCATION = 512,
    HL_SYSVIEW_HEAP_FREE = 513,
};

enum { HL_SYSVIEW_PAYLOAD_MAXIMUM = 640 };

// One packet under construction.
struct hl_sysview_packet {
    uint32_t id;
    size_t length;
    uint8_t payload[HL_SYSVIEW_PAYLOAD_MAXIMUM];
};

// One core's packets.  length ≤ capacity.
struct hl_sysview_stream {
    uint8_t *bytes;
    size_t length, capacity;
    uint64_t last_tick;
    uint64_t dropped; // packets the host had no memory for
};

void hl_sysview_begin(struct hl_sysview_packet *packet, uint32_t id);
void hl_sysview_add(struct hl_sysview_packet *packet, uint64_t value);
// Cuts at `limit` bytes, not inside a UTF-8 sequence.
void hl_sysview_add_text(struct hl_sysview_packet *packet, const char *text, size_t limit);

void hl_sysview_write_sync(struct hl_sysview_stream *stream);
void hl_sysview_write(struct hl_sysview_stream *stream, const struct hl_sysview_packet *packet, uint64_t tick);
