// SPDX-License-Identifier: GPL-2.0-only
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat.h"
#include "memory.h"

/* Larger pieces are tables, which can as well grow later. */
#define URGENT_MOST SZ_32K

static bool is_short; /* the last piece was not to be had by ordinary means */

/*
 * Under memalloc_noreclaim_save() there is no waiting for memory, and what must be had comes from
 * what the kernel has put by for those who free memory by their I/O.
 */
static void *memory_alloc(void *ctx, size_t size)
{
	void *memory;

	/* The caches that are no power of two may give less alignment than the core asks for. */
	if (size <= 192)
		size = roundup_pow_of_two(size);
	memory = kvmalloc(size, GFP_KERNEL | __GFP_NOWARN | __GFP_NOMEMALLOC);
	WRITE_ONCE(is_short, !memory);
	if (memory || size > URGENT_MOST)
		return memory;
	return kvmalloc(size, GFP_KERNEL | __GFP_NOWARN);
}

static void memory_free(void *ctx, void *memory, size_t size)
{
	kvfree(memory);
}

/* Usually in batches, seconds later; when memory is short that would be all there is. */
static void memory_retire(void *ctx, void *memory, size_t size)
{
	if (!memory)
		return;
	if (READ_ONCE(is_short)) {
		synchronize_rcu_expedited();
		kvfree(memory);
	} else {
		kvfree_rcu_mightsleep(memory);
	}
}

const struct bm_mem remap_memory = {
	.alloc = memory_alloc,
	.free = memory_free,
	.retire = memory_retire,
};
