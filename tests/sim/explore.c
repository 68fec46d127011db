/* SPDX-License-Identifier: GPL-2.0-only */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>

#define CHOICES_MAX 48

/* The sectors of the metadata that a cut could leave in more than one state. */
struct choices {
	struct {
		u64 sector;
		u32 width, copy;
		const u8 *data[DISK_CHOICES];
	} of[CHOICES_MAX];
	u32 count;
	u64 product[2]; /* for each copy */
};

void explore_init(struct explorer *ex, const struct geometry *geometry)
{
	memset(ex, 0, sizeof(*ex));
	ex->depth = 1;
	ex->limit = 4096;
	ex->samples = 64;
	ex->layout.block_size = geometry->block_size;
	ex->layout.log_size = geometry->log_size;
	ex->layout.main_sectors = geometry->main_sectors;
	ex->layout.spare_sectors = geometry->spare_sectors;
	if (bm_super_layout(&ex->layout, NULL) != 0)
		report_fail("a spare of %u sectors can't be laid out", geometry->spare_sectors);
	for (u32 i = 0; i < EXPLORE_DEPTH; i++) {
		arena_init(&ex->arena[i], 16u << 20);
		host_init(&ex->child[i], geometry, &ex->arena[i], NULL);
	}
}

void explore_free(struct explorer *ex)
{
	for (u32 i = 0; i < EXPLORE_DEPTH; i++) {
		host_free(&ex->child[i]);
		arena_free(&ex->arena[i]);
	}
	model_free(&ex->after);
}

/* ---- the states ---- */

static bool is_data(const struct bm_super *s, u64 sector)
{
	u64 log_end = s->log_start[0] + (u64)s->log_max * (s->log_size / SECTOR);

	return sector >= s->data_start && sector < s->data_end &&
	       (sector < s->log_start[0] || sector >= log_end);
}

/* Sectors that a superblock or a log block may stand in; the rest of a superblock's 4096 bytes is
 * never looked at. */
static bool is_metadata(const struct bm_super *s, u64 sector)
{
	if (sector < 8 || sector >= bm_super_sector(s->spare_sectors, 1))
		return sector == 0 || sector == bm_super_sector(s->spare_sectors, 1);
	return !is_data(s, sector);
}

static void choices_add(struct choices *all, const struct explorer *ex, const struct disk *spare,
			u64 sector)
{
	u32 n = all->count;

	for (u32 i = 0; i < n; i++)
		if (all->of[i].sector == sector)
			return;
	if (n == CHOICES_MAX)
		report_fail("more than %d sectors of metadata are unflushed", CHOICES_MAX);
	all->of[n].sector = sector;
	all->of[n].width = disk_choices(spare, sector, all->of[n].data);
	all->of[n].copy = sector >= ex->layout.log_start[1];
	if (all->of[n].width == 1)
		return;
	all->product[all->of[n].copy] *= all->of[n].width;
	all->count++;
}

static void choices_find(struct choices *all, const struct explorer *ex, const struct disk *spare)
{
	all->count = 0;
	all->product[0] = all->product[1] = 1;
	for (u32 i = 0; i < spare->nwrites; i++) {
		const struct disk_write *w = &spare->writes[i];

		for (u32 k = 0; k < w->count; k++)
			if ((w->live & 1ull << k) && is_metadata(&ex->layout, w->sector + k))
				choices_add(all, ex, spare, w->sector + k);
	}
}

struct host *explore_child(struct explorer *ex, const struct host *host, u32 level)
{
	struct host *child = &ex->child[level];

	ex->arena[level].used = 0;
	disk_revive(&child->disk[BM_MAIN], &host->disk[BM_MAIN]);
	disk_revive(&child->disk[BM_SPARE], &host->disk[BM_SPARE]);
	child->config.main_sectors = host->config.main_sectors;
	child->config.flags = ex->flags;
	child->model = host->model;
	child->watch = NULL;
	child->chooser = NULL;
	child->plant = host->plant;
	child->clock = 1;
	return child;
}

struct descent {
	struct explorer *ex;
	const struct host *origin; /* whose data sectors and promises count */
	u32 level;
	u64 disk_seen;
};

static void explore_states(struct explorer *ex, const struct host *origin, struct host *host,
			   u32 level);

