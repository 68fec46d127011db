/* SPDX-License-Identifier: GPL-2.0-only */
/* The index's memory: what it costs, and that whatever fails changes and leaks nothing. */
#include "tests/unit/index_fixture.h"

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

	return cmocka_run_group_tests_name("memory of the index", tests, NULL, NULL);
}
