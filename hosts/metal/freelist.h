/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the free list keeps; for freelist.c and freelist_check.c only.
 *
 * Free blocks are on one list for each size class, with a bitmap of the lists that are not empty
 * and one of the levels of 64 of those, so that two searches for a set bit give the best list,
 * however long it is. This is two-level segregated fit: M. Masmano, I. Ripoll, A. Crespo, J. Real,
 * "TLSF: a new dynamic memory allocator for real-time systems", ECRTS 2004.
 *
 * In front of the lists are shelves: a block of less than 1 KiB that is freed is kept as it is, as
 * the next allocation often wants its size. A shelf is short, and all are emptied, and their blocks
 * joined with their neighbours, before an allocation fails.
 */
#ifndef BLKMEND_METAL_FREELIST_H
#define BLKMEND_METAL_FREELIST_H

#include "block.h"

#define FREELIST_LEVELS  20
#define FREELIST_SPAN    64 /* classes in a level */
#define FREELIST_SHELVES 64 /* of the classes that are as many units */

struct freelist_shelf {
	u32 top;  /* unit; each block leads to the one below it; 0: empty */
	u32 room; /* for as many more */
};

struct freelist {
	struct heap heap;
	u32 levels; /* bitmap */
	u32 nheads;
	u64 bits[FREELIST_LEVELS];
	struct freelist_shelf shelf[FREELIST_SHELVES]; /* by class */
	u32 heads[];                                   /* by class: links, from unit 0 */
};

/*
 * A free block holds this, and its size again in the word before the next block's header. So it
 * fits in a unit, and nothing is too little to be split off.
 *
 * A link is a unit, 0 for none, below a check of it and of where it stands. So nothing but the
 * block itself has to be looked at, where it is joined with a neighbour: other blocks of its list
 * are anywhere in memory and would have to be waited for. A link of which one byte was overwritten
 * never passes, else one in 256 does. Where a block is taken from a list the other end is looked at
 * too.
 */
struct free_block {
	u32 next, prev;
	u32 units;
} __attribute__((may_alias));

static inline struct freelist *freelist_of(struct heap *heap)
{
	return (struct freelist *)heap;
}

static inline struct free_block *free_at(struct heap *heap, u32 unit)
{
	return (struct free_block *)block_at(heap, unit);
}

/* Of the free block in front of unit. */
static inline block_word *free_footer(struct heap *heap, u32 unit)
{
	return block_at(heap, unit) - 2;
}

#define LINK_UNIT ((1u << 24) - 1)

static inline u32 link_make(u32 from, u32 to)
{
	u32 both = from ^ to;

	return to | (both ^ both >> 8 ^ both >> 16) << 24;
}

static inline u32 link_unit(u32 link)
{
	return link & LINK_UNIT;
}

static inline bool link_is_sound(const struct heap *heap, u32 from, u32 link)
{
	return link == link_make(from, link_unit(link)) && link_unit(link) < heap->end;
}

/* Where the link is that leads to a free block of this class with prev in front of it. */
static inline block_word *free_link(struct heap *heap, u32 prev, u32 class)
{
	block_word *link = &free_at(heap, prev)->next, *head = &freelist_of(heap)->heads[class];

	return prev != 0 ? link : head;
}

/*
 * The size in units of the free block at unit, a unit of the heap's, with this header; 0 if the
 * block has been written to. Here and where lists are changed no branch depends on whether there is
 * a next or a previous block, as nobody could predict it.
 */
static inline u32 free_units(struct heap *heap, u32 unit, u32 header)
{
	const struct free_block *block = free_at(heap, unit);
	u32 units = block->units, class = block_class(units), not_first;

	if (block_bits(header) != (class << BLOCK_CLASS | BLOCK_FREE) || units > heap->end - unit ||
	    !link_is_sound(heap, unit, block->next) || !link_is_sound(heap, unit, block->prev))
		return 0;
	not_first = freelist_of(heap)->heads[class] ^ link_make(0, unit);
	return (not_first & -(u32)(link_unit(block->prev) == 0)) == 0 ? units : 0;
}

/* How many blocks of a class a shelf takes: 4 KiB, but at most 16. Never more than 600 in all. */
static inline u32 freelist_shelf_room(u32 class)
{
	return class < 16 ? 16 : 256 / class;
}

/* Is this a header of a block on the shelf of a class? */
static inline bool freelist_is_shelved(u32 header, u32 class)
{
	return (block_bits(header) & ~BLOCK_AFTER_FREE) == (class << BLOCK_CLASS | BLOCK_SHELVED);
}

/* heap_check() of lists and shelves, when the blocks are sound. */
size_t freelist_check(struct heap *heap, struct heap_usage *usage);

#endif
