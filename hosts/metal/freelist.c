// SPDX-License-Identifier: GPL-2.0-only
/* The allocator that takes everything back. No two blocks on its lists are neighbours. */
#include "freelist.h"

#define DAMAGED (~0u) /* in place of a size; it has been reported */

static void freelist_insert(struct heap *heap, u32 unit, u32 units)
{
	struct freelist *list = freelist_of(heap);
	struct free_block *block = free_at(heap, unit);
	u32 class = block_class(units), next = link_unit(list->heads[class]);

	if (!link_is_sound(heap, 0, list->heads[class])) {
		block_report(heap, HEAP_DAMAGED, 0);
		next = 0;
	}
	block_set(heap, unit, class << BLOCK_CLASS | BLOCK_FREE);
	block->next = link_make(unit, next);
	block->prev = link_make(unit, 0);
	block->units = units;
	*free_footer(heap, unit + units) = units;
	free_at(heap, next)->prev = link_make(next, unit);
	list->heads[class] = link_make(0, unit);
	list->bits[class / FREELIST_SPAN] |= 1ull << class % FREELIST_SPAN;
	list->levels |= 1u << class / FREELIST_SPAN;
}

/* Has the list of a class become empty? */
static inline void freelist_mark(struct freelist *list, u32 class, bool empty)
{
	u64 bits = list->bits[class / FREELIST_SPAN] & ~((u64)empty << class % FREELIST_SPAN);

	list->bits[class / FREELIST_SPAN] = bits;
	list->levels &= ~((u32)(bits == 0) << class / FREELIST_SPAN);
}

/* The block is as free_units() wants it. */
static inline void freelist_remove(struct heap *heap, u32 unit, u32 class)
{
	u32 next = link_unit(free_at(heap, unit)->next),
	    prev = link_unit(free_at(heap, unit)->prev);

	free_at(heap, next)->prev = link_make(next, prev);
	*free_link(heap, prev, class) = link_make(prev, next);
	freelist_mark(freelist_of(heap), class, (next | prev) == 0);
}

/* The lowest class from this one on that has a block; 0: none. */
static inline u32 freelist_search(const struct freelist *list, u32 class)
{
	u32 level = class / FREELIST_SPAN, levels;
	u64 bits = list->bits[level] & ~0ull << class % FREELIST_SPAN;

	if (bits == 0) {
		levels = list->levels & ~0u << (level + 1) & ((1u << FREELIST_LEVELS) - 1);
		if (levels == 0)
			return 0;
		level = (u32)__builtin_ctz(levels);
		bits = list->bits[level];
		if (bits == 0) /* levels has been overwritten */
			return 0;
	}
	return level * FREELIST_SPAN + (u32)__builtin_ctzll(bits);
}

/* The size of the first block of a list; 0: it, or the next one, is damaged. */
static inline u32 freelist_head_units(struct heap *heap, u32 unit, u32 class)
{
	struct free_block *block = free_at(heap, unit);
	u32 header, next;

	if (unit - 1 >= heap->end - 1)
		return 0;
	header = block_at(heap, unit)[-1];
	if (block_bits(header) != (class << BLOCK_CLASS | BLOCK_FREE) ||
	    !block_is_sound(heap, unit, header) || link_unit(block->prev) != 0 ||
	    free_units(heap, unit, header) == 0)
		return 0;
	next = link_unit(block->next);
	if (next != 0 && free_at(heap, next)->prev != link_make(next, unit))
		return 0;
	return block->units;
}

/*
 * A free block of a class from this one on, removed from its list; 0: there is none. A list that
 * starts with a damaged block is given up as a whole, as nobody can say what is on it.
 */
static inline u32 freelist_take(struct heap *heap, u32 from, u32 *units)
{
	struct freelist *list = freelist_of(heap);
	u32 class, unit;

	while ((class = freelist_search(list, from)) != 0) {
		unit = link_unit(list->heads[class]);
		*units = freelist_head_units(heap, unit, class);
		if (*units != 0) {
			freelist_remove(heap, unit, class);
			return unit;
		}
		block_report(heap, HEAP_STALE, unit);
		list->heads[class] = link_make(0, 0);
		freelist_mark(list, class, true);
	}
	return 0;
}

