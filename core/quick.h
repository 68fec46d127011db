/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What nearly every request needs of the core, and no more, for hosts where each instruction
 * counts. It is inline, so a host that includes this sees what internal.h holds: all the rest of
 * that is not for it.
 */
#ifndef BLKMEND_QUICK_H
#define BLKMEND_QUICK_H

#include "internal.h"

/*
 * Does all of [sector, sector + count) go to main? Yes is what bm_route() would say; no may be
 * wrong, then ask that. Lock-free, as bm_route().
 */
static inline bool bm_quick_is_on_main(const struct bm *bm, u64 sector, u64 count)
{
	u32 shift = bm->block_shift + BM_REGION_SHIFT;
	const struct bm_regions *regions;
	u64 region;

	/* A block has 1 or 8 sectors. Kernels that check shifts would check these. */
	if (shift > 63)
		__builtin_unreachable();
	if (bm_load_acquire(&bm->held_count) || (sector ^ (sector + count - 1)) >> shift)
		return false;
	region = sector >> shift;
	regions = bm_load_acquire(&bm->map.regions);
	return region < regions->nregions &&
	       !(bm_regions_near(regions, region) && bm_regions_has(regions, region));
}

/* bm_main_lives(). */
static inline void bm_quick_main_lives(struct bm *bm)
{
	if (!bm_load(&bm->lives))
		bm_store(&bm->lives, 1);
}

#endif
