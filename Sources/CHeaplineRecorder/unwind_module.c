// SPDX-License-Identifier: Apache-2.0
//
// Modules as the kernel knows them: /proc/self/maps, and the ELF headers and sections behind it. This is the slow way,
// taken once per stretch of executable memory: for modules the dynamic linker's own lookup has no unwind table for, and
// to tell executable memory from anything else. It opens files only for modules without .eh_frame_hdr or with holes in it.
#include "unwinder.h"
#include "platform.h"

#include <elf.h>
#include <fcntl.h>

#define REGION_COUNT 1024u
#define BUFFER_BYTES 65536u

// One executable mapping seen earlier. Written once, then `epoch` is stored with release; read with acquire.
struct region {
    uintptr_t start;
    uintptr_t end;
    struct hl_unwind_section table; // .eh_frame_hdr in memory, header NULL when there is none
    struct hl_unwind_section file;  // .eh_frame or .debug_frame by the file's sections, frames NULL when there is none
    bool file_tried;
    uint32_t epoch;                   // hl_rule_epoch + 1 when it was seen, 0 while being written
};

// A file whose .debug_frame is in use: it stays mapped, with its index, for as long as the process lives, as a thread may be
// reading it when modules change. Written once, then `ready` is stored with release; read with acquire.
struct debug_file {
    struct hl_platform_file identity;
    const uint8_t *image;
    const struct hl_frame_entry *index; // NULL when there was no memory for it
    size_t index_count;
    uint32_t ready;
};
#define DEBUG_FILES 256u

static struct debug_file debug_files[DEBUG_FILES];
static uint32_t debug_files_made;
static struct region regions[REGION_COUNT];
static uint32_t regions_made;

// One line of /proc/self/maps.
struct mapping {
    uintptr_t start;
    uintptr_t end;
    uint64_t offset;
    uint64_t inode;
    bool readable;
    bool executable;
    char *path; // ended by NUL; "" when there is none
};

