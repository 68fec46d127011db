/* SPDX-License-Identifier: GPL-2.0-only */
/* An index of single blocks at random on a main of 4 TB, to measure. */
#ifndef BLKMEND_DM_SELFTEST_SCATTER_H
#define BLKMEND_DM_SELFTEST_SCATTER_H

#include "selftest.h"

#define SELFTEST_SPACE (4000000000000ull / 512) /* blocks */

struct selftest_scatter {
	u64 dice;
	struct selftest_heap heap;
	u64 *key; /* remapped blocks, in no order */
	u32 n;    /* of them; written by who adds, with release */
};

/* Room for that many. -ENOMEM. */
int selftest_scatter_create(struct selftest_scatter *s, struct bm_index *index, u64 seed, u32 most);
void selftest_scatter_destroy(struct selftest_scatter *s, struct bm_index *index);

/* One more remap, published. -ENOMEM. */
int selftest_scatter_add(struct selftest_scatter *s, struct bm_index *index);

/* Where on the spare a block lives, if it does. */
static inline u64 selftest_scatter_home(u64 block)
{
	return block / 4;
}

/* Hundredths of bytes that the kernel gave for a remap, all in. */
u64 selftest_scatter_bytes(const struct selftest_scatter *s);

#endif
