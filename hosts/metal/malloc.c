// SPDX-License-Identifier: GPL-2.0-only
#include "heap.h"
#include "malloc.h"

static struct heap *chosen;

void malloc_use(struct heap *heap)
{
	chosen = heap;
}

struct heap *malloc_heap(void)
{
	return chosen;
}

void *malloc(size_t size)
{
	return chosen != NULL ? heap_alloc(chosen, size) : NULL;
}

void *calloc(size_t count, size_t size)
{
	return chosen != NULL ? heap_calloc(chosen, count, size) : NULL;
}

void *realloc(void *ptr, size_t size)
{
	return chosen != NULL ? heap_realloc(chosen, ptr, size) : NULL;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return chosen != NULL ? heap_aligned_alloc(chosen, alignment, size) : NULL;
}

void free(void *ptr)
{
	if (chosen != NULL)
		heap_free(chosen, ptr);
}
