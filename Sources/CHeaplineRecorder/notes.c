// SPDX-License-Identifier: Apache-2.0
//
// See notes.h. Protocol: a writer reserves its bytes with one addition, fills them, and stores the kind last; a reader
// stops at the first kind of zero and comes back later.

#include "notes.h"
#include "clock.h"

#include <string.h>


int hl_note_append(enum hl_note_kind kind, const void *fixed, size_t fixed_bytes, const void *text,
                   size_t text_bytes) {
    struct hl_process *process = hl_recorder.process;
    if (!process) return -1;
    size_t size = sizeof(struct hl_note) + fixed_bytes + text_bytes;
    size_t room = (size + 7) & ~(size_t)7;
    uint64_t at = hl_load_relaxed(&process->notes_reserved); // checked by the exchange
    do {
        if (at + room > HL_NOTES_BYTES) return -1;
    } while (!hl_cas(&process->notes_reserved, &at, at + room));
    // Whoever is the first to reach into a step makes its storage; later writers in that step may be there before it is
    // made, so each asks for its own bytes. That is a cheap call, and notes are rare.
    size_t from = HL_NOTES_OFFSET + (at & ~(uint64_t)4095), to = HL_NOTES_OFFSET + ((at + room + 4095) & ~(uint64_t)4095);
    if (hl_recorder_populate(from, to - from) != 0) return -1;
    struct hl_note *note = (struct hl_note *)(hl_recorder.base + HL_NOTES_OFFSET + at);
    note->size = (uint32_t)size;
    note->ticks = hl_clock_counter() - hl_recorder.clock_base;
    char *payload = (char *)(note + 1);
    if (fixed_bytes) memcpy(payload, fixed, fixed_bytes);
    if (text_bytes) memcpy(payload + fixed_bytes, text, text_bytes);
    hl_store_release(&note->kind, (uint32_t)kind); // pairs with the reader's acquire: the note is whole
    return 0;
}
