/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of main a scrub reads at a time. I/O to a piece waits while it is read, and first the
 * scrub waits for all I/O that is under way: a busy disk is to be read in large pieces, or it would
 * take for ever, and a bad one, which may take seconds over each block, in small ones.
 */
#ifndef BLKMEND_SCRUB_H
#define BLKMEND_SCRUB_H

#include "port.h"

#define BM_SCRUB_LARGE 2048u /* sectors */
#define BM_SCRUB_SMALL 128u
#define BM_SCRUB_SLOW  1000000000ull /* ns that a piece takes of a disk that has trouble */

/* All zeroes to begin with; under whatever serialises the scrub. */
struct bm_scrub_pace {
	u32 small; /* pieces, before there is a large one again */
};

/* Sectors of the next piece; `left` is what there is. */
static inline u64 bm_scrub_piece(const struct bm_scrub_pace *pace, u64 left)
{
	u64 most = pace->small ? BM_SCRUB_SMALL : BM_SCRUB_LARGE;

	return left < most ? left : most;
}

/* That piece was read, in so many nanoseconds. */
static inline void bm_scrub_took(struct bm_scrub_pace *pace, u64 ns)
{
	if (ns > BM_SCRUB_SLOW)
		pace->small = BM_SCRUB_LARGE / BM_SCRUB_SMALL;
	else if (pace->small)
		pace->small--;
}

#endif
