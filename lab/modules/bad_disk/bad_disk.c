// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk with bad sectors, for kernels whose disks can't be made to fail from outside (User Mode
 * Linux). As a real one it reports an error of the medium for what it can't do, and hands back
 * bios whose iterator has moved on.
 *
 * Table: START LENGTH bad-disk DEVICE
 * Messages: add A[-B][:r|w|rw] ..., clear, list; flush N: the next N flushes fail; fua N: the next
 * N writes with FUA
 */
#include <linux/device-mapper.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#define RANGES 1024

struct bad_range {
	u64 first, last; /* sectors */
	bool reads, writes;
};

struct bad_disk {
	struct dm_dev *dev;
	unsigned int block; /* sectors in a block: what holds a bad sector fails as a whole */
	spinlock_t lock;
	unsigned int count;
	struct bad_range ranges[RANGES];
	atomic_t flushes, fuas; /* that are to fail */
};

/* ---- requests ---- */

static bool range_fails(const struct bad_range *range, enum req_op op)
{
	switch (op) {
	case REQ_OP_READ:
		return range->reads;
	case REQ_OP_WRITE:
	case REQ_OP_WRITE_ZEROES:
		return range->writes;
	default:
		return false;
	}
}

/* How many sectors from `sector` on are alike: all bad (*bad), or all good; at most `count`. */
static u64 run_length(struct bad_disk *d, enum req_op op, u64 sector, u64 count, bool *bad)
{
	unsigned long flags;
	unsigned int i;
	u64 end = sector + count;

	*bad = false;
	spin_lock_irqsave(&d->lock, flags);
	for (i = 0; i < d->count; i++) {
		u64 first = round_down(d->ranges[i].first, d->block);
		u64 after = round_up(d->ranges[i].last + 1, d->block);

		if (!range_fails(&d->ranges[i], op) || first >= end || after <= sector)
			continue;
		if (first > sector) {
			end = first;
		} else {
			*bad = true;
			end = min(end, after);
			break;
		}
	}
	spin_unlock_irqrestore(&d->lock, flags);
	return end - sector;
}

static int bad_disk_map(struct dm_target *ti, struct bio *bio)
{
	struct bad_disk *d = ti->private;
	bool bad = false;
	u64 count;

	bio_set_dev(bio, d->dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	if (!bio_sectors(bio))
		return atomic_dec_if_positive(&d->flushes) < 0 ? DM_MAPIO_REMAPPED : DM_MAPIO_KILL;
	if (bio->bi_opf & REQ_FUA && atomic_dec_if_positive(&d->fuas) >= 0)
		return DM_MAPIO_KILL;
	count = run_length(d, bio_op(bio), bio->bi_iter.bi_sector, bio_sectors(bio), &bad);
	if (count < bio_sectors(bio))
		dm_accept_partial_bio(bio, count);
	if (!bad)
		return DM_MAPIO_REMAPPED;
	if (bio_has_data(bio))
		bio_advance(bio, bio->bi_iter.bi_size);
	bio->bi_status = BLK_STS_MEDIUM;
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/* ---- messages ---- */

static int range_add(struct bad_disk *d, const char *word)
{
	struct bad_range range;
	unsigned long flags;
	char kind[3] = "rw";
	int n, err = 0;

	n = sscanf(word, "%llu-%llu:%2s", &range.first, &range.last, kind);
	if (n == 1) {
		range.last = range.first;
		if (strchr(word, ':'))
			strscpy(kind, strchr(word, ':') + 1, sizeof(kind));
	}
	range.reads = strchr(kind, 'r');
	range.writes = strchr(kind, 'w');
	if (n < 1 || range.last < range.first || !(range.reads || range.writes))
		return -EINVAL;
	spin_lock_irqsave(&d->lock, flags);
	if (d->count == RANGES)
		err = -ENOSPC;
	else
		d->ranges[d->count++] = range;
	spin_unlock_irqrestore(&d->lock, flags);
	return err;
}

static int bad_disk_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			    unsigned int maxlen)
{
	struct bad_disk *d = ti->private;
	unsigned int i, sz = 0; /* of DMEMIT */
	int err = 0;

	if (!strcmp(argv[0], "clear")) {
		WRITE_ONCE(d->count, 0);
		return 0;
	}
	if ((!strcmp(argv[0], "flush") || !strcmp(argv[0], "fua")) && argc == 2) {
		err = kstrtouint(argv[1], 10, &i);
		if (!err)
			atomic_set(argv[0][1] == 'l' ? &d->flushes : &d->fuas, i);
		return err;
	}
	if (!strcmp(argv[0], "list")) {
		for (i = 0; i < READ_ONCE(d->count); i++)
			DMEMIT("%llu-%llu:%s%s\n", d->ranges[i].first, d->ranges[i].last,
			       d->ranges[i].reads ? "r" : "", d->ranges[i].writes ? "w" : "");
		return 1;
	}
	if (strcmp(argv[0], "add"))
		return -EINVAL;
	for (i = 1; i < argc && !err; i++)
		err = range_add(d, argv[i]);
	return err;
}

/* ---- its life ---- */

static int bad_disk_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct bad_disk *d;
	int err;

	if (argc != 1) {
		ti->error = "One argument is needed: the device";
		return -EINVAL;
	}
	d = kvzalloc(sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	spin_lock_init(&d->lock);
	err = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &d->dev);
	if (err) {
		ti->error = "The device can't be opened";
		kvfree(d);
		return err;
	}
	d->block = bdev_logical_block_size(d->dev->bdev) >> SECTOR_SHIFT;
	ti->private = d;
	ti->num_flush_bios = 1;
	ti->flush_supported = true; /* as a disk that has a cache: flushes can be counted */
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	return 0;
}

static void bad_disk_dtr(struct dm_target *ti)
{
	struct bad_disk *d = ti->private;

	dm_put_device(ti, d->dev);
	kvfree(d);
}

static int bad_disk_iterate(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct bad_disk *d = ti->private;

	return fn(ti, d->dev, 0, ti->len, data);
}

static struct target_type bad_disk_target = {
	.name = "bad-disk",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = bad_disk_ctr,
	.dtr = bad_disk_dtr,
	.map = bad_disk_map,
	.message = bad_disk_message,
	.iterate_devices = bad_disk_iterate,
};

static int __init bad_disk_init(void)
{
	return dm_register_target(&bad_disk_target);
}

static void __exit bad_disk_exit(void)
{
	dm_unregister_target(&bad_disk_target);
}

module_init(bad_disk_init);
module_exit(bad_disk_exit);

MODULE_DESCRIPTION("device-mapper target whose sectors fail as they are told to");
MODULE_AUTHOR("The blkmend authors");
MODULE_LICENSE("GPL");
