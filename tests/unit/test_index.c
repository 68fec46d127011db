// SPDX-License-Identifier: GPL-2.0-only
/*
 * The index finds what was mapped and nothing else, at every size it takes, whatever fails.
 *
 * Random tests print their seed; BM_SEED=n repeats one.
 */
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

static u64 rng(void)
{
	u64 z = rng_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static u64 below(u64 n)
{
	return rng() % n;
}

static void rng_seed(void)
{
	const char *given = getenv("BM_SEED");

	rng_state = given ? strtoull(given, NULL, 0) : (u64)time(NULL);
	print_message("BM_SEED=%llu\n", (unsigned long long)rng_state);
}

static u64 chunk_size(size_t size)
{
	u64 chunk = (size + 8 + 15) & ~15ull;

	return chunk < 32 ? 32 : chunk;
}

static void *heap_alloc(void *ctx, size_t size)
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

static void heap_free(void *ctx, void *ptr, size_t size)
{
	struct heap *heap = ctx;

	assert_non_null(ptr);
	assert_true(heap->live >= size);
	heap->live -= size;
	heap->chunks -= chunk_size(size);
	free(ptr);
}

static void heap_retire(void *ctx, void *ptr, size_t size)
{
	((struct heap *)ctx)->retired++;
	heap_free(ctx, ptr, size);
}

static struct bm_mem heap_mem(struct heap *heap)
{
	return (struct bm_mem){ heap, heap_alloc, heap_free, heap_retire };
}

/*
 * Short forms.
 */

static struct bm_entry entry(u64 block, u64 count, u64 spare, enum bm_state state, bool cont)
{
	return (struct bm_entry){ block, spare, (u32)count, state, cont };
}

static int stage(struct bm_index *index, u64 block, u64 count, u64 spare)
{
	struct bm_entry e = entry(block, count, spare, BM_MAPPED, false);

	return bm_index_stage(index, &e);
}

static int unstage(struct bm_index *index, u64 block, u64 count)
{
	struct bm_entry e = entry(block, count, 0, BM_UNMAPPED, false);

	return bm_index_stage(index, &e);
}

static void add(struct bm_index *index, u64 block, u64 count, u64 spare)
{
	assert_int_equal(stage(index, block, count, spare), 0);
	bm_index_publish(index);
}

static void take(struct bm_index *index, u64 block, u64 count)
{
	assert_int_equal(unstage(index, block, count), 0);
	bm_index_publish(index);
}

static void work(struct bm_index *index)
{
	u32 from, to;

	bm_index_work(index, &from, &to);
}

static void settle(struct bm_index *index)
{
	u32 from, to;

	while (bm_index_work(index, &from, &to) != BM_RESIZE_NONE || index->next)
		;
}

static void assert_entry(const struct bm_entry *e, u64 block, u64 count, u64 spare,
			 enum bm_state state, bool cont)
{
	assert_int_equal(e->block, block);
	assert_int_equal(e->count, count);
	assert_int_equal(e->spare, spare);
	assert_int_equal(e->state, state);
	assert_int_equal(e->cont, cont);
}

static void start(struct bm_index *index, struct heap *heap, u64 space)
{
	struct bm_mem mem = heap_mem(heap);

	*heap = (struct heap){ 0 };
	assert_int_equal(bm_index_init(index, &mem, space), 0);
}

static void finish(struct bm_index *index, struct heap *heap)
{
	assert_int_equal(index->bytes, heap->live);
	bm_index_destroy(index);
	assert_int_equal(heap->live, 0);
}

/*
 * What a single change does.
 */

static void an_empty_index_finds_nothing(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	assert_false(bm_index_find(&index, 0, 1000000, &e));
	assert_false(bm_index_find(&index, 999999, ~0ull, &e));
	assert_false(bm_index_find(&index, BM_MAX_BLOCKS, 1, &e));
	assert_false(bm_index_find(&index, ~0ull, ~0ull, &e));
	assert_false(bm_index_find(&index, 5, 0, &e));
	assert_false(bm_index_next(&index, 0, &e));
	finish(&index, &heap);
}

static void find_clips_to_the_range_asked_for_and_next_does_not(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	add(&index, 100, 50, 7000);
	assert_true(bm_index_find(&index, 120, 5, &e));
	assert_entry(&e, 120, 5, 7020, BM_MAPPED, false);
	assert_true(bm_index_find(&index, 0, ~0ull, &e));
	assert_entry(&e, 100, 50, 7000, BM_MAPPED, false);
	assert_true(bm_index_find(&index, 149, 1, &e));
	assert_entry(&e, 149, 1, 7049, BM_MAPPED, false);
	assert_false(bm_index_find(&index, 150, 1, &e));
	assert_false(bm_index_find(&index, 99, 1, &e));
	assert_false(bm_index_find(&index, 120, 0, &e));
	assert_true(bm_index_next(&index, 149, &e));
	assert_entry(&e, 100, 50, 7000, BM_MAPPED, false);
	assert_false(bm_index_next(&index, 150, &e));
	finish(&index, &heap);
}

static void a_place_without_a_spare_block_stays_without_one(void **state)
{
	struct bm_entry e = entry(100, 50, BM_NO_BLOCK, BM_PENDING, false);
	struct bm_index index;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	assert_int_equal(bm_index_stage(&index, &e), 0);
	bm_index_publish(&index);
	assert_true(bm_index_find(&index, 120, 5, &e));
	assert_entry(&e, 120, 5, BM_NO_BLOCK, BM_PENDING, false);
	take(&index, 110, 10);
	assert_true(bm_index_next(&index, 110, &e));
	assert_entry(&e, 120, 30, BM_NO_BLOCK, BM_PENDING, false);
	finish(&index, &heap);
}

static void the_last_block_there_can_be_is_mapped_like_any_other(void **state)
{
	const u64 last = BM_MAX_BLOCKS - 2;
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, BM_MAX_BLOCKS - 1);
	add(&index, last, 1, BM_NO_BLOCK - 1);
	assert_true(bm_index_find(&index, 0, ~0ull, &e));
	assert_entry(&e, last, 1, BM_NO_BLOCK - 1, BM_MAPPED, false);
	assert_int_equal(stage(&index, last, 2, 0), -EINVAL);
	assert_int_equal(stage(&index, 0, 2, BM_NO_BLOCK - 1), -EINVAL);
	take(&index, last, 1);
	assert_false(bm_index_find(&index, 0, ~0ull, &e));
	finish(&index, &heap);
}

