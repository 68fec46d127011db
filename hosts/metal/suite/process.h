/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes for the simulator, which runs each case in one of its own: on one stack and at one
 * time. fork() lets the child go on first, as vfork() does, but on variables and a heap that are
 * its own: those of the image are put aside, and come back when the child ends. Then fork() returns
 * to the parent. The child must not return from the function that called fork().
 *
 * Memory that mmap() gave stays where it is, so what the parent has mapped is shared with the
 * child; what the child has mapped is gone with it.
 */
#ifndef METAL_SUITE_PROCESS_H
#define METAL_SUITE_PROCESS_H

#include "core/port.h"

/* Bytes that the simulator needs, above the heap that the unit tests use. */
#define PROCESS_MEMORY (480ull << 20)
#define SUITE_HEAP     (200ull << 20)

/* What mmap() gives out from now on. */
void process_memory(u64 start, u64 size);

/* End the child with this status, as wait() tells it. In no child: false. */
bool process_end(int status);

#endif
