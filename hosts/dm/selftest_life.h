/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host with what its client knows, and at its side a shadow that shares main and opens copies of
 * the spare: what another instance would find if the power were cut now.
 */
#ifndef BLKMEND_DM_SELFTEST_LIFE_H
#define BLKMEND_DM_SELFTEST_LIFE_H

#include "selftest_contents.h"

struct selftest_life {
	struct selftest_host h, shadow;
	struct selftest_contents contents;
	struct bm_status status; /* see selftest_life_status() */
};

struct selftest_shape {
	u32 block; /* sectors */
	u64 main_sectors, spare_sectors;
	u32 log_size; /* bytes; small blocks don't hold all of the map, large ones do */
};

/* With a newly formatted spare. -ENOMEM, or what formatting gave. */
int selftest_life_create(struct selftest_life *life, const struct selftest_shape *shape,
			 u64 set_id);
/* May follow whatever the former returned. */
void selftest_life_destroy(struct selftest_life *life);

/* Does the shadow open, and find all that was acknowledged? */
bool selftest_life_cut(struct selftest_life *life);

/* When nothing is under way: and has it the same map, and the host itself all it must have? */
bool selftest_life_settled(struct selftest_life *life);

/* Has the shadow the map of the host? */
bool selftest_life_same(struct selftest_life *life);

const struct bm_status *selftest_life_status(struct selftest_life *life);

/* ---- operations on blocks, run to their end; their error ---- */

int selftest_life_run(struct selftest_life *life, enum bm_op_kind kind, u64 first, u64 count,
		      u32 flags, u64 spare);

#endif