static void nonsense_is_refused(void **state)
{
	struct bm_entry bad = entry(5, 1, 5, (enum bm_state)(BM_BAD + 1), false);
	struct bm_index index;
	struct heap heap;
	struct bm_mem mem = heap_mem(&heap);

	(void)state;
	assert_int_equal(bm_index_init(&index, &mem, BM_MAX_BLOCKS), -EFBIG);
	bm_index_destroy(&index);
	start(&index, &heap, 1000);
	assert_int_equal(bm_index_stage(&index, &bad), -EINVAL);
	assert_int_equal(stage(&index, 5, 0, 5), -EINVAL);
	assert_int_equal(stage(&index, 999, 2, 5), -EINVAL);
	assert_int_equal(stage(&index, 1001, 1, 5), -EINVAL);
	assert_int_equal(unstage(&index, ~0ull, 1), -EINVAL);
	bm_index_publish(&index);
	assert_int_equal(index.entries, 0);
	finish(&index, &heap);
}

static void staged_changes_are_seen_by_peek_only_until_published(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	assert_int_equal(stage(&index, 100, 10, 7000), 0);
	assert_int_equal(index.entries + index.runs + index.blocks[BM_MAPPED], 0);
	assert_false(bm_index_find(&index, 0, ~0ull, &e));
	assert_true(bm_index_peek(&index, 0, ~0ull, &e));
	bm_index_abort(&index);
	assert_false(bm_index_peek(&index, 0, ~0ull, &e));
	assert_int_equal(stage(&index, 100, 10, 7000), 0);
	bm_index_publish(&index);
	assert_int_equal(unstage(&index, 0, 1000000), 0);
	assert_false(bm_index_peek(&index, 0, ~0ull, &e));
	assert_true(bm_index_find(&index, 0, ~0ull, &e));
	assert_int_equal(index.blocks[BM_MAPPED], 10);
	bm_index_publish(&index);
	assert_false(bm_index_find(&index, 0, ~0ull, &e));
	assert_int_equal(index.blocks[BM_MAPPED], 0);
	finish(&index, &heap);
}

static void a_removal_of_everything_costs_only_what_is_there(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;
	u64 i;

	(void)state;
	start(&index, &heap, BM_MAX_BLOCKS - 1);
	for (i = 0; i < 100; i++)
		add(&index, i << 22, 3, i * 3);
	take(&index, 1, 0xffffffff);
	assert_int_equal(index.runs, 1);
	assert_true(bm_index_next(&index, 0, &e));
	assert_entry(&e, 0, 1, 0, BM_MAPPED, false);
	assert_false(bm_index_next(&index, 1, &e));
	finish(&index, &heap);
}

/*
 * Runs.
 */

static void a_run_over_regions_counts_once(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	add(&index, 2000, 5000, 100);
	assert_int_equal(index.runs, 1);
	assert_int_equal(index.entries, 4);
	assert_int_equal(index.blocks[BM_MAPPED], 5000);
	assert_true(bm_index_next(&index, 2048, &e));
	assert_entry(&e, 2048, 2048, 148, BM_MAPPED, true);
	finish(&index, &heap);
}

static void what_remains_of_a_run_without_its_start_is_a_run(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	add(&index, 2000, 5000, 100);
	take(&index, 2000, 48);
	assert_int_equal(index.runs, 1);
	assert_true(bm_index_next(&index, 0, &e));
	assert_entry(&e, 2048, 2048, 148, BM_MAPPED, false);
	take(&index, 3000, 1);
	assert_int_equal(index.runs, 2);
	assert_true(bm_index_next(&index, 4096, &e));
	assert_true(e.cont);
	take(&index, 3001, 1095);
	assert_int_equal(index.runs, 2);
	assert_true(bm_index_next(&index, 4096, &e));
	assert_false(e.cont);
	take(&index, 0, 1000000);
	assert_int_equal(index.runs, 0);
	finish(&index, &heap);
}

