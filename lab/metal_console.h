/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the metal image says on its serial console, a line each; docs/METAL.md is the authority:
 *
 *	layer NAME                     proved: from here on it may be built upon
 *	metal: layer NAME broken: WHY
 *	ok NAME MICROSECONDS us        a test
 *	not ok NAME: WHY
 *	skip NAME: WHY
 *	N passed, N failed, N skipped  the last line of a run that came to its end
 *	metal: exception VECTOR (NAME) error CODE cr2 ADDRESS, and below it registers and
 *	  at SYMBOL+OFFSET             the stack
 *	metal: cannot run: WHY         what the image needs is not there
 *	metal: heap WHAT               an allocator found its memory corrupt
 */
#ifndef BLKLAB_METAL_CONSOLE_H
#define BLKLAB_METAL_CONSOLE_H

#include <stdint.h>

#include "lab.h"

/* In the order in which the image proves them. */
enum metal_layer {
	METAL_BOOT,
	METAL_BSS,
	METAL_PAGING,
	METAL_EXCEPTIONS,
	METAL_ALLOCATOR,
	METAL_CORE,
	METAL_DRIVER,
	METAL_LAYERS,
};

extern const char *const metal_layer_names[METAL_LAYERS];

struct metal_test {
	char *name;
	char *why; /* it failed or was skipped; NULL: it passed */
	bool skipped;
	unsigned long long microseconds;
};

struct metal_exception {
	bool taken;
	unsigned int vector;
	char *name;
	uint64_t error, cr2, rip, cr4;
	bool knows_rip, knows_cr4;
};

struct metal_console {
	char *data; /* all of it, as it came */
	size_t size;
	struct strings line; /* without what ends it; no control characters */
	size_t taken;        /* bytes of data that are in lines */
	struct metal_test *test;
	size_t tests;
	unsigned int passed, failed, skipped; /* counted here */
	bool summed;                          /* the last line is there */
	unsigned int said[3];                 /* and these are its numbers */
	bool proved[METAL_LAYERS];
	struct metal_exception exception;
	bool troubled;
	size_t trouble;    /* the line at which a report of an exception, or of the heap, begins */
	bool found_broken; /* by the image itself: that layer, and why */
	enum metal_layer broken;
	char *broken_why;
	char *assumption; /* what does not hold, and what to do; NULL: all do */
	char *corruption; /* of the heap */
};

void metal_console_add(struct metal_console *console, const char *data, size_t size);
/* Nothing follows: a line without an end is one. */
void metal_console_end(struct metal_console *console);
void metal_console_free(struct metal_console *console);

/* The first layer that is broken or was not proved; METAL_LAYERS: all were. */
enum metal_layer metal_console_broken(const struct metal_console *console);
/* The last lines, or all from the trouble on; to be freed. */
char *metal_console_tail(const struct metal_console *console, size_t lines);

#endif
