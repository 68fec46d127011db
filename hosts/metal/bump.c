// SPDX-License-Identifier: GPL-2.0-only
/* The allocator that goes on where it stopped, and back only from the newest block or from the
 * last. */
#include "block.h"

struct bump {
	struct heap heap;
	u32 in_use; /* blocks */
};

static struct bump *bump_of(struct heap *heap)
{
	return (struct bump *)heap;
}

/* Blocks end at unit. */
static void bump_end(struct heap *heap, u32 unit, u32 flags)
{
	heap->end = unit;
	block_set(heap, unit, flags);
}

static bool bump_is_sound(struct heap *heap, u32 unit)
{
	if (block_is_sound(heap, unit, block_at(heap, unit)[-1]))
		return true;
	block_report(heap, HEAP_OVERRUN, unit);
	return false;
}

/* A free block, or a few, from end to unit: sizes are classes. */
static void bump_skip(struct heap *heap, u32 unit)
{
	while (heap->end < unit) {
		u32 class = block_class(unit - heap->end);

		block_set(heap, heap->end, class << BLOCK_CLASS | BLOCK_FREE);
		heap->end += block_class_units(class);
	}
}

static void *bump_aligned_alloc(struct heap *heap, u32 alignment, size_t size)
{
	u32 class = block_class_for(block_units_for(size)), units = block_class_units(class);
	u32 skip = -(u32)((uintptr_t)block_at(heap, heap->end) / HEAP_ALIGN) & (alignment - 1);
	u32 unit = heap->end + skip;

	/* An overrun of the newest block is said, and mended by the header that is now written. */
	bump_is_sound(heap, heap->end);
	if (units + skip > heap->limit - heap->end)
		return NULL;
	bump_skip(heap, unit);
	block_set(heap, unit, class << BLOCK_CLASS);
	bump_end(heap, unit + units, 0);
	bump_of(heap)->in_use++;
	return block_at(heap, unit);
}

static void *bump_alloc(struct heap *heap, size_t size)
{
	return size <= HEAP_LARGEST ? bump_aligned_alloc(heap, 1, size) : NULL;
}

static void bump_free(struct heap *heap, void *ptr)
{
	u32 unit = block_find(heap, ptr), header, next;

	if (unit == 0)
		return;
	header = block_at(heap, unit)[-1];
	next = block_next(heap, unit, header);
	if (!bump_is_sound(heap, next))
		return;
	block_set(heap, unit, block_bits(header) | BLOCK_FREE);
	if (--bump_of(heap)->in_use == 0)
		bump_end(heap, heap->first, BLOCK_FREE);
	else if (next == heap->end)
		bump_end(heap, unit, BLOCK_FREE);
}

static int bump_resize(struct heap *heap, u32 unit, size_t size)
{
	u32 class = block_class_for(block_units_for(size)), units = block_class_units(class);
	u32 next = block_next(heap, unit, block_at(heap, unit)[-1]);

	if (!bump_is_sound(heap, next))
		return -1;
	if (next != heap->end)
		return units <= next - unit;
	if (units > heap->limit - unit)
		return 0;
	block_set(heap, unit, class << BLOCK_CLASS);
	bump_end(heap, unit + units, 0);
	return 1;
}

static u32 bump_free_units(struct heap *heap, u32 unit)
{
	return block_units(block_at(heap, unit)[-1]);
}

static size_t bump_check(struct heap *heap, struct heap_usage *usage)
{
	u32 left = heap->limit - heap->end;

	usage->free += (size_t)left * HEAP_ALIGN;
	if (left != 0)
		usage->largest = block_bytes(block_class_units(block_class(left)));
	return 0;
}

static const struct heap_ops bump_ops = {
	.alloc = bump_alloc,
	.aligned_alloc = bump_aligned_alloc,
	.resize = bump_resize,
	.free = bump_free,
	.free_units = bump_free_units,
	.check = bump_check,
};

struct heap *bump_init(void *memory, size_t size)
{
	struct heap *heap = block_start(memory, size, &bump_ops);

	if (heap == NULL)
		return NULL;
	heap->first = block_units_for(sizeof(struct bump));
	bump_of(heap)->in_use = 0;
	bump_end(heap, heap->first, 0);
	return heap;
}