/* Watches a recovery: every step of it is a place for the next cut. */
static void descend(struct host *host, void *ctx)
{
	struct descent *descent = ctx;

	if (host->disk[BM_SPARE].changed == descent->disk_seen)
		return;
	descent->disk_seen = host->disk[BM_SPARE].changed;
	explore_states(descent->ex, descent->origin, host, descent->level);
}

static void after_watch(struct host *host, void *ctx)
{
	struct descent *descent = ctx;

	if (host->disk[BM_SPARE].changed == descent->disk_seen)
		return;
	descent->disk_seen = host->disk[BM_SPARE].changed;
	explore_states(descent->ex, host, host, descent->level);
}

/* Work on after a recovery: what it left must bear new changes, and a cut in each. */
static void afterlife(struct explorer *ex, const struct host *origin, struct host *child, u32 level)
{
	u64 per = child->geometry.block_size / SECTOR;
	u64 blocks = child->super.main_sectors / per, block = rng_below(&ex->seed, blocks);
	struct descent descent = { .ex = ex, .level = level + 1 };

	if (level + 1 >= EXPLORE_DEPTH)
		return;
	model_copy(&ex->after, origin->model);
	model_cut(&ex->after);
	memcpy(child->place, origin->place, child->geometry.main_sectors);
	child->model = &ex->after;
	child->next_id = 0x40000000;
	child->watch = after_watch;
	child->watch_ctx = &descent;
	host_do(child, TASK_WRITE, block * per, per, true);
	host_do_op(child, BM_OP_ADD, block * per, per, BM_OP_NO_COPY, BM_NOWHERE);
	host_do(child, TASK_WRITE, block * per, per, true);
	host_do(child, TASK_READ, block * per, per, false);
	child->watch = NULL;
	memset(child->place, PLACE_MAPPED | PLACE_UNMAPPED, child->geometry.main_sectors);
	child->model = origin->model;
}

/* An opening that fails is an answer while a format is under way. */
static bool may_be_refused(const struct explorer *ex, const struct host *origin, int error)
{
	if (ex->blank_ok && (error == -ENXIO || error == -EMEDIUMTYPE))
		return true;
	return (ex->relaxed || (ex->blank_ok && origin->disk[BM_SPARE].nfaults != 0)) &&
	       (error == -EUCLEAN || error == -EIO);
}

static void fault_log(struct explorer *ex, struct host *host, u32 copy, u32 verbs, int times)
{
	u64 size = (u64)ex->layout.log_max * (ex->layout.log_size / SECTOR);

	disk_fault(&host->disk[BM_SPARE],
		   &(struct disk_fault){ .verbs = verbs,
					 .first = ex->layout.log_start[copy],
					 .end = ex->layout.log_start[copy] + size,
					 .error = -EIO,
					 .times = times });
}

/*
 * A session that does nothing but write blocks, in trouble: `away` is the copy of the log that it
 * can neither read nor write, but which is back afterwards; or, with 2, both copies refuse a block
 * of which some may have got there all the same. What it acknowledged must last.
 */
static void life_in_trouble(struct explorer *ex, const struct host *origin, struct host *child,
			    u32 level, u32 away)
{
	u64 per = child->geometry.block_size / SECTOR, n;

	for (u32 copy = 0; copy < 2; copy++)
		if (away == copy || away == 2)
			fault_log(ex, child, copy, away == 2 ? DISK_WRITE : DISK_WRITE | DISK_READ,
				  away == 2 ? 1 : -1);
	model_copy(&ex->after, origin->model);
	model_cut(&ex->after);
	memset(child->place, PLACE_MAPPED | PLACE_UNMAPPED, child->geometry.main_sectors);
	child->model = &ex->after;
	child->next_id = 0x50000000;
	if (host_start(child) == 0 && host_open(child) == 0) {
		n = child->super.main_sectors / per;
		for (u64 b = 0; b < n; b += 1 + n / 16)
			host_do(child, TASK_WRITE, b * per, per, true);
		disk_mend(&child->disk[BM_SPARE]);
		explore_states(ex, child, child, level + 1);
	}
	child->model = origin->model;
	disk_mend(&child->disk[BM_SPARE]);
	host_halt(child);
}

