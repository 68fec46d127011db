// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a lookup takes, at different numbers of remaps: nanoseconds for each of three kinds of
 * request of eight blocks, by the index alone and as bm_route() asks it; and memory.
 *
 * Requests are drawn beforehand and made in batches that don't wait for each other, as those of
 * many clients; the best of some passes counts for each batch, so what interrupts doesn't.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "../../core/internal.h"
#include "memory.h"
#include "selftest_scatter.h"

#define BATCH   1024u
#define BATCHES 64u
#define QUERIES (BATCH * BATCHES)
#define PASSES  5u
#define RANGE   8u /* blocks of a request */

/* Of requests: at a remap, where its region has none, where its region has one. */
enum query { HIT, MISS, NEAR, KINDS };

struct lookup {
	struct bm *bm; /* its map is what is looked up in; else it is not open */
	struct selftest_scatter scatter;
	u64 *query[KINDS];
	u64 found;
};

/* ---- drawing ---- */

static bool is_remapped(const struct bm_index *index, u64 block, u64 count)
{
	struct bm_entry e;

	return bm_index_find(index, block, count, &e);
}

static u64 draw(struct lookup *l, enum query kind)
{
	struct selftest_scatter *s = &l->scatter;
	u64 key = s->key[selftest_below(&s->dice, s->n)];
	u64 region = kind == NEAR ? key >> BM_REGION_SHIFT
				  : selftest_below(&s->dice, SELFTEST_SPACE) >> BM_REGION_SHIFT;

	if (kind == HIT)
		return key;
	return region << BM_REGION_SHIFT | selftest_below(&s->dice, BM_REGION - RANGE);
}

static bool is_of_kind(const struct lookup *l, u64 block, enum query kind)
{
	u64 first = block & ~(BM_REGION - 1ull);

	if (kind == HIT)
		return true;
	return !is_remapped(&l->bm->map, block, RANGE) &&
	       (kind == NEAR || !is_remapped(&l->bm->map, first, BM_REGION));
}

static void draw_all(struct lookup *l)
{
	unsigned int kind, i;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; i < QUERIES; i++) {
			do {
				l->query[kind][i] = draw(l, kind);
			} while (!is_of_kind(l, l->query[kind][i], kind));
		}
}

/* ---- measuring ---- */

/* How many of a batch are found where they live. */
typedef unsigned int (*batch_fn)(const struct bm *bm, const u64 *query);

static unsigned int batch_find(const struct bm *bm, const u64 *query)
{
	unsigned int found = 0, i;
	struct bm_entry e;

	for (i = 0; i < BATCH; i++)
		if (bm_index_find(&bm->map, query[i], RANGE, &e))
			found += e.spare == selftest_scatter_home(query[i]);
	return found;
}

static unsigned int batch_route(const struct bm *bm, const u64 *query)
{
	unsigned int found = 0, i;
	struct bm_route route;

	for (i = 0; i < BATCH; i++) {
		bm_route(bm, BM_REQ_READ, query[i], RANGE, &route);
		if (route.target == BM_TO_SPARE)
			found += route.sector == selftest_scatter_home(query[i]);
	}
	return found;
}

static u64 batch_ns(struct lookup *l, batch_fn run, const u64 *query)
{
	u64 begin, ns;

	rcu_read_lock();
	begin = ktime_get_ns();
	l->found += run(l->bm, query);
	ns = ktime_get_ns() - begin;
	rcu_read_unlock();
	return ns;
}

/* Hundredths of a nanosecond for one request; *holds: all were found that had to be, and only they.
 */
