// SPDX-License-Identifier: GPL-2.0-only
/*
 * The index beside a plain array, through random changes that are published or dropped, while the
 * table and the key space grow and shrink, also when memory is refused.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "selftest.h"
#include "selftest_model.h"

#define CHANGES_MAX 32u

struct trial {
	unsigned int islands;
	u64 space;
	bool exclusive;
	unsigned int refuse; /* one in so many requests for memory; 0: none */
};

struct beside {
	u64 dice;
	u64 space;
	bool exclusive;
	struct bm_index index;
	struct selftest_heap heap;
	struct selftest_model staged, published;
	unsigned int changes;
	struct bm_entry change[CHANGES_MAX]; /* since publishing; in blocks of the model */
};

static bool is_same(const struct bm_entry *a, const struct bm_entry *b)
{
	return a->block == b->block && a->count == b->count && a->spare == b->spare &&
	       a->state == b->state && a->cont == b->cont;
}

static bool same(const char *what, bool have, const struct bm_entry *a, bool want,
		 const struct bm_entry *b)
{
	if (have != want)
		return selftest_complain("%s: block %llu is %s", what, want ? b->block : a->block,
					 want ? "not found" : "found, and is not there");
	if (!want || is_same(a, b))
		return true;
	return selftest_complain("%s: %llu+%u at %llu, state %d%s, not %llu+%u at %llu, state %d%s",
				 what, a->block, a->count, a->spare, a->state,
				 a->cont ? " cont" : "", b->block, b->count, b->spare, b->state,
				 b->cont ? " cont" : "");
}

/* ---- chance ---- */

static u64 some_count(u64 *dice)
{
	switch (selftest_below(dice, 32)) {
	case 0:
		return 1 + selftest_below(dice, 3 * BM_REGION);
	case 1:
	case 2:
		return 1 + selftest_below(dice, 300);
	default:
		return 1 + selftest_below(dice, 6);
	}
}

/* Mostly near the ends of regions, or where things are dense already. */
static u64 some_block(struct beside *s)
{
	u64 island = selftest_below(&s->dice, s->staged.blocks / SELFTEST_ISLAND) * SELFTEST_ISLAND;
	u64 region = island + selftest_below(&s->dice, 4) * BM_REGION;

	switch (selftest_below(&s->dice, 4)) {
	case 0:
		return region + selftest_below(&s->dice, 6);
	case 1:
		return region + BM_REGION - 1 - selftest_below(&s->dice, 6);
	case 2:
		return island + selftest_below(&s->dice, 200);
	default:
		return island + selftest_below(&s->dice, SELFTEST_ISLAND);
	}
}

/* Something new, or something that continues or repeats what is there. */
static void some_mapping(struct beside *s, struct bm_entry *e)
{
	const struct selftest_block *b = &s->staged.block[e->block];

	e->state = 1 + selftest_below(&s->dice, BM_BAD);
	if (!selftest_below(&s->dice, 8)) {
		e->spare = BM_NO_BLOCK;
	} else if (selftest_below(&s->dice, 2) && selftest_model_follows(&s->staged, e->block) &&
		   b[-1].spare != BM_NO_BLOCK) {
		e->spare = b[-1].spare + 1;
		e->state = b[-1].state;
	} else if (!selftest_below(&s->dice, 4) && b->state) {
		e->spare = b->spare;
		e->state = b->state;
		e->cont = !b->start;
		e->count = 1;
	}
}

static void some_change(struct beside *s, struct bm_entry *e, unsigned int removals)
{
	u64 i = some_block(s);

	*e = (struct bm_entry){
		.block = i,
		.spare = selftest_below(&s->dice, 1000) << 20 | i,
		.count = min(some_count(&s->dice), SELFTEST_ISLAND - i % SELFTEST_ISLAND),
		.state = BM_UNMAPPED,
		.cont = selftest_below(&s->dice, 2),
	};
	if (selftest_below(&s->dice, 100) >= removals)
		some_mapping(s, e);
}

/* ---- comparing ---- */

/* Everything there is, in order, and the counts of it. */
static bool compare_all(const struct beside *s)
{
	u64 runs = 0, entries = 0, blocks[BM_BAD + 1] = {}, i = 0, at = 0;
	struct bm_entry a = {}, b = {};
	bool have, want;
	unsigned int state;

	for (;;) {
		want = selftest_model_next(&s->published, &i, &b);
		have = bm_index_next(&s->index, at, &a);
		if (!same("walking", have, &a, want, &b))
			return false;
		if (!want)
			break;
		entries++;
		runs += !b.cont;
		blocks[b.state] += b.count;
		at = b.block + b.count;
	}
	for (state = 0; state <= BM_BAD; state++)
		if (!selftest_holds(s->index.blocks[state] == blocks[state],
				    "%llu blocks in state %u, not %llu", s->index.blocks[state],
				    state, blocks[state]))
			return false;
	return selftest_holds(s->index.runs == runs && s->index.entries == entries,
			      "%llu runs and %llu entries, not %llu and %llu", s->index.runs,
			      s->index.entries, runs, entries) &&
	       selftest_holds(s->index.bytes == s->heap.live, "it counts %llu bytes of %llu",
			      s->index.bytes, s->heap.live);
}

static bool compare_some(struct beside *s)
{
	u64 i = some_block(s), block = selftest_model_place(&s->staged, i);
	u64 count = selftest_below(&s->dice, 3) ? some_count(&s->dice)
						: selftest_below(&s->dice, 1ull << 41);
	struct bm_entry a = {}, b = {};
	bool have = bm_index_peek(&s->index, block, count, &a);
	bool want = selftest_model_find(&s->staged, i, count, &b);

	if (!same("staged", have, &a, want, &b))
		return false;
	if (s->exclusive && s->changes)
		return true; /* there readers see what is staged */
	have = bm_index_find(&s->index, block, count, &a);
	want = selftest_model_find(&s->published, i, count, &b);
	return same("published", have, &a, want, &b);
}

