/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "function+0x12/0x345 [module]" in a line of a kernel log.
 */
#ifndef BLKLAB_KLOG_FRAME_H
#define BLKLAB_KLOG_FRAME_H

#include <stdbool.h>
#include <stddef.h>

/* Pointers into the line. */
struct frame {
	const char *name, *module;
	size_t name_length, module_length; /* 0: not in a module */
	unsigned long offset, size;        /* bytes; size is up to the next function */
	bool doubtful;                     /* "? function": found on the stack, perhaps stale */
	bool instruction; /* where the fault or the warning was, not where a call returns to */
};

/* Where such a thing begins in a text; NULL: nowhere. */
const char *find_frame(const char *text);
/* Take it apart. False if there is none. */
bool klog_frame(const char *text, struct frame *frame);

#endif
