/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults that can be planted, by the word plant=NAME on the kernel command line, so that it can be
 * seen that each is noticed and told apart. The first four letters differ: the 32-bit stage looks
 * at no more.
 *
 * What an image then says, and how it ends (exit.h), is the contract with blklab metal --diagnose:
 *
 *	name        breaks first  says                                            exits
 *	mode32      boot          "cannot run: 64-bit code was entered in 32-"    ASSUMPTION
 *	sse-early   boot          "exception 6 ..." "this is an SSE instruction"  EXCEPTION
 *	bss-dirty   bss           "layer bss broken: ..."                         FAILED
 *	page-entry  paging        "layer paging broken: ..."                      FAILED
 *	free-list   allocator     "layer allocator broken: ..."                   HEAP
 */
#ifndef BLKMEND_METAL_PLANT_H
#define BLKMEND_METAL_PLANT_H

#define PLANT_MODE32     "mode32"
#define PLANT_SSE_EARLY  "sse-early"
#define PLANT_BSS_DIRTY  "bss-dirty"
#define PLANT_PAGE_ENTRY "page-entry"
#define PLANT_FREE_LIST  "free-list"

/* The first four letters, as the 32-bit stage reads them. */
#define PLANT_MODE32_START     0x65646f6d
#define PLANT_BSS_DIRTY_START  0x2d737362
#define PLANT_PAGE_ENTRY_START 0x65676170

#ifndef __ASSEMBLER__
#include <stdbool.h>

/* Is this fault planted? Any context, once the command line is known. */
bool plant_is(const char *name);
#endif

#endif