static void a_block_that_changes_its_state_stays_in_its_run_when_told_so(void **state)
{
	struct bm_entry lost = entry(150, 1, 7050, BM_LOST, true);
	struct bm_entry good = entry(150, 1, 7050, BM_MAPPED, true);
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	add(&index, 100, 100, 7000);
	assert_int_equal(bm_index_stage(&index, &lost), 0);
	bm_index_publish(&index);
	assert_int_equal(index.runs, 1);
	assert_int_equal(index.entries, 3);
	assert_int_equal(index.blocks[BM_LOST], 1);
	assert_int_equal(index.blocks[BM_MAPPED], 99);
	assert_int_equal(bm_index_stage(&index, &good), 0);
	bm_index_publish(&index);
	assert_int_equal(index.entries, 1);
	assert_true(bm_index_next(&index, 0, &e));
	assert_entry(&e, 100, 100, 7000, BM_MAPPED, false);
	finish(&index, &heap);
}

static void a_piece_that_continues_joins_what_is_before_it(void **state)
{
	struct bm_entry more = entry(110, 5, 7010, BM_MAPPED, true);
	struct bm_entry away = entry(115, 5, 9000, BM_MAPPED, true);
	struct bm_entry alone = entry(500, 5, 9100, BM_MAPPED, true);
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1000000);
	add(&index, 100, 10, 7000);
	assert_int_equal(bm_index_stage(&index, &more), 0);
	assert_int_equal(bm_index_stage(&index, &away), 0);
	assert_int_equal(bm_index_stage(&index, &alone), 0);
	bm_index_publish(&index);
	assert_int_equal(index.entries, 3);
	assert_int_equal(index.runs, 2);
	assert_true(bm_index_next(&index, 0, &e));
	assert_entry(&e, 100, 15, 7000, BM_MAPPED, false);
	assert_true(bm_index_next(&index, 115, &e));
	assert_entry(&e, 115, 5, 9000, BM_MAPPED, true);
	assert_true(bm_index_next(&index, 500, &e));
	assert_entry(&e, 500, 5, 9100, BM_MAPPED, false);
	finish(&index, &heap);
}

static void saying_again_what_is_there_allocates_and_stages_nothing(void **state)
{
	struct bm_index index;
	struct heap heap;
	u64 calls, i;

	(void)state;
	start(&index, &heap, 1000000);
	for (i = 0; i < 50; i++)
		add(&index, i * 3000, 2500, i * 2500);
	calls = heap.calls;
	for (i = 0; i < 50; i++)
		add(&index, i * 3000, 2500, i * 2500);
	take(&index, 2500, 500);
	assert_int_equal(heap.calls, calls);
	assert_int_equal(index.runs, 50);
	finish(&index, &heap);
}

/*
 * Growth.
 */

static void log_work(struct bm_index *index, char *log, size_t size)
{
	size_t used = strlen(log);
	u32 from, to;

	switch (bm_index_work(index, &from, &to)) {
	case BM_RESIZE_STARTED:
		snprintf(log + used, size - used, "%u -> %u at %llu\n", from, to,
			 (unsigned long long)index->runs);
		break;
	case BM_RESIZE_DONE:
		snprintf(log + used, size - used, "%u -> %u done\n", from, to);
		break;
	case BM_RESIZE_NONE:
		break;
	}
}

static void the_table_grows_at_25_16_of_its_buckets(void **state)
{
	char log[1000] = "";
	struct bm_index index;
	struct heap heap;
	u64 i;

	(void)state;
	start(&index, &heap, TB4_BLOCKS);
	for (i = 0; i < 103000; i++) {
		add(&index, i * 70001 % TB4_BLOCKS, 1, i);
		log_work(&index, log, sizeof(log));
		if (i == 101 || i == 401 || i == 1601 || i == 12801)
			assert_null(index.next);
	}
	assert_string_equal(log, "64 -> 256 at 100\n64 -> 256 done\n"
				 "256 -> 1024 at 400\n256 -> 1024 done\n"
				 "1024 -> 8192 at 1600\n1024 -> 8192 done\n"
				 "8192 -> 65536 at 12800\n8192 -> 65536 done\n"
				 "65536 -> 262144 at 102400\n65536 -> 262144 done\n");
	assert_int_equal(index.resizes, 5);
	finish(&index, &heap);
}

static void the_table_shrinks_at_a_quarter_of_what_grew_it(void **state)
{
	char log[1000] = "";
	struct bm_index index;
	struct heap heap;
	struct bm_entry e;
	u64 i;

	(void)state;
	start(&index, &heap, TB4_BLOCKS);
	for (i = 0; i < 102400; i++) {
		add(&index, i * 70001 % TB4_BLOCKS, 1, i);
		work(&index);
	}
	settle(&index);
	for (i = 102400; i--;) {
		take(&index, i * 70001 % TB4_BLOCKS, 1);
		log_work(&index, log, sizeof(log));
		if (i == 1000 && !index.next)
			add(&index, i * 70001 % TB4_BLOCKS, 1, i);
	}
	assert_string_equal(log, "262144 -> 65536 at 25599\n262144 -> 65536 done\n"
				 "65536 -> 8192 at 3199\n65536 -> 8192 done\n"
				 "8192 -> 1024 at 399\n8192 -> 1024 done\n"
				 "1024 -> 256 at 99\n1024 -> 256 done\n"
				 "256 -> 64 at 24\n256 -> 64 done\n");
	assert_true(bm_index_next(&index, 0, &e));
	assert_int_equal(e.spare, 1000);
	assert_false(bm_index_next(&index, e.block + 1, &e));
	finish(&index, &heap);
}