/* ---- changing ---- */

static bool stage(struct beside *s, unsigned int removals)
{
	struct bm_entry *e = &s->change[s->changes], real;
	int err;

	some_change(s, e, removals);
	real = *e;
	real.block = selftest_model_place(&s->staged, e->block);
	s->heap.refused = false;
	err = bm_index_stage(&s->index, &real);
	if (err)
		return selftest_holds(err == -ENOMEM && s->heap.refused, "staging %llu+%u gave %d",
				      real.block, real.count, err);
	selftest_model_set(&s->staged, e);
	s->changes++;
	return true;
}

static void end_changes(struct beside *s)
{
	bool publish = selftest_below(&s->dice, 5);

	if (publish)
		bm_index_publish(&s->index);
	else
		bm_index_abort(&s->index);
	for (; s->changes; s->changes--)
		selftest_model_copy(publish ? &s->published : &s->staged,
				    publish ? &s->staged : &s->published,
				    &s->change[s->changes - 1]);
}

/* As a main that is enlarged, and shrunk again. */
static bool change_space(struct beside *s)
{
	u64 space = s->index.space == s->space ? 2 * s->space : s->space;
	int err;

	s->heap.refused = false;
	err = bm_index_set_space(&s->index, space);
	return selftest_holds(!err || (err == -ENOMEM && s->heap.refused),
			      "a key space of %llu blocks gave %d", space, err);
}

static bool step(struct beside *s, unsigned int removals)
{
	unsigned int n = selftest_below(&s->dice, 4) ? 1 : selftest_below(&s->dice, CHANGES_MAX);
	u32 from, to;

	for (; n; n--)
		if (!stage(s, removals) || !compare_some(s))
			return false;
	end_changes(s);
	if (selftest_below(&s->dice, 2))
		bm_index_work(&s->index, &from, &to);
	if (!selftest_below(&s->dice, 50) && !change_space(s))
		return false;
	return compare_some(s);
}

/* One that the array doesn't know of. */
static void plant_change(struct beside *s)
{
	const struct bm_entry e = { .block = 0, .spare = 7, .count = 1, .state = BM_BAD };

	if (!bm_index_stage(&s->index, &e))
		bm_index_publish(&s->index);
}

static int steps(struct beside *s, const struct selftest *test)
{
	unsigned int i, removals;

	for (i = 0; i < test->rounds; i++) {
		/* In turn it fills up and empties. */
		removals = i / (test->rounds / 4 + 1) % 2 ? 80 : 15;
		if (!step(s, removals) || (!(i % 64) && !compare_all(s)))
			return -EINVAL;
		if (selftest_interrupted())
			return -EINTR;
	}
	bm_index_set_exclusive(&s->index, false);
	s->heap.one_in = 0;
	if (test->plant)
		plant_change(s);
	return compare_all(s) ? 0 : -EINVAL;
}

/* ---- the trials ---- */

static int trial_run(const struct trial *t, const struct selftest *test, struct beside *s)
{
	struct bm_mem mem = selftest_heap_mem(&s->heap);
	int err = bm_index_init(&s->index, &mem, t->space);

	if (err)
		return err;
	err = selftest_model_create(&s->staged, t->islands, t->space);
	if (!err)
		err = selftest_model_create(&s->published, t->islands, t->space);
	if (!err) {
		s->space = t->space;
		s->exclusive = t->exclusive;
		s->heap.one_in = t->refuse;
		bm_index_set_exclusive(&s->index, t->exclusive);
		err = steps(s, test);
	}
	selftest_say("index islands=%u entries=%llu resizes=%u", t->islands, s->index.entries,
		     s->index.resizes);
	bm_index_destroy(&s->index);
	if (!err && !selftest_holds(!s->heap.live, "%llu bytes were not given back", s->heap.live))
		err = -EINVAL;
	selftest_model_destroy(&s->staged);
	selftest_model_destroy(&s->published);
	return err;
}

static int trials_run(const struct trial *t, unsigned int n, const struct selftest *test)
{
	u64 dice = test->seed;
	int err = 0;

	for (; n && !err; n--, t++) {
		struct beside *s = kzalloc(sizeof(*s), GFP_KERNEL);

		if (!s)
			return -ENOMEM;
		s->dice = selftest_roll(&dice);
		s->heap.dice = selftest_roll(&dice);
		err = trial_run(t, test, s);
		kfree(s);
	}
	return err;
}

int selftest_index(const struct selftest *test)
{
	static const struct trial trials[] = {
		{ 2, 2 * (SELFTEST_ISLAND + BM_REGION), false, 0 },
		{ 2, 2 * (SELFTEST_ISLAND + BM_REGION), true, 0 },
		{ 16, 1ull << 33, false, 0 },
		{ 16, 1ull << 33, true, 0 },
	};

	return trials_run(trials, ARRAY_SIZE(trials), test);
}

int selftest_index_memory(const struct selftest *test)
{
	static const struct trial trials[] = {
		{ 2, 2 * (SELFTEST_ISLAND + BM_REGION), false, 4 },
		{ 2, 2 * (SELFTEST_ISLAND + BM_REGION), true, 4 },
		{ 16, 1ull << 33, false, 3 },
	};

	return trials_run(trials, ARRAY_SIZE(trials), test);
}
