/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index as anybody would write it who needn't be fast: an array that says of each block what
 * it is. It is made of islands that lie apart in the space of the index, so that few blocks can be
 * spread over much. Blocks of the model are numbered from 0 without the gaps between islands.
 */
#ifndef BLKMEND_DM_SELFTEST_MODEL_H
#define BLKMEND_DM_SELFTEST_MODEL_H

#include "../../core/index.h"

#define SELFTEST_ISLAND (4 * BM_REGION) /* blocks */

struct selftest_block {
	u64 spare;
	u8 state;   /* enum bm_state */
	bool start; /* of an entry without cont */
};

struct selftest_model {
	u64 apart; /* blocks of the index from one island to the next */
	u64 blocks;
	struct selftest_block *block;
};

/* `space`: of the index; islands have a gap of a region or more between them. -ENOMEM. */
int selftest_model_create(struct selftest_model *m, unsigned int islands, u64 space);
void selftest_model_destroy(struct selftest_model *m);

/* Where the model's block is in the index. */
u64 selftest_model_place(const struct selftest_model *m, u64 i);

/* In the block's island, is the one before it mapped? */
bool selftest_model_follows(const struct selftest_model *m, u64 i);

/* What bm_index_stage() of `e` means; e->block is the model's, and e lies within an island. */
void selftest_model_set(struct selftest_model *m, const struct bm_entry *e);

/* Take from another model of the same shape what setting `e` may have changed. */
void selftest_model_copy(struct selftest_model *to, const struct selftest_model *from,
			 const struct bm_entry *e);

/* The first entry that ends after block *i, whole; *i is set to its end. As bm_index_next(). */
bool selftest_model_next(const struct selftest_model *m, u64 *i, struct bm_entry *e);

/* As bm_index_find(); `i` is the model's block, `count` as the index would be asked. */
bool selftest_model_find(const struct selftest_model *m, u64 i, u64 count, struct bm_entry *e);

#endif
