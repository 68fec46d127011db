// SPDX-License-Identifier: GPL-2.0-only
/*
 * All instances of the target, so that two devices never share a main or a spare. dm opens devices
 * on behalf of all its tables alike, so it would let them. Tables of one device may share: the one
 * that replaces another takes over from it. Targets of one table may not: they run side by side.
 */
#include <linux/blkdev.h>
#include <linux/list.h>

#include "compat.h"
#include "target.h"

static LIST_HEAD(instances);
static DEFINE_MUTEX(instances_lock);

static struct block_device *bdev_of(const struct remap *r, enum bm_device device)
{
	return r->dev[device]->bdev;
}

/* The same device, a partition and its disk, or partitions that overlap. */
static bool overlap(struct block_device *a, struct block_device *b)
{
	sector_t a_start = get_start_sect(a), b_start = get_start_sect(b);

	if (a->bd_disk != b->bd_disk)
		return false;
	return a_start < b_start + bdev_nr_sectors(b) && b_start < a_start + bdev_nr_sectors(a);
}

/* Is one there to take the place of the other? */
static bool successive(const struct remap *r, const struct remap *other)
{
	return r->md == other->md && r->ti->table != other->ti->table;
}

static char *conflict(const struct remap *r, const struct remap *other)
{
	if (successive(r, other))
		return NULL;
	if (overlap(bdev_of(r, BM_SPARE), bdev_of(other, BM_SPARE)) ||
	    overlap(bdev_of(r, BM_MAIN), bdev_of(other, BM_SPARE)))
		return "Another device has this spare, or main is another's spare";
	if (overlap(bdev_of(r, BM_MAIN), bdev_of(other, BM_MAIN)) ||
	    overlap(bdev_of(r, BM_SPARE), bdev_of(other, BM_MAIN)))
		return "Another device has this main, or the spare is another's main";
	return NULL;
}

int remap_instance_add(struct remap *r, char **error)
{
	const struct remap *other;

	if (overlap(bdev_of(r, BM_MAIN), bdev_of(r, BM_SPARE))) {
		*error = "Main and spare are the same device, or overlap";
		return -EINVAL;
	}
	*error = NULL;
	mutex_lock(&instances_lock);
	list_for_each_entry(other, &instances, instance) {
		*error = conflict(r, other);
		if (*error)
			break;
	}
	if (!*error)
		list_add(&r->instance, &instances);
	mutex_unlock(&instances_lock);
	return *error ? -EBUSY : 0;
}

void remap_instance_remove(struct remap *r)
{
	mutex_lock(&instances_lock);
	list_del(&r->instance);
	mutex_unlock(&instances_lock);
}

/* The client has not been told yet, and will ask the new table. */
static void take_debts(struct remap *r, struct remap *other)
{
	int i;

	for (i = BM_MAIN; i <= BM_SPARE; i++)
		if (bdev_of(r, i) == bdev_of(other, i) && atomic_xchg(&other->client_owed[i], 0))
			atomic_set(&r->client_owed[i], 1);
	if (atomic_xchg(&other->flush_failed, 0))
		remap_flush_failed(r);
}

void remap_instance_take_over(struct remap *r)
{
	struct remap *other;

	mutex_lock(&instances_lock);
	list_for_each_entry(other, &instances, instance) {
		if (!successive(r, other))
			continue;
		take_debts(r, other);
		remap_unload(other);
	}
	mutex_unlock(&instances_lock);
}
