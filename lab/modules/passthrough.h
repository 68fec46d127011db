/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A target that works, from which each planted module differs by its one fault. All of them
 * register the target "planted", whose table is START LENGTH planted DEVICE.
 */
#ifndef PASSTHROUGH_H
#define PASSTHROUGH_H

#include <linux/device-mapper.h>
#include <linux/init.h>
#include <linux/module.h>

static int __maybe_unused passthrough_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_dev *dev;
	int err;

	if (argc != 1) {
		ti->error = "One argument is needed: the device";
		return -EINVAL;
	}
	err = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &dev);
	if (err) {
		ti->error = "The device can't be opened";
		return err;
	}
	ti->private = dev;
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	return 0;
}

static void __maybe_unused passthrough_dtr(struct dm_target *ti)
{
	dm_put_device(ti, ti->private);
}

static int __maybe_unused passthrough_map(struct dm_target *ti, struct bio *bio)
{
	struct dm_dev *dev = ti->private;

	bio_set_dev(bio, dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static int __maybe_unused passthrough_iterate(struct dm_target *ti, iterate_devices_callout_fn fn,
					      void *data)
{
	return fn(ti, ti->private, 0, ti->len, data);
}

static void *nowhere __maybe_unused; /* NULL, which the compiler is not to know */

/* An oops. */
static void __maybe_unused passthrough_oops(void)
{
	WRITE_ONCE(*(int *)READ_ONCE(nowhere), 1);
}

MODULE_AUTHOR("The blkmend authors");
MODULE_LICENSE("GPL");

#endif
