// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control module: what is beside a module that crashes, to tell whose fault it is. It passes
 * I/O through to one device and does nothing else: no worker, no statistics, no soft dependency,
 * no hook. Where this dies too, the kernel or the headers are to blame.
 *
 * Table: START LENGTH minimal-test DEVICE
 */
#include <linux/device-mapper.h>
#include <linux/init.h>
#include <linux/module.h>

#define DM_MSG_PREFIX "minimal-test"

static int minimal_ctr(struct dm_target *ti, unsigned int argc, char **argv)
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

static void minimal_dtr(struct dm_target *ti)
{
	dm_put_device(ti, ti->private);
}

static int minimal_map(struct dm_target *ti, struct bio *bio)
{
	struct dm_dev *dev = ti->private;

	/* Without this the bio still points at our own device: REMAPPED would send it back here. */
	bio_set_dev(bio, dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static int minimal_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	return fn(ti, ti->private, 0, ti->len, data);
}

static void minimal_status(struct dm_target *ti, status_type_t type, unsigned int flags,
			   char *result, unsigned int maxlen)
{
	struct dm_dev *dev = ti->private;
	unsigned int sz = 0; /* of DMEMIT */

	if (type == STATUSTYPE_TABLE)
		DMEMIT("%s", dev->name);
	else
		*result = 0;
}

static struct target_type minimal_target = {
	.name = "minimal-test",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = minimal_ctr,
	.dtr = minimal_dtr,
	.map = minimal_map,
	.iterate_devices = minimal_iterate_devices,
	.status = minimal_status,
};

/* Not module_dm(): 6.1 doesn't have it. */
static int __init minimal_init(void)
{
	return dm_register_target(&minimal_target);
}

static void __exit minimal_exit(void)
{
	dm_unregister_target(&minimal_target);
}

module_init(minimal_init);
module_exit(minimal_exit);

MODULE_DESCRIPTION("device-mapper control: passes I/O through and does nothing else");
MODULE_AUTHOR("The blkmend authors");
MODULE_LICENSE("GPL");