static bool same_text(const char *a, const char *b) {
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static uint64_t read_number(char **at, unsigned base) {
    uint64_t value = 0;
    for (;; (*at)++) {
        unsigned digit;
        if (**at >= '0' && **at <= '9') {
            digit = (unsigned)(**at - '0');
        } else if (base == 16 && **at >= 'a' && **at <= 'f') {
            digit = (unsigned)(**at - 'a' + 10);
        } else {
            return value;
        }
        value = value * base + digit;
    }
}

// start-end rwxp offset major:minor inode   path
static void parse_line(char *line, struct mapping *mapping) {
    mapping->start = (uintptr_t)read_number(&line, 16);
    line += *line == '-';
    mapping->end = (uintptr_t)read_number(&line, 16);
    line += *line == ' ';
    mapping->readable = line[0] == 'r';
    mapping->executable = line[0] != 0 && line[1] != 0 && line[2] == 'x';
    while (*line != ' ' && *line != 0) {
        line++;
    }
    line += *line == ' ';
    mapping->offset = read_number(&line, 16);
    line += *line == ' ';
    read_number(&line, 16);
    line += *line == ':';
    read_number(&line, 16);
    line += *line == ' ';
    mapping->inode = read_number(&line, 10);
    while (*line == ' ') {
        line++;
    }
    mapping->path = line;
}

// Finds the mapping around `address`; *base is where the same file's first page is mapped, or 0.
static bool find_mapping(uintptr_t address, char *buffer, struct mapping *found, uintptr_t *base) {
    int file = hl_platform_open("/proc/self/maps", O_RDONLY);
    if (file < 0) {
        return false;
    }
    size_t held = 0;
    size_t line = 0;
    char *first_path = buffer + BUFFER_BYTES; // the second half keeps the path of the last first page
    uint64_t first_inode = 0;
    first_path[0] = 0;
    *base = 0;
    bool result = false;
    for (;;) {
        size_t end = line;
        while (end < held && buffer[end] != '\n') {
            end++;
        }
        if (end == held) { // no whole line: move what there is to the front, read on
            for (size_t i = line; i < held; i++) {
                buffer[i - line] = buffer[i];
            }
            held -= line;
            line = 0;
            int64_t count = hl_platform_read(file, buffer + held, BUFFER_BYTES - 1 - held);
            if (count <= 0) {
                break;
            }
            held += (size_t)count;
            continue;
        }
        buffer[end] = 0;
        parse_line(buffer + line, found);
        line = end + 1;
        if (found->offset == 0 && found->path[0] != 0) {
            *base = found->readable ? found->start : 0;
            first_inode = found->inode;
            size_t i = 0;
            for (; found->path[i] != 0 && i < BUFFER_BYTES - 1; i++) {
                first_path[i] = found->path[i];
            }
            first_path[i] = 0;
        }
        if (address >= found->start && address < found->end) {
            if (found->inode != first_inode || !same_text(found->path, first_path)) {
                *base = 0;
            }
            result = true;
            break;
        }
    }
    hl_platform_close(file);
    return result;
}

// .eh_frame_hdr through the ELF header in memory.
static bool section_in_memory(uintptr_t base, struct hl_unwind_section *section) {
    if (base == 0 || !hl_platform_readable(base)) {
        return false;
    }
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)base;
    if (header->e_ident[0] != ELFMAG0 || header->e_ident[1] != ELFMAG1 ||
        header->e_ident[2] != ELFMAG2 || header->e_ident[3] != ELFMAG3 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_phentsize != sizeof(Elf64_Phdr) ||
        header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr) > 4096) {
        return false;
    }
    const Elf64_Phdr *program = (const Elf64_Phdr *)(base + header->e_phoff);
    const Elf64_Phdr *frames = NULL;
    uintptr_t bias = 0;
    bool has_bias = false;
    for (size_t i = 0; i < header->e_phnum; i++) {
        if (program[i].p_type == PT_LOAD && program[i].p_offset == 0) {
            bias = base - program[i].p_vaddr;
            has_bias = true;
        } else if (program[i].p_type == PT_GNU_EH_FRAME) {
            frames = &program[i];
        }
    }
    if (!has_bias || frames == NULL) {
        return false;
    }
    for (size_t i = 0; i < header->e_phnum; i++) {
        if (program[i].p_type == PT_LOAD && frames->p_vaddr >= program[i].p_vaddr &&
            frames->p_vaddr < program[i].p_vaddr + program[i].p_memsz) {
            section->header = (const uint8_t *)(bias + frames->p_vaddr);
            section->end = (const uint8_t *)(bias + program[i].p_vaddr + program[i].p_memsz);
            section->bias = bias;
            return hl_platform_readable((uintptr_t)section->header);
        }
    }
    return false;
}

// Bounds of `count` items of `size` bytes at `offset` in a file.
static bool inside(size_t bytes, uint64_t offset, uint64_t count, uint64_t size) {
    return offset <= bytes && count <= (bytes - offset) / size;
}

static const struct debug_file *find_debug_file(const struct hl_platform_file *identity) {
    uint32_t count = __atomic_load_n(&debug_files_made, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count && i < DEBUG_FILES; i++) {
        const struct debug_file *file = &debug_files[i];
        if (__atomic_load_n(&file->ready, __ATOMIC_ACQUIRE) && file->identity.inode == identity->inode &&
            file->identity.device == identity->device && file->identity.bytes == identity->bytes &&
            file->identity.changed_ns == identity->changed_ns) {
            return file;
        }
    }
    return NULL;
}

