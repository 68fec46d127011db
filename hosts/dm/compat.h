/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that one source is built for. */
#ifndef BLKMEND_DM_COMPAT_H
#define BLKMEND_DM_COMPAT_H

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/dm-io.h>
#include <linux/ioprio.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/version.h>

#ifndef CONFIG_64BIT
#error "dm-remap-v4 needs a 64-bit kernel: its lookups load 64 bits at once"
#endif

/* 6.4 renamed the variant of kvfree_rcu() that needs no rcu_head. */
#ifndef kvfree_rcu_mightsleep
#define kvfree_rcu_mightsleep(ptr) kvfree_rcu(ptr)
#endif

/* 6.5 gave the modes of block devices a type of their own. */
static inline bool remap_table_writes(struct dm_target *ti)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return dm_table_get_mode(ti->table) & BLK_OPEN_WRITE;
#else
	return dm_table_get_mode(ti->table) & FMODE_WRITE;
#endif
}

/* The Kbuild file looks which of its parameters dm_io() has. *unsupported: where it tells those. */
static inline int remap_dm_io(struct dm_io_request *request, unsigned int count,
			      struct dm_io_region *regions, unsigned long *failed,
			      unsigned long *unsupported)
{
#if defined(REMAP_DM_IO_UNSUP)
	return dm_io(request, count, regions, failed, unsupported, IOPRIO_DEFAULT);
#elif defined(REMAP_DM_IO_IOPRIO)
	return dm_io(request, count, regions, failed, IOPRIO_DEFAULT);
#else
	return dm_io(request, count, regions, failed);
#endif
}

/* By 7.2 the target is also told which ioctl it is, and may answer it itself; this one doesn't. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define PREPARE_IOCTL_ARGS                                                                         \
	struct dm_target *ti, struct block_device **bdev, unsigned int cmd, unsigned long arg,     \
		bool *forward
#else
#define PREPARE_IOCTL_ARGS struct dm_target *ti, struct block_device **bdev
#endif

#endif
