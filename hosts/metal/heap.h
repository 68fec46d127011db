/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to allocate from, without a libc: two allocators behind one interface, in any piece of
 * memory that the caller has.
 *
 * The bump allocator gives out memory in order and takes it back when the newest block is freed, or
 * when all are: small, and with hardly anything to go wrong. The free list takes back every block
 * and joins neighbours. Each call takes constant time at most, but for heap_calloc(), which clears,
 * and heap_realloc(), which may copy. In the free list the longest is an allocation that is about
 * to fail: it first joins up to 600 blocks that were kept for reuse as they were.
 *
 * A block is 16-byte aligned and has 4 bytes in front of it that hold its size, its state and a
 * check of both and of its place. So what a program does wrong is found when the block, or the
 * one in front of it, is next freed or resized, or a free one is taken. It is then reported; the
 * call does nothing else (one that gives memory looks elsewhere, or gives NULL), and the blocks in
 * question are never used again. Nothing that is written to blocks makes a call run for ever, or
 * touch memory outside of the heap. That the struct heap itself, at the start of its memory, is
 * overwritten is found by heap_check() at best.
 *
 * Nothing here locks or sleeps: one caller at a time for each heap, interrupt handlers included.
 */
#ifndef BLKMEND_METAL_HEAP_H
#define BLKMEND_METAL_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_ALIGN    16u
#define HEAP_SMALLEST (64u << 10)  /* bytes of memory that a heap needs at least */
#define HEAP_LARGEST  (255u << 20) /* and can use at most */
#define BUMP_SIZE     (256u << 10) /* bytes of a bump allocator where nothing else is said */

enum heap_fault {
	HEAP_DOUBLE_FREE, /* the block has been freed already */
	HEAP_INTERIOR,    /* the pointer is into a block, not to its start */
	HEAP_FOREIGN,     /* the pointer is not into this heap's blocks */
	HEAP_OVERRUN,     /* the 4 bytes in front of the block have been overwritten */
	HEAP_STALE,       /* a free block has been written to: its links are damaged */
	HEAP_DAMAGED,     /* the struct heap has been overwritten */
};

/* What was found, and where: the pointer that was given, or the block that is damaged. */
typedef void heap_report(void *context, enum heap_fault fault, const void *address);

struct heap;

/*
 * Make a heap of size bytes of memory, at any alignment, which are the heap's until they are used
 * for something else. NULL if they are less than HEAP_SMALLEST; of what is more than HEAP_LARGEST
 * no use is made. Nothing is reported until heap_on_fault() is called.
 */
struct heap *bump_init(void *memory, size_t size);
struct heap *freelist_init(void *memory, size_t size);

/* report may be NULL. It is called by what finds the fault, and must not use the heap. */
void heap_on_fault(struct heap *heap, heap_report *report, void *context);

/* In words, as "double free". */
const char *heap_fault_name(enum heap_fault fault);

/*
 * At least size bytes, or NULL if there is no block that large. Of 0 bytes: a block like any other,
 * that can be freed.
 */
void *heap_alloc(struct heap *heap, size_t size);

/* count * size bytes, all 0; NULL too if that is more than a size_t holds. */
void *heap_calloc(struct heap *heap, size_t count, size_t size);

/* alignment: a power of two, or NULL is the answer. size need not be a multiple of it. */
void *heap_aligned_alloc(struct heap *heap, size_t alignment, size_t size);

/*
 * The block's contents in size bytes, in the same place if that is possible. NULL if there is no
 * block that large; ptr is as it was then. A ptr of NULL allocates; a size of 0 is no special case.
 */
void *heap_realloc(struct heap *heap, void *ptr, size_t size);

/* NULL is nothing. */
void heap_free(struct heap *heap, void *ptr);

/* Bytes that the block has, at least those asked for; 0, and reported, if ptr is not a block. */
size_t heap_usable(struct heap *heap, void *ptr);

struct heap_usage {
	size_t blocks; /* in use, and not lost */
	size_t used;   /* bytes in them, 4 in front of each included */
	size_t free;   /* bytes in free blocks, likewise */
	size_t free_blocks;
	size_t largest; /* bytes that heap_alloc() would surely give now */
};

/*
 * Look at every block and every list, in time that grows with their number. Reports each fault
 * found and counts them. usage, if not NULL, is of the blocks up to the first fault.
 */
size_t heap_check(struct heap *heap, struct heap_usage *usage);

#endif