// Sorts the entries of `section`, once for each file, and keeps what is needed the next time.
static void index_debug_frame(const struct hl_platform_file *identity, const uint8_t *image,
                              struct hl_unwind_section *section) {
    size_t count = hl_cfi_index(section, NULL);
    struct hl_frame_entry *index = count > 0 ? hl_platform_map(count * sizeof *index) : NULL;
    if (index != NULL) {
        hl_cfi_index(section, index);
        section->index = index;
        section->index_count = count;
    }
    uint32_t place = __atomic_fetch_add(&debug_files_made, 1, __ATOMIC_RELAXED);
    if (place >= DEBUG_FILES) {
        __atomic_store_n(&debug_files_made, DEBUG_FILES, __ATOMIC_RELAXED);
        return; // mapped again after each change of modules
    }
    debug_files[place] = (struct debug_file){*identity, image, index, index != NULL ? count : 0, 0};
    // Release: pairs with the acquire in find_debug_file.
    __atomic_store_n(&debug_files[place].ready, 1, __ATOMIC_RELEASE);
}

// .eh_frame or .debug_frame through the section headers of the file, which stays mapped when .debug_frame is used.
static bool section_in_file(const struct mapping *mapping, struct hl_unwind_section *section) {
    int file = hl_platform_open(mapping->path, O_RDONLY);
    if (file < 0) {
        return false;
    }
    struct hl_platform_file identity;
    const struct debug_file *known = NULL;
    const uint8_t *image = NULL;
    size_t bytes = 0;
    if (hl_platform_file_status(file, &identity) == 0 && identity.inode == mapping->inode &&
        identity.bytes >= sizeof(Elf64_Ehdr)) {
        known = find_debug_file(&identity);
        image = known != NULL ? known->image : hl_platform_map_file(file, identity.bytes);
        bytes = identity.bytes;
    }
    hl_platform_close(file);
    if (image == NULL) {
        return false;
    }
    bool found = false;
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)image;
    const Elf64_Phdr *program = (const Elf64_Phdr *)(const void *)(image + header->e_phoff);
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)(image + header->e_shoff);
    bool sound = header->e_ident[0] == ELFMAG0 && header->e_ident[1] == ELFMAG1 &&
                 header->e_ident[EI_CLASS] == ELFCLASS64 &&
                 inside(bytes, header->e_phoff, header->e_phnum, sizeof *program) &&
                 inside(bytes, header->e_shoff, header->e_shnum, sizeof *sections) &&
                 header->e_shstrndx < header->e_shnum;
    uintptr_t bias = 0;
    bool has_bias = false;
    for (size_t i = 0; sound && i < header->e_phnum; i++) {
        if (program[i].p_type == PT_LOAD && (program[i].p_flags & PF_X) != 0 &&
            mapping->offset < program[i].p_offset + program[i].p_filesz &&
            mapping->offset + (mapping->end - mapping->start) > program[i].p_offset) {
            bias = mapping->start -
                   (uintptr_t)(program[i].p_vaddr - program[i].p_offset + mapping->offset);
            has_bias = true;
        }
    }
    sound = sound && has_bias;
    if (sound) {
        const Elf64_Shdr *names = &sections[header->e_shstrndx];
        sound = inside(bytes, names->sh_offset, names->sh_size, 1) && names->sh_size > 0 &&
                image[names->sh_offset + names->sh_size - 1] == 0;
        for (size_t i = 0; sound && i < header->e_shnum; i++) {
            const Elf64_Shdr *one = &sections[i];
            if (one->sh_name >= names->sh_size || one->sh_type == SHT_NOBITS || one->sh_size == 0) {
                continue;
            }
            const char *name = (const char *)(image + names->sh_offset + one->sh_name);
            if (!found && (one->sh_flags & SHF_ALLOC) != 0 &&
                same_text(name, ".eh_frame")) {
                section->frames = (const uint8_t *)(bias + one->sh_addr);
                section->end = section->frames + one->sh_size;
                section->bias = bias;
                section->debug_frame = false;
                found = hl_platform_readable((uintptr_t)section->frames);
            }
            if ((one->sh_flags & SHF_COMPRESSED) == 0 && same_text(name, ".debug_frame") &&
                inside(bytes, one->sh_offset, one->sh_size, 1)) {
                section->frames = image + one->sh_offset;
                section->end = section->frames + one->sh_size;
                section->bias = bias;
                section->debug_frame = true;
                found = true;
                break;
            }
        }
    }
    if (known != NULL) {
        section->index = known->index;
        section->index_count = known->index_count;
    } else if (found && section->debug_frame) {
        index_debug_frame(&identity, image, section);
    } else {
        hl_platform_unmap((void *)(uintptr_t)image, bytes);
    }
    return found;
}

