// SPDX-License-Identifier: GPL-2.0-only
#include "selftest_model.h"

#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

int selftest_model_create(struct selftest_model *m, unsigned int islands, u64 space)
{
	m->blocks = (u64)islands * SELFTEST_ISLAND;
	m->apart = space / islands / BM_REGION * BM_REGION;
	m->block = kvcalloc(m->blocks, sizeof(*m->block), GFP_KERNEL);
	return m->block ? 0 : -ENOMEM;
}

void selftest_model_destroy(struct selftest_model *m)
{
	kvfree(m->block);
	m->block = NULL;
}

u64 selftest_model_place(const struct selftest_model *m, u64 i)
{
	return m->apart * (i / SELFTEST_ISLAND) + i % SELFTEST_ISLAND;
}

bool selftest_model_follows(const struct selftest_model *m, u64 i)
{
	return i % SELFTEST_ISLAND && m->block[i - 1].state;
}

void selftest_model_set(struct selftest_model *m, const struct bm_entry *e)
{
	u64 i, end = e->block + e->count;

	for (i = e->block; i < end; i++) {
		m->block[i].start = false;
		m->block[i].state = e->state;
		m->block[i].spare = e->spare == BM_NO_BLOCK ? BM_NO_BLOCK : e->spare + i - e->block;
	}
	if (e->state)
		m->block[e->block].start = !(e->cont && selftest_model_follows(m, e->block));
	else if (end % SELFTEST_ISLAND && m->block[end].state)
		m->block[end].start = true; /* what is left of a run that lost its start */
}

void selftest_model_copy(struct selftest_model *to, const struct selftest_model *from,
			 const struct bm_entry *e)
{
	u64 i = e->block, n = min(e->count + 1ull, from->blocks - i);

	memcpy(to->block + i, from->block + i, n * sizeof(*from->block));
}

/* Is block i in the same entry as the one before it? Entries end where regions do. */
static bool goes_on(const struct selftest_model *m, u64 i)
{
	const struct selftest_block *b = &m->block[i];

	if (i % BM_REGION == 0 || b->start || b->state != b[-1].state)
		return false;
	return b->spare == b[-1].spare + (b[-1].spare != BM_NO_BLOCK);
}

/* The entry that holds block i. */
static void entry_at(const struct selftest_model *m, u64 i, struct bm_entry *e)
{
	u64 end;

	while (goes_on(m, i))
		i--;
	for (end = i + 1; end < m->blocks && goes_on(m, end);)
		end++;
	*e = (struct bm_entry){
		.block = selftest_model_place(m, i),
		.spare = m->block[i].spare,
		.count = end - i,
		.state = m->block[i].state,
		.cont = !m->block[i].start,
	};
}

bool selftest_model_next(const struct selftest_model *m, u64 *i, struct bm_entry *e)
{
	u64 at = *i;

	while (at < m->blocks && !m->block[at].state)
		at++;
	if (at == m->blocks)
		return false;
	entry_at(m, at, e);
	for (*i = at + 1; *i < m->blocks && goes_on(m, *i);)
		++*i;
	return true;
}

bool selftest_model_find(const struct selftest_model *m, u64 i, u64 count, struct bm_entry *e)
{
	u64 block = selftest_model_place(m, i), end = block + count, cut;

	while (i < m->blocks && !m->block[i].state && selftest_model_place(m, i) < end)
		i++;
	if (i == m->blocks || selftest_model_place(m, i) >= end)
		return false;
	entry_at(m, i, e);
	if (e->block < block) {
		cut = block - e->block;
		e->block = block;
		e->count -= cut;
		e->spare += e->spare == BM_NO_BLOCK ? 0 : cut;
	}
	e->count = min_t(u64, e->count, end - e->block);
	return true;
}
