// SPDX-License-Identifier: GPL-2.0-only
#include "block.h"

void heap_on_fault(struct heap *heap, heap_report *report, void *context)
{
	heap->report = report;
	heap->context = context;
}

const char *heap_fault_name(enum heap_fault fault)
{
	static const char names[][20] = {
		[HEAP_DOUBLE_FREE] = "double free", [HEAP_INTERIOR] = "interior pointer",
		[HEAP_FOREIGN] = "foreign pointer", [HEAP_OVERRUN] = "overrun header",
		[HEAP_STALE] = "write after free",  [HEAP_DAMAGED] = "damaged heap",
	};

	return fault < sizeof(names) / sizeof(*names) ? names[fault] : "unknown fault";
}

void *heap_alloc(struct heap *heap, size_t size)
{
	return heap->ops->alloc(heap, size);
}

void *heap_calloc(struct heap *heap, size_t count, size_t size)
{
	size_t bytes;
	void *ptr;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	ptr = heap->ops->alloc(heap, bytes);
	if (ptr != NULL)
		memset(ptr, 0, bytes);
	return ptr;
}

void *heap_aligned_alloc(struct heap *heap, size_t alignment, size_t size)
{
	if (alignment == 0 || (alignment & (alignment - 1)) != 0)
		return NULL;
	if (alignment <= HEAP_ALIGN)
		return heap->ops->alloc(heap, size);
	if (alignment > HEAP_LARGEST || size > HEAP_LARGEST)
		return NULL;
	return heap->ops->aligned_alloc(heap, (u32)(alignment / HEAP_ALIGN), size);
}

void *heap_realloc(struct heap *heap, void *ptr, size_t size)
{
	size_t had;
	void *moved;
	u32 unit;
	int resized;

	if (ptr == NULL)
		return heap->ops->alloc(heap, size);
	unit = block_find(heap, ptr);
	if (unit == 0 || size > HEAP_LARGEST)
		return NULL;
	resized = heap->ops->resize(heap, unit, size);
	if (resized != 0)
		return resized > 0 ? ptr : NULL;
	moved = heap->ops->alloc(heap, size);
	if (moved == NULL)
		return NULL;
	had = block_bytes(block_units(block_at(heap, unit)[-1]));
	memcpy(moved, ptr, had < size ? had : size);
	heap->ops->free(heap, ptr);
	return moved;
}

void heap_free(struct heap *heap, void *ptr)
{
	if (ptr != NULL)
		heap->ops->free(heap, ptr);
}

size_t heap_usable(struct heap *heap, void *ptr)
{
	u32 unit = block_find(heap, ptr);

	return unit != 0 ? block_bytes(block_units(block_at(heap, unit)[-1])) : 0;
}

size_t heap_check(struct heap *heap, struct heap_usage *usage)
{
	struct heap_usage counted = { 0 };
	size_t faults;

	if (usage == NULL)
		usage = &counted;
	*usage = counted;
	faults = block_walk(heap, usage);
	/* Lists are looked at if blocks are sound: it is them that say what may be on a list. */
	return faults != 0 ? faults : heap->ops->check(heap, usage);
}