// A table is complete: where there is one, reading .eh_frame from end to end would find nothing more, for 1 ms each time.
static enum hl_code find_in(const struct region *region, uintptr_t address, struct hl_cfi *cfi) {
    if ((region->table.header != NULL && hl_cfi_find(&region->table, address, cfi)) ||
        (region->file.frames != NULL && (region->file.debug_frame || region->table.header == NULL) &&
         hl_cfi_find(&region->file, address, cfi))) {
        return HL_CODE_KNOWN;
    }
    return HL_CODE_UNKNOWN;
}

static void remember(const struct region *region, uint32_t epoch) {
    uint32_t index = __atomic_fetch_add(&regions_made, 1, __ATOMIC_RELAXED);
    if (index >= REGION_COUNT) {
        __atomic_store_n(&regions_made, REGION_COUNT, __ATOMIC_RELAXED);
        return; // from here on each new address reads the mappings; what is found stays cached by address
    }
    regions[index] = *region;
    // Release: pairs with the acquire in hl_module_find.
    __atomic_store_n(&regions[index].epoch, epoch + 1, __ATOMIC_RELEASE);
}

HL_UNWIND_SLOW enum hl_code hl_module_find(uintptr_t address, struct hl_cfi *cfi) {
    uint32_t epoch = __atomic_load_n(&hl_rule_epoch, __ATOMIC_ACQUIRE);
    uint32_t count = __atomic_load_n(&regions_made, __ATOMIC_RELAXED);
    for (uint32_t i = count < REGION_COUNT ? count : REGION_COUNT; i-- > 0;) { // newest first
        if (__atomic_load_n(&regions[i].epoch, __ATOMIC_ACQUIRE) != epoch + 1) {
            continue;
        }
        struct region region = regions[i];
        __atomic_thread_fence(__ATOMIC_ACQUIRE); // the copy is whole if the epoch still is what it was
        if (__atomic_load_n(&regions[i].epoch, __ATOMIC_RELAXED) != epoch + 1 ||
            address < region.start || address >= region.end) {
            continue;
        }
        enum hl_code code = find_in(&region, address, cfi);
        if (code == HL_CODE_KNOWN || region.file_tried) {
            return code;
        }
        break;
    }
    char *buffer = hl_platform_map(2 * BUFFER_BYTES);
    if (buffer == NULL) {
        return HL_CODE_NONE;
    }
    struct mapping mapping;
    uintptr_t base;
    enum hl_code code = HL_CODE_NONE;
    if (find_mapping(address, buffer, &mapping, &base) && mapping.executable && mapping.readable) {
        struct region region = {.start = mapping.start, .end = mapping.end};
        if (!section_in_memory(base, &region.table)) {
            region.table.header = NULL;
        }
        code = find_in(&region, address, cfi);
        if (code != HL_CODE_KNOWN) {
            region.file_tried = true;
            if (mapping.path[0] == '/' && !section_in_file(&mapping, &region.file)) {
                region.file.frames = NULL;
            }
            code = find_in(&region, address, cfi);
        }
        remember(&region, epoch);
    }
    hl_platform_unmap(buffer, 2 * BUFFER_BYTES);
    return code;
}

void hl_module_forget(void) {
    // Regions of earlier epochs do not match any more; their room is taken again. A reader that still looks at one
    // compares its epoch first.
    uint32_t count = __atomic_load_n(&regions_made, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count && i < REGION_COUNT; i++) {
        __atomic_store_n(&regions[i].epoch, 0, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&regions_made, 0, __ATOMIC_RELEASE);
}
