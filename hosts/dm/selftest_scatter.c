// SPDX-License-Identifier: GPL-2.0-only
#include "selftest_scatter.h"

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

int selftest_scatter_create(struct selftest_scatter *s, struct bm_index *index, u64 seed, u32 most)
{
	struct bm_mem mem = selftest_heap_mem(&s->heap);
	int err;

	memset(s, 0, sizeof(*s));
	s->dice = seed;
	s->key = kvmalloc_array(most, sizeof(*s->key), GFP_KERNEL);
	if (!s->key)
		return -ENOMEM;
	err = bm_index_init(index, &mem, SELFTEST_SPACE);
	if (err) {
		kvfree(s->key);
		s->key = NULL;
	}
	return err;
}

void selftest_scatter_destroy(struct selftest_scatter *s, struct bm_index *index)
{
	if (s->key)
		bm_index_destroy(index);
	kvfree(s->key);
	s->key = NULL;
}

int selftest_scatter_add(struct selftest_scatter *s, struct bm_index *index)
{
	struct bm_entry e = { .count = 1, .state = BM_MAPPED }, there;
	int err;

	do {
		e.block = selftest_below(&s->dice, SELFTEST_SPACE);
	} while (bm_index_find(index, e.block, 1, &there));
	e.spare = selftest_scatter_home(e.block);
	err = bm_index_stage(index, &e);
	if (err)
		return err;
	bm_index_publish(index);
	s->key[s->n] = e.block;
	smp_store_release(&s->n, s->n + 1); /* readers who see it see the key */
	return 0;
}

u64 selftest_scatter_bytes(const struct selftest_scatter *s)
{
	return s->n ? s->heap.real * 100 / s->n : 0;
}
