/* SPDX-License-Identifier: GPL-2.0-only */
/* Either heap does what a list of blocks does, for the same random traces, in heaps of many sizes.
 */
#include "tests/unit/heap_fixture.h"
#include "tests/heap/model.h"

static void model_fail(const char *what, size_t found, size_t expected)
{
	fail_msg("%s: %zu (%#zx) where %zu (%#zx) was expected", what, found, found, expected,
		 expected);
}

/* How many blocks were refused: a heap that refuses all would do everything right. */
static uint32_t trace(const struct heap_kind *kind, size_t size, uint64_t seed, uint32_t steps)
{
	void *memory = malloc(size);
	struct heap *heap = kind->init(memory, size);
	static struct heap_model model;
	struct heap_usage fresh, usage;

	assert_non_null(heap);
	heap_check(heap, &fresh);
	heap_model_start(&model, heap, model_fail);
	for (uint32_t i = 0; i < steps; i++) {
		heap_model_step(&model, (uint32_t)heap_model_random(&seed));
		if (i % 512 == 0)
			heap_model_check(&model);
	}
	heap_model_check(&model);
	heap_model_empty(&model);
	heap_model_check(&model);
	assert_non_null(heap_alloc(heap, fresh.largest));
	assert_int_equal(heap_check(heap, &usage), 0);
	assert_int_equal(usage.blocks, 1);
	free(memory);
	return model.refused;
}

static void a_heap_with_room_refuses_nothing(void **state)
{
	for (uint64_t seed = 0; seed < 8; seed++)
		assert_int_equal(trace(*state, 200u << 20, seed, 4000), 0);
}

static void a_heap_that_is_often_full_refuses_and_does_everything_else(void **state)
{
	const uint32_t steps = 4000;
	uint32_t refused;

	for (uint64_t seed = 100; seed < 140; seed++) {
		refused = trace(*state, (64u << 10) + seed * 4000, seed, steps);
		assert_in_range(refused, 1, steps - 1);
	}
}

static void the_free_list_refuses_far_less_than_the_bump_allocator(void **state)
{
	uint32_t by_bump = 0, by_freelist = 0;

	(void)state;
	for (uint64_t seed = 200; seed < 220; seed++) {
		by_bump += trace(&heap_bump, 3u << 20, seed, 4000);
		by_freelist += trace(&heap_freelist, 3u << 20, seed, 4000);
	}
	assert_true(by_freelist * 2 < by_bump);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		heap_test_both(a_heap_that_is_often_full_refuses_and_does_everything_else),
		cmocka_unit_test_prestate_setup_teardown(a_heap_with_room_refuses_nothing, NULL,
							 NULL, (void *)&heap_freelist),
		cmocka_unit_test(the_free_list_refuses_far_less_than_the_bump_allocator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