static void the_schedule_is_the_one_people_monitor(void **state)
{
	static const u32 sizes[] = { 64, 256, 1024, 8192, 65536, 262144, 1048576 };
	unsigned i;

	(void)state;
	for (i = 0; i + 1 < sizeof(sizes) / sizeof(*sizes); i++) {
		assert_int_equal(bm_index_grown(sizes[i]), sizes[i + 1]);
		assert_int_equal(bm_index_shrunk(sizes[i + 1]), sizes[i]);
	}
	assert_int_equal(bm_index_shrunk(64), 64);
	assert_int_equal(bm_index_grown(1u << 30), 1u << 30);
}

static void long_runs_make_the_table_grow_too(void **state)
{
	struct bm_index index;
	struct heap heap;
	u64 i;

	(void)state;
	start(&index, &heap, 1u << 30);
	for (i = 0; i < 600; i++)
		add(&index, i << 12, 4096, i << 12);
	add(&index, 600ull << 12, 1u << 21, 600ull << 12);
	assert_int_equal(index.entries, 2 * 600 + 1024);
	settle(&index);
	assert_true(index.buckets * 8 > index.entries);
	finish(&index, &heap);
}

/*
 * Against an array that says of each block what it is. Its islands, four regions each, lie
 * apart in the space of the index, so that few blocks can be spread over much.
 */

#define ISLAND (4 * BM_REGION)

struct model {
	unsigned islands;
	u64 at[64]; /* where each is in the index, ascending */
	u64 blocks;
	u8 *state;
	bool *start;
	u64 *spare;
};

static void model_make(struct model *m, unsigned islands, u64 space)
{
	unsigned i;

	m->islands = islands;
	m->blocks = (u64)islands * ISLAND;
	/* A gap of at least a region: what islands do is no business of their neighbours. */
	for (i = 0; i < islands; i++)
		m->at[i] = space / islands / BM_REGION * BM_REGION * i;
	m->state = calloc(m->blocks, sizeof(*m->state));
	m->start = calloc(m->blocks, sizeof(*m->start));
	m->spare = calloc(m->blocks, sizeof(*m->spare));
	assert_true(m->state && m->start && m->spare);
}

static void model_free(struct model *m)
{
	free(m->state);
	free(m->start);
	free(m->spare);
}

/* Copy what changing e's range may have changed: one block more. */
static void model_copy(struct model *to, const struct model *from, const struct bm_entry *e)
{
	u64 i = e->block, n = e->count + (i + e->count < from->blocks);

	memcpy(to->state + i, from->state + i, n * sizeof(*from->state));
	memcpy(to->start + i, from->start + i, n * sizeof(*from->start));
	memcpy(to->spare + i, from->spare + i, n * sizeof(*from->spare));
}

static u64 model_block(const struct model *m, u64 i)
{
	return m->at[i / ISLAND] + i % ISLAND;
}

static bool model_mapped_before(const struct model *m, u64 i)
{
	return i % ISLAND && m->state[i - 1];
}

/* e->block is the model's. */
static void model_set(struct model *m, const struct bm_entry *e)
{
	u64 i, end = e->block + e->count;

	for (i = e->block; i < end; i++) {
		m->start[i] = false;
		m->state[i] = (u8)e->state;
		m->spare[i] = e->spare == BM_NO_BLOCK ? BM_NO_BLOCK : e->spare + i - e->block;
	}
	if (e->state)
		m->start[e->block] = !(e->cont && model_mapped_before(m, e->block));
	else if (end % ISLAND && m->state[end])
		m->start[end] = true;
}

static bool model_goes_on(const struct model *m, u64 i)
{
	if (i % BM_REGION == 0 || m->start[i] || m->state[i] != m->state[i - 1])
		return false;
	return m->spare[i] == m->spare[i - 1] + (m->spare[i - 1] != BM_NO_BLOCK);
}

/* The entry around or after block i, as stored; and where it ends in the model. */
static bool model_walk(const struct model *m, u64 i, struct bm_entry *e, u64 *after)
{
	u64 end;

	while (i < m->blocks && !m->state[i])
		i++;
	if (i == m->blocks)
		return false;
	while (model_goes_on(m, i))
		i--;
	for (end = i + 1; end < m->blocks && model_goes_on(m, end);)
		end++;
	*e = entry(model_block(m, i), end - i, m->spare[i], m->state[i], !m->start[i]);
	*after = end;
	return true;
}

static bool model_next(const struct model *m, u64 i, struct bm_entry *e)
{
	u64 after;

	return model_walk(m, i, e, &after);
}

