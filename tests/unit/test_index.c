/* SPDX-License-Identifier: GPL-2.0-only */
/* The index finds what was mapped and nothing else, at every size it takes. */
#include "tests/unit/index_fixture.h"

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

/* Of 64 regions in a row: as long as none of them has an entry their words need not be read. */
static void a_group_of_regions_is_clear_until_one_has_an_entry(void **state)
{
	const u64 region = 200, group = region / BM_WORD_BITS;
	struct bm_index index;
	struct heap heap;

	(void)state;
	start(&index, &heap, 1u << 30);
	add(&index, region << BM_REGION_SHIFT, 1, 100);
	add(&index, (region + 1) << BM_REGION_SHIFT, 1, 101);
	assert_int_equal(index.regions->groups[0], 1ul << group);
	assert_true(bm_regions_near(index.regions, region));
	assert_true(bm_regions_has(index.regions, region));
	assert_false(bm_regions_has(index.regions, region - 1));
	take(&index, region << BM_REGION_SHIFT, 1);
	assert_int_equal(index.regions->groups[0], 1ul << group);
	assert_int_equal(bm_index_set_space(&index, 1u << 20), 0);
	assert_int_equal(index.regions->groups[0], 1ul << group);
	assert_true(bm_regions_has(index.regions, region + 1));
	take(&index, (region + 1) << BM_REGION_SHIFT, 1);
	assert_int_equal(index.regions->groups[0], 0);
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

static void give(struct bm_index *index, size_t size)
{
	bm_index_give(index, index->mem.alloc(index->mem.ctx, size), size);
}

static void memory_for_a_table_can_be_given(void **state)
{
	struct bm_index index;
	struct heap heap;
	u64 i, bytes;
	u32 from, to;
	size_t size;

	(void)state;
	start(&index, &heap, TB4_BLOCKS);
	for (i = 0; i < 99; i++)
		add(&index, i * 70001, 1, i);
	assert_int_equal(bm_index_wants(&index), 0);
	add(&index, i * 70001, 1, i);
	size = bm_index_wants(&index);
	assert_true(size);
	/* Nothing, too little, and twice what is wanted. */
	bm_index_give(&index, NULL, size);
	assert_int_equal(bm_index_wants(&index), size);
	give(&index, size / 2);
	give(&index, size);
	assert_int_equal(bm_index_wants(&index), 0);
	bytes = index.bytes;
	heap.fail_at = heap.calls + 1;
	assert_int_equal(bm_index_work(&index, &from, &to), BM_RESIZE_STARTED);
	assert_int_equal(index.bytes, bytes);
	settle(&index);
	assert_int_equal(index.buckets, 256);
	assert_false(heap.failed);
	heap.fail_at = 0;
	/* What can't be used is freed. */
	give(&index, 100);
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
		cmocka_unit_test(a_group_of_regions_is_clear_until_one_has_an_entry),
		cmocka_unit_test(a_run_over_regions_counts_once),
		cmocka_unit_test(what_remains_of_a_run_without_its_start_is_a_run),
		cmocka_unit_test(a_block_that_changes_its_state_stays_in_its_run_when_told_so),
		cmocka_unit_test(a_piece_that_continues_joins_what_is_before_it),
		cmocka_unit_test(saying_again_what_is_there_allocates_and_stages_nothing),
		cmocka_unit_test(the_table_grows_at_25_16_of_its_buckets),
		cmocka_unit_test(memory_for_a_table_can_be_given),
		cmocka_unit_test(the_table_shrinks_at_a_quarter_of_what_grew_it),
		cmocka_unit_test(the_schedule_is_the_one_people_monitor),
		cmocka_unit_test(long_runs_make_the_table_grow_too),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
