// SPDX-License-Identifier: Apache-2.0
//
// Reads frame descriptions (.eh_frame, .debug_frame) and evaluates their call frame programs to the row in force at one
// address. Formats: DWARF 5 section 6.4, and the Linux Standard Base's .eh_frame and .eh_frame_hdr.
// Nothing is trusted: every read is checked against the end of the section.
#include "unwinder.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static uint64_t read_bytes(struct reader *reader, size_t count) {
    if ((size_t)(reader->end - reader->at) < count) {
        reader->failed = true;
        reader->at = reader->end;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) {
        value = value << 8 | reader->at[i];
    }
    reader->at += count;
    return value;
}

static uint64_t read_unsigned(struct reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint64_t byte = read_bytes(reader, 1);
        if (shift < 64) {
            value |= (byte & 0x7f) << shift;
        }
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

static int64_t read_signed(struct reader *reader) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint64_t byte;
    do {
        byte = read_bytes(reader, 1);
        if (shift < 64) {
            value |= (byte & 0x7f) << shift;
        }
        shift += 7;
    } while ((byte & 0x80) != 0 && shift < 70);
    if (shift < 64 && (byte & 0x40) != 0) {
        value |= ~UINT64_C(0) << shift;
    }
    return (int64_t)value;
}

// A pointer in the encoding of an augmentation (DW_EH_PE_…), without its base.
static uint64_t read_encoded_value(struct reader *reader, uint8_t encoding) {
    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        return read_bytes(reader, 8);
    case 0x01:
        return read_unsigned(reader);
    case 0x02:
        return read_bytes(reader, 2);
    case 0x03:
        return read_bytes(reader, 4);
    case 0x09:
        return (uint64_t)read_signed(reader);
    case 0x0a:
        return (uint64_t)(int64_t)(int16_t)read_bytes(reader, 2);
    case 0x0b:
        return (uint64_t)(int64_t)(int32_t)read_bytes(reader, 4);
    default:
        reader->failed = true;
        return 0;
    }
}

static uintptr_t read_encoded(struct reader *reader, uint8_t encoding, uintptr_t data_base,
                              uintptr_t bias) {
    uintptr_t place = (uintptr_t)reader->at;
    uintptr_t value = (uintptr_t)read_encoded_value(reader, encoding);
    switch (encoding & 0x70) {
    case 0x00:
        return value + bias;
    case 0x10:
        return value + place;
    case 0x30:
        return value + data_base;
    default: // relative to text or function, or aligned: not produced for frames of 64-bit code
        reader->failed = true;
        return 0;
    }
}

// The length field of an entry; *wide when it has the 64-bit form.
static uint64_t read_length(struct reader *reader, bool *wide) {
    uint64_t length = read_bytes(reader, 4);
    *wide = length == 0xffffffff;
    if (*wide) {
        length = read_bytes(reader, 8);
    }
    if (length > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return 0;
    }
    return length;
}

// Reads the common entry at `entry` into `cfi`.
static bool read_common(const uint8_t *entry, const uint8_t *end, bool debug_frame,
                        struct hl_cfi *cfi, bool *augmented) {
    struct reader reader = {entry, end, false};
    bool wide;
    uint64_t length = read_length(&reader, &wide);
    if (reader.failed || length == 0) {
        return false;
    }
    reader.end = reader.at + length;
    uint64_t id = read_bytes(&reader, wide && debug_frame ? 8 : 4);
    if (debug_frame ? id != (wide ? ~UINT64_C(0) : 0xffffffff) : id != 0) {
        return false;
    }
    uint64_t version = read_bytes(&reader, 1);
    if (version != 1 && version != 3 && version != 4) {
        return false;
    }
    const uint8_t *augmentation = reader.at;
    while (read_bytes(&reader, 1) != 0) {
    }
    if (augmentation[0] == 'e' && augmentation[1] == 'h') {
        read_bytes(&reader, 8); // a pointer that GCC 2 put there
        augmentation += 2;
    }
    if (version == 4) {
        if (read_bytes(&reader, 1) != 8 || read_bytes(&reader, 1) != 0) {
            return false; // other address size, or segments
        }
    }
    cfi->code_align = read_unsigned(&reader);
    cfi->data_align = read_signed(&reader);
    cfi->return_column =
        (uint32_t)(version == 1 ? read_bytes(&reader, 1) : read_unsigned(&reader));
    cfi->pointer_encoding = 0;
    cfi->signal_frame = false;
    *augmented = augmentation[0] == 'z';
    if (*augmented) {
        uint64_t bytes = read_unsigned(&reader);
        if (bytes > (uint64_t)(reader.end - reader.at)) {
            return false;
        }
        struct reader data = {reader.at, reader.at + bytes, false};
        reader.at += bytes;
        for (augmentation++; *augmentation != 0 && !data.failed; augmentation++) {
            if (*augmentation == 'R') {
                cfi->pointer_encoding = (uint8_t)read_bytes(&data, 1);
            } else if (*augmentation == 'P') {
                uint8_t encoding = (uint8_t)read_bytes(&data, 1);
                read_encoded_value(&data, encoding);
            } else if (*augmentation == 'L') {
                read_bytes(&data, 1);
            } else if (*augmentation == 'S') {
                cfi->signal_frame = true;
            } else if (*augmentation != 'B' && *augmentation != 'G') {
                break; // the rest is skipped by its length; nothing after it can be known
            }
        }
    } else if (augmentation[0] != 0) {
        return false; // without a length nobody can skip what is not understood
    }
    cfi->common = reader.at;
    cfi->common_end = reader.end;
    return !reader.failed;
}

