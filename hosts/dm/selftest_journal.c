// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole core on two disks of memory that get worse: a client writes and reads, an
 * administrator adds and removes remaps. Again and again the spare is copied in the middle of an
 * operation and opened by another instance, as after a cut of power: it must find all that was
 * acknowledged; and between operations, the same map.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "selftest.h"
#include "selftest_life.h"

/*
 * The first blocks are never bad and never remapped by hand: at least one of those that the core
 * reads to know whether main is alive must be right, or it takes main for dead.
 */
#define HEALTHY 64u

#define STEPS_MOST      6u   /* from one cut to the next */
#define OPERATIONS_MOST 256u /* then it begins anew with good disks */

struct trial {
	u64 dice;
	struct selftest_life life;
	unsigned int until_cut; /* steps */
	unsigned int worse[2];  /* enum bm_device: blocks spoilt */
	unsigned int *cuts;     /* counts them */
};

static u64 blocks_of(const struct trial *t)
{
	return t->life.contents.blocks;
}

static int watch(void *ctx)
{
	struct trial *t = ctx;

	if (t->until_cut--)
		return 0;
	t->until_cut = selftest_below(&t->dice, STEPS_MOST);
	++*t->cuts;
	if (selftest_interrupted())
		return -EINTR;
	return selftest_life_cut(&t->life) ? 0 : -EINVAL;
}

/* ---- disks get worse ---- */

/* Not too bad, or there would soon be no place left. */
static bool may_worsen(struct trial *t, enum bm_device device)
{
	const struct selftest_disk *disk = &t->life.h.disk[device];

	return t->worse[device]++ < disk->sectors / t->life.h.block / 10;
}

static u64 some_unhealthy(struct trial *t)
{
	return HEALTHY + selftest_below(&t->dice, blocks_of(t) - HEALTHY);
}

static bool spoil_write(struct trial *t)
{
	struct selftest_host *h = &t->life.h;

	if (may_worsen(t, BM_MAIN))
		bitmap_set(h->disk[BM_MAIN].unwritable, some_unhealthy(t) * h->block, h->block);
	return true;
}

/* A block where it lives, on main or spare. */
static bool spoil_read(struct trial *t)
{
	struct selftest_host *h = &t->life.h;
	u64 block = some_unhealthy(t);
	struct bm_route route;

	bm_route(h->bm, BM_REQ_READ, block * h->block, h->block, &route);
	if (route.target == BM_TO_NOBODY || !may_worsen(t, (enum bm_device)route.target))
		return true;
	bitmap_set(h->disk[route.target].unreadable, route.sector, h->block);
	t->life.contents.block[block].gone = true;
	return true;
}

/* Its data area or the first copy of the log: of a log block, never both copies. */
static bool spoil_spare(struct trial *t)
{
	const struct bm_super *super = &selftest_life_status(&t->life)->super;
	struct selftest_host *h = &t->life.h;
	u64 sectors = super->data_end - super->log_start[0];
	u64 sector = super->log_start[0] + selftest_below(&t->dice, sectors);

	if (may_worsen(t, BM_SPARE))
		bitmap_set(h->disk[BM_SPARE].unwritable, sector - sector % h->block, h->block);
	return true;
}

/* ---- what people do ---- */

static void some_range(struct trial *t, u64 from, u64 *first, u64 *count)
{
	*first = from + selftest_below(&t->dice, blocks_of(t) - from);
	*count = 1 + selftest_below(&t->dice, SELFTEST_REQUEST);
	*count = min(*count, blocks_of(t) - *first);
}

static bool do_write(struct trial *t)
{
	u64 first, count;
	bool holds;
	int err;

	some_range(t, 0, &first, &count);
	err = selftest_contents_write(&t->life.contents, first, count, &holds);
	return holds && selftest_holds(!err, "writing %llu+%llu gave %d", first, count, err);
}

static bool do_read(struct trial *t)
{
	u64 first, count;
	bool holds;

	some_range(t, 0, &first, &count);
	selftest_contents_read(&t->life.contents, first, count, &holds);
	return holds;
}

static bool do_add(struct trial *t)
{
	u64 first, count, spare = BM_NOWHERE, spare_sectors = t->life.h.disk[BM_SPARE].sectors;
	bool empty = !selftest_below(&t->dice, 8), anywhere = selftest_below(&t->dice, 2);
	int err;

	some_range(t, HEALTHY, &first, &count);
	if (!anywhere)
		spare = selftest_below(&t->dice, spare_sectors / t->life.h.block) * t->life.h.block;
	selftest_contents_begin(&t->life.contents, first, count, empty);
	err = selftest_life_run(&t->life, BM_OP_ADD, first, count, empty ? BM_OP_NO_COPY : 0,
				spare);
	return selftest_contents_end(&t->life.contents) &&
	       selftest_holds(!err || err == -EEXIST || !anywhere, "adding %llu+%llu gave %d",
			      first, count, err) &&
	       selftest_holds(err || !empty || t->life.contents.block[first].gone,
			      "block %llu was added without its contents, and can be read", first);
}

