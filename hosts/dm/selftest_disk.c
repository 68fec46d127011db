// SPDX-License-Identifier: GPL-2.0-only
#include "selftest_disk.h"

#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "memory.h"

#define SCRATCH 65536u

/* ---- disks ---- */

static int disk_create(struct selftest_disk *disk, u64 sectors)
{
	disk->sectors = sectors;
	disk->memory = vzalloc(sectors * BM_SECTOR);
	disk->unreadable = bitmap_zalloc(sectors, GFP_KERNEL);
	disk->unwritable = bitmap_zalloc(sectors, GFP_KERNEL);
	return disk->memory && disk->unreadable && disk->unwritable ? 0 : -ENOMEM;
}

static void disk_destroy(struct selftest_disk *disk)
{
	vfree(disk->memory);
	bitmap_free(disk->unreadable);
	bitmap_free(disk->unwritable);
}

static bool disk_has(const struct selftest_disk *disk, u64 sector, u64 count)
{
	return sector + count <= disk->sectors;
}

static int disk_read(const struct selftest_disk *disk, u64 sector, u64 count, void *data)
{
	u64 end = sector + count;

	if (!disk_has(disk, sector, count))
		return -ENXIO;
	if (find_next_bit(disk->unreadable, end, sector) < end)
		return -EIO;
	memcpy(data, disk->memory + sector * BM_SECTOR, count * BM_SECTOR);
	return 0;
}

static int disk_write(struct selftest_disk *disk, u64 sector, u64 count, const void *data)
{
	u64 end = sector + count, good;

	if (!disk_has(disk, sector, count))
		return -ENXIO;
	good = min_t(u64, find_next_bit(disk->unwritable, end, sector), end) - sector;
	memcpy(disk->memory + sector * BM_SECTOR, data, good * BM_SECTOR);
	bitmap_clear(disk->unreadable, sector, good);
	return good < count ? -EIO : 0;
}

/* ---- the steps of an operation ---- */

static void step_log(struct selftest_host *h, struct bm_step *s)
{
	struct selftest_disk *disk = &h->disk[s->device];

	s->error[0] = -EIO;
	s->error[1] = -EIO;
	if (h->refuse_log)
		return;
	if (h->forget_log) {
		h->forget_log = false;
		s->error[0] = 0;
		s->error[1] = 0;
		return;
	}
	s->error[0] = disk_write(disk, s->sector, s->count, s->memory);
	s->error[1] = disk_write(disk, s->sector2, s->count, s->memory);
}

static int step_run(struct selftest_host *h, struct bm_step *s, void *client)
{
	struct selftest_disk *disk = &h->disk[s->device];
	void *memory = s->memory ? s->memory : (u8 *)client + s->offset;

	switch (s->kind) {
	case BM_STEP_READ:
		return disk_read(disk, s->sector, s->count, memory);
	case BM_STEP_WRITE:
		return disk_write(disk, s->sector, s->count, memory);
	case BM_STEP_COPY:
		memcpy((u8 *)client + s->offset, s->memory, (size_t)s->count * BM_SECTOR);
		return 0;
	case BM_STEP_LOG:
	case BM_STEP_ZERO:
	case BM_STEP_DISCARD:
		return -EOPNOTSUPP; /* the first is not for here, nobody asks for the others */
	case BM_STEP_FLUSH:
	case BM_STEP_QUIESCE:
		return 0;
	}
	return -EINVAL;
}

static void events_drop(struct bm *bm)
{
	struct bm_event event;

	while (bm_get_event(bm, &event))
		;
}

int selftest_host_run(struct selftest_host *h, void *client)
{
	struct bm_op *op = &h->op;
	enum bm_verdict verdict;

	op->scratch = h->scratch;
	op->scratch_size = SCRATCH;
	while ((verdict = bm_advance(h->bm, op)) == BM_STEP) {
		if (op->step.kind == BM_STEP_LOG)
			step_log(h, &op->step);
		else
			op->step.error[0] = step_run(h, &op->step, client);
		if (h->watch && !h->watched)
			h->watched = h->watch(h->ctx);
	}
	if (verdict == BM_WAIT) /* for whom? It is alone. */
		return -EDEADLK;
	while (bm_ready(h->bm))
		;
	events_drop(h->bm);
	while (bm_idle_work(h->bm))
		;
	return op->error;
}

/* ---- clients ---- */

static int request_run(struct selftest_host *h, enum bm_op_kind kind, const struct bm_route *route,
		       u64 sector, void *data)
{
	bm_op_init(&h->op, kind, sector, route->count);
	h->op.flags = route->target == BM_TO_CORE ? 0 : BM_OP_FAILED;
	return selftest_host_run(h, data);
}