/* Use the first part of units that were free, to the next block; the other part stays so. */
static inline void *freelist_use(struct heap *heap, u32 unit, u32 units, u32 class, u32 flags)
{
	u32 used = block_class_units(class), next = unit + units, after;

	if (units > used) {
		freelist_insert(heap, unit + used, units - used);
	} else {
		after = block_at(heap, next)[-1];
		if (!block_is_sound(heap, next, after)) {
			block_report(heap, HEAP_OVERRUN, next);
			return NULL;
		}
		block_set(heap, next, block_bits(after) & ~BLOCK_AFTER_FREE);
	}
	block_set(heap, unit, class << BLOCK_CLASS | flags);
	return block_at(heap, unit);
}

/* What follows a block in use, at unit: its size if it is free, 0 if it is in use. */
static inline u32 freelist_after(struct heap *heap, u32 unit, u32 header)
{
	u32 units;

	if (!block_is_sound(heap, unit, header) || header & BLOCK_AFTER_FREE) {
		block_report(heap, HEAP_OVERRUN, unit);
		return DAMAGED;
	}
	if (!(header & BLOCK_FREE))
		return 0;
	units = free_units(heap, unit, header);
	if (units != 0)
		return units;
	block_report(heap, HEAP_STALE, unit);
	return DAMAGED;
}

/* The size of the free block that ends at unit. */
static inline u32 freelist_before(struct heap *heap, u32 unit)
{
	u32 units = *free_footer(heap, unit), header;

	if (units - 1 < unit - heap->first) {
		header = block_at(heap, unit - units)[-1];
		if (block_is_sound(heap, unit - units, header) &&
		    free_units(heap, unit - units, header) == units)
			return units;
	}
	block_report(heap, HEAP_STALE, unit);
	return DAMAGED;
}

/* A block in use, with this header, is joined with its neighbours. */
static __attribute__((noinline)) void freelist_release(struct heap *heap, u32 unit, u32 header)
{
	u32 units = block_units(header), next = block_next(heap, unit, header), before, after;
	u32 next_header = block_at(heap, next)[-1];

	after = freelist_after(heap, next, next_header);
	if (after == DAMAGED)
		return;
	if (header & BLOCK_AFTER_FREE) {
		before = freelist_before(heap, unit);
		if (before == DAMAGED)
			return;
		freelist_remove(heap, unit - before, block_class(before));
		/* Inside a free block now, where no sound header may be. */
		block_at(heap, unit)[-1] ^= BLOCK_SPOILT;
		unit -= before;
		units += before;
	}
	if (after != 0)
		freelist_remove(heap, next, block_bits(next_header) >> BLOCK_CLASS);
	else
		block_set(heap, next, block_bits(next_header) | BLOCK_AFTER_FREE);
	freelist_insert(heap, unit, units + after);
}

static void freelist_clear_shelf(struct heap *heap, u32 class)
{
	freelist_of(heap)->shelf[class] =
		(struct freelist_shelf){ .room = freelist_shelf_room(class) };
}

/*
 * The block on top of a shelf that is not empty, in use now: so a link that leads back to it is
 * seen. 0: it is damaged.
 */
static inline u32 freelist_unshelve(struct heap *heap, u32 class)
{
	struct freelist_shelf *shelf = &freelist_of(heap)->shelf[class];
	u32 unit = shelf->top, header;

	if (unit < heap->end) {
		header = block_at(heap, unit)[-1];
		if (freelist_is_shelved(header, class) && block_is_sound(heap, unit, header)) {
			shelf->top = free_at(heap, unit)->next;
			shelf->room++;
			block_set(heap, unit, block_bits(header) & ~BLOCK_SHELVED);
			return unit;
		}
	}
	block_report(heap, HEAP_STALE, unit);
	freelist_clear_shelf(heap, class);
	return 0;
}

/* Was there anything on the shelves? */
static bool freelist_clear_shelves(struct heap *heap)
{
	struct freelist *list = freelist_of(heap);
	bool any = false;
	u32 class, unit;

	for (class = 1; class < FREELIST_SHELVES; class += 1) {
		while (list->shelf[class].top != 0) {
			unit = freelist_unshelve(heap, class);
			if (unit != 0)
				freelist_release(heap, unit, block_at(heap, unit)[-1]);
			any = true;
		}
	}
	return any;
}

static __attribute__((noinline)) void *freelist_carve(struct heap *heap, u32 class)
{
	u32 units, unit = freelist_take(heap, class, &units);

	if (unit != 0)
		return freelist_use(heap, unit, units, class, 0);
	return freelist_clear_shelves(heap) ? freelist_carve(heap, class) : NULL;
}

