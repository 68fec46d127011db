/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the index share: a heap that counts, dice, short forms.
 *
 * Random tests print their seed; BM_SEED=n repeats one.
 */
#ifndef BLKMEND_INDEX_FIXTURE_H
#define BLKMEND_INDEX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/index.h"

#define TB4_BLOCKS (4000000000000ull / 512)

/*
 * A heap that counts, and fails on request.
 */

struct heap {
	u64 live;             /* bytes as asked for */
	u64 chunks;           /* bytes as glibc rounds them, its header included */
	u64 calls;            /* of alloc */
	u64 fail_at;          /* this call fails; 0: none does */
	unsigned fail_one_in; /* each call fails with this chance; 0: none does */
	bool failed;
	u64 retired; /* pieces given to retire */
};

static u64 rng_state;

static inline u64 rng(void)
{
	u64 z = rng_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline u64 below(u64 n)
{
	return rng() % n;
}

static inline void rng_seed(void)
{
	const char *given = getenv("BM_SEED");

	rng_state = given ? strtoull(given, NULL, 0) : (u64)time(NULL);
	print_message("BM_SEED=%llu\n", (unsigned long long)rng_state);
}

static inline u64 chunk_size(size_t size)
{
	u64 chunk = (size + 8 + 15) & ~15ull;

	return chunk < 32 ? 32 : chunk;
}

static inline void *heap_alloc(void *ctx, size_t size)
{
	struct heap *heap = ctx;
	void *ptr;

	heap->calls++;
	if (heap->calls == heap->fail_at || (heap->fail_one_in && below(heap->fail_one_in) == 0)) {
		heap->failed = true;
		return NULL;
	}
	ptr = malloc(size);
	assert_non_null(ptr);
	memset(ptr, 0xa5, size < 64 ? size : 64);
	heap->live += size;
	heap->chunks += chunk_size(size);
	return ptr;
}

static inline void heap_free(void *ctx, void *ptr, size_t size)
{
	struct heap *heap = ctx;

	assert_non_null(ptr);
	assert_true(heap->live >= size);
	heap->live -= size;
	heap->chunks -= chunk_size(size);
	free(ptr);
}

static inline void heap_retire(void *ctx, void *ptr, size_t size)
{
	((struct heap *)ctx)->retired++;
	heap_free(ctx, ptr, size);
}

static inline struct bm_mem heap_mem(struct heap *heap)
{
	return (struct bm_mem){ heap, heap_alloc, heap_free, heap_retire };
}

/*
 * Short forms.
 */

static inline struct bm_entry entry(u64 block, u64 count, u64 spare, enum bm_state state, bool cont)
{
	return (struct bm_entry){ block, spare, (u32)count, state, cont };
}

static inline int stage(struct bm_index *index, u64 block, u64 count, u64 spare)
{
	struct bm_entry e = entry(block, count, spare, BM_MAPPED, false);

	return bm_index_stage(index, &e);
}

static inline int unstage(struct bm_index *index, u64 block, u64 count)
{
	struct bm_entry e = entry(block, count, 0, BM_UNMAPPED, false);

	return bm_index_stage(index, &e);
}

static inline void add(struct bm_index *index, u64 block, u64 count, u64 spare)
{
	assert_int_equal(stage(index, block, count, spare), 0);
	bm_index_publish(index);
}

static inline void take(struct bm_index *index, u64 block, u64 count)
{
	assert_int_equal(unstage(index, block, count), 0);
	bm_index_publish(index);
}

static inline void work(struct bm_index *index)
{
	u32 from, to;

	bm_index_work(index, &from, &to);
}

static inline void settle(struct bm_index *index)
{
	u32 from, to;

	while (bm_index_work(index, &from, &to) != BM_RESIZE_NONE || index->next)
		;
}

static inline void assert_entry(const struct bm_entry *e, u64 block, u64 count, u64 spare,
				enum bm_state state, bool cont)
{
	assert_int_equal(e->block, block);
	assert_int_equal(e->count, count);
	assert_int_equal(e->spare, spare);
	assert_int_equal(e->state, state);
	assert_int_equal(e->cont, cont);
}

static inline void start(struct bm_index *index, struct heap *heap, u64 space)
{
	struct bm_mem mem = heap_mem(heap);

	*heap = (struct heap){ 0 };
	assert_int_equal(bm_index_init(index, &mem, space), 0);
}

static inline void finish(struct bm_index *index, struct heap *heap)
{
	assert_int_equal(index->bytes, heap->live);
	bm_index_destroy(index);
	assert_int_equal(heap->live, 0);
}

#endif