// Reads the entry at *entry and moves it to the next one. 1: a frame description, 0: something else, -1: the end.
static int read_entry(const struct hl_unwind_section *section, const uint8_t **entry,
                      struct hl_cfi *cfi) {
    struct reader reader = {*entry, section->end, false};
    bool wide;
    uint64_t length = read_length(&reader, &wide);
    if (reader.failed || length == 0) {
        return -1;
    }
    reader.end = reader.at + length;
    *entry = reader.end;
    const uint8_t *place = reader.at;
    const uint8_t *common;
    if (section->debug_frame) {
        uint64_t offset = read_bytes(&reader, wide ? 8 : 4);
        if (offset == (wide ? ~UINT64_C(0) : 0xffffffff)) {
            return 0;
        }
        if (offset > (uint64_t)(section->end - section->frames)) {
            return 0;
        }
        common = section->frames + offset;
    } else {
        uint64_t back = read_bytes(&reader, 4);
        if (back == 0 || (section->frames != NULL && back > (uint64_t)(place - section->frames))) {
            return 0;
        }
        common = place - back;
    }
    bool augmented;
    cfi->bias = section->debug_frame ? section->bias : 0;
    cfi->version_debug = section->debug_frame;
    if (!read_common(common, section->end, section->debug_frame, cfi, &augmented)) {
        return 0;
    }
    cfi->start = read_encoded(&reader, cfi->pointer_encoding, 0, cfi->bias);
    cfi->end = cfi->start + (uintptr_t)read_encoded_value(&reader, cfi->pointer_encoding & 0x0f);
    if (augmented) {
        uint64_t bytes = read_unsigned(&reader);
        if (bytes > (uint64_t)(reader.end - reader.at)) {
            return 0;
        }
        reader.at += bytes;
    }
    cfi->program = reader.at;
    cfi->program_end = reader.end;
    return reader.failed ? 0 : 1;
}

// .eh_frame_hdr: version, three encodings, the address of .eh_frame, the count, and a sorted table of (start, entry).
// Every linker writes the table as 4-byte offsets from the header; others are read through .eh_frame itself.
#define TABLE_OF_OFFSETS 0x3b

