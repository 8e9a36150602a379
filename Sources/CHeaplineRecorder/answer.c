// SPDX-License-Identifier: Apache-2.0
//
// The answering side of struct hl_control. A signal and not a thread: a thread more would be seen (fork in Python warns of it), a signal
// that the program does not use is not. The handler does what hl_pause() and the like do, which are async-signal-safe.

#include "answer.h"
#include "heapline.h"
#include "platform.h"
#include "recorder.h"

#include <errno.h>
#include <signal.h>

static int own_signal;

static struct hl_control *control(void) {
    return (struct hl_control *)(hl_recorder.base + HL_CONTROL_OFFSET);
}

static int obey(const struct hl_control *request) {
    switch (request->command) {
    case HL_COMMAND_STOP: return hl_stop();
    case HL_COMMAND_PAUSE: return hl_pause();
    case HL_COMMAND_RESUME: return hl_resume();
    case HL_COMMAND_MARK: return hl_mark(request->text);
    case HL_COMMAND_DEPTH: return hl_set_depth((int32_t)request->number);
    case HL_COMMAND_DUMP: return hl_dump();
    case HL_COMMAND_SNAPSHOT: return hl_snapshot(request->text);
    default: return HL_ERROR_ARGUMENT;
    }
}

static void answer(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
    if (!hl_recorder.process || hl_recorder.pid != hl_platform_pid() || hl_recorder.discarded) return;
    struct hl_control *request = control();
    uint32_t asked = hl_load_acquire(&request->asked); // pairs with the release in hl_drain_ask()
    static uint32_t taken;
    if (asked == hl_load_relaxed(&request->answered) || hl_exchange(&taken, 1u)) return; // by another thread, right now
    int saved = errno;
    request->result = obey(request);
    hl_store_release(&request->answered, asked); // pairs with the acquire of who asked
    hl_platform_wake(&request->answered);
    errno = saved;
    hl_store_release(&taken, 0u); // pairs with the exchange above
}

void hl_answer_announce(void) {
    control()->signal = (uint32_t)own_signal;
}

void hl_answer_start(void) {
    for (int number = SIGRTMAX - 4; !own_signal && number > SIGRTMIN + 2; number--) {
        struct sigaction before;
        if (sigaction(number, NULL, &before) || before.sa_handler != SIG_DFL) continue;
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
        action.sa_sigaction = answer;
        sigfillset(&action.sa_mask);
        if (sigaction(number, &action, NULL) == 0) own_signal = number;
    }
    hl_answer_announce();
}
