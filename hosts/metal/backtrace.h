/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who called whom, by frame pointers (the images are built with -fno-omit-frame-pointer), with
 * names.
 */
#ifndef BLKMEND_METAL_BACKTRACE_H
#define BLKMEND_METAL_BACKTRACE_H

#include "core/port.h"

/*
 * Call `found` for this instruction and its callers, innermost first. Frames that don't lie on one
 * of the image's stacks, or don't go upwards, end it, so that it ends whatever the stack holds. Any
 * context.
 */
void backtrace_walk(u64 instruction, u64 frame, void (*found)(u64 address, void *context),
		    void *context);

/* Prints them, a line "  at <symbol>+<offset>" each. Any context. */
void backtrace_print(u64 instruction, u64 frame);

#endif
