/* SPDX-License-Identifier: GPL-2.0-only */
/* The index beside an array, through random changes and failures of memory. */
#include "tests/unit/index_fixture.h"

/*
 * Against an array that says of each block what it is. Its islands, four regions each, lie
 * apart in the space of the index, so that few blocks can be spread over much.
 */

#define ISLAND (4 * BM_REGION)

struct model {
	unsigned islands;
	u64 at[64]; /* where each is in the index, ascending */
	u64 blocks;
	u8 *state;
	bool *start;
	u64 *spare;
};

static void model_make(struct model *m, unsigned islands, u64 space)
{
	unsigned i;

	m->islands = islands;
	m->blocks = (u64)islands * ISLAND;
	/* A gap of at least a region: what islands do is no business of their neighbours. */
	for (i = 0; i < islands; i++)
		m->at[i] = space / islands / BM_REGION * BM_REGION * i;
	m->state = calloc(m->blocks, sizeof(*m->state));
	m->start = calloc(m->blocks, sizeof(*m->start));
	m->spare = calloc(m->blocks, sizeof(*m->spare));
	assert_true(m->state && m->start && m->spare);
}

static void model_free(struct model *m)
{
	free(m->state);
	free(m->start);
	free(m->spare);
}

/* Copy what changing e's range may have changed: one block more. */
static void model_copy(struct model *to, const struct model *from, const struct bm_entry *e)
{
	u64 i = e->block, n = e->count + (i + e->count < from->blocks);

	memcpy(to->state + i, from->state + i, n * sizeof(*from->state));
	memcpy(to->start + i, from->start + i, n * sizeof(*from->start));
	memcpy(to->spare + i, from->spare + i, n * sizeof(*from->spare));
}

static u64 model_block(const struct model *m, u64 i)
{
	return m->at[i / ISLAND] + i % ISLAND;
}

static bool model_mapped_before(const struct model *m, u64 i)
{
	return i % ISLAND && m->state[i - 1];
}

/* e->block is the model's. */
static void model_set(struct model *m, const struct bm_entry *e)
{
	u64 i, end = e->block + e->count;

	for (i = e->block; i < end; i++) {
		m->start[i] = false;
		m->state[i] = (u8)e->state;
		m->spare[i] = e->spare == BM_NO_BLOCK ? BM_NO_BLOCK : e->spare + i - e->block;
	}
	if (e->state)
		m->start[e->block] = !(e->cont && model_mapped_before(m, e->block));
	else if (end % ISLAND && m->state[end])
		m->start[end] = true;
}

static bool model_goes_on(const struct model *m, u64 i)
{
	if (i % BM_REGION == 0 || m->start[i] || m->state[i] != m->state[i - 1])
		return false;
	return m->spare[i] == m->spare[i - 1] + (m->spare[i - 1] != BM_NO_BLOCK);
}

/* The entry around or after block i, as stored; and where it ends in the model. */
static bool model_walk(const struct model *m, u64 i, struct bm_entry *e, u64 *after)
{
	u64 end;

	while (i < m->blocks && !m->state[i])
		i++;
	if (i == m->blocks)
		return false;
	while (model_goes_on(m, i))
		i--;
	for (end = i + 1; end < m->blocks && model_goes_on(m, end);)
		end++;
	*e = entry(model_block(m, i), end - i, m->spare[i], m->state[i], !m->start[i]);
	*after = end;
	return true;
}

static bool model_next(const struct model *m, u64 i, struct bm_entry *e)
{
	u64 after;

	return model_walk(m, i, e, &after);
}

static bool model_find(const struct model *m, u64 i, u64 count, struct bm_entry *e)
{
	u64 block = model_block(m, i), cut;

	if (!model_next(m, i, e) || e->block >= block + count)
		return false;
	if (e->block < block) {
		cut = block - e->block;
		e->count -= (u32)cut;
		e->block = block;
		e->spare += e->spare == BM_NO_BLOCK ? 0 : cut;
	}
	if (e->count > block + count - e->block)
		e->count = (u32)(block + count - e->block);
	return true;
}