/* By force: what main can't take back is gone, and nothing else is. */
static bool do_remove(struct trial *t)
{
	struct selftest_contents *c = &t->life.contents;
	bool force = !selftest_below(&t->dice, 3);
	u64 first, count, i;
	u32 gone = 0;
	int err;

	some_range(t, 0, &first, &count);
	for (i = 0; i < count; i++)
		gone |= c->block[first + i].gone || test_bit((first + i) * c->h->block,
							     c->h->disk[BM_MAIN].unwritable)
				? 1u << i
				: 0;
	selftest_contents_begin(c, first, count, force);
	err = selftest_life_run(&t->life, BM_OP_REMOVE, first, count, force ? BM_OP_FORCE : 0,
				BM_NOWHERE);
	if (!selftest_contents_end(c))
		return false;
	for (i = 0; i < count; i++)
		if (!selftest_holds(!c->block[first + i].gone || gone & 1u << i,
				    "block %llu was good, and is gone", first + i))
			return false;
	return selftest_holds(!err || err == -ENOENT || (err == -EIO && !force),
			      "removing %llu+%llu gave %d", first, count, err);
}

static bool do_scrub(struct trial *t)
{
	u64 first, count;
	int err;

	some_range(t, 0, &first, &count);
	selftest_contents_begin(&t->life.contents, first, count, false);
	err = selftest_life_run(&t->life, BM_OP_SCRUB, first, count, 0, BM_NOWHERE);
	return selftest_contents_end(&t->life.contents) &&
	       selftest_holds(!err || err == -EIO, "scrubbing %llu+%llu gave %d", first, count,
			      err);
}

static bool do_check(struct trial *t)
{
	int err = selftest_life_run(&t->life, BM_OP_CHECK, 0, 0, BM_OP_REPAIR_IT, BM_NOWHERE);

	return selftest_holds(!err, "checking the metadata gave %d", err);
}

static bool do_reopen(struct trial *t)
{
	int err = selftest_host_open(&t->life.h);

	return selftest_holds(!err, "opening again gave %d", err);
}

/* Before it is full: main is replaced by one whose sectors can be written, all goes back. */
static bool do_make_room(struct trial *t)
{
	const struct bm_status *s = selftest_life_status(&t->life);
	struct selftest_host *h = &t->life.h;
	int err;

	if (s->spare_used + s->spare_bad < s->spare_total / 2)
		return true;
	bitmap_zero(h->disk[BM_MAIN].unwritable, h->disk[BM_MAIN].sectors);
	err = selftest_life_run(&t->life, BM_OP_REMOVE, 0, blocks_of(t), BM_OP_FORCE, BM_NOWHERE);
	return selftest_holds(!err, "removing all remaps gave %d", err);
}

/* ---- a life ---- */

static bool do_something(struct trial *t)
{
	static const struct {
		unsigned int share;
		bool (*run)(struct trial *t);
	} deeds[] = {
		{ 35, do_write },   { 20, do_read },  { 10, spoil_write }, { 5, spoil_read },
		{ 3, spoil_spare }, { 10, do_add },   { 8, do_remove },    { 3, do_scrub },
		{ 1, do_check },    { 2, do_reopen }, { 3, do_make_room },
	};
	unsigned int i, pick = selftest_below(&t->dice, 100);

	for (i = 0; pick >= deeds[i].share; i++)
		pick -= deeds[i].share;
	return deeds[i].run(t);
}

/* A block of the log that is taken for durable and is not. */
static bool plant_loss(struct trial *t)
{
	bool holds;

	bitmap_set(t->life.h.disk[BM_MAIN].unwritable, 0, blocks_of(t) * t->life.h.block);
	t->life.h.forget_log = true;
	selftest_contents_write(&t->life.contents, HEALTHY, SELFTEST_REQUEST, &holds);
	return holds;
}

static int live(struct trial *t, unsigned int operations, bool plant)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		spoil_write(t);
	t->life.h.watch = watch;
	t->life.h.ctx = t;
	for (i = 0; i < operations; i++) {
		if (!do_something(t))
			return -EINVAL;
		if (!selftest_below(&t->dice, 8) && !selftest_life_settled(&t->life))
			return -EINVAL;
		if (t->life.h.watched)
			return t->life.h.watched;
	}
	if (plant && !plant_loss(t))
		return -EINVAL;
	return selftest_life_settled(&t->life) ? 0 : -EINVAL;
}

static int lives(const struct selftest *test, const struct selftest_shape *shape)
{
	unsigned int done, n, cuts = 0;
	u64 dice = test->seed;
	int err = 0;

	for (done = 0; done < test->rounds && !err; done += n) {
		struct trial *t = kzalloc(sizeof(*t), GFP_KERNEL);

		if (!t)
			return -ENOMEM;
		n = min(test->rounds - done, OPERATIONS_MOST);
		t->dice = selftest_roll(&dice);
		t->cuts = &cuts;
		err = selftest_life_create(&t->life, shape, selftest_roll(&dice));
		if (!err)
			err = live(t, n, test->plant);
		selftest_life_destroy(&t->life);
		kfree(t);
	}
	selftest_say("journal block=%u log=%u operations=%u cuts=%u", shape->block * BM_SECTOR,
		     shape->log_size, done, cuts);
	return err;
}

int selftest_journal(const struct selftest *test)
{
	static const struct selftest_shape shapes[] = {
		{ 1, 1024, 1024, SZ_512 },
		{ 1, 1024, 1024, SZ_4K },
		{ 8, 4096, 2048, SZ_512 },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(shapes) && !err; i++)
		err = lives(test, &shapes[i]);
	return err;
}
