/* SPDX-License-Identifier: GPL-2.0-only */
/* What host.c and task.c share: the life of one request or operation. */
#ifndef SIM_TASK_H
#define SIM_TASK_H

#include "host.h"

void task_begin(struct host *host, struct task *task);
/* Route, issue, or go on with the operation. */
void task_advance(struct host *host, struct task *task);
/* I/O number i in flight ends. */
void task_io_end(struct host *host, struct task *task, u32 i);
bool task_barrier_passed(const struct host *host, const struct task *task);
void step_check(struct host *host, const struct task *task);

#endif