static int request(struct selftest_host *h, enum bm_request kind, u64 sector, u64 count, void *data)
{
	struct bm_route route;
	int err = 0;

	for (; count && !err; sector += route.count, count -= route.count) {
		rcu_read_lock();
		bm_route(h->bm, kind, sector, count, &route);
		rcu_read_unlock();
		if (route.target == BM_TO_NOBODY)
			return -EIO;
		if (route.target == BM_TO_CORE)
			err = -EIO;
		else if (kind == BM_REQ_READ)
			err = disk_read(&h->disk[route.target == BM_TO_SPARE], route.sector,
					route.count, data);
		else
			err = disk_write(&h->disk[route.target == BM_TO_SPARE], route.sector,
					 route.count, data);
		if (err)
			err = request_run(h, kind == BM_REQ_READ ? BM_OP_READ : BM_OP_WRITE, &route,
					  sector, data);
		else if (kind == BM_REQ_WRITE && route.target == BM_TO_MAIN)
			bm_main_lives(h->bm);
		data = (u8 *)data + route.count * BM_SECTOR;
	}
	return err;
}

int selftest_host_read(struct selftest_host *h, u64 sector, u64 count, void *data)
{
	return request(h, BM_REQ_READ, sector, count, data);
}

int selftest_host_write(struct selftest_host *h, u64 sector, u64 count, const void *data)
{
	return request(h, BM_REQ_WRITE, sector, count, (void *)data);
}

/* Of a range that an operation left held, as after a refused commit: what reading it would see. */
static void route_held(const struct selftest_host *h, u64 sector, struct bm_route *route)
{
	struct bm_extent e;
	u64 at = sector;

	route->target = BM_TO_MAIN;
	if (!bm_walk_range(h->bm, &at, sector + h->block, &e))
		return;
	route->target = e.state == BM_MAPPED ? BM_TO_SPARE : BM_TO_NOBODY;
	route->sector = e.spare;
}

const u8 *selftest_host_peek(const struct selftest_host *h, u64 sector)
{
	const struct selftest_disk *disk;
	struct bm_route route;

	rcu_read_lock();
	bm_route(h->bm, BM_REQ_READ, sector, h->block, &route);
	rcu_read_unlock();
	if (route.target == BM_TO_CORE)
		route_held(h, sector, &route);
	if (route.target == BM_TO_NOBODY)
		return NULL;
	disk = &h->disk[route.target == BM_TO_SPARE];
	if (!disk_has(disk, route.sector, h->block) || test_bit(route.sector, disk->unreadable))
		return NULL;
	return disk->memory + route.sector * BM_SECTOR;
}

/* ---- life ---- */

int selftest_host_create(struct selftest_host *h, u32 block, u64 main_sectors, u64 spare_sectors,
			 const struct selftest_host *main)
{
	int err = 0;

	memset(h, 0, sizeof(*h));
	h->block = block;
	h->borrowed = main;
	if (main)
		h->disk[BM_MAIN] = main->disk[BM_MAIN];
	else
		err = disk_create(&h->disk[BM_MAIN], main_sectors);
	if (!err)
		err = disk_create(&h->disk[BM_SPARE], spare_sectors);
	h->scratch = kvmalloc(SCRATCH, GFP_KERNEL);
	return h->scratch ? err : -ENOMEM;
}

void selftest_host_destroy(struct selftest_host *h)
{
	selftest_host_close(h);
	if (!h->borrowed)
		disk_destroy(&h->disk[BM_MAIN]);
	disk_destroy(&h->disk[BM_SPARE]);
	kvfree(h->scratch);
	memset(h, 0, sizeof(*h));
}

void selftest_host_close(struct selftest_host *h)
{
	bm_destroy(h->bm);
	h->bm = NULL;
}

static int begin(struct selftest_host *h, enum bm_op_kind kind, const struct bm_format *format)
{
	const struct bm_config config = {
		.main_sectors = h->disk[BM_MAIN].sectors,
		.spare_sectors = h->disk[BM_SPARE].sectors,
		.block_size = h->block * BM_SECTOR,
		.mem = remap_memory,
	};
	int err;

	selftest_host_close(h);
	err = bm_create(&config, &h->bm);
	if (err)
		return err;
	bm_op_init(&h->op, kind, 0, 0);
	h->op.format = format;
	err = selftest_host_run(h, NULL);
	if (err)
		selftest_host_close(h);
	return err;
}

int selftest_host_format(struct selftest_host *h, u64 set_id)
{
	const struct bm_format format = {
		.set_id = set_id ? set_id : 1,
		.log_size = h->log_size,
	};

	return begin(h, BM_OP_FORMAT, &format);
}

int selftest_host_open(struct selftest_host *h)
{
	return begin(h, BM_OP_OPEN, NULL);
}

void selftest_host_copy_spare(struct selftest_host *to, const struct selftest_host *from)
{
	const struct selftest_disk *s = &from->disk[BM_SPARE];
	struct selftest_disk *d = &to->disk[BM_SPARE];

	memcpy(d->memory, s->memory, s->sectors * BM_SECTOR);
	bitmap_copy(d->unreadable, s->unreadable, s->sectors);
	bitmap_copy(d->unwritable, s->unwritable, s->sectors);
}
