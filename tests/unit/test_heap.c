/* SPDX-License-Identifier: GPL-2.0-only */
/* Either heap gives out what it has and no more, whatever is asked for. */
#include "tests/unit/heap_fixture.h"

static void a_block_is_aligned_to_16_bytes_and_apart_from_all_others(void **state)
{
	uint8_t *block[2000];
	struct fixture f;

	fixture_start(&f, *state, 8u << 20);
	for (unsigned int i = 0; i < 2000; i++) {
		block[i] = heap_alloc(f.heap, i);
		assert_non_null(block[i]);
		assert_int_equal((uintptr_t)block[i] % 16, 0);
		assert_true(heap_usable(f.heap, block[i]) >= i);
		memset(block[i], (int)i, heap_usable(f.heap, block[i]));
	}
	for (unsigned int i = 0; i < 2000; i++) {
		for (unsigned int k = 0; k < heap_usable(f.heap, block[i]); k++)
			assert_int_equal(block[i][k], (uint8_t)i);
		heap_free(f.heap, block[i]);
	}
	assert_int_equal(heap_check(f.heap, NULL), 0);
	fixture_finish(&f);
}

static void a_block_costs_4_bytes_and_what_16_byte_alignment_takes(void **state)
{
	struct heap_usage usage;
	struct fixture f;

	fixture_start(&f, *state, 1u << 20);
	for (unsigned int i = 0; i < 1000; i++)
		assert_non_null(heap_alloc(f.heap, 28));
	heap_check(f.heap, &usage);
	assert_int_equal(usage.blocks, 1000);
	assert_int_equal(usage.used, 1000 * 32);
	assert_non_null(heap_alloc(f.heap, 29));
	heap_check(f.heap, &usage);
	assert_int_equal(usage.used, 1000 * 32 + 48);
	fixture_finish(&f);
}

static void a_size_that_no_heap_has_is_refused(void **state)
{
	static const size_t sizes[] = {
		SIZE_MAX,          SIZE_MAX - 8,     SIZE_MAX - 16,
		SIZE_MAX / 2 + 1,  (size_t)1 << 32,  HEAP_LARGEST + 1,
		HEAP_LARGEST - 16, (size_t)64 << 10, ((size_t)1 << 36) + 8
	};
	struct fixture f;
	uint8_t *block;

	fixture_start(&f, *state, 64u << 10);
	block = heap_alloc(f.heap, 100);
	memset(block, 7, 100);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		assert_null(heap_alloc(f.heap, sizes[i]));
		assert_null(heap_calloc(f.heap, 1, sizes[i]));
		assert_null(heap_calloc(f.heap, sizes[i], 1));
		assert_null(heap_realloc(f.heap, NULL, sizes[i]));
		assert_null(heap_realloc(f.heap, block, sizes[i]));
		assert_null(heap_aligned_alloc(f.heap, 64, sizes[i]));
		assert_null(heap_aligned_alloc(f.heap, 1u << 31, sizes[i]));
	}
	for (unsigned int k = 0; k < 100; k++)
		assert_int_equal(block[k], 7);
	assert_int_equal(heap_check(f.heap, NULL), 0);
	fixture_finish(&f);
}

static void calloc_refuses_a_product_that_overflows(void **state)
{
	struct fixture f;

	fixture_start(&f, *state, 1u << 20);
	assert_null(heap_calloc(f.heap, SIZE_MAX / 2, 3));
	assert_null(heap_calloc(f.heap, (size_t)1 << 32, (size_t)1 << 32));
	assert_null(heap_calloc(f.heap, ((size_t)1 << 60) + 1, 16));
	assert_non_null(heap_calloc(f.heap, 0, SIZE_MAX));
	fixture_finish(&f);
}

static void calloc_clears_what_was_used_before(void **state)
{
	struct fixture f;
	uint8_t *block;

	fixture_start(&f, *state, 64u << 10);
	for (unsigned int round = 0; round < 3; round++) {
		block = heap_alloc(f.heap, 40000);
		memset(block, 0xff, 40000);
		heap_free(f.heap, block);
		block = heap_calloc(f.heap, 4000, 10);
		for (unsigned int k = 0; k < 40000; k++)
			assert_int_equal(block[k], 0);
		heap_free(f.heap, block);
	}
	fixture_finish(&f);
}

static void alignment_is_any_power_of_two_and_nothing_else(void **state)
{
	struct fixture f;
	void *block;

	fixture_start(&f, *state, 16u << 20);
	for (size_t alignment = 1; alignment <= 1u << 20; alignment *= 2) {
		for (size_t size = 0; size < 3000; size += 700) {
			block = heap_aligned_alloc(f.heap, alignment, size);
			assert_non_null(block);
			assert_int_equal((uintptr_t)block % alignment, 0);
			memset(block, 1, size);
		}
	}
	assert_null(heap_aligned_alloc(f.heap, 0, 8));
	assert_null(heap_aligned_alloc(f.heap, 3, 8));
	assert_null(heap_aligned_alloc(f.heap, 48, 8));
	assert_null(heap_aligned_alloc(f.heap, (size_t)1 << 63, 8));
	assert_null(heap_aligned_alloc(f.heap, SIZE_MAX, 8));
	assert_int_equal(heap_check(f.heap, NULL), 0);
	fixture_finish(&f);
}