static struct host *state_child(struct explorer *ex, const struct host *host, u32 level,
				const struct choices *all, const u32 *pick)
{
	struct host *child = explore_child(ex, host, level);

	/* Data sectors: as the origin's, judged by all they may be. */
	for (u32 i = 0; i < all->count; i++)
		disk_set(&child->disk[BM_SPARE], all->of[i].sector, all->of[i].data[pick[i]]);
	return child;
}

static void state_try(struct explorer *ex, const struct host *origin, const struct host *host,
		      u32 level, const struct choices *all, const u32 *pick)
{
	struct descent descent = { .ex = ex, .origin = origin, .level = level + 1 };
	struct host *child = state_child(ex, host, level, all, pick);
	int error;

	if (level + 1 < ex->depth && (ex->deeper <= 1 || rng_below(&ex->seed, ex->deeper) == 0)) {
		child->watch = descend;
		child->watch_ctx = &descent;
	}
	if (level > 0)
		report->count[COUNT_SECOND]++;
	error = explore_recover(ex, origin, child);
	child->watch = NULL;
	if (error != 0 && !may_be_refused(ex, origin, error))
		report_fail("after the cut the spare can't be opened: %d (why: %d)", error,
			    child->why);
	if (error == 0 && level == 0 && ex->afterlife != 0 &&
	    rng_below(&ex->seed, ex->afterlife) == 0)
		afterlife(ex, origin, child, level);
	host_halt(child);
	if (error == 0 && level == 0 && ex->afterlife != 0 &&
	    rng_below(&ex->seed, ex->afterlife) == 0)
		for (u32 away = 0; away <= 2; away++)
			life_in_trouble(ex, origin, state_child(ex, host, level, all, pick), level,
					away);
}

static bool pick_next(const struct choices *all, u32 *pick, int copy)
{
	for (u32 i = 0; i < all->count; i++) {
		if (copy >= 0 && all->of[i].copy != (u32)copy)
			continue;
		if (++pick[i] < all->of[i].width)
			return true;
		pick[i] = 0;
	}
	return false;
}

/* Representative states of one copy: old, new, first half new, every other sector new. */
static void pick_typical(const struct choices *all, u32 *pick, u32 copy, u32 which)
{
	u32 n = 0, nth = 0;

	for (u32 i = 0; i < all->count; i++)
		n += all->of[i].copy == copy;
	for (u32 i = 0; i < all->count; i++) {
		bool fresh =
			which == 1 || (which == 2 && nth < n / 2) || (which == 3 && nth % 2 == 0);

		if (all->of[i].copy != copy)
			continue;
		pick[i] = fresh ? all->of[i].width - 1 : 0;
		nth++;
	}
}

static void states_crossed(struct explorer *ex, const struct host *origin, const struct host *host,
			   u32 level, const struct choices *all)
{
	u32 pick[CHOICES_MAX];

	for (u32 copy = 0; copy < 2; copy++)
		for (u32 which = 0; which < 4; which++) {
			memset(pick, 0, sizeof(pick));
			pick_typical(all, pick, !copy, which);
			do
				state_try(ex, origin, host, level, all, pick);
			while (pick_next(all, pick, (int)copy));
		}
}

/* Typical states first, then any. The new contents of a sector are the last choice. */
static u32 pick_sample(struct explorer *ex, const struct choices *all, u32 i, u32 k)
{
	u32 fresh = all->of[i].width - 1, copy = all->of[i].copy;
	u64 from = all->of[i].sector - ex->layout.log_start[copy];
	bool first = from % (ex->layout.log_size / SECTOR) == 0;

	switch (k) {
	case 0:
		return 0;
	case 1:
		return fresh;
	case 2:
	case 3:
		return copy == k - 2 ? fresh : 0;
	case 4:
		return first ? 0 : fresh;
	case 5:
		return first ? fresh : 0;
	case 6:
	case 7:
		return copy == k - 6 && !first ? fresh : 0;
	default:
		return (u32)rng_below(&ex->seed, all->of[i].width);
	}
}

