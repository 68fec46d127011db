// SPDX-License-Identifier: GPL-2.0-only
#include "freelist.h"

static size_t freelist_damaged(struct heap *heap, u32 unit)
{
	block_report(heap, HEAP_DAMAGED, unit);
	return 1;
}

static size_t freelist_check_list(struct heap *heap, u32 class, size_t *left)
{
	u32 link = freelist_of(heap)->heads[class], prev = 0, unit, header;

	if (!link_is_sound(heap, 0, link))
		return freelist_damaged(heap, 0);
	for (unit = link_unit(link); unit != 0; unit = link_unit(free_at(heap, unit)->next)) {
		header = block_at(heap, unit)[-1];
		if (*left == 0 || !block_is_sound(heap, unit, header) ||
		    block_bits(header) != (class << BLOCK_CLASS | BLOCK_FREE) ||
		    free_units(heap, unit, header) == 0 ||
		    free_at(heap, unit)->prev != link_make(unit, prev))
			return freelist_damaged(heap, unit);
		--*left;
		prev = unit;
	}
	return 0;
}

static size_t freelist_check_shelf(struct heap *heap, u32 class, size_t *left)
{
	u32 room = freelist_shelf_room(class), unit, header;
	const struct freelist_shelf *shelf = &freelist_of(heap)->shelf[class];

	for (unit = shelf->top; unit != 0; unit = free_at(heap, unit)->next) {
		if (*left == 0 || room == 0 || unit >= heap->end)
			return freelist_damaged(heap, unit);
		header = block_at(heap, unit)[-1];
		if (!block_is_sound(heap, unit, header) || !freelist_is_shelved(header, class))
			return freelist_damaged(heap, unit);
		--*left;
		room--;
	}
	return shelf->room != room ? freelist_damaged(heap, 0) : 0;
}

size_t freelist_check(struct heap *heap, struct heap_usage *usage)
{
	struct freelist *list = freelist_of(heap);
	size_t left = usage->free_blocks, faults = 0;
	bool any, marked;
	u32 class;

	for (class = 1; class < list->nheads; class += 1) {
		any = list->heads[class] != 0;
		marked = list->bits[class / FREELIST_SPAN] >> class % FREELIST_SPAN & 1;
		if (any != marked || (any && !(list->levels >> class / FREELIST_SPAN & 1)))
			faults += freelist_damaged(heap, 0);
		faults += freelist_check_list(heap, class, &left);
		if (any)
			usage->largest = block_bytes(block_class_units(class));
	}
	for (class = 1; class < FREELIST_SHELVES; class += 1)
		faults += freelist_check_shelf(heap, class, &left);
	/* A free block that is on no list: what was given up as damaged leaves such. */
	if (faults == 0 && left != 0)
		faults += freelist_damaged(heap, 0);
	return faults;
}
