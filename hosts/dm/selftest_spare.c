// SPDX-License-Identifier: GPL-2.0-only
/* What a spare has to survive: it is full, a copy of its metadata is gone, it takes no commit. */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "selftest.h"
#include "selftest_life.h"

#define MAIN_SECTORS  2048u
#define SPARE_SECTORS 1024u
#define REMAPS        200u /* before something happens */

/* ---- a life with some remaps ---- */

static struct selftest_life *life_begin(const struct selftest *test, int *err)
{
	static const struct selftest_shape shape = { 1, MAIN_SECTORS, SPARE_SECTORS, SZ_4K };
	struct selftest_life *life = kzalloc(sizeof(*life), GFP_KERNEL);

	*err = life ? selftest_life_create(life, &shape, test->seed) : -ENOMEM;
	return life;
}

static int life_end(struct selftest_life *life, int err)
{
	if (life)
		selftest_life_destroy(life);
	kfree(life);
	return err;
}

/* A write to a sector that main can't write any more. */
static int write_bad(struct selftest_life *life, u64 sector, bool *holds)
{
	set_bit(sector, life->h.disk[BM_MAIN].unwritable);
	return selftest_contents_write(&life->contents, sector, 1, holds);
}

static bool remap_some(struct selftest_life *life, u64 from)
{
	bool holds = true;
	u64 i;
	int err;

	for (i = 0; i < REMAPS; i++) {
		err = write_bad(life, from + 2 * i, &holds);
		if (!holds || !selftest_holds(!err, "writing %llu gave %d", from + 2 * i, err))
			return false;
	}
	return true;
}

/* ---- full ---- */

static bool fill(struct selftest_life *life, u64 *refused)
{
	u64 total = selftest_life_status(life)->spare_total, at;
	bool holds = true;
	int err = 0;

	for (at = 0; at < MAIN_SECTORS && !err; at++) {
		err = write_bad(life, at, &holds);
		if (!holds)
			return false;
	}
	*refused = at - 1;
	return selftest_holds(err == -EIO && *refused == total,
			      "write %llu of a spare for %llu blocks gave %d", at, total, err) &&
	       selftest_holds(selftest_life_status(life)->mode == BM_MODE_DEGRADED,
			      "with a full spare the mode is %d", life->status.mode);
}

/* One goes back, and there is room for one. */
static bool make_room(struct selftest_life *life, u64 refused)
{
	bool holds;
	int err;

	clear_bit(0, life->h.disk[BM_MAIN].unwritable);
	err = selftest_life_run(life, BM_OP_REMOVE, 0, 1, 0, BM_NOWHERE);
	if (!selftest_holds(!err, "removing from a full spare gave %d", err))
		return false;
	if (!selftest_holds(selftest_life_status(life)->mode == BM_MODE_RW,
			    "with room the mode is %d", life->status.mode))
		return false;
	err = selftest_contents_write(&life->contents, refused, 1, &holds);
	return holds && selftest_holds(!err, "with room, writing gave %d", err);
}

int selftest_spare_full(const struct selftest *test)
{
	struct selftest_life *life;
	u64 refused;
	int err;

	life = life_begin(test, &err);
	if (err)
		return life_end(life, err);
	err = -EINVAL;
	if (!fill(life, &refused) || !selftest_life_settled(life))
		goto out;
	if (!selftest_holds(selftest_life_run(life, BM_OP_ADD, MAIN_SECTORS - 8, 1, 0,
					      BM_NOWHERE) == -ENOSPC,
			    "adding to a full spare gave %d", life->h.op.error))
		goto out;
	if (test->plant) /* on the spare, a bit is wrong */
		*(u8 *)selftest_host_peek(&life->h, 1) ^= 1;
	if (make_room(life, refused) && selftest_life_settled(life))
		err = 0;
out:
	return life_end(life, err);
}

/* ---- copies ---- */

struct area {
	u64 sector, count;
};

static void areas_of(const struct bm_super *super, unsigned int copy, struct area area[2])
{
	area[0].sector = bm_super_sector(super->spare_sectors, copy);
	area[0].count = SZ_4K / BM_SECTOR;
	area[1].sector = super->log_start[copy];
	area[1].count = (u64)super->log_max * (super->log_size / BM_SECTOR);
}

