// SPDX-License-Identifier: GPL-2.0-only
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "compat.h"
#include "memory.h"

/*
 * Under memalloc_noreclaim_save() there is no waiting for memory, and small pieces may come from
 * what the kernel has put by for those who free some by their I/O. What is larger than a page are
 * tables, which can grow later, and what the core puts by itself.
 */
static void *memory_alloc(void *ctx, size_t size)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | (size > PAGE_SIZE ? __GFP_NOMEMALLOC : 0);

	/* The caches that are no power of two may give less alignment than the core asks for. */
	if (size <= 192)
		size = roundup_pow_of_two(size);
	return kvmalloc(size, gfp);
}

static void memory_free(void *ctx, void *memory, size_t size)
{
	kvfree(memory);
}

static void memory_retire(void *ctx, void *memory, size_t size)
{
	if (memory)
		kvfree_rcu_mightsleep(memory);
}

const struct bm_mem remap_memory = {
	.alloc = memory_alloc,
	.free = memory_free,
	.retire = memory_retire,
};