static bool model_find(const struct model *m, u64 i, u64 count, struct bm_entry *e)
{
	u64 block = model_block(m, i), cut;

	if (!model_next(m, i, e) || e->block >= block + count)
		return false;
	if (e->block < block) {
		cut = block - e->block;
		e->count -= (u32)cut;
		e->block = block;
		e->spare += e->spare == BM_NO_BLOCK ? 0 : cut;
	}
	if (e->count > block + count - e->block)
		e->count = (u32)(block + count - e->block);
	return true;
}

static void assert_same(bool have, const struct bm_entry *a, bool want, const struct bm_entry *b)
{
	assert_int_equal(have, want);
	if (want)
		assert_entry(a, b->block, b->count, b->spare, b->state, b->cont);
}

/* Everything there is, in order, and the counts of it. */
static void assert_published(const struct bm_index *index, const struct model *m)
{
	u64 runs = 0, entries = 0, blocks[BM_BAD + 1] = { 0 }, i = 0, at = 0;
	struct bm_entry a, b;
	bool have, want;
	int s;

	for (;;) {
		want = model_walk(m, i, &b, &i);
		have = bm_index_next(index, at, &a);
		assert_same(have, &a, want, &b);
		if (!want)
			break;
		entries++;
		runs += !b.cont;
		blocks[b.state] += b.count;
		at = b.block + b.count;
	}
	assert_int_equal(index->runs, runs);
	assert_int_equal(index->entries, entries);
	for (s = 0; s <= BM_BAD; s++)
		assert_int_equal(index->blocks[s], blocks[s]);
}

static u64 some_count(void)
{
	switch (below(8)) {
	case 0:
		return 1 + below(3 * BM_REGION);
	case 1:
		return 1 + below(300);
	default:
		return 1 + below(6);
	}
}

/* The model's block; mostly near region boundaries or where things are dense. */
static u64 some_block(const struct model *m)
{
	u64 island = below(m->islands) * ISLAND;

	switch (below(4)) {
	case 0:
		return island + below(4) * BM_REGION + below(6);
	case 1:
		return island + (1 + below(4)) * BM_REGION - 1 - below(6);
	case 2:
		return island + below(200);
	default:
		return island + below(ISLAND);
	}
}

static void some_change(const struct model *m, struct bm_entry *e, unsigned removals)
{
	u64 i = some_block(m), count = some_count();

	if (count > ISLAND - i % ISLAND)
		count = ISLAND - i % ISLAND;
	*e = entry(i, count, below(1000) << 20 | i, BM_UNMAPPED, below(2));
	if (below(100) < removals)
		return;
	e->state = (enum bm_state)(1 + below(BM_BAD));
	if (below(8) == 0)
		e->spare = BM_NO_BLOCK;
	else if (below(2) && model_mapped_before(m, i) && m->spare[i - 1] != BM_NO_BLOCK) {
		e->spare = m->spare[i - 1] + 1;
		e->state = m->state[i - 1];
	} else if (below(4) == 0 && m->state[i]) {
		e->spare = m->spare[i];
		e->cont = !m->start[i];
		e->count = 1;
		if (below(2))
			e->state = m->state[i];
	}
}

static void compare_some(const struct bm_index *index, const struct model *staged,
			 const struct model *published, bool exclusive)
{
	u64 i = some_block(staged), count = below(3) ? some_count() : below(1ull << 41);
	struct bm_entry a, b;
	bool have, want;

	have = bm_index_peek(index, model_block(staged, i), count, &a);
	want = model_find(staged, i, count, &b);
	assert_same(have, &a, want, &b);
	if (exclusive)
		return;
	have = bm_index_find(index, model_block(published, i), count, &a);
	want = model_find(published, i, count, &b);
	assert_same(have, &a, want, &b);
	have = bm_index_next(index, model_block(published, i), &a);
	want = model_next(published, i, &b);
	assert_same(have, &a, want, &b);
}

struct trial {
	unsigned islands;
	u64 space;
	bool exclusive;
	unsigned steps;
	unsigned fail_one_in;
};

struct trial_state {
	struct bm_index index;
	struct heap heap;
	struct model published;
	struct model staged;
	unsigned changes;
	struct bm_entry change[32]; /* since publishing */
};

static void trial_stage(struct trial_state *s, unsigned removals)
{
	struct bm_entry *e = &s->change[s->changes], real;
	int err;

	some_change(&s->staged, e, removals);
	real = *e;
	real.block = model_block(&s->staged, e->block);
	s->heap.failed = false;
	err = bm_index_stage(&s->index, &real);
	if (err) {
		assert_true(err == -ENOMEM && s->heap.failed);
	} else {
		model_set(&s->staged, e);
		s->changes++;
	}
}

static void trial_end_changes(struct trial_state *s)
{
	bool publish = below(5);
	unsigned i;

	if (publish)
		bm_index_publish(&s->index);
	else
		bm_index_abort(&s->index);
	for (i = 0; i < s->changes; i++)
		model_copy(publish ? &s->published : &s->staged,
			   publish ? &s->staged : &s->published, &s->change[i]);
	s->changes = 0;
}

static void trial_step(struct trial_state *s, const struct trial *t, unsigned step)
{
	unsigned removals = step / (t->steps / 4 + 1) % 2 ? 80 : 15, n;

	for (n = below(4) ? 1 : (unsigned)below(30); n; n--) {
		trial_stage(s, removals);
		compare_some(&s->index, &s->staged, &s->published, t->exclusive);
	}
	trial_end_changes(s);
	compare_some(&s->index, &s->published, &s->published, false);
	if (below(2))
		work(&s->index);
	if (step % 64 == 0) {
		assert_published(&s->index, &s->published);
		assert_int_equal(s->index.bytes, s->heap.live);
	}
}

