// SPDX-License-Identifier: Apache-2.0
//
// Operations of task tracking: task, taskof, t_over, t_all, t_one, t_oneover, t_get_all, t_info.

#include "script.h"

const struct hl_operation hl_task_operations[] = {
    {0},
};
