// SPDX-License-Identifier: Apache-2.0
//
// The asking side of struct hl_control: runs in `heapline control`, never in a traced program. The answering side is answer.c.

#include "atomics.h"
#include "heapline_drain.h"
#include "platform.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Whether the process catches the signal: to one that does not, it would be the end.
static int catches(uint32_t pid, uint32_t number) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%u/status", pid);
    if (hl_platform_read_file(path, text, sizeof text) <= 0) return 0;
    const char *at = strstr(text, "SigCgt:");
    return at && (strtoull(at + 7, NULL, 16) >> (number - 1) & 1);
}

int hl_drain_ask(void *memory, enum hl_command command, uint32_t number, const char *text, uint32_t timeout_ms) {
    struct hl_process *process = memory;
    struct hl_control *control = (struct hl_control *)((char *)memory + HL_CONTROL_OFFSET);
    uint32_t signal_number = control->signal;
    if (!signal_number || signal_number > 64 || !catches(process->pid, signal_number)) return HL_ASK_DEAF;
    if (text && strlen(text) >= sizeof control->text) return HL_ASK_LONG;
    control->command = command;
    control->number = number;
    strcpy(control->text, text ? text : "");
    uint32_t request = control->asked + 1;
    hl_store_release(&control->asked, request); // pairs with the acquire in the handler: the request is whole
    if (kill((pid_t)process->pid, (int)signal_number)) return HL_ASK_REFUSED;
    uint64_t end = hl_platform_monotonic_ns() + timeout_ms * (uint64_t)1000000;
    uint32_t answered;
    // Acquire: pairs with the handler's release; the result is there.
    while ((answered = hl_load_acquire(&control->answered)) != request) {
        if (hl_platform_monotonic_ns() > end || !hl_platform_alive(process->pid)) return HL_ASK_SILENT;
        hl_platform_wait(&control->answered, answered, 50);
    }
    return control->result;
}
