// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks of memory that can erase for good, which no disk that is emulated can: what was erased
 * reads as 0xee, so that one sees it was not merely discarded or zeroed. /dev/erase0, /dev/erase1
 * ...
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#define ERASED     0xee
#define DISKS_MOST 4

static unsigned int disks = 2;
module_param(disks, uint, 0444);
MODULE_PARM_DESC(disks, "How many (2)");

static unsigned int size_mb = 16;
module_param(size_mb, uint, 0444);
MODULE_PARM_DESC(size_mb, "Size of each, in MiB (16)");

static struct erase_disk {
	struct gendisk *disk;
	u8 *data;
} all[DISKS_MOST];

static int major;

/* ---- requests ---- */

static void data_copy(struct bio *bio, u8 *at)
{
	struct bvec_iter iter;
	struct bio_vec vec;

	bio_for_each_segment(vec, bio, iter)
	{
		if (bio_data_dir(bio) == WRITE)
			memcpy_from_page(at, vec.bv_page, vec.bv_offset, vec.bv_len);
		else
			memcpy_to_page(vec.bv_page, vec.bv_offset, at, vec.bv_len);
		at += vec.bv_len;
	}
}

static void erase_submit(struct bio *bio)
{
	struct erase_disk *d = bio->bi_bdev->bd_disk->private_data;
	u8 *at = d->data + (bio->bi_iter.bi_sector << SECTOR_SHIFT);

	switch (bio_op(bio)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
		data_copy(bio, at);
		break;
	case REQ_OP_WRITE_ZEROES:
		memset(at, 0, bio->bi_iter.bi_size);
		break;
	case REQ_OP_SECURE_ERASE:
		memset(at, ERASED, bio->bi_iter.bi_size);
		break;
	default:
		bio->bi_status = BLK_STS_NOTSUPP;
	}
	bio_endio(bio);
}

static const struct block_device_operations erase_operations = {
	.owner = THIS_MODULE,
	.submit_bio = erase_submit,
};

/* ---- their life ---- */

static struct gendisk *disk_alloc(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct queue_limits limits = {
		.max_secure_erase_sectors = UINT_MAX >> SECTOR_SHIFT,
		.max_write_zeroes_sectors = UINT_MAX >> SECTOR_SHIFT,
	};

	return blk_alloc_disk(&limits, NUMA_NO_NODE);
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	blk_queue_max_secure_erase_sectors(disk->queue, UINT_MAX >> SECTOR_SHIFT);
	blk_queue_max_write_zeroes_sectors(disk->queue, UINT_MAX >> SECTOR_SHIFT);
	return disk;
#endif
}

static void disk_remove(struct erase_disk *d)
{
	if (d->disk) {
		del_gendisk(d->disk);
		put_disk(d->disk);
	}
	vfree(d->data);
	memset(d, 0, sizeof(*d));
}

static int disk_add(struct erase_disk *d, int minor)
{
	struct gendisk *disk;
	int err;

	d->data = vzalloc((size_t)size_mb << 20);
	if (!d->data)
		return -ENOMEM;
	disk = disk_alloc();
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->major = major;
	disk->first_minor = minor;
	disk->minors = 1;
	disk->fops = &erase_operations;
	disk->private_data = d;
	snprintf(disk->disk_name, DISK_NAME_LEN, "erase%d", minor);
	set_capacity(disk, (sector_t)size_mb << (20 - SECTOR_SHIFT));
	err = add_disk(disk);
	if (err)
		put_disk(disk);
	else
		d->disk = disk;
	return err;
}

static void erase_exit(void)
{
	int i;

	for (i = 0; i < DISKS_MOST; i++)
		disk_remove(&all[i]);
	unregister_blkdev(major, "erase");
}

static int __init erase_init(void)
{
	unsigned int i;
	int err = 0;

	major = register_blkdev(0, "erase");
	if (major < 0)
		return major;
	for (i = 0; !err && i < min_t(unsigned int, disks, DISKS_MOST); i++)
		err = disk_add(&all[i], i);
	if (err)
		erase_exit();
	return err;
}

module_init(erase_init);
module_exit(erase_exit);

MODULE_DESCRIPTION("disks of memory that can erase for good");
MODULE_AUTHOR("The blkmend authors");
MODULE_LICENSE("GPL");
