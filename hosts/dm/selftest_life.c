// SPDX-License-Identifier: GPL-2.0-only
#include "selftest_life.h"

#include <linux/errno.h>

#include "selftest.h"

static bool same_extent(bool have, const struct bm_extent *a, bool want, const struct bm_extent *b)
{
	if (!want || !have)
		return selftest_holds(want == have, "opened again, the map is %s",
				      want ? "shorter" : "longer");
	return selftest_holds(a->sector == b->sector && a->count == b->count &&
				      a->spare == b->spare && a->state == b->state,
			      "opened again, %llu+%llu at %llu (%d) is %llu+%llu at %llu (%d)",
			      b->sector, b->count, b->spare, b->state, a->sector, a->count,
			      a->spare, a->state);
}

static bool same_walk(const struct bm *a, const struct bm *b,
		      bool (*walk)(const struct bm *bm, u64 *at, struct bm_extent *extent))
{
	struct bm_extent ea = {}, eb = {};
	u64 at_a = 0, at_b = 0;
	bool have, want;

	do {
		have = walk(a, &at_a, &ea);
		want = walk(b, &at_b, &eb);
		if (!same_extent(have, &ea, want, &eb))
			return false;
	} while (want);
	return true;
}

bool selftest_life_same(struct selftest_life *life)
{
	const struct bm_status *s = selftest_life_status(life);
	u64 runs = s->runs, used = s->spare_used, bad = s->spare_bad;

	bm_get_status(life->shadow.bm, &life->status);
	if (!selftest_holds(s->runs == runs && s->spare_used == used && s->spare_bad == bad,
			    "opened again, %llu remaps, %llu used, %llu bad are %llu, %llu, %llu",
			    runs, used, bad, s->runs, s->spare_used, s->spare_bad))
		return false;
	return same_walk(life->shadow.bm, life->h.bm, bm_walk) &&
	       same_walk(life->shadow.bm, life->h.bm, bm_walk_bad);
}

bool selftest_life_cut(struct selftest_life *life)
{
	int err;

	selftest_host_copy_spare(&life->shadow, &life->h);
	err = selftest_host_open(&life->shadow);
	return selftest_holds(!err, "after a cut, opening gave %d", err) &&
	       selftest_contents_hold(&life->contents, &life->shadow);
}

bool selftest_life_settled(struct selftest_life *life)
{
	return selftest_life_cut(life) && selftest_life_same(life) &&
	       selftest_contents_hold(&life->contents, &life->h);
}

const struct bm_status *selftest_life_status(struct selftest_life *life)
{
	bm_get_status(life->h.bm, &life->status);
	return &life->status;
}

int selftest_life_run(struct selftest_life *life, enum bm_op_kind kind, u64 first, u64 count,
		      u32 flags, u64 spare)
{
	struct bm_op *op = &life->h.op;

	bm_op_init(op, kind, first * life->h.block, count * life->h.block);
	op->flags = flags;
	op->spare = spare;
	return selftest_host_run(&life->h, NULL);
}

int selftest_life_create(struct selftest_life *life, const struct selftest_shape *shape, u64 set_id)
{
	u64 spare = shape->spare_sectors;
	int err;

	memset(life, 0, sizeof(*life));
	err = selftest_host_create(&life->h, shape->block, shape->main_sectors, spare, NULL);
	life->h.log_size = shape->log_size;
	if (!err)
		err = selftest_host_create(&life->shadow, shape->block, 0, spare, &life->h);
	if (!err)
		err = selftest_contents_create(&life->contents, &life->h);
	return err ? err : selftest_host_format(&life->h, set_id);
}

void selftest_life_destroy(struct selftest_life *life)
{
	selftest_contents_destroy(&life->contents);
	selftest_host_destroy(&life->shadow);
	selftest_host_destroy(&life->h);
}