static void *freelist_alloc(struct heap *heap, size_t size)
{
	u32 units = block_units_for(size), unit;

	if (size <= block_bytes(FREELIST_SHELVES - 1)) {
		if (freelist_of(heap)->shelf[units].top != 0) {
			unit = freelist_unshelve(heap, units);
			if (unit != 0)
				return block_at(heap, unit);
		}
	} else if (size > HEAP_LARGEST) {
		return NULL;
	}
	return freelist_carve(heap, block_class_for(units));
}

static void *freelist_aligned_alloc(struct heap *heap, u32 alignment, size_t size)
{
	u32 class = block_class_for(block_units_for(size)), unit, units, gap;
	u32 from = block_class_for(block_class_units(class) + alignment - 1);

	unit = freelist_take(heap, from, &units);
	if (unit == 0 && freelist_clear_shelves(heap))
		unit = freelist_take(heap, from, &units);
	if (unit == 0)
		return NULL;
	gap = -(u32)((uintptr_t)block_at(heap, unit) / HEAP_ALIGN) & (alignment - 1);
	if (gap == 0)
		return freelist_use(heap, unit, units, class, 0);
	freelist_insert(heap, unit, gap);
	return freelist_use(heap, unit + gap, units - gap, class, BLOCK_AFTER_FREE);
}

static void freelist_free(struct heap *heap, void *ptr)
{
	struct freelist_shelf *shelf;
	u32 unit = block_find(heap, ptr), header, class, next;

	if (unit == 0)
		return;
	header = block_at(heap, unit)[-1];
	class = block_bits(header) >> BLOCK_CLASS;
	shelf = &freelist_of(heap)->shelf[class < FREELIST_SHELVES ? class : 0];
	if (shelf->room == 0) {
		freelist_release(heap, unit, header);
		return;
	}
	next = block_next(heap, unit, header);
	if (!block_is_sound(heap, next, block_at(heap, next)[-1])) {
		block_report(heap, HEAP_OVERRUN, next);
		return;
	}
	free_at(heap, unit)->next = shelf->top;
	shelf->top = unit;
	shelf->room--;
	block_set(heap, unit, block_bits(header) | BLOCK_SHELVED);
}

static int freelist_resize(struct heap *heap, u32 unit, size_t size)
{
	u32 header = block_at(heap, unit)[-1], class = block_class_for(block_units_for(size));
	u32 units = block_units(header), wanted = block_class_units(class);
	u32 next = block_next(heap, unit, header), next_header = block_at(heap, next)[-1];
	u32 after = freelist_after(heap, next, next_header);

	if (after == DAMAGED)
		return -1;
	if (wanted > units + after)
		return 0;
	if (wanted == units)
		return 1;
	if (after != 0)
		freelist_remove(heap, next, block_bits(next_header) >> BLOCK_CLASS);
	else
		block_set(heap, next, block_bits(next_header) | BLOCK_AFTER_FREE);
	return freelist_use(heap, unit, units + after, class, header & BLOCK_AFTER_FREE) ? 1 : -1;
}

static u32 freelist_units(struct heap *heap, u32 unit)
{
	u32 units = free_units(heap, unit, block_at(heap, unit)[-1]);

	if (units == 0 || *free_footer(heap, unit + units) != units ||
	    !(block_at(heap, unit + units)[-1] & BLOCK_AFTER_FREE))
		return 0;
	return units;
}

static const struct heap_ops freelist_ops = {
	.alloc = freelist_alloc,
	.aligned_alloc = freelist_aligned_alloc,
	.resize = freelist_resize,
	.free = freelist_free,
	.free_units = freelist_units,
	.check = freelist_check,
};

struct heap *freelist_init(void *memory, size_t size)
{
	struct heap *heap = block_start(memory, size, &freelist_ops);
	struct freelist *list = freelist_of(heap);
	u32 class;

	if (heap == NULL)
		return NULL;
	list->levels = 0;
	list->nheads = block_class(heap->limit) + 1;
	memset(list->bits, 0, sizeof(list->bits));
	memset(list->heads, 0, list->nheads * sizeof(*list->heads));
	for (class = 1; class < FREELIST_SHELVES; class += 1)
		freelist_clear_shelf(heap, class);
	list->shelf[0] = (struct freelist_shelf){ 0 }; /* has never room: of all large classes */
	heap->first = block_units_for(sizeof(*list) + list->nheads * sizeof(*list->heads));
	heap->end = heap->limit;
	block_set(heap, heap->end, BLOCK_AFTER_FREE);
	freelist_insert(heap, heap->first, heap->end - heap->first);
	return heap;
}