static void trial_run(const struct trial *t)
{
	struct trial_state s = { .changes = 0 };
	unsigned step;

	start(&s.index, &s.heap, t->space);
	model_make(&s.published, t->islands, t->space);
	model_make(&s.staged, t->islands, t->space);
	s.heap.fail_one_in = t->fail_one_in;
	bm_index_set_exclusive(&s.index, t->exclusive);
	for (step = 0; step < t->steps; step++)
		trial_step(&s, t, step);
	bm_index_set_exclusive(&s.index, false);
	assert_published(&s.index, &s.published);
	if (t->exclusive)
		assert_int_equal(s.heap.retired, 0);
	s.heap.fail_one_in = 0;
	settle(&s.index);
	assert_published(&s.index, &s.published);
	finish(&s.index, &s.heap);
	model_free(&s.published);
	model_free(&s.staged);
}

static void random_changes_end_as_in_a_plain_array(void **state)
{
	static const struct trial trials[] = {
		{ 2, 2 * (ISLAND + BM_REGION), false, 3000, 0 },
		{ 2, 2 * (ISLAND + BM_REGION), true, 3000, 0 },
		{ 64, BM_MAX_BLOCKS - 1, false, 1500, 0 },
		{ 64, 1ull << 33, false, 1500, 0 },
		{ 64, 1ull << 33, true, 1500, 0 },
	};
	unsigned i;

	(void)state;
	rng_seed();
	for (i = 0; i < sizeof(trials) / sizeof(*trials); i++)
		trial_run(&trials[i]);
}

static void random_failures_of_memory_change_nothing(void **state)
{
	static const struct trial trials[] = {
		{ 2, 2 * (ISLAND + BM_REGION), false, 2000, 4 },
		{ 2, 2 * (ISLAND + BM_REGION), true, 2000, 4 },
		{ 64, 1ull << 33, false, 1000, 3 },
		{ 64, 1ull << 33, true, 1000, 3 },
	};
	unsigned i;

	(void)state;
	rng_seed();
	for (i = 0; i < sizeof(trials) / sizeof(*trials); i++)
		trial_run(&trials[i]);
}

/*
 * Memory.
 */

/*
 * A script in which about every allocation there is takes place. What fails is tried again, so
 * it has to end the same whichever failed.
 */
struct script {
	struct heap heap;
	struct bm_index index;
	u64 sum; /* of what the index holds in the end */
};

static u64 index_sum(const struct bm_index *index, bool staged)
{
	u64 sum = index->runs, at = 0;
	struct bm_entry e;

	while (staged ? bm_index_peek(index, at, ~0ull, &e) : bm_index_next(index, at, &e)) {
		sum = (sum ^ e.block) * 0x9e3779b97f4a7c15ull + e.spare;
		sum = (sum ^ e.count) * 0x9e3779b97f4a7c15ull + e.state * 2 + e.cont;
		at = e.block + e.count;
	}
	return sum;
}

static void script_stage(struct script *s, unsigned i)
{
	struct bm_entry e = entry(i * 7919ull % 1500 << 11, i % 7 ? 1 : 5000, (u64)i << 13,
				  i % 300 < 200 ? BM_MAPPED : BM_UNMAPPED, false);
	u64 staged = 0, published = 0;
	int err;

	do {
		if (s->heap.fail_at > s->heap.calls) {
			staged = index_sum(&s->index, true);
			published = index_sum(&s->index, false);
		}
		err = bm_index_stage(&s->index, &e);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_true(s->heap.failed);
			assert_int_equal(index_sum(&s->index, true), staged);
			assert_int_equal(index_sum(&s->index, false), published);
			s->heap.fail_at = 0;
		}
	} while (err);
}

static void script_run(struct script *s, u64 fail_at, bool exclusive)
{
	struct bm_mem mem = heap_mem(&s->heap);
	unsigned i;

	s->heap = (struct heap){ .fail_at = fail_at };
	while (bm_index_init(&s->index, &mem, 1u << 22)) {
		assert_true(s->heap.failed);
		assert_int_equal(s->heap.live, 0);
	}
	bm_index_set_exclusive(&s->index, exclusive);
	for (i = 0; i < 450; i++) {
		/* Looking at everything takes long: only where the failure is due. */
		s->heap.fail_at = s->heap.calls + 40 > fail_at ? fail_at : 0;
		script_stage(s, i);
		if (i % 3 == 0)
			continue;
		if (i % 13)
			bm_index_publish(&s->index);
		else
			bm_index_abort(&s->index);
		work(&s->index);
		if (i == 250 && bm_index_set_space(&s->index, 1u << 23))
			assert_int_equal(bm_index_set_space(&s->index, 1u << 23), 0);
	}
	bm_index_publish(&s->index);
	settle(&s->index);
	bm_index_set_exclusive(&s->index, false);
	s->sum = index_sum(&s->index, false);
	finish(&s->index, &s->heap);
}

