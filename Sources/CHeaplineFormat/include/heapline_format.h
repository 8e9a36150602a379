// SPDX-License-Identifier: Apache-2.0
//
// The layouts that writer and reader share: what the recorder leaves in shared memory, and what a trace file holds.
// Nothing here has behaviour; heapline_codec.h turns one into the other. Read the glossary first.
//
// Glossary
//   event    something the program did with its heap: an allocation, a free, …
//   record   one event as 32 bytes in a buffer
//   segment  HL_SEGMENT_BYTES of records, filled by one core, then handed on
//   buffer   the segments a core has filled and not yet had drained
//   core     the processor an event ran on; each has its own buffer
//   stack    the calls that led to an event, as an id in the node table; frames are inner (callee) to outer (caller)
//   node     one (parent, pc) pair; a stack id names its innermost node, parents lead outwards to a root
//   note     anything said once: a module, a thread, a mark; appended to the process's notes, never overwritten
//   process  one program image in one process: an exec starts a new one; each has one process file
//   session  the directory in which all processes of one run leave their process files
//   chunk    the unit of a trace file: a header and a payload with a checksum each
//   tick     one unit of the process's clock: TSC (x86-64) or CNTVCT (aarch64) cycles since `clock_base`
#pragma once

#include <stddef.h>
#include <stdint.h>

// Clang's nullability words say nothing to other compilers.
#if !defined(__clang__)
#if !defined(_Nonnull)
#define _Nonnull
#endif
#if !defined(_Nullable)
#define _Nullable
#endif
#endif

