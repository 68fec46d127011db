// SPDX-License-Identifier: GPL-2.0-only
/* The life of an instance: constructor, preresume, suspend, destructor; and what it says of itself.
 */
#include <linux/blkdev.h>
#include <linux/module.h>

#include "compat.h"
#include "map.h"
#include "metadata.h"
#include "target.h"

/* To the letter, as the other lines that docs/DM.md lists. */
#define HASH_TABLE_LINE                                                                            \
	"Initialized adaptive remap hash table (initial size=%u) for O(1) lookup optimization"

#define LARGEST_BLOCK (4096 >> SECTOR_SHIFT)

/* ---- making and unmaking ---- */

static void remap_free(struct remap *r)
{
	remap_scrub_destroy(r);
	remap_workers_destroy(r);
	remap_job_destroy(r->admin_job);
	remap_news_stop(r);
	if (r->bm)
		remap_unload(r);
	remap_metadata_destroy(r);
	remap_sections_destroy(&r->sections);
	kfree(r);
}

static struct remap *remap_alloc(struct dm_target *ti)
{
	struct remap *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return NULL;
	r->ti = ti;
	r->md = dm_table_get_md(ti->table);
	r->read_only = !remap_table_writes(ti);
	/* All but REQ_OP_READ and REQ_OP_WRITE, which are 0 and 1; nor writes, then. */
	r->unusual = REQ_PREFLUSH | (REQ_OP_MASK & ~(r->read_only ? REQ_OP_READ : REQ_OP_WRITE));
	mutex_init(&r->lock);
	mutex_init(&r->admin);
	init_rwsem(&r->idle);
	INIT_LIST_HEAD(&r->instance);
	remap_news_init(r);
	r->admin_job = remap_job_create(r);
	if (!r->admin_job || remap_sections_init(&r->sections) || remap_metadata_init(r) ||
	    remap_workers_create(r) || remap_scrub_create(r)) {
		remap_free(r);
		return NULL;
	}
	return r;
}

static void devices_put(struct remap *r)
{
	int i;

	for (i = BM_SPARE; i >= BM_MAIN; i--)
		if (r->dev[i])
			dm_put_device(r->ti, r->dev[i]);
}

static int devices_get(struct remap *r, char **argv)
{
	static char *const errors[] = {
		[BM_MAIN] = "The main device can't be opened",
		[BM_SPARE] = "The spare device can't be opened",
	};
	int i, err;

	for (i = BM_MAIN; i <= BM_SPARE; i++) {
		err = dm_get_device(r->ti, argv[i], dm_table_get_mode(r->ti->table), &r->dev[i]);
		if (err) {
			r->dev[i] = NULL;
			r->ti->error = errors[i];
			devices_put(r);
			return err;
		}
	}
	return 0;
}

static int blocks_check(const struct remap *r)
{
	unsigned int main = bdev_logical_block_size(r->dev[BM_MAIN]->bdev);
	unsigned int spare = bdev_logical_block_size(r->dev[BM_SPARE]->bdev);

	if ((main == 512 || main == 4096) && (spare == 512 || spare == 4096))
		return 0;
	r->ti->error = "Only devices with blocks of 512 or 4096 bytes can be main or spare";
	return -EINVAL;
}

/* dm itself looks only when the table takes the place of the live one, and then it is too late. */
static int length_check(const struct remap *r)
{
	if (r->ti->len <= bdev_nr_sectors(r->dev[BM_MAIN]->bdev))
		return 0;
	r->ti->error = "The table is longer than main";
	return -EINVAL;
}

static void target_set(struct dm_target *ti, const struct remap *r)
{
	ti->private = (void *)r;
	ti->per_io_data_size = sizeof(struct remap_io);
	/* One for main, one for the spare. */
	ti->num_flush_bios = 2;
	ti->flush_supported = true;
	ti->num_write_zeroes_bios = 1;
	ti->num_secure_erase_bios = 1;
	ti->num_discard_bios = 1;
	/* A discard of what lives on a spare that can't is dropped: it is advice. */
	ti->discards_supported = bdev_max_discard_sectors(r->dev[BM_MAIN]->bdev);
}