static void fail_each_allocation(bool exclusive)
{
	struct script s = { .sum = 0 };
	u64 calls, sum, n;

	script_run(&s, 0, exclusive);
	calls = s.heap.calls;
	sum = s.sum;
	for (n = 1; n <= calls; n++) {
		script_run(&s, n, exclusive);
		assert_true(s.heap.failed);
		assert_int_equal(s.sum, sum);
	}
	print_message("%llu allocations failed in turn\n", (unsigned long long)calls);
}

static void whichever_allocation_fails_nothing_changes_and_nothing_leaks(void **state)
{
	(void)state;
	fail_each_allocation(false);
	fail_each_allocation(true);
}

static void a_removal_of_more_pages_than_can_be_staged_stages_nothing(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;
	u64 sum, i;

	(void)state;
	start(&index, &heap, 1ull << 30);
	for (i = 0; i < 20000; i++) {
		add(&index, i << 11, 1, i);
		work(&index);
	}
	settle(&index);
	sum = index_sum(&index, false);
	assert_int_equal(unstage(&index, 0, 1u << 30), -ENOSPC);
	assert_int_equal(index_sum(&index, true), sum);
	bm_index_publish(&index);
	assert_int_equal(index_sum(&index, false), sum);
	/* Nobody reads: there is no such limit. */
	bm_index_set_exclusive(&index, true);
	assert_int_equal(unstage(&index, 0, 1u << 30), 0);
	assert_false(bm_index_peek(&index, 0, ~0ull, &e));
	bm_index_abort(&index);
	assert_int_equal(index_sum(&index, false), sum);
	take(&index, 0, 1u << 30);
	bm_index_set_exclusive(&index, false);
	assert_int_equal(index.entries, 0);
	settle(&index);
	assert_int_equal(index.buckets, BM_MIN_BUCKETS);
	finish(&index, &heap);
}

/* 251 records is what a caller may stage at once; a removal may touch the next region too. */
static void a_block_of_251_records_always_fits_the_stage(void **state)
{
	struct bm_index index;
	struct heap heap;
	unsigned i, turn;

	(void)state;
	rng_seed();
	start(&index, &heap, 1ull << 33);
	for (i = 0; i < 12800 / 2; i++) {
		add(&index, (u64)i << 19, 4096, (u64)i << 12);
		work(&index);
	}
	/* Now 50 entries a page are about to be spread over eight: much to split. */
	while (index.resizes < 4) {
		add(&index, below(1ull << 33), 1, i);
		work(&index);
	}
	for (turn = 0; turn < 30; turn++) {
		for (i = 0; i < 251; i++)
			assert_int_equal(unstage(&index, below(6400) << 19, 2048), 0);
		bm_index_publish(&index);
	}
	finish(&index, &heap);
}

static u64 per_thousand(const struct heap *heap, u64 n)
{
	return heap->chunks * 1000 / n;
}

/* Scattered at random over 4 TB; malloc's rounding and headers count. */
static void a_scattered_remap_costs_16_bytes_at_a_million_and_25_at_100_000(void **state)
{
	static const u64 marks[][2] = {
		{ 100000, 25000 }, { 102500, 25000 }, { 420000, 25000 }, { 1000000, 16000 }
	};
	unsigned mark = 0;
	struct bm_index index;
	struct heap heap;

	(void)state;
	rng_seed();
	start(&index, &heap, TB4_BLOCKS);
	while (mark < 4) {
		assert_int_equal(stage(&index, below(TB4_BLOCKS), 1, below(TB4_BLOCKS)), 0);
		bm_index_publish(&index);
		work(&index);
		if (index.entries < marks[mark][0])
			continue;
		print_message("%llu remaps: %llu bytes per 1000\n",
			      (unsigned long long)index.entries,
			      (unsigned long long)per_thousand(&heap, index.entries));
		assert_true(per_thousand(&heap, index.entries) <= marks[mark++][1]);
	}
	finish(&index, &heap);
}

static void loading_leaves_no_slack(void **state)
{
	struct bm_index index;
	struct heap heap;

	(void)state;
	rng_seed();
	start(&index, &heap, TB4_BLOCKS);
	bm_index_set_exclusive(&index, true);
	while (index.entries < 1000000) {
		assert_int_equal(stage(&index, below(TB4_BLOCKS), 1, below(TB4_BLOCKS)), 0);
		bm_index_publish(&index);
		work(&index);
	}
	bm_index_set_exclusive(&index, false);
	print_message("loaded: %llu bytes per 1000\n",
		      (unsigned long long)per_thousand(&heap, index.entries));
	assert_true(per_thousand(&heap, index.entries) <= 16000);
	assert_int_equal(heap.retired, 0);
	finish(&index, &heap);
}

static void a_clustered_block_costs_4_bytes(void **state)
{
	struct bm_index index;
	struct heap heap;
	u64 i;

	(void)state;
	rng_seed();
	start(&index, &heap, TB4_BLOCKS);
	for (i = 0; i < 125000; i++) {
		add(&index, below(TB4_BLOCKS / 8) * 8, 8, i * 8);
		work(&index);
	}
	print_message("clustered: %llu bytes per 1000 blocks\n",
		      (unsigned long long)per_thousand(&heap, index.blocks[BM_MAPPED]));
	assert_true(per_thousand(&heap, index.blocks[BM_MAPPED]) <= 4000);
	finish(&index, &heap);
}