static void assert_same(bool have, const struct bm_entry *a, bool want, const struct bm_entry *b)
{
	assert_int_equal(have, want);
	if (want)
		assert_entry(a, b->block, b->count, b->spare, b->state, b->cont);
}

/* Everything there is, in order, and the counts of it. */
static void assert_published(const struct bm_index *index, const struct model *m)
{
	u64 runs = 0, entries = 0, blocks[BM_BAD + 1] = { 0 }, i = 0, at = 0;
	struct bm_entry a, b;
	bool have, want;
	int s;

	for (;;) {
		want = model_walk(m, i, &b, &i);
		have = bm_index_next(index, at, &a);
		assert_same(have, &a, want, &b);
		if (!want)
			break;
		entries++;
		runs += !b.cont;
		blocks[b.state] += b.count;
		at = b.block + b.count;
	}
	assert_int_equal(index->runs, runs);
	assert_int_equal(index->entries, entries);
	for (s = 0; s <= BM_BAD; s++)
		assert_int_equal(index->blocks[s], blocks[s]);
}

static u64 some_count(void)
{
	switch (below(8)) {
	case 0:
		return 1 + below(3 * BM_REGION);
	case 1:
		return 1 + below(300);
	default:
		return 1 + below(6);
	}
}

/* The model's block; mostly near region boundaries or where things are dense. */
static u64 some_block(const struct model *m)
{
	u64 island = below(m->islands) * ISLAND;

	switch (below(4)) {
	case 0:
		return island + below(4) * BM_REGION + below(6);
	case 1:
		return island + (1 + below(4)) * BM_REGION - 1 - below(6);
	case 2:
		return island + below(200);
	default:
		return island + below(ISLAND);
	}
}

static void some_change(const struct model *m, struct bm_entry *e, unsigned removals)
{
	u64 i = some_block(m), count = some_count();

	if (count > ISLAND - i % ISLAND)
		count = ISLAND - i % ISLAND;
	*e = entry(i, count, below(1000) << 20 | i, BM_UNMAPPED, below(2));
	if (below(100) < removals)
		return;
	e->state = (enum bm_state)(1 + below(BM_BAD));
	if (below(8) == 0)
		e->spare = BM_NO_BLOCK;
	else if (below(2) && model_mapped_before(m, i) && m->spare[i - 1] != BM_NO_BLOCK) {
		e->spare = m->spare[i - 1] + 1;
		e->state = m->state[i - 1];
	} else if (below(4) == 0 && m->state[i]) {
		e->spare = m->spare[i];
		e->cont = !m->start[i];
		e->count = 1;
		if (below(2))
			e->state = m->state[i];
	}
}

static void compare_some(const struct bm_index *index, const struct model *staged,
			 const struct model *published, bool exclusive)
{
	u64 i = some_block(staged), count = below(3) ? some_count() : below(1ull << 41);
	struct bm_entry a, b;
	bool have, want;

	have = bm_index_peek(index, model_block(staged, i), count, &a);
	want = model_find(staged, i, count, &b);
	assert_same(have, &a, want, &b);
	if (exclusive)
		return;
	have = bm_index_find(index, model_block(published, i), count, &a);
	want = model_find(published, i, count, &b);
	assert_same(have, &a, want, &b);
	have = bm_index_next(index, model_block(published, i), &a);
	want = model_next(published, i, &b);
	assert_same(have, &a, want, &b);
}

struct trial {
	unsigned islands;
	u64 space;
	bool exclusive;
	unsigned steps;
	unsigned fail_one_in;
};

struct trial_state {
	struct bm_index index;
	struct heap heap;
	struct model published;
	struct model staged;
	unsigned changes;
	struct bm_entry change[32]; /* since publishing */
};