static int remap_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct remap *r;
	int err = -EINVAL;

	if (argc < 2) {
		ti->error = "Two arguments are needed at least: main and spare";
		return -EINVAL;
	}
	r = remap_alloc(ti);
	if (!r) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	err = remap_options_parse(&r->options, argc - 2, argv + 2, &ti->error);
	if (err)
		goto err_free;
	err = devices_get(r, argv);
	if (err)
		goto err_free;
	err = blocks_check(r);
	if (err)
		goto err_put;
	err = length_check(r);
	if (err)
		goto err_put;
	err = remap_instance_add(r, &ti->error);
	if (err)
		goto err_put;
	target_set(ti, r);
	remap_info(HASH_TABLE_LINE, BM_MIN_BUCKETS);
	remap_info("Creating real device target: main=%s, spare=%s", argv[0], argv[1]);
	return 0;

err_put:
	devices_put(r);
err_free:
	remap_free(r);
	return err;
}

static void remap_dtr(struct dm_target *ti)
{
	struct remap *r = ti->private;

	remap_instance_remove(r);
	remap_scrub_freeze(r);
	devices_put(r);
	remap_free(r);
	remap_info("Destructor: remap hash table freed");
	remap_info("Real device target destroyed");
}

/* ---- suspending and resuming ---- */

static void remap_presuspend(struct dm_target *ti)
{
	struct remap *r = ti->private;

	WRITE_ONCE(r->leaving, true);
	remap_scrub_freeze(r);
}

static void remap_presuspend_undo(struct dm_target *ti)
{
	struct remap *r = ti->private;

	WRITE_ONCE(r->leaving, false);
	remap_scrub_thaw(r);
}

/* No request is under way, and each commit was durable before its request was answered. */
static void remap_postsuspend(struct dm_target *ti)
{
	struct remap *r = ti->private;

	remap_workers_drain(r);
	down_write(&r->idle);
	r->running = false;
	up_write(&r->idle);
}

static int remap_preresume(struct dm_target *ti)
{
	struct remap *r = ti->private;
	int err = 0;

	down_write(&r->idle);
	if (!r->bm) {
		remap_instance_take_over(r);
		err = remap_load(r);
	}
	r->running = !err;
	WRITE_ONCE(r->leaving, false);
	up_write(&r->idle);
	return err;
}

static void remap_resume(struct dm_target *ti)
{
	remap_scrub_thaw(ti->private);
}

/* ---- what it says of itself ---- */

/* dm wants whole blocks of both: a spare whose last one is cut off by its end isn't used so far. */
static int remap_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct remap *r = ti->private;
	sector_t spare = bdev_nr_sectors(r->dev[BM_SPARE]->bdev);
	int ret = fn(ti, r->dev[BM_MAIN], 0, ti->len, data);

	if (!ret)
		ret = fn(ti, r->dev[BM_SPARE], 0, round_down(spare, LARGEST_BLOCK), data);
	return ret;
}

/*
 * dm has stacked the limits of both, which is right for what must not be exceeded. What is merely
 * best is what is best for main, where nearly all of the blocks are and where they are aligned as
 * ours.
 */
static void remap_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct remap *r = ti->private;
	struct block_device *main = r->dev[BM_MAIN]->bdev;

	limits->physical_block_size =
		max(bdev_physical_block_size(main), limits->logical_block_size);
	limits->io_min = max_t(unsigned int, bdev_io_min(main), limits->physical_block_size);
	limits->io_opt = bdev_io_opt(main);
}

static int remap_prepare_ioctl(PREPARE_IOCTL_ARGS)
{
	struct remap *r = ti->private;

	*bdev = r->dev[BM_MAIN]->bdev;
	/* Main is not what the device is, block by block: only what is harmless may pass. */
	return 1;
}

struct target_type remap_target = {
	.name = REMAP_NAME,
	.version = { 4, 0, 0 },
	.features = DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = remap_ctr,
	.dtr = remap_dtr,
	.map = remap_map,
	.end_io = remap_end_io,
	.presuspend = remap_presuspend,
	.presuspend_undo = remap_presuspend_undo,
	.postsuspend = remap_postsuspend,
	.preresume = remap_preresume,
	.resume = remap_resume,
	.status = remap_status,
	.message = remap_message,
	.prepare_ioctl = remap_prepare_ioctl,
	.iterate_devices = remap_iterate_devices,
	.io_hints = remap_io_hints,
};