#if defined(__cplusplus)
extern "C" {
#define HL_STATIC_ASSERT static_assert
#else
#define HL_STATIC_ASSERT _Static_assert
#endif

// MARK: Records

// What happened. Values are part of the file format: never renumber.
enum hl_kind {
    HL_KIND_NONE = 0,         // an empty slot
    HL_KIND_ALLOC = 1,        // address, size, stack; stamped after the allocation
    HL_KIND_FREE = 2,         // address (stack if free stacks are on); stamped before the free
    HL_KIND_REALLOC_FREE = 3, // the old block of a realloc, stamped before it; always followed, in the same
    HL_KIND_REALLOC_ALLOC = 4, // thread, by the new block (address, size, stack; stamped after) …
    HL_KIND_REALLOC_FAIL = 5, // … or by this, with the old address: the old block lives on unchanged
    HL_KIND_ALLOC_FAIL = 6,   // the allocator returned null: size, stack
    HL_KIND_MAP = 7,          // mmap, mremap's new part, brk up: address, size (only when asked for)
    HL_KIND_UNMAP = 8,        // munmap, mremap's old part, brk down: address, size
    HL_KIND_SWITCH = 9,       // emulated core `address` now runs `thread`; size: enum hl_switch
    HL_KIND_COUNT_
};

// What an emulated core runs from a HL_KIND_SWITCH on, until the next one with the same core number in `address`
// (0 or 1; `stack` is HL_ROOT_NONE). A recording begins with one such record per core for what runs there then, so a
// core's timeline has no gap. `thread` is a task's index as in HL_NOTE_THREAD, the idle tasks' own for HL_SWITCH_IDLE.
// A task runs on one core at a time; a core that nothing was said about does not exist on the chip.
enum hl_switch { HL_SWITCH_TASK = 0, HL_SWITCH_INTERRUPT = 1, HL_SWITCH_IDLE = 2 };

// One event. `time_kind` is (ticks << 8) | kind, and is written last where slots are reserved before being filled.
struct hl_record {
    uint64_t time_kind;
    uint64_t address;
    uint64_t size;   // bytes asked for; for HL_KIND_FREE and HL_KIND_REALLOC_FREE 0
    uint32_t stack;  // node id, or a root (hl_root) when nothing was captured
    uint32_t thread; // index given by HL_NOTE_THREAD, unique in the process
};
HL_STATIC_ASSERT(sizeof(struct hl_record) == 32, "records are 32 bytes");
HL_STATIC_ASSERT(offsetof(struct hl_record, stack) == 24, "layout is shared with assembly");

static inline enum hl_kind hl_record_kind(const struct hl_record *_Nonnull record) {
    return (enum hl_kind)(record->time_kind & 0xff);
}
static inline uint64_t hl_record_ticks(const struct hl_record *_Nonnull record) {
    return record->time_kind >> 8;
}

// MARK: Stacks

// Ids below HL_ROOT_COUNT are roots: where a stack ends, and why. A stack id that is itself a root has no frames.
enum hl_root {
    HL_ROOT_NONE = 0,       // no stack was asked for
    HL_ROOT_COMPLETE = 1,   // the outermost frame was reached
    HL_ROOT_DEPTH = 2,      // more frames than the depth asked for
    HL_ROOT_NO_RULE = 3,    // the outermost frame's code has no unwind information and no frame pointer that holds
    HL_ROOT_BAD_FRAME = 4,  // unwind information led outside the stack
    HL_ROOT_TABLE_FULL = 5, // the node table is full: outer frames were cut
    HL_ROOT_NESTED = 6,     // captured inside the recorder itself (a signal during a capture): not unwound
    HL_ROOT_LIMBO = 7,      // the thread was ending and had no recorder state left
    HL_ROOT_COUNT = 16
};

// One call: `pc` is a return address (the call is at pc - 1), except in a frame that a signal interrupted (HL_NODE_EXACT).
struct hl_node {
    uint64_t pc;
    uint32_t parent; // node id of the caller, or a root
    uint32_t flags;  // HL_NODE_…; non-zero once the node is complete (HL_NODE_VALID)
};
HL_STATIC_ASSERT(sizeof(struct hl_node) == 16, "nodes are 16 bytes");
#define HL_NODE_VALID 1u
#define HL_NODE_EXACT 2u // pc is the interrupted instruction itself, not a return address
#define HL_NODE_FOLLOWS 4u // the recorder's own, not in traces: made at once with its parent, the node before it

// MARK: Notes

enum hl_note_kind {
    HL_NOTE_NONE = 0,
    HL_NOTE_PROCESS = 1,       // struct hl_note_process, then exe path, NUL, arguments each ended by NUL
    HL_NOTE_MODULE = 2,        // struct hl_note_module, then path
    HL_NOTE_MODULE_GONE = 3,   // struct hl_note_module_gone: a module noted before was unmapped
    HL_NOTE_THREAD = 4,        // struct hl_note_thread, then name
    HL_NOTE_THREAD_END = 5,    // u32 thread index
    HL_NOTE_MARK = 6,          // text
    HL_NOTE_PAUSE = 7,         // nothing
    HL_NOTE_RESUME = 8,        // nothing
    HL_NOTE_FORK = 9,          // u32 child's pid
    HL_NOTE_EXEC = 10,         // path about to be executed; a failed exec leaves the process going on
    HL_NOTE_PROBLEM = 11,      // text: recording stopped or was impaired, and why
    HL_NOTE_EXIT = 12,         // struct hl_note_exit, written by the collector
    HL_NOTE_RSS = 13,          // u64 resident bytes, written by the collector now and then
    HL_NOTE_REGION = 14,       // struct hl_note_region, then name: a heap region of an emulated chip
    HL_NOTE_LOG = 15,          // u32 thread, u32 level (1 error, 2 warning, 3 information, 4 debug, 5 verbose), then
                               // text, without its line feed: a log line of an emulated chip
    HL_NOTE_BLOCK = 16,        // struct hl_note_block: verdict and first word of a block alive at a dump
    HL_NOTE_DUMP = 17,         // text: a dump of the live set ends here (its HL_NOTE_BLOCKs come before)
    HL_NOTE_ENVIRONMENT = 18,  // NUL-separated NAME=VALUE that matter (allocator, HEAPLINE_…)
};

// Header of a note; payload follows, padded with zeros to a multiple of 8. `size` counts header, payload, not padding;
// `kind` is stored last (release) and makes the note exist.
struct hl_note {
    uint32_t size;
    uint32_t kind;
    uint64_t ticks;
};
HL_STATIC_ASSERT(sizeof(struct hl_note) == 16, "notes are read by offset");

struct hl_note_process {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t start_unix_ns; // wall clock at clock_base
};
struct hl_note_module {
    uint64_t bias;  // run-time address minus ELF virtual address
    uint64_t start; // lowest mapped address
    uint64_t end;   // one past the highest
    uint8_t build_id_bytes;
    uint8_t build_id[31];
};
struct hl_note_module_gone {
    uint64_t start;
    uint64_t nodes; // stack nodes made by then: ids from here on are never in it, those before never in a later one there
};
struct hl_note_thread {
    uint32_t thread; // index used in records
    uint32_t tid;    // kernel thread id; for an emulated chip the task handle
    int32_t core;    // pinned to this core, or -1
    uint32_t is_task; // 1: a task of an emulated chip
};
struct hl_note_exit {
    int32_t status;   // wait status as of waitpid(2), or -1 when unknown
    uint32_t reason;  // enum hl_exit_reason
};
enum hl_exit_reason {
    HL_EXIT_UNKNOWN = 0,
    HL_EXIT_EXITED = 1, // the process ended by itself; status is known when it was ours to wait for
    HL_EXIT_KILLED = 2, // ended by a signal
    HL_EXIT_EXEC = 3,   // replaced by another program image
    HL_EXIT_DETACHED = 4, // still running when the recording ended
};
struct hl_note_region {
    uint64_t start;
    uint64_t bytes;
    uint32_t capabilities;
    uint32_t reserved;
};
struct hl_note_block {
    uint64_t address;
    uint64_t first_word;
    uint32_t verdict; // enum hl_verdict
    uint32_t reserved;
};
enum hl_verdict {
    HL_VERDICT_UNKNOWN = 0,
    HL_VERDICT_UNREACHABLE = 1, // nothing points to it
    HL_VERDICT_INDIRECT = 2,    // only unreachable blocks point to it
    HL_VERDICT_REACHABLE = 3,   // a global, stack, register or thread-local leads to it
};

// MARK: Memory images
//
// What a process leaves of its memory at a dump, so that a reader, who knows which blocks were alive then, can tell what leads to
// each of them: no contents, only words that could be addresses. In this order:
//
//   struct hl_image
//   struct hl_image_thread[thread_count]
//   uint64_t[ended_count]                 thread pointers of threads that have ended: what their stacks hold is stale
//   struct hl_image_area[area_count]      by address, without the recorder's own memory
//   struct hl_image_page, uint64_t[words] …   by address; the words whose bit is set in `present`, in order
//   struct hl_image_page                  all zero: the image is whole

#define HL_IMAGE_MAGIC 0x49504c48u // "HLPI"
#define HL_IMAGE_VERSION 1u
#define HL_IMAGE_PAGE_BYTES 4096u
#define HL_IMAGE_REGISTERS 32u

struct hl_image {
    uint32_t magic;
    uint32_t version;
    uint64_t ticks; // the moment at which the other threads stood still
    uint32_t reason; // enum hl_dump_reason
    uint32_t thread_count;
    uint32_t ended_count;
    uint32_t area_count;
};
HL_STATIC_ASSERT(sizeof(struct hl_image) == 32, "images are read by offset");
enum hl_dump_reason { HL_DUMP_EXIT = 1, HL_DUMP_ASKED = 2 };

struct hl_image_thread {
    uint32_t tid;
    uint32_t state; // enum hl_image_thread_state
    uint64_t stack_pointer;  // 0: unknown
    uint64_t thread_pointer; // 0: unknown
    uint64_t registers[HL_IMAGE_REGISTERS];
};
HL_STATIC_ASSERT(sizeof(struct hl_image_thread) == 280, "images are read by offset");
enum hl_image_thread_state {
    HL_THREAD_DUMPING = 1, // the one that took the image
    HL_THREAD_STOPPED = 2, // stood still, and told its registers
    HL_THREAD_ASLEEP = 3,  // in a system call that a signal would have ended: registers are the call's arguments only
    HL_THREAD_UNKNOWN = 4, // did not answer, or blocks the signal: it may have run on
};

struct hl_image_area {
    uint64_t start;
    uint64_t end;
    uint32_t kind;  // enum hl_area_kind
    uint32_t flags; // HL_AREA_…
};
enum hl_area_kind {
    HL_AREA_DATA = 1,      // a module's variables
    HL_AREA_HEAP = 2,      // what brk gave
    HL_AREA_STACK = 3,     // the main thread's stack
    HL_AREA_ANONYMOUS = 4, // heaps, threads' stacks, and what the program mapped itself
};
#define HL_AREA_LIBC 1u // a C library's variables: its allocator's lists of free memory are among them

struct hl_image_page {
    uint64_t address;
    uint64_t present[HL_IMAGE_PAGE_BYTES / 512]; // bit i of word i / 64: the page's word i follows
};

// MARK: Shared memory: the process file
//
//   0                      struct hl_process
//   HL_CORES_OFFSET        struct hl_core[HL_MAX_CORES]
//   HL_THREADS_OFFSET      struct hl_thread_counts[HL_MAX_THREAD_SLOTS]
//   HL_NOTES_OFFSET        notes, appended          (grows to HL_NOTES_BYTES)
//   HL_NODES_OFFSET        struct hl_node[], appended (grows to process.node_capacity)
//   process.segments_offset  segments                (grows to process.segment_count)
//
// Who writes what. The traced process writes everything except: `segment free list` (collector pushes, process pops),
// hl_process.drained and collector_pid. A reader sees a record once the cursor of its core lies beyond it (rseq backend)
// or once its time_kind is non-zero (compare-exchange backend); a node once its flags are non-zero; a note once its
// kind is non-zero. All of these are stored with release and read with acquire.

#define HL_PROCESS_MAGIC 0x31534c48u // "HLS1"
#define HL_FORMAT_VERSION 1u
#define HL_SEGMENT_BYTES 65536u
#define HL_SEGMENT_HEADER_BYTES 64u
#define HL_MAX_CORES 512u
#define HL_MAX_THREAD_SLOTS 4096u

#define HL_CORES_OFFSET 4096u
#define HL_THREADS_OFFSET (HL_CORES_OFFSET + HL_MAX_CORES * 64u)
#define HL_NOTES_OFFSET (HL_THREADS_OFFSET + HL_MAX_THREAD_SLOTS * 64u)
#define HL_NOTES_BYTES (64u << 20)
#define HL_NODES_OFFSET (HL_NOTES_OFFSET + HL_NOTES_BYTES)

enum hl_mode { HL_MODE_OFF = 0, HL_MODE_COUNT = 1, HL_MODE_SAMPLE = 2, HL_MODE_LEAKS = 3, HL_MODE_ALL = 4 };
enum hl_on_full { HL_ON_FULL_BLOCK = 0, HL_ON_FULL_DROP = 1, HL_ON_FULL_OVERWRITE = 2 };
enum hl_backend { HL_BACKEND_RSEQ = 1, HL_BACKEND_CAS = 2 };
enum hl_source { HL_SOURCE_LINUX = 0, HL_SOURCE_ESP = 1 };

// Why records were lost; indexes of hl_process.lost.
enum hl_loss {
    HL_LOSS_FULL = 0,     // no segment was free (policy drop), or it was overwritten (policy overwrite)
    HL_LOSS_NO_SPACE = 1, // the session directory has no room left
    HL_LOSS_TORN = 2,     // reserved but never filled: the thread was killed in between (compare-exchange backend)
    HL_LOSS_STOPPED = 3,  // recording had stopped after an internal error
    HL_LOSS_EARLY = 4,    // before the recorder could start
    HL_LOSS_COUNT = 8
};

// What a core is filling. `cursor` is the offset, in bytes from segments_offset, at which the next record goes: a
// multiple of HL_SEGMENT_BYTES means the segment before it is full (or, at 0, that there is none yet).
struct hl_core {
    uint64_t cursor;
    uint64_t reserved[7]; // a cache line of its own: no core writes another's
};
HL_STATIC_ASSERT(sizeof(struct hl_core) == 64, "one cache line");

// Stands at the start of a segment. The chain of `previous` leads from a core's current segment to all not yet drained.
struct hl_segment {
    uint32_t core;
    uint32_t previous;     // index + 1 of the segment this core filled before, or 0
    uint64_t sequence;     // per core, from 1, without gaps
    uint32_t next_free;    // free list link: index + 1
    uint32_t reserved[11];
};
HL_STATIC_ASSERT(sizeof(struct hl_segment) == HL_SEGMENT_HEADER_BYTES, "header takes two record slots");

// Exact counts of one thread, kept in every mode; a slot is reused after its sums went to hl_process.retired.
struct hl_thread_counts {
    uint64_t allocations; // successful, reallocations included
    uint64_t frees;       // of non-null pointers, reallocations included
    uint64_t reallocations;
    uint64_t bytes;       // asked for
    uint64_t failures;    // allocations that returned null
    uint32_t thread;      // index + 1 of the thread that owns the slot, 0 when free
    uint32_t used;        // 1 once any thread had it: slots are used from the front
    uint32_t reserved_[4];
};
HL_STATIC_ASSERT(sizeof(struct hl_thread_counts) == 64, "one cache line");

struct hl_process {
    uint32_t magic;
    uint32_t version;
    uint32_t pid;
    uint32_t source; // enum hl_source
    uint32_t mode;
    uint32_t depth;
    uint32_t on_full;
    uint32_t backend;
    uint64_t clock_base;    // counter value of tick 0
    uint64_t clock_hz;      // ticks per second, 0 until known
    uint64_t start_unix_ns; // wall clock at tick 0
    uint64_t sample_bytes;  // mean distance of samples; 0 except in mode sample
    uint32_t core_count;
    uint32_t segment_count; // how many segments may exist
    uint32_t segments_made; // how many do (atomic)
    uint32_t node_capacity;
    uint64_t segments_offset;
    uint64_t free_list;      // (tag << 32) | (index + 1) of the first free segment (atomic)
    uint64_t notes_reserved; // bytes appended to the notes (atomic)
    uint64_t nodes_made;     // next node id (atomic), from HL_ROOT_COUNT
    uint32_t state;          // enum hl_process_state (atomic)
    uint32_t collector_pid;  // 0: nobody drains, segments pile up
    uint32_t wanted;         // futex: the process waits for a segment
    uint32_t drained;        // set by the collector when it has let go of this file
    uint64_t lost[HL_LOSS_COUNT]; // records, by cause (atomic)
    struct hl_thread_counts retired; // sums of threads that ended (atomic adds)
};
HL_STATIC_ASSERT(sizeof(struct hl_process) <= HL_CORES_OFFSET, "fits its page");
// How a process is steered from outside (`heapline control`), in the same page. One asker at a time (flock on the file): it fills the
// request in, adds 1 to `asked` (release) and sends `signal`; the process's handler does it, sets `result`, and stores `asked` to
// `answered` (release, and a futex). Without a signal nobody listens.
#define HL_CONTROL_OFFSET 2048u
#define HL_CONTROL_TEXT_BYTES 1024u
struct hl_control {
    uint32_t signal; // 0: cannot be steered
    uint32_t asked;
    uint32_t answered;
    int32_t result;  // 0 or an enum hl_error
    uint32_t command; // enum hl_command
    uint32_t number;
    char text[HL_CONTROL_TEXT_BYTES]; // ends with NUL
};
HL_STATIC_ASSERT(sizeof(struct hl_process) <= HL_CONTROL_OFFSET, "in front of the requests");
HL_STATIC_ASSERT(HL_CONTROL_OFFSET + sizeof(struct hl_control) <= HL_CORES_OFFSET, "fits the page");

// What recording costs, as far as the traced process can tell, in the same page (sums, atomic adds). An event's cost is known of those
// that were timed; `early` is about the first ones of a process, of which some in equal distances on average are timed, `later`
// about all others. timed <= events in `early`; `events` is 0 in `later`: all that are not early.
struct hl_timed {
    uint64_t timed;  // events timed
    uint64_t ticks;  // what they took, the time of the two looks at the clock included
    uint64_t events; // early only: events among which they were drawn
};
#define HL_OVERHEAD_OFFSET 3584u
struct hl_overhead {
    struct hl_timed early[2]; // allocations, frees
    struct hl_timed later[2];
    uint64_t empty_ticks;  // between two looks at the clock with nothing between, once for each timed event
    uint64_t interrupted;  // timed events that took impossibly long; they count as some 10 µs each
    uint64_t own_ticks;    // measured whole: the start, threads' beginnings, changes of segments
    uint64_t waited_ticks; // threads that waited for the collector
    uint64_t search_ticks; // dumps: all threads stood still meanwhile
    uint64_t processor_start_ns; // processor time of the process when its recording began
    uint64_t processor_ns; // and since; 0 when unknown
    uint64_t collector_ns; // filled in by the collector: processor time of its own, for all processes of the trace
    uint32_t begun;        // 1 once a first thread was there
    uint32_t changes;      // of segments; threads take turns by them
};
HL_STATIC_ASSERT(HL_CONTROL_OFFSET + sizeof(struct hl_control) <= HL_OVERHEAD_OFFSET, "behind the requests");
HL_STATIC_ASSERT(HL_OVERHEAD_OFFSET + sizeof(struct hl_overhead) <= HL_CORES_OFFSET, "fits the page");
HL_STATIC_ASSERT(sizeof(struct hl_overhead) == 168, "chunks are read by offset");

enum hl_command {
    HL_COMMAND_STOP = 1,
    HL_COMMAND_PAUSE = 2,
    HL_COMMAND_RESUME = 3,
    HL_COMMAND_MARK = 4,     // text
    HL_COMMAND_DEPTH = 5,    // number
    HL_COMMAND_DUMP = 6,
    HL_COMMAND_SNAPSHOT = 7, // text: the path
};
enum hl_process_state { HL_STATE_RUNNING = 1, HL_STATE_ENDED = 2, HL_STATE_EXEC = 3, HL_STATE_BROKEN = 4 };

// MARK: The trace file
//
// A file is a struct hl_file_header, then chunks. Each chunk is a struct hl_chunk and `stored_bytes` of payload, padded
// to 8. Chunks of different cores and processes interleave as they were drained; within one (process, core) they are in
// order and their records' ticks never fall, so a reader merges the streams by time. Any prefix that ends at a chunk's
// end is a valid trace. Unknown chunk kinds are skipped.

#define HL_FILE_MAGIC "HEAPLINE"
#define HL_CHUNK_MAGIC 0x4b434c48u // "HLCK"

struct hl_file_header {
    char magic[8];
    uint32_t version; // HL_FORMAT_VERSION
    uint32_t header_bytes;
    uint64_t start_unix_ns;
    uint32_t reserved;
    uint32_t checksum; // CRC-32C of the bytes before it
};
HL_STATIC_ASSERT(sizeof(struct hl_file_header) == 32, "file header");

enum hl_chunk_kind {
    HL_CHUNK_PROCESS = 1, // struct hl_process as it was when the process was first seen (clock_hz known)
    HL_CHUNK_EVENTS = 2,  // hl_events_encode() of `count` records of one core
    HL_CHUNK_NODES = 3,   // hl_nodes_encode() of `count` nodes from id `first`
    HL_CHUNK_NOTES = 4,   // `count` notes, each padded to 8
    HL_CHUNK_COUNTS = 5,  // struct hl_counts: the newest replaces the ones before; the last has `final` set
    HL_CHUNK_SYMBOLS = 6, // embedded symbols, encoding of HeaplineAnalysis/Symbols
    HL_CHUNK_END = 7,     // nothing: the collector closed the file in order
    HL_CHUNK_MEMORY = 8,  // a part of a memory image: image number `core`, its bytes from `first` on
    HL_CHUNK_OVERHEAD = 9, // struct hl_overhead: the newest replaces the ones before
};
enum hl_codec { HL_CODEC_NONE = 0, HL_CODEC_ZSTD = 1 };

struct hl_chunk {
    uint32_t magic;
    uint16_t kind;
    uint16_t codec;
    uint32_t process; // index of the process in this file, from 0, in order of appearance
    uint32_t core;    // HL_CHUNK_EVENTS
    uint32_t count;
    uint32_t raw_bytes;    // payload before compression
    uint32_t stored_bytes; // payload in the file, without padding
    uint32_t payload_checksum; // CRC-32C of the stored payload
    uint64_t first;        // EVENTS: ticks of the first record; NODES: id of the first node
    uint64_t last;         // EVENTS: ticks of the last record
    uint32_t reserved[3];
    uint32_t header_checksum; // CRC-32C of the header bytes before it
};
HL_STATIC_ASSERT(sizeof(struct hl_chunk) == 64, "chunk header");

// The exact sums of a process so far, and what was lost.
struct hl_counts {
    uint64_t ticks;
    struct hl_thread_counts sums;
    uint64_t recorded; // records written to the trace
    uint64_t filtered; // records left out on purpose: both ends of a pair in mode leaks
    uint64_t filtered_bytes;       // bytes of the allocations among them
    uint64_t filtered_allocations; // allocations among them
    uint64_t filtered_peak_bytes;  // mode leaks: highest live bytes seen by the collector
    uint64_t lost[HL_LOSS_COUNT];
    uint32_t final;
    uint32_t reserved;
};

#if defined(__cplusplus)
}
#endif
