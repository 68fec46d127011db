// SPDX-License-Identifier: GPL-2.0-only
/* Loading the map before the first request, making one on a blank spare, and saying why not. */
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/uuid.h>

#include "memory.h"
#include "target.h"

/* Where other programs put what they recognise a disk by; all of it must be zero. */
#define BLANK_START (SZ_1M >> SECTOR_SHIFT)
#define BLANK_END   (SZ_128K >> SECTOR_SHIFT)

static u32 block_of(const struct remap *r, enum bm_device device)
{
	return bdev_logical_block_size(r->dev[device]->bdev);
}

/* ---- why not, in words ---- */

static const char *spare_name(const struct remap *r)
{
	return r->dev[BM_SPARE]->name;
}

static const char *main_name(const struct remap *r)
{
	return r->dev[BM_MAIN]->name;
}

static void tell_super(const struct remap *r, const struct bm_op *op)
{
	const char *spare = spare_name(r);

	if (op->error == -ENXIO)
		remap_err("%s: spare %s is blank, and the table says no_format",
			  dm_device_name(r->md), spare);
	else if (op->error == -EPROTONOSUPPORT)
		remap_err("%s: spare %s was written by a newer version: update this module",
			  dm_device_name(r->md), spare);
	else if (op->error == -EMEDIUMTYPE && !op->bad)
		remap_err("%s: spare %s was overwritten at its start: see blkmend check",
			  dm_device_name(r->md), spare);
	else if (op->error == -EMEDIUMTYPE)
		remap_err("%s: %s holds something else than a spare's metadata: left alone",
			  dm_device_name(r->md), spare);
	else
		remap_err("%s: both copies of the metadata on %s are damaged: see blkmend check",
			  dm_device_name(r->md), spare);
}

static void tell_match(const struct remap *r, const struct bm_op *op)
{
	const char *name = dm_device_name(r->md);

	if (op->error == -ESTALE)
		remap_err("%s: spare %s belongs to another main than %s (%s): see accept_main",
			  name, spare_name(r), main_name(r), r->options.identity);
	else if (op->error == -ERANGE)
		remap_err("%s: the table has %llu sectors, fewer than the map on spare %s covers",
			  name, (u64)r->ti->len, spare_name(r));
	else if (op->error == -ENOSPC)
		remap_err("%s: spare %s is smaller than it was, or too small for a spare", name,
			  spare_name(r));
	else
		remap_err("%s: blocks of %u bytes on main %s, %u on spare %s: they don't fit", name,
			  block_of(r, BM_MAIN), main_name(r), block_of(r, BM_SPARE), spare_name(r));
}

static void tell(const struct remap *r, const struct bm_op *op)
{
	switch (op->error) {
	case -ENXIO:
	case -EPROTONOSUPPORT:
	case -EMEDIUMTYPE:
	case -EUCLEAN:
		tell_super(r, op);
		break;
	case -ESTALE:
	case -ERANGE:
	case -ENOSPC:
	case -EINVAL:
		tell_match(r, op);
		break;
	default:
		remap_err("%s: the metadata on spare %s can't be read or written (error %d)",
			  dm_device_name(r->md), spare_name(r), op->error);
	}
}

/* ---- loading ---- */

/* Blocks of the size that the table advertises, which dm makes the larger of the two. */
static int core_create(struct remap *r)
{
	const struct bm_config config = {
		.main_sectors = r->ti->len,
		.spare_sectors = bdev_nr_sectors(r->dev[BM_SPARE]->bdev),
		.block_size = max(block_of(r, BM_MAIN), block_of(r, BM_SPARE)),
		.flags = BM_EXACT_BLOCKS | BM_ACCEPT_GROWN |
			 (r->options.accept_main ? BM_ACCEPT_MAIN : 0) |
			 (r->read_only ? BM_READ_ONLY : 0),
		.now = ktime_get_real_seconds(),
		.identity = r->options.identity,
		.mem = remap_memory,
	};
	unsigned int noio = memalloc_noio_save();
	int err;

	remap_unload(r);
	err = bm_create(&config, &r->bm);
	memalloc_noio_restore(noio);
	return err;
}

static int range_is_zero(struct remap *r, u64 sector, u64 end, bool *zero)
{
	for (*zero = true; *zero && sector < end;) {
		u32 count = min_t(u64, end - sector, REMAP_SCRATCH >> SECTOR_SHIFT);
		void *memory;
		int err = remap_job_read(r->admin_job, BM_SPARE, sector, count, &memory);

		if (err)
			return err;
		*zero = !memchr_inv(memory, 0, (size_t)count << SECTOR_SHIFT);
		sector += count;
	}
	return 0;
}

/* The core looks at the superblocks only, where an ext4 file system has zeroes, too. */
static int spare_is_blank(struct remap *r, bool *blank)
{
	u64 size = bdev_nr_sectors(r->dev[BM_SPARE]->bdev);
	int err = range_is_zero(r, 0, min_t(u64, size, BLANK_START), blank);

	if (!err && *blank && size > BLANK_END)
		err = range_is_zero(r, size - BLANK_END, size, blank);
	return err;
}

/* In blocks of main's. */
static int format_blank(struct remap *r, struct bm_op *op)
{
	struct bm_format format = {};
	bool blank;
	int err = -EINVAL;

	if (block_of(r, BM_SPARE) <= block_of(r, BM_MAIN))
		err = spare_is_blank(r, &blank);
	if (!err && !blank) {
		err = -EMEDIUMTYPE;
		op->bad = BM_NOWHERE;
	}
	if (!err)
		err = core_create(r);
	if (err) {
		op->error = err;
		return err;
	}
	generate_random_uuid(format.uuid);
	do {
		format.set_id = get_random_u64();
	} while (!format.set_id);
	bm_op_init(op, BM_OP_FORMAT, 0, 0);
	op->format = &format;
	err = remap_job_run(r->admin_job, op, NULL);
	if (!err)
		remap_info("%s: initialized blank spare %s", dm_device_name(r->md), spare_name(r));
	return err;
}

/* From now on others may look at it. */
static void show(struct remap *r)
{
	mutex_lock(&r->lock);
	r->loaded = true;
	mutex_unlock(&r->lock);
}

int remap_load(struct remap *r)
{
	struct bm_op *op = kzalloc(sizeof(*op), GFP_NOIO);
	int err;

	if (!op)
		return -ENOMEM;
	err = core_create(r);
	if (err)
		goto out;
	bm_op_init(op, BM_OP_OPEN, 0, 0);
	err = remap_job_run(r->admin_job, op, NULL);
	if (err == -ENXIO && !r->options.no_format && !r->read_only)
		err = format_blank(r, op);
	if (err) {
		tell(r, op);
		goto out;
	}
	remap_options_apply(r);
	show(r);
out:
	if (err)
		remap_unload(r);
	kfree(op);
	return err;
}

void remap_unload(struct remap *r)
{
	struct bm *bm = r->bm;

	mutex_lock(&r->lock);
	r->bm = NULL;
	r->loaded = false;
	mutex_unlock(&r->lock);
	bm_destroy(bm);
}