static void trial_stage(struct trial_state *s, unsigned removals)
{
	struct bm_entry *e = &s->change[s->changes], real;
	int err;

	some_change(&s->staged, e, removals);
	real = *e;
	real.block = model_block(&s->staged, e->block);
	s->heap.failed = false;
	err = bm_index_stage(&s->index, &real);
	if (err) {
		assert_true(err == -ENOMEM && s->heap.failed);
	} else {
		model_set(&s->staged, e);
		s->changes++;
	}
}

static void trial_end_changes(struct trial_state *s)
{
	bool publish = below(5);
	unsigned i;

	if (publish)
		bm_index_publish(&s->index);
	else
		bm_index_abort(&s->index);
	for (i = 0; i < s->changes; i++)
		model_copy(publish ? &s->published : &s->staged,
			   publish ? &s->staged : &s->published, &s->change[i]);
	s->changes = 0;
}

static void trial_step(struct trial_state *s, const struct trial *t, unsigned step)
{
	unsigned removals = step / (t->steps / 4 + 1) % 2 ? 80 : 15, n;

	for (n = below(4) ? 1 : (unsigned)below(30); n; n--) {
		trial_stage(s, removals);
		compare_some(&s->index, &s->staged, &s->published, t->exclusive);
	}
	trial_end_changes(s);
	compare_some(&s->index, &s->published, &s->published, false);
	if (below(2))
		work(&s->index);
	if (step % 64 == 0) {
		assert_published(&s->index, &s->published);
		assert_int_equal(s->index.bytes, s->heap.live);
	}
}

static void trial_run(const struct trial *t)
{
	struct trial_state s = { .changes = 0 };
	unsigned step;

	start(&s.index, &s.heap, t->space);
	model_make(&s.published, t->islands, t->space);
	model_make(&s.staged, t->islands, t->space);
	s.heap.fail_one_in = t->fail_one_in;
	bm_index_set_exclusive(&s.index, t->exclusive);
	for (step = 0; step < t->steps; step++)
		trial_step(&s, t, step);
	bm_index_set_exclusive(&s.index, false);
	assert_published(&s.index, &s.published);
	if (t->exclusive)
		assert_int_equal(s.heap.retired, 0);
	s.heap.fail_one_in = 0;
	settle(&s.index);
	assert_published(&s.index, &s.published);
	finish(&s.index, &s.heap);
	model_free(&s.published);
	model_free(&s.staged);
}

static void random_changes_end_as_in_a_plain_array(void **state)
{
	static const struct trial trials[] = {
		{ 2, 2 * (ISLAND + BM_REGION), false, 3000, 0 },
		{ 2, 2 * (ISLAND + BM_REGION), true, 3000, 0 },
		{ 64, BM_MAX_BLOCKS - 1, false, 1500, 0 },
		{ 64, 1ull << 33, false, 1500, 0 },
		{ 64, 1ull << 33, true, 1500, 0 },
	};
	unsigned i;

	(void)state;
	rng_seed();
	for (i = 0; i < sizeof(trials) / sizeof(*trials); i++)
		trial_run(&trials[i]);
}

static void random_failures_of_memory_change_nothing(void **state)
{
	static const struct trial trials[] = {
		{ 2, 2 * (ISLAND + BM_REGION), false, 2000, 4 },
		{ 2, 2 * (ISLAND + BM_REGION), true, 2000, 4 },
		{ 64, 1ull << 33, false, 1000, 3 },
		{ 64, 1ull << 33, true, 1000, 3 },
	};
	unsigned i;

	(void)state;
	rng_seed();
	for (i = 0; i < sizeof(trials) / sizeof(*trials); i++)
		trial_run(&trials[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_end_as_in_a_plain_array),
		cmocka_unit_test(random_failures_of_memory_change_nothing),
	};

	return cmocka_run_group_tests_name("index beside an array", tests, NULL, NULL);
}