static u64 measure(struct lookup *l, batch_fn run, enum query kind, bool *holds)
{
	u64 best, sum = 0, want = kind == HIT ? QUERIES * PASSES : 0;
	unsigned int batch, pass;

	l->found = 0;
	for (batch = 0; batch < BATCHES; batch++) {
		for (best = U64_MAX, pass = 0; pass < PASSES; pass++)
			best = min(best, batch_ns(l, run, l->query[kind] + batch * BATCH));
		sum += best;
		selftest_yield();
	}
	*holds &= selftest_holds(l->found == want, "of %u lookups (%u), %llu were found, not %llu",
				 QUERIES * PASSES, kind, l->found, want);
	return sum * 100 / QUERIES;
}

/* ---- telling ---- */

struct line {
	char text[256];
	size_t length;
};

static void line_add(struct line *line, const char *name, u64 hundredths)
{
	line->length += scnprintf(line->text + line->length, sizeof(line->text) - line->length,
				  " %s=%llu.%02llu", name, hundredths / 100, hundredths % 100);
}

static bool measure_all(struct lookup *l)
{
	static const char *const find[KINDS] = { "hit", "miss", "near" };
	static const char *const route[KINDS] = { "route_hit", "route_miss", "route_near" };
	struct line line = {};
	bool holds = true;
	unsigned int kind;

	draw_all(l);
	for (kind = 0; kind < KINDS; kind++)
		line_add(&line, find[kind], measure(l, batch_find, kind, &holds));
	line_add(&line, "bytes_per_remap", selftest_scatter_bytes(&l->scatter));
	line_add(&line, "index_bytes_per_remap", l->bm->map.bytes * 100 / l->scatter.n);
	for (kind = 0; kind < KINDS; kind++)
		line_add(&line, route[kind], measure(l, batch_route, kind, &holds));
	selftest_say("lookup remaps=%u%s buckets=%u", l->scatter.n, line.text, l->bm->map.buckets);
	return holds;
}

/* ---- life ---- */

/* As a map is loaded: nobody reads meanwhile. */
static int fill(struct lookup *l, u32 remaps)
{
	struct bm_index *index = &l->bm->map;
	int err = 0;
	u32 from, to;

	bm_index_set_exclusive(index, true);
	while (l->scatter.n < remaps && !err) {
		err = selftest_scatter_add(&l->scatter, index);
		bm_index_work(index, &from, &to);
		if (!(l->scatter.n % 1024) && selftest_interrupted())
			err = -EINTR;
	}
	bm_index_set_exclusive(index, false);
	while (bm_index_work(index, &from, &to) != BM_RESIZE_NONE || index->next)
		selftest_yield();
	return err;
}

static int lookup_create(struct lookup *l, u64 seed, u32 most)
{
	const struct bm_config config = { .block_size = BM_SECTOR, .mem = remap_memory };
	int err = bm_create(&config, &l->bm);
	unsigned int kind;

	if (!err)
		err = selftest_scatter_create(&l->scatter, &l->bm->map, seed, most);
	for (kind = 0; kind < KINDS; kind++) {
		l->query[kind] = kvmalloc_array(QUERIES, sizeof(u64), GFP_KERNEL);
		if (!l->query[kind])
			err = -ENOMEM;
	}
	return err;
}

static void lookup_destroy(struct lookup *l)
{
	unsigned int kind;

	for (kind = 0; kind < KINDS; kind++)
		kvfree(l->query[kind]);
	if (l->bm)
		selftest_scatter_destroy(&l->scatter, &l->bm->map);
	bm_destroy(l->bm);
}

int selftest_lookup(const struct selftest *test)
{
	static const u32 sizes[] = { 64, 100, 1000, 10000, 100000, 1000000, 10000000 };
	struct lookup *l = kzalloc(sizeof(*l), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!l)
		return -ENOMEM;
	err = lookup_create(l, test->seed, test->remaps);
	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= test->remaps && !err; i++) {
		err = fill(l, sizes[i]);
		if (!err && test->plant)
			l->scatter.key[0]++;
		if (!err && !measure_all(l))
			err = -EINVAL;
	}
	lookup_destroy(l);
	kfree(l);
	return err;
}
