// SPDX-License-Identifier: GPL-2.0-only
#include "block.h"

struct heap *block_start(void *memory, size_t size, const struct heap_ops *ops)
{
	size_t skip = -(uintptr_t)memory % HEAP_ALIGN;
	struct heap *heap = (struct heap *)((u8 *)memory + skip);
	static u64 heaps;

	if (memory == NULL || size < HEAP_SMALLEST)
		return NULL;
	size -= skip;
	if (size > HEAP_LARGEST)
		size = HEAP_LARGEST;
	*heap = (struct heap){
		.ops = ops,
		/* What an earlier heap has left in this memory is not sound in this one. */
		.key = __atomic_add_fetch(&heaps, 1, __ATOMIC_RELAXED) * 0xd1342543de82ef95ull,
		.limit = (u32)(size / HEAP_ALIGN),
	};
	block_set(heap, BLOCK_UNSOUND, 0);
	block_at(heap, BLOCK_UNSOUND)[-1] ^= BLOCK_SPOILT;
	return heap;
}

void block_report(struct heap *heap, enum heap_fault fault, u32 unit)
{
	if (heap->report != NULL)
		heap->report(heap->context, fault, block_at(heap, unit));
}

/* The size of the block at unit in units; 0: it is damaged. */
static u32 block_measure(struct heap *heap, u32 unit)
{
	u32 header = block_at(heap, unit)[-1], units;

	if (!block_is_sound(heap, unit, header))
		return 0;
	units = header & BLOCK_FREE ? heap->ops->free_units(heap, unit) : block_units(header);
	return units <= heap->end - unit ? units : 0;
}

/* What is wrong with the block at unit, whose size can't be had. */
static void block_accuse(struct heap *heap, u32 unit)
{
	bool sound = block_is_sound(heap, unit, block_at(heap, unit)[-1]);

	block_report(heap, sound ? HEAP_STALE : HEAP_OVERRUN, unit);
}

/*
 * What is at unit, where no sound header is. A walk over all blocks tells a damaged header from a
 * pointer into a block, if no block before it is damaged; it ends, as each step leads on.
 */
static void block_blame_unit(struct heap *heap, u32 sought)
{
	u32 unit = heap->first, units, idle;

	while ((units = block_measure(heap, unit)) != 0) {
		if (sought - unit < units) {
			idle = block_at(heap, unit)[-1] & (BLOCK_FREE | BLOCK_SHELVED);
			block_report(heap, idle ? HEAP_DOUBLE_FREE : HEAP_INTERIOR, sought);
			return;
		}
		unit += units;
	}
	block_accuse(heap, unit);
}

void block_blame(struct heap *heap, const void *ptr)
{
	size_t offset = (uintptr_t)ptr - (uintptr_t)heap, unit = offset / HEAP_ALIGN;
	enum heap_fault fault = HEAP_FOREIGN;
	u32 header;

	if (unit - heap->first < heap->limit - heap->first) {
		header = block_at(heap, (u32)unit)[-1];
		if (offset % HEAP_ALIGN)
			fault = HEAP_INTERIOR;
		else if (block_is_sound(heap, (u32)unit, header) &&
			 header & (BLOCK_FREE | BLOCK_SHELVED))
			fault = HEAP_DOUBLE_FREE;
		else if (unit < heap->end) {
			block_blame_unit(heap, (u32)unit);
			return;
		}
	}
	if (heap->report != NULL)
		heap->report(heap->context, fault, ptr);
}

size_t block_walk(struct heap *heap, struct heap_usage *usage)
{
	bool after_free = false, idle;
	u32 unit, units, header;

	for (unit = heap->first; unit < heap->end; unit += units) {
		header = block_at(heap, unit)[-1];
		units = block_measure(heap, unit);
		if (units == 0 || (header & BLOCK_AFTER_FREE && !after_free))
			break;
		after_free = header & BLOCK_FREE;
		idle = header & (BLOCK_FREE | BLOCK_SHELVED);
		*(idle ? &usage->free : &usage->used) += (size_t)units * HEAP_ALIGN;
		*(idle ? &usage->free_blocks : &usage->blocks) += 1;
	}
	if (unit == heap->end && block_is_sound(heap, unit, block_at(heap, unit)[-1]))
		return 0;
	block_accuse(heap, unit);
	return 1;
}