static void states_sampled(struct explorer *ex, const struct host *origin, const struct host *host,
			   u32 level, const struct choices *all)
{
	u32 pick[CHOICES_MAX];

	report->sampled++;
	for (u32 k = 0; k < ex->samples; k++) {
		for (u32 i = 0; i < all->count; i++)
			pick[i] = pick_sample(ex, all, i, k);
		state_try(ex, origin, host, level, all, pick);
	}
}

static void explore_states(struct explorer *ex, const struct host *origin, struct host *host,
			   u32 level)
{
	u32 pick[CHOICES_MAX] = { 0 };
	struct choices all;

	report->count[COUNT_CUTS]++;
	choices_find(&all, ex, &host->disk[BM_SPARE]);
	if (all.product[0] * all.product[1] <= ex->limit) {
		do
			state_try(ex, origin, host, level, &all, pick);
		while (pick_next(&all, pick, -1));
	} else if (level == 0 && all.product[0] <= ex->crossed && all.product[1] <= ex->crossed) {
		states_crossed(ex, origin, host, level, &all);
	} else {
		states_sampled(ex, origin, host, level, &all);
	}
}

/* ---- one copy gone ---- */

static void copy_destroy(const struct explorer *ex, struct host *child, u32 copy, bool unreadable)
{
	const struct bm_super *s = &ex->layout;
	u64 start = s->log_start[copy];
	u64 end = start + (u64)s->log_max * (s->log_size / SECTOR);
	struct disk *spare = &child->disk[BM_SPARE];

	if (unreadable) {
		u64 super = bm_super_sector(s->spare_sectors, copy);
		struct disk_fault fault = { .verbs = DISK_READ, .error = -EIO, .times = -1 };

		fault.first = start;
		fault.end = end;
		disk_fault(spare, &fault);
		fault.first = super;
		fault.end = super + 8;
		disk_fault(spare, &fault);
		return;
	}
	for (u64 i = start; i < end; i++)
		disk_set(spare, i, disk_zeroes);
	disk_set(spare, bm_super_sector(s->spare_sectors, copy), disk_zeroes);
}

/* The map that comes back is the one that the core has, block for block. */
static void same_map(const struct host *host, const struct host *child)
{
	struct bm_status status;

	bm_get_status(host->bm, &status);
	if (!status.limbo && explore_fingerprint(host) != explore_fingerprint(child))
		report_fail("the map that is read back is not the one that was committed");
}

void explore_same(struct explorer *ex, struct host *host)
{
	struct host *child = explore_child(ex, host, 0);
	int error = explore_recover(ex, host, child);

	if (error != 0)
		report_fail("the spare can't be opened: %d", error);
	same_map(host, child);
	host_halt(child);
}

static void explore_one_copy(struct explorer *ex, struct host *host)
{
	for (u32 i = 0; i < 4; i++) {
		struct host *child = explore_child(ex, host, 0);
		int error;

		copy_destroy(ex, child, i % 2, i >= 2);
		error = explore_recover(ex, host, child);
		if (error != 0)
			report_fail("with copy %u of the metadata %s the spare can't be opened: %d",
				    i % 2, i < 2 ? "zeroed" : "unreadable", error);
		same_map(host, child);
		host_halt(child);
	}
}

static bool at_rest(const struct host *host)
{
	for (u32 i = 0; i < HOST_TASKS; i++)
		if (host->task[i].state != TASK_FREE && host->task[i].state != TASK_DONE)
			return false;
	return true;
}

void explore_watch(struct host *host, void *ctx)
{
	u64 changed = host->disk[BM_MAIN].changed > host->disk[BM_SPARE].changed
			      ? host->disk[BM_MAIN].changed
			      : host->disk[BM_SPARE].changed;
	struct explorer *ex = ctx;

	if (changed == ex->disk_seen && host->model->version == ex->model_seen)
		return;
	ex->disk_seen = changed;
	ex->model_seen = host->model->version;
	ex->cuts++;
	if (ex->only != 0 && ex->cuts != ex->only)
		return;
	if (ex->every != 0 && rng_below(&ex->seed, ex->every) != 0)
		return;
	report->where_cut = ex->cuts;
	ex->blank_ok = !host->open;
	explore_states(ex, host, host, 0);
	report->where_cut = 0;
	if (ex->one_copy && host->open && at_rest(host))
		explore_one_copy(ex, host);
}