static bool find_by_table(const struct hl_unwind_section *section, uintptr_t address,
                          struct hl_cfi *cfi, const uint8_t **frames) {
    struct reader reader = {section->header, section->end, false};
    uintptr_t base = (uintptr_t)section->header;
    uint64_t version = read_bytes(&reader, 1);
    uint8_t frames_encoding = (uint8_t)read_bytes(&reader, 1);
    uint8_t count_encoding = (uint8_t)read_bytes(&reader, 1);
    uint8_t table_encoding = (uint8_t)read_bytes(&reader, 1);
    if (version != 1) {
        return false;
    }
    *frames = (const uint8_t *)read_encoded(&reader, frames_encoding, base, 0);
    if (reader.failed || count_encoding == 0xff || table_encoding != TABLE_OF_OFFSETS) {
        return false;
    }
    uint64_t count = read_encoded(&reader, count_encoding, base, 0);
    if (reader.failed || count > (uint64_t)(section->end - reader.at) / 8) {
        return false;
    }
    *frames = NULL; // the table is complete: what it does not have, .eh_frame does not have either
    const int32_t(*table)[2] = (const int32_t(*)[2])(uintptr_t)reader.at;
    uint64_t low = 0;
    uint64_t high = count;
    while (low < high) { // invariant: entries below `low` start at or before `address`, those from `high` after
        uint64_t middle = low + (high - low) / 2;
        if (base + (uintptr_t)(intptr_t)table[middle][0] <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    const uint8_t *entry = section->header + table[low - 1][1];
    if (entry >= section->end) {
        return false;
    }
    return read_entry(section, &entry, cfi) == 1 && address >= cfi->start && address < cfi->end;
}

// Moves the entry at `root` down to its place in the heap of the first `count`: the largest is on top.
static void sift_down(struct hl_frame_entry *heap, size_t root, size_t count) {
    struct hl_frame_entry moving = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        child += child + 1 < count && heap[child + 1].start > heap[child].start;
        if (heap[child].start <= moving.start) {
            break;
        }
        heap[root] = heap[child];
    }
    heap[root] = moving;
}

size_t hl_cfi_index(const struct hl_unwind_section *section, struct hl_frame_entry *index) {
    struct hl_cfi cfi;
    const uint8_t *entry = section->frames;
    size_t count = 0;
    for (;;) {
        const uint8_t *place = entry;
        int kind = read_entry(section, &entry, &cfi);
        if (kind < 0) {
            break;
        }
        if (kind == 1 && cfi.end > cfi.start) {
            if (index != NULL) {
                index[count] = (struct hl_frame_entry){cfi.start - section->bias, (size_t)(place - section->frames)};
            }
            count++;
        }
    }
    if (index != NULL) { // heapsort: in place, without libc
        for (size_t i = count / 2; i-- > 0;) {
            sift_down(index, i, count);
        }
        for (size_t i = count; i-- > 1;) {
            struct hl_frame_entry largest = index[0];
            index[0] = index[i];
            index[i] = largest;
            sift_down(index, 0, i);
        }
    }
    return count;
}

static bool find_by_index(const struct hl_unwind_section *section, uintptr_t address, struct hl_cfi *cfi) {
    size_t low = 0;
    size_t high = section->index_count;
    while (low < high) { // invariant as in find_by_table
        size_t middle = low + (high - low) / 2;
        if (section->index[middle].start <= address - section->bias) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    const uint8_t *entry = section->frames + section->index[low - 1].offset;
    return read_entry(section, &entry, cfi) == 1 && address >= cfi->start && address < cfi->end;
}

bool hl_cfi_find(const struct hl_unwind_section *section, uintptr_t address, struct hl_cfi *cfi) {
    if (section->index != NULL) {
        return find_by_index(section, address, cfi);
    }
    const uint8_t *entry = section->frames;
    if (section->header != NULL) {
        if (find_by_table(section, address, cfi, &entry)) {
            return true;
        }
    }
    if (entry == NULL || entry >= section->end) {
        return false;
    }
    int kind;
    while ((kind = read_entry(section, &entry, cfi)) >= 0) {
        if (kind == 1 && address >= cfi->start && address < cfi->end) {
            return true;
        }
    }
    return false;
}

// MARK: Call frame programs

static void set(struct hl_row *row, uint64_t number, enum hl_where where, int64_t value) {
    if (number < HL_REGISTER_COUNT) {
        row->registers[number].where = (uint8_t)where;
        row->registers[number].value = value;
    }
}

static void skip_expression(struct reader *reader) {
    uint64_t bytes = read_unsigned(reader);
    if (bytes > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return;
    }
    reader->at += bytes;
}

// Runs one program until its end or until it advances beyond `address`.
static bool run(const struct hl_cfi *cfi, const uint8_t *from, const uint8_t *end,
                uintptr_t address, struct hl_row_scratch *scratch, bool initial) {
    struct reader reader = {from, end, false};
    struct hl_row *row = &scratch->row;
    uintptr_t location = cfi->start;
    unsigned depth = 0;
    while (reader.at < reader.end && !reader.failed) {
        uint8_t code = (uint8_t)read_bytes(&reader, 1);
        uint64_t low = code & 0x3f;
        uint64_t advance = 0;
        switch (code & 0xc0) {
        case 0x40:
            advance = low;
            code = 0x00;
            break;
        case 0x80:
            set(row, low, HL_WHERE_AT, (int64_t)read_unsigned(&reader) * cfi->data_align);
            continue;
        case 0xc0:
            if (low < HL_REGISTER_COUNT && !initial) {
                row->registers[low] = scratch->initial.registers[low];
            }
            continue;
        default:
            break;
        }
        switch (code) {
        case 0x00: // DW_CFA_nop, or the advance above
            break;
        case 0x01: // DW_CFA_set_loc
            location = read_encoded(&reader, cfi->pointer_encoding, 0, cfi->bias);
            if (location > address) {
                return !reader.failed;
            }
            break;
        case 0x02:
            advance = read_bytes(&reader, 1);
            break;
        case 0x03:
            advance = read_bytes(&reader, 2);
            break;
        case 0x04:
            advance = read_bytes(&reader, 4);
            break;
        case 0x1d: // DW_CFA_MIPS_advance_loc8
            advance = read_bytes(&reader, 8);
            break;
        case 0x05: { // DW_CFA_offset_extended
            uint64_t number = read_unsigned(&reader);
            set(row, number, HL_WHERE_AT, (int64_t)read_unsigned(&reader) * cfi->data_align);
            break;
        }
        case 0x06: { // DW_CFA_restore_extended
            uint64_t number = read_unsigned(&reader);
            if (number < HL_REGISTER_COUNT && !initial) {
                row->registers[number] = scratch->initial.registers[number];
            }
            break;
        }
        case 0x07:
            set(row, read_unsigned(&reader), HL_WHERE_UNDEFINED, 0);
            break;
        case 0x08:
            set(row, read_unsigned(&reader), HL_WHERE_SAME, 0);
            break;
        case 0x09: { // DW_CFA_register
            uint64_t number = read_unsigned(&reader);
            set(row, number, HL_WHERE_REGISTER, (int64_t)read_unsigned(&reader));
            break;
        }
        case 0x0a: // DW_CFA_remember_state
            if (depth == HL_ROW_NESTING) {
                return false;
            }
            scratch->remembered[depth++] = *row;
            break;
        case 0x0b: // DW_CFA_restore_state
            if (depth == 0) {
                return false;
            }
            *row = scratch->remembered[--depth];
            break;
        case 0x0c: // DW_CFA_def_cfa
            row->cfa_expression = false;
            row->cfa_register = (uint32_t)read_unsigned(&reader);
            row->cfa_value = (int64_t)read_unsigned(&reader);
            break;
        case 0x0d: // DW_CFA_def_cfa_register
            row->cfa_expression = false;
            row->cfa_register = (uint32_t)read_unsigned(&reader);
            break;
        case 0x0e: // DW_CFA_def_cfa_offset
            row->cfa_value = (int64_t)read_unsigned(&reader);
            break;
        case 0x0f: // DW_CFA_def_cfa_expression
            row->cfa_expression = true;
            row->cfa_value = (int64_t)(uintptr_t)reader.at;
            skip_expression(&reader);
            break;
        case 0x10: // DW_CFA_expression
        case 0x16: { // DW_CFA_val_expression
            uint64_t number = read_unsigned(&reader);
            set(row, number, code == 0x10 ? HL_WHERE_AT_EXPRESSION : HL_WHERE_IS_EXPRESSION,
                (int64_t)(uintptr_t)reader.at);
            skip_expression(&reader);
            break;
        }
        case 0x11: { // DW_CFA_offset_extended_sf
            uint64_t number = read_unsigned(&reader);
            set(row, number, HL_WHERE_AT, read_signed(&reader) * cfi->data_align);
            break;
        }
        case 0x12: // DW_CFA_def_cfa_sf
            row->cfa_expression = false;
            row->cfa_register = (uint32_t)read_unsigned(&reader);
            row->cfa_value = read_signed(&reader) * cfi->data_align;
            break;
        case 0x13: // DW_CFA_def_cfa_offset_sf
            row->cfa_value = read_signed(&reader) * cfi->data_align;
            break;
        case 0x14: { // DW_CFA_val_offset
            uint64_t number = read_unsigned(&reader);
            set(row, number, HL_WHERE_IS, (int64_t)read_unsigned(&reader) * cfi->data_align);
            break;
        }
        case 0x15: { // DW_CFA_val_offset_sf
            uint64_t number = read_unsigned(&reader);
            set(row, number, HL_WHERE_IS, read_signed(&reader) * cfi->data_align);
            break;
        }
        case 0x2d: // DW_CFA_AARCH64_negate_ra_state; on other machines a register window nobody here has
            row->signed_return = !row->signed_return;
            break;
        case 0x2e: // DW_CFA_GNU_args_size
            read_unsigned(&reader);
            break;
        case 0x2f: { // DW_CFA_GNU_negative_offset_extended
            uint64_t number = read_unsigned(&reader);
            set(row, number, HL_WHERE_AT, -(int64_t)read_unsigned(&reader) * cfi->data_align);
            break;
        }
        default:
            return false;
        }
        if (advance != 0) {
            location += advance * cfi->code_align;
            if (location > address) {
                break;
            }
        }
    }
    return !reader.failed;
}

bool hl_cfi_row(const struct hl_cfi *cfi, uintptr_t address, struct hl_row_scratch *scratch) {
    struct hl_row *row = &scratch->row;
    row->cfa_expression = false;
    row->signed_return = false;
    row->cfa_register = HL_REGISTER_COUNT;
    row->cfa_value = 0;
    for (size_t i = 0; i < HL_REGISTER_COUNT; i++) {
        row->registers[i].where = HL_WHERE_UNSET;
        row->registers[i].value = 0;
    }
    if (!run(cfi, cfi->common, cfi->common_end, address, scratch, true)) {
        return false;
    }
    scratch->initial = *row;
    return run(cfi, cfi->program, cfi->program_end, address, scratch, false);
}
