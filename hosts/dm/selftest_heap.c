// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "memory.h"
#include "selftest.h"

static u64 real_size(const void *memory, size_t size)
{
	return is_vmalloc_addr(memory) ? PAGE_ALIGN(size) : ksize(memory);
}

static void *heap_alloc(void *ctx, size_t size)
{
	struct selftest_heap *heap = ctx;
	void *memory = NULL;

	if (heap->one_in && !selftest_below(&heap->dice, heap->one_in))
		heap->refused = true;
	else
		memory = remap_memory.alloc(NULL, size);
	if (memory) {
		heap->live += size;
		heap->real += real_size(memory, size);
	}
	return memory;
}

static void heap_forget(struct selftest_heap *heap, const void *memory, size_t size)
{
	if (!memory)
		return;
	heap->live -= size;
	heap->real -= real_size(memory, size);
}

static void heap_free(void *ctx, void *memory, size_t size)
{
	heap_forget(ctx, memory, size);
	remap_memory.free(NULL, memory, size);
}

static void heap_retire(void *ctx, void *memory, size_t size)
{
	heap_forget(ctx, memory, size);
	remap_memory.retire(NULL, memory, size);
}

struct bm_mem selftest_heap_mem(struct selftest_heap *heap)
{
	return (struct bm_mem){
		.ctx = heap,
		.alloc = heap_alloc,
		.free = heap_free,
		.retire = heap_retire,
	};
}