static void an_emptied_index_gives_its_memory_back(void **state)
{
	struct bm_index index;
	struct heap heap;
	u64 empty, i;

	(void)state;
	start(&index, &heap, 1u << 30);
	empty = index.bytes;
	for (i = 0; i < 20000; i++) {
		add(&index, i * 50021, 3, i * 3);
		work(&index);
	}
	for (i = 0; i < 20000; i++) {
		take(&index, i * 50021, 3);
		work(&index);
	}
	settle(&index);
	assert_int_equal(index.bytes, empty);
	finish(&index, &heap);
}

static void the_space_grows_and_shrinks_to_what_is_mapped(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 5000);
	assert_int_equal(stage(&index, 5000, 1, 0), -EINVAL);
	add(&index, 4999, 1, 77);
	assert_int_equal(bm_index_set_space(&index, 1ull << 32), 0);
	add(&index, (1ull << 32) - 1, 1, 78);
	assert_true(bm_index_find(&index, 4999, 1, &e));
	assert_int_equal(bm_index_set_space(&index, (1ull << 32) - 1), -EBUSY);
	assert_int_equal(unstage(&index, 5000, (1ull << 32) - 5000), 0);
	assert_int_equal(bm_index_set_space(&index, 5000), -EBUSY);
	bm_index_publish(&index);
	assert_int_equal(bm_index_set_space(&index, 5000), 0);
	assert_int_equal(bm_index_set_space(&index, 4999), -EBUSY);
	assert_int_equal(bm_index_set_space(&index, BM_MAX_BLOCKS), -EFBIG);
	heap.fail_at = heap.calls + 1;
	assert_int_equal(bm_index_set_space(&index, 1u << 20), -ENOMEM);
	assert_int_equal(index.space, 5000);
	assert_true(bm_index_find(&index, 4999, 1, &e));
	assert_int_equal(e.spare, 77);
	finish(&index, &heap);
}

static void a_space_of_nothing_holds_nothing(void **state)
{
	struct bm_index index;
	struct bm_entry e;
	struct heap heap;

	(void)state;
	start(&index, &heap, 0);
	assert_int_equal(stage(&index, 0, 1, 0), -EINVAL);
	assert_false(bm_index_find(&index, 0, ~0ull, &e));
	assert_false(bm_index_next(&index, 0, &e));
	finish(&index, &heap);
}

static void destroying_with_changes_staged_leaks_nothing(void **state)
{
	struct bm_index index = { 0 };
	struct heap heap;
	u64 i;

	(void)state;
	bm_index_destroy(&index);
	start(&index, &heap, 1u << 30);
	for (i = 0; i < 100; i++)
		add(&index, i << 15, 3, i * 3);
	for (i = 0; i < 100; i++)
		assert_int_equal(unstage(&index, i << 15, 3), 0);
	work(&index);
	finish(&index, &heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_index_finds_nothing),
		cmocka_unit_test(find_clips_to_the_range_asked_for_and_next_does_not),
		cmocka_unit_test(a_place_without_a_spare_block_stays_without_one),
		cmocka_unit_test(the_last_block_there_can_be_is_mapped_like_any_other),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(staged_changes_are_seen_by_peek_only_until_published),
		cmocka_unit_test(a_removal_of_everything_costs_only_what_is_there),
		cmocka_unit_test(a_run_over_regions_counts_once),
		cmocka_unit_test(what_remains_of_a_run_without_its_start_is_a_run),
		cmocka_unit_test(a_block_that_changes_its_state_stays_in_its_run_when_told_so),
		cmocka_unit_test(a_piece_that_continues_joins_what_is_before_it),
		cmocka_unit_test(saying_again_what_is_there_allocates_and_stages_nothing),
		cmocka_unit_test(the_table_grows_at_25_16_of_its_buckets),
		cmocka_unit_test(the_table_shrinks_at_a_quarter_of_what_grew_it),
		cmocka_unit_test(the_schedule_is_the_one_people_monitor),
		cmocka_unit_test(long_runs_make_the_table_grow_too),
		cmocka_unit_test(random_changes_end_as_in_a_plain_array),
		cmocka_unit_test(random_failures_of_memory_change_nothing),
		cmocka_unit_test(whichever_allocation_fails_nothing_changes_and_nothing_leaks),
		cmocka_unit_test(a_removal_of_more_pages_than_can_be_staged_stages_nothing),
		cmocka_unit_test(a_block_of_251_records_always_fits_the_stage),
		cmocka_unit_test(a_scattered_remap_costs_16_bytes_at_a_million_and_25_at_100_000),
		cmocka_unit_test(loading_leaves_no_slack),
		cmocka_unit_test(a_clustered_block_costs_4_bytes),
		cmocka_unit_test(an_emptied_index_gives_its_memory_back),
		cmocka_unit_test(the_space_grows_and_shrinks_to_what_is_mapped),
		cmocka_unit_test(a_space_of_nothing_holds_nothing),
		cmocka_unit_test(destroying_with_changes_staged_leaks_nothing),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
