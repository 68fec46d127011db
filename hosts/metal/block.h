/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What both allocators keep in memory: blocks of whole units of 16 bytes, and the word in front
 * of each. For these two only; heap.h is for everybody else.
 *
 * A block is known by its unit: its payload is 16 * unit bytes from the struct heap. The 4 bytes
 * in front of the payload are its header, so the last 4 bytes of its last unit are the header of
 * the next block:
 *
 *	bits 0-2    free, after a free block, on a shelf
 *	bits 3-13   size class
 *	bits 14-31  check of the other bits, of the unit and of the heap
 *
 * Sizes are classes: each number of units below 128, then 64 from each power of two to the next, as
 * floating-point numbers are. A block in use has just the size of its class. A free one may be
 * larger, its class is the one below, and it says its size in the block itself.
 *
 * The check is multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4) by 2^64 over
 * the golden ratio. Multiples of that by up to 2^14 are at least 2^64 / 36636 apart, so headers
 *that differ in the lower 16 bits only would have checks that differ in the upper 16: a header is
 * never taken for sound when only one half of it was overwritten, as by a string that is a byte
 * too long. When all of it was, it is once in 262,144 times.
 */
#ifndef BLKMEND_METAL_BLOCK_H
#define BLKMEND_METAL_BLOCK_H

#include "core/port.h"
#include "heap.h"

#define BLOCK_FREE       1u
#define BLOCK_AFTER_FREE 2u
#define BLOCK_SHELVED    4u
#define BLOCK_CLASS      3 /* shift */
#define BLOCK_CHECK      14
#define BLOCK_GOLDEN     0x9e3779b97f4a7c15ull

#define BLOCK_UNSOUND 1u         /* unit of a block that is never sound */
#define BLOCK_SPOILT  (1u << 31) /* a sound header with this bit changed is not */

typedef u32 __attribute__((may_alias)) block_word;

struct heap_ops {
	void *(*alloc)(struct heap *heap, size_t size);
	/* alignment: units, a power of two, more than 1; it and size are at most HEAP_LARGEST. */
	void *(*aligned_alloc)(struct heap *heap, u32 alignment, size_t size);
	/* The block in use at unit, in its place: 1; 0: there is no room; -1: damage, reported. */
	int (*resize)(struct heap *heap, u32 unit, size_t size);
	void (*free)(struct heap *heap, void *ptr);
	/* Of the free block at unit, whose header is right, its size in units; 0: damaged. */
	u32 (*free_units)(struct heap *heap, u32 unit);
	/* heap_check() of what is not blocks; usage is of the blocks, all but ->largest. */
	size_t (*check)(struct heap *heap, struct heap_usage *usage);
};

struct heap {
	u32 nothing[4]; /* at unit 0, which is no block; links of no block are written here */
	const struct heap_ops *ops;
	heap_report *report;
	void *context;
	u64 key;   /* differs from heap to heap */
	u32 first; /* unit of the first block */
	u32 end;   /* past the last block; there is a header here too, of class 0 */
	u32 limit; /* how far the memory goes */
};

static inline block_word *block_at(struct heap *heap, u32 unit)
{
	return (block_word *)((u8 *)heap + (size_t)unit * HEAP_ALIGN);
}

static inline u32 block_class(u32 units)
{
	u32 shift = 25 - (u32)__builtin_clz(units | 64);

	return (shift << 6) + (units >> shift);
}

/* The smallest class whose blocks all have at least as many units, which are at least 1. */
static inline u32 block_class_for(u32 units)
{
	return block_class(units - 1) + 1;
}

static inline u32 block_class_units(u32 class)
{
	u32 level = class >> 6, shift = level - (level > 0);

	return (class - (shift << 6)) << shift;
}

/* To hold size bytes, at most HEAP_LARGEST. */
static inline u32 block_units_for(size_t size)
{
	return (u32)((size + sizeof(block_word) + HEAP_ALIGN - 1) / HEAP_ALIGN);
}

static inline size_t block_bytes(u32 units)
{
	return (size_t)units * HEAP_ALIGN - sizeof(block_word);
}

/* Of a header with these bits at unit; its upper 18 bits are the check. */
static inline u64 block_product(const struct heap *heap, u32 unit, u32 bits)
{
	return ((u64)unit << BLOCK_CHECK | bits) * BLOCK_GOLDEN + heap->key;
}

static inline u32 block_sealed(u64 product, u32 bits)
{
	return bits | (u32)(product >> (32 + BLOCK_CHECK)) << BLOCK_CHECK;
}

static inline u32 block_bits(u32 header)
{
	return header & ((1u << BLOCK_CHECK) - 1);
}

static inline bool block_is_sound(const struct heap *heap, u32 unit, u32 header)
{
	u64 product = block_product(heap, unit, block_bits(header));

	return product >> (32 + BLOCK_CHECK) == header >> BLOCK_CHECK;
}

static inline void block_set(struct heap *heap, u32 unit, u32 bits)
{
	block_at(heap, unit)[-1] = block_sealed(block_product(heap, unit, bits), bits);
}

/* In use, or on a shelf. */
static inline u32 block_units(u32 header)
{
	return block_class_units(block_bits(header) >> BLOCK_CLASS);
}

/*
 * The block after the one at unit, with this header. If that has been overwritten and passed its
 * check by accident it may lead anywhere: out of the heap, the answer is a block that is never
 * sound.
 */
static inline u32 block_next(const struct heap *heap, u32 unit, u32 header)
{
	u32 next = unit + block_units(header);

	return next <= heap->end ? next : BLOCK_UNSOUND;
}

/* A heap in memory, with all fields made but first and end; NULL: there is too little. */
struct heap *block_start(void *memory, size_t size, const struct heap_ops *ops);

/* Look at all blocks and count them in usage, up to one that is damaged; how many are. */
size_t block_walk(struct heap *heap, struct heap_usage *usage);

void block_report(struct heap *heap, enum heap_fault fault, u32 unit);

/* ptr is not a block in use, or its header is damaged: report what is the matter. */
void block_blame(struct heap *heap, const void *ptr);

/* The unit of the block in use at ptr; 0, and reported, if that is none. */
static inline u32 block_find(struct heap *heap, const void *ptr)
{
	size_t offset = (uintptr_t)ptr - (uintptr_t)heap;
	/* Rotated: what is not aligned becomes large. */
	size_t unit = offset / HEAP_ALIGN | offset << (8 * sizeof(offset) - 4);
	u32 header;

	if (unit - 1 < heap->end - 1) {
		header = block_at(heap, (u32)unit)[-1];
		if (!(header & (BLOCK_FREE | BLOCK_SHELVED)) &&
		    block_is_sound(heap, (u32)unit, header))
			return (u32)unit;
	}
	block_blame(heap, ptr);
	return 0;
}

#endif
