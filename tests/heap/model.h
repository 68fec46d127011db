/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A heap beside a list of what must be in it. Steps are words, from a random generator, a fuzzer or
 * a list, and do the same in every heap. Needs nothing but heap.h, so it runs on the metal too.
 */
#ifndef HEAP_MODEL_H
#define HEAP_MODEL_H

#include "core/port.h"
#include "hosts/metal/heap.h"

#define HEAP_MODEL_SLOTS 128

struct heap_model_block {
	u8 *ptr; /* NULL: none */
	size_t size;
	u8 seed; /* of what is in it */
};

struct heap_model {
	struct heap *heap;
	/* What does not hold. If this returns, it is passed over. */
	void (*fail)(const char *what, size_t found, size_t expected);
	struct heap_model_block block[HEAP_MODEL_SLOTS];
	u32 steps, refused; /* done; allocations that gave NULL */
	u32 faults;         /* reported by the heap */
	enum heap_fault fault;
	const void *address; /* of the last */
	bool hostile;        /* memory has been written to: faults are to be expected */
};

/* In a heap that is new. */
void heap_model_start(struct heap_model *model, struct heap *heap,
		      void (*fail)(const char *what, size_t found, size_t expected));

/*
 * bits 0-2 what, 3-9 on which block, 10-31 how much. Fails if what the heap does is wrong: a block
 * out of line, over another, or whose contents have changed; a fault reported, unless it is
 * hostile.
 */
void heap_model_step(struct heap_model *model, u32 word);

/* All contents, and heap_check(). */
void heap_model_check(struct heap_model *model);

/* Free all that is left. */
void heap_model_empty(struct heap_model *model);

/* Is [at, at + size) apart from all blocks and their headers? */
bool heap_model_is_apart(const struct heap_model *model, const u8 *at, size_t size);

/* splitmix64 */
static inline u64 heap_model_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

#endif