static void realloc_keeps_what_fits_and_leaves_the_block_if_there_is_no_room(void **state)
{
	static const size_t sizes[] = { 1, 10, 100, 5, 3000, 2999, 20000, 20, 0, 500 };
	struct fixture f;
	uint8_t *block;
	size_t kept = 0;

	fixture_start(&f, *state, 64u << 10);
	block = heap_realloc(f.heap, NULL, 1);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		heap_alloc(f.heap, 8); /* in the way */
		block = heap_realloc(f.heap, block, sizes[i]);
		assert_non_null(block);
		if (kept > sizes[i])
			kept = sizes[i];
		for (size_t k = 0; k < kept; k++)
			assert_int_equal(block[k], (uint8_t)(k * 3));
		kept = sizes[i];
		for (size_t k = 0; k < kept; k++)
			block[k] = (uint8_t)(k * 3);
	}
	assert_null(heap_realloc(f.heap, block, 64u << 10));
	for (size_t k = 0; k < kept; k++)
		assert_int_equal(block[k], (uint8_t)(k * 3));
	assert_int_equal(heap_check(f.heap, NULL), 0);
	fixture_finish(&f);
}

static void realloc_stays_in_place_where_there_is_room_behind(void **state)
{
	struct fixture f;
	void *block;

	fixture_start(&f, *state, 64u << 10);
	block = heap_alloc(f.heap, 100);
	assert_ptr_equal(heap_realloc(f.heap, block, 30000), block);
	assert_ptr_equal(heap_realloc(f.heap, block, 50), block);
	assert_ptr_equal(heap_realloc(f.heap, block, 50000), block);
	assert_int_equal(heap_check(f.heap, NULL), 0);
	fixture_finish(&f);
}

static void freeing_null_is_nothing(void **state)
{
	struct fixture f;

	fixture_start(&f, *state, 64u << 10);
	heap_free(f.heap, NULL);
	fixture_finish(&f);
}

static void all_memory_comes_back_in_whatever_order_it_is_freed(void **state)
{
	struct heap_usage fresh, usage;
	void *block[500];
	struct fixture f;

	fixture_start(&f, *state, 1u << 20);
	heap_check(f.heap, &fresh);
	assert_true(fresh.largest > (1u << 20) * 97 / 100);
	for (unsigned int step = 1; step < 500; step += 2) {
		if (step % 5 == 0)
			continue;
		for (unsigned int i = 0; i < 500; i++)
			block[i] = heap_alloc(f.heap, i * 37 % 3000);
		for (unsigned int i = 0; i < 500; i++)
			heap_free(f.heap, block[i * step % 500]);
		block[0] = heap_alloc(f.heap, fresh.largest);
		assert_non_null(block[0]);
		heap_free(f.heap, block[0]);
	}
	assert_int_equal(heap_check(f.heap, &usage), 0);
	assert_int_equal(usage.largest, fresh.largest);
	assert_int_equal(usage.free, fresh.free);
	assert_int_equal(usage.blocks, 0);
	fixture_finish(&f);
}

static void a_heap_has_64_KiB_to_200_MiB_at_any_address(void **state)
{
	const struct heap_kind *kind = *state;
	static const size_t sizes[] = { 64u << 10, (64u << 10) + 4097, 256u << 10, 32u << 20,
					200u << 20 };
	struct heap_usage usage;
	struct heap *heap;
	uint8_t *memory, *block;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memory = malloc(sizes[i]);
		assert_non_null(memory);
		for (unsigned int skip = 0; skip < 17; skip += 1 + i * 3) {
			heap = kind->init(memory + skip, sizes[i] - skip);
			if (sizes[i] - skip < HEAP_SMALLEST) {
				assert_null(heap);
				continue;
			}
			heap_check(heap, &usage);
			assert_true(usage.largest > sizes[i] * 95 / 100);
			block = heap_alloc(heap, usage.largest);
			assert_non_null(block);
			block[0] = block[usage.largest - 1] = 1;
			assert_null(heap_alloc(heap, usage.largest / 16));
			heap_free(heap, block);
		}
		free(memory);
	}
	assert_null(kind->init(NULL, 1u << 20));
	assert_null(kind->init(&usage, sizeof(usage)));
}

static void a_full_heap_goes_on_when_something_is_freed(void **state)
{
	void *block, *last = NULL;
	struct fixture f;
	unsigned int n = 0;

	fixture_start(&f, *state, 256u << 10);
	while ((block = heap_alloc(f.heap, 1000)) != NULL) {
		last = block;
		n++;
	}
	assert_true(n >= (256u << 10) / 1024 * 95 / 100);
	for (unsigned int i = 0; i < 1000; i++) {
		heap_free(f.heap, last);
		last = heap_alloc(f.heap, 1000 - i);
		assert_non_null(last);
	}
	assert_int_equal(heap_check(f.heap, NULL), 0);
	fixture_finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		heap_test_both(a_block_is_aligned_to_16_bytes_and_apart_from_all_others),
		heap_test_both(a_block_costs_4_bytes_and_what_16_byte_alignment_takes),
		heap_test_both(a_size_that_no_heap_has_is_refused),
		heap_test_both(calloc_refuses_a_product_that_overflows),
		heap_test_both(calloc_clears_what_was_used_before),
		heap_test_both(alignment_is_any_power_of_two_and_nothing_else),
		heap_test_both(realloc_keeps_what_fits_and_leaves_the_block_if_there_is_no_room),
		heap_test_both(realloc_stays_in_place_where_there_is_room_behind),
		heap_test_both(freeing_null_is_nothing),
		heap_test_both(all_memory_comes_back_in_whatever_order_it_is_freed),
		heap_test_both(a_heap_has_64_KiB_to_200_MiB_at_any_address),
		heap_test_both(a_full_heap_goes_on_when_something_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
