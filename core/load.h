/* SPDX-License-Identifier: GPL-2.0-only */
/* What opening, formatting and checking share. */
#ifndef BLKMEND_LOAD_H
#define BLKMEND_LOAD_H

#include "internal.h"

/* Needed while a spare is opened, then freed. */
struct bm_load {
	struct bm_super super[2];
	enum bm_super_error super_error[2];
	int read_error[2];
	u64 scanned[2];
	bool changed;
};

/* One superblock, with the rest of its 4096 bytes. */
void bm_step_super(struct bm *bm, struct bm_op *op, enum bm_step_kind kind, unsigned int copy,
		   void *memory);

/*
 * Write both superblocks, or (only_missing) those that are missing. op->state.error: a change
 * was not made. Level CO_PART.
 */
enum bm_verdict bm_write_supers(struct bm *bm, struct bm_op *op, bool only_missing);

/*
 * Go through the live blocks of the log in both copies: apply their records (to load), and mend a
 * copy from the other. op->state.error: -EUCLEAN if a block is bad in both, with op->bad its
 * sector. Fills op->check. Level CO_PART.
 */
enum bm_verdict bm_walk_log(struct bm *bm, struct bm_op *op, bool apply, bool mend);

#endif