/* A copy becomes unreadable, or other contents. Rewriting it helps. */
static void spoil_copy(struct selftest_life *life, unsigned int copy, bool unreadable)
{
	struct selftest_disk *disk = &life->h.disk[BM_SPARE];
	struct area area[2];
	unsigned int i;

	areas_of(&selftest_life_status(life)->super, copy, area);
	for (i = 0; i < ARRAY_SIZE(area); i++)
		if (unreadable)
			bitmap_set(disk->unreadable, area[i].sector, area[i].count);
		else /* the magic stays: a superblock without is somebody else's */
			memset(disk->memory + area[i].sector * BM_SECTOR + 8, 0x5a,
			       area[i].count * BM_SECTOR - 8);
}

/* All is there with the other copy alone; opening and checking make this one whole again. */
static bool lose_copy(struct selftest_life *life, unsigned int copy, bool unreadable)
{
	int err;

	spoil_copy(life, copy, unreadable);
	if (!selftest_life_cut(life) || !selftest_life_same(life))
		return false;
	err = selftest_host_open(&life->h);
	if (!selftest_holds(!err, "with copy %u gone, opening gave %d", copy, err))
		return false;
	err = selftest_life_run(life, BM_OP_CHECK, 0, 0, BM_OP_REPAIR_IT, BM_NOWHERE);
	if (!selftest_holds(!err, "with copy %u gone, repairing gave %d", copy, err))
		return false;
	return selftest_holds(selftest_life_status(life)->mode == BM_MODE_RW,
			      "after repairing copy %u the mode is %d", copy, life->status.mode);
}

static bool lose_both(struct selftest_life *life)
{
	int err;

	spoil_copy(life, 0, false);
	spoil_copy(life, 1, false);
	err = selftest_host_open(&life->h);
	return selftest_holds(err == -EUCLEAN, "with both copies gone, opening gave %d", err);
}

int selftest_spare_copies(const struct selftest *test)
{
	struct selftest_life *life;
	unsigned int i;
	int err;

	life = life_begin(test, &err);
	if (err)
		return life_end(life, err);
	err = -EINVAL;
	if (!remap_some(life, 0))
		goto out;
	if (test->plant)
		spoil_copy(life, 1, false);
	/* Each copy after the other, so that what was mended has to serve. */
	for (i = 0; i < 8; i++)
		if (!lose_copy(life, i % 2, i / 2 % 2) || !selftest_life_settled(life))
			goto out;
	if (lose_both(life))
		err = 0;
out:
	return life_end(life, err);
}

/* ---- refusal ---- */

static bool refuse(struct selftest_life *life, u64 sector)
{
	bool holds;
	int err;

	life->h.refuse_log = true;
	err = write_bad(life, sector, &holds);
	if (!holds || !selftest_holds(err, "a write without its commit succeeded"))
		return false;
	if (!selftest_holds(selftest_life_status(life)->mode == BM_MODE_READ_ONLY,
			    "after a refused commit the mode is %d", life->status.mode))
		return false;
	err = selftest_life_run(life, BM_OP_ADD, sector + 8, 1, 0, BM_NOWHERE);
	return selftest_holds(err == -EROFS, "adding to a frozen map gave %d", err) &&
	       selftest_life_cut(life);
}

static bool recover(struct selftest_life *life, u64 sector)
{
	bool holds;
	int err;

	life->h.refuse_log = false;
	err = selftest_life_run(life, BM_OP_RETRY, 0, 0, 0, BM_NOWHERE);
	if (!selftest_holds(!err, "when it is taken again, a retry gave %d", err))
		return false;
	err = selftest_contents_write(&life->contents, sector, 1, &holds);
	return holds && selftest_holds(!err, "after a retry, writing gave %d", err) &&
	       selftest_holds(selftest_life_status(life)->mode != BM_MODE_READ_ONLY,
			      "after a retry it is still read-only");
}

int selftest_spare_refusal(const struct selftest *test)
{
	struct selftest_life *life;
	int err;

	life = life_begin(test, &err);
	if (err)
		return life_end(life, err);
	err = -EINVAL;
	if (!remap_some(life, 0) || !refuse(life, 1001))
		goto out;
	life->h.forget_log = test->plant;
	if (recover(life, 1001) && selftest_life_settled(life) && remap_some(life, 1200) &&
	    selftest_life_settled(life))
		err = 0;
out:
	return life_end(life, err);
}
