/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program does wrong is reported by name, and does no harm to blocks that it has nothing to
 * do with.
 */
#include "tests/unit/heap_fixture.h"
#include "hosts/metal/freelist.h"
#include "tests/heap/model.h"

static uint32_t header_of(const void *block)
{
	uint32_t header;

	memcpy(&header, (const char *)block - 4, 4);
	return header;
}

static void set_header(void *block, uint32_t header)
{
	memcpy((char *)block - 4, &header, 4);
}

/*
 * Wrong pointers.
 */

static void a_block_freed_twice_is_reported(void **state)
{
	void *block[3];
	struct fixture f;

	fixture_start(&f, *state, 1u << 20);
	for (size_t size = 0; size < 5000; size += 611) {
		for (unsigned int i = 0; i < 3; i++)
			block[i] = heap_alloc(f.heap, size);
		heap_free(f.heap, block[1]);
		heap_free(f.heap, block[1]);
		expect_fault(&f, HEAP_DOUBLE_FREE, block[1]);
		assert_null(heap_realloc(f.heap, block[1], 10));
		expect_fault(&f, HEAP_DOUBLE_FREE, block[1]);
		assert_int_equal(heap_usable(f.heap, block[1]), 0);
		expect_fault(&f, HEAP_DOUBLE_FREE, block[1]);
		heap_free(f.heap, block[0]);
		heap_free(f.heap, block[2]);
		/* Joined with others now, or beyond the newest. */
		for (unsigned int i = 0; i < 3; i++) {
			heap_free(f.heap, block[i]);
			expect_fault(&f, HEAP_DOUBLE_FREE, block[i]);
		}
		assert_int_equal(heap_check(f.heap, NULL), 0);
	}
	fixture_finish(&f);
}

static void a_pointer_into_a_block_is_reported(void **state)
{
	struct fixture f;
	char *block, *other;

	fixture_start(&f, *state, 64u << 10);
	block = heap_alloc(f.heap, 1000);
	other = heap_alloc(f.heap, 1000);
	memset(block, 0, 1000);
	memset(other, 0x55, 1000);
	for (unsigned int k = 1; k < 1000; k++) {
		heap_free(f.heap, block + k);
		expect_fault(&f, HEAP_INTERIOR, block + k);
		assert_null(heap_realloc(f.heap, other + k, 2000));
		expect_fault(&f, HEAP_INTERIOR, other + k);
	}
	assert_int_equal(heap_check(f.heap, NULL), 0);
	heap_free(f.heap, block);
	heap_free(f.heap, other);
	fixture_finish(&f);
}

static void a_foreign_pointer_is_reported(void **state)
{
	struct fixture f;
	char local[64], *elsewhere = malloc(64);
	void *foreign[] = { local, elsewhere, (void *)16, (void *)-16, NULL, NULL, NULL, NULL };

	fixture_start(&f, *state, 64u << 10);
	foreign[4] = f.heap;
	foreign[5] = (char *)f.heap + 16;
	foreign[6] = (char *)f.memory + f.size;
	foreign[7] = (char *)f.memory - 16;
	heap_alloc(f.heap, 1000);
	for (unsigned int i = 0; i < 8; i++) {
		heap_free(f.heap, foreign[i]);
		expect_fault(&f, HEAP_FOREIGN, foreign[i]);
		assert_null(heap_realloc(f.heap, foreign[i], 8));
		expect_fault(&f, HEAP_FOREIGN, foreign[i]);
	}
	assert_int_equal(heap_check(f.heap, NULL), 0);
	free(elsewhere);
	fixture_finish(&f);
}

static void a_block_of_an_earlier_heap_in_the_same_memory_is_none(void **state)
{
	const struct heap_kind *kind = *state;
	struct fixture f;
	char *block;

	fixture_start(&f, kind, 64u << 10);
	block = heap_alloc(f.heap, 1000);
	block = heap_alloc(f.heap, 1000);
	f.heap = kind->init(f.memory, f.size);
	heap_on_fault(f.heap, fixture_report, &f);
	assert_true((char *)heap_alloc(f.heap, 5000) < block);
	heap_free(f.heap, block);
	expect_fault(&f, HEAP_INTERIOR, block);
	fixture_finish(&f);
}

/*
 * Overruns.
 */

/* As many bytes behind the block. */
static void overrun(struct fixture *f, char *block, unsigned int bytes)
{
	char *end = block + heap_usable(f->heap, block);

	for (unsigned int i = 0; i < bytes; i++)
		end[i] ^= 0x55;
}

static void an_overrun_is_found_when_the_block_or_the_next_is_freed(void **state)
{
	struct fixture f;
	char *block, *next, *after;

	for (size_t size = 12; size < 6000; size = size * 3 + 32) {
		for (unsigned int bytes = 1; bytes <= 4; bytes++) {
			fixture_start(&f, *state, 64u << 10);
			block = heap_alloc(f.heap, size);
			next = heap_alloc(f.heap, size);
			after = heap_alloc(f.heap, size);
			overrun(&f, block, bytes);
			heap_free(f.heap, block);
			expect_fault(&f, HEAP_OVERRUN, next);
			heap_free(f.heap, next);
			expect_fault(&f, HEAP_OVERRUN, next);
			assert_null(heap_realloc(f.heap, next, 7));
			expect_fault(&f, HEAP_OVERRUN, next);
			assert_int_equal(heap_check(f.heap, NULL), 1);
			expect_fault(&f, HEAP_OVERRUN, next);
			heap_free(f.heap, after);
			fixture_finish(&f);
		}
	}
}

static void an_overrun_of_the_newest_block_is_found(void **state)
{
	struct fixture f;
	char *block;

	fixture_start(&f, *state, 64u << 10);
	block = heap_alloc(f.heap, 2000);
	overrun(&f, block, 1);
	assert_int_equal(heap_check(f.heap, NULL), 1);
	expect_fault(&f, HEAP_OVERRUN, block + heap_usable(f.heap, block) + 4);
	heap_free(f.heap, block);
	expect_fault(&f, HEAP_OVERRUN, block + heap_usable(f.heap, block) + 4);
	fixture_finish(&f);
}

/* As block.h says of its check: this is for each value there is, so it can't be by luck. */
static void a_header_of_which_one_half_is_overwritten_never_passes(void **state)
{
	struct fixture f;
	uint32_t header;
	char *block[3];

	fixture_start(&f, *state, 64u << 10);
	for (unsigned int i = 0; i < 3; i++)
		block[i] = heap_alloc(f.heap, i * 1000);
	for (unsigned int i = 0; i < 3; i++) {
		header = header_of(block[i]);
		for (uint32_t value = 1; value < 1u << 16; value++) {
			set_header(block[i], header ^ value);
			assert_int_equal(heap_usable(f.heap, block[i]), 0);
			set_header(block[i], header ^ value << 16);
			assert_int_equal(heap_usable(f.heap, block[i]), 0);
		}
		assert_int_equal(f.faults, 2 * 65535);
		f.faults = 0;
		set_header(block[i], header);
		assert_int_equal(heap_usable(f.heap, block[i]) >= i * 1000, 1);
	}
	fixture_finish(&f);
}

static void a_header_that_is_overwritten_passes_hardly_ever(void **state)
{
	uint64_t seed = 5;
	struct fixture f;
	unsigned int passed = 0;
	char *block;

	fixture_start(&f, *state, 64u << 10);
	block = heap_alloc(f.heap, 1000);
	for (unsigned int i = 0; i < 1u << 20; i++) {
		set_header(block, (uint32_t)heap_model_random(&seed));
		passed += heap_usable(f.heap, block) != 0;
	}
	assert_in_range(passed, 0, 8); /* a quarter of what pass are in use; expected: 1 */
	f.faults = 0;
	fixture_finish(&f);
}

/*
 * The free list's own.
 */

static void a_write_after_free_is_found_and_the_heap_goes_on(void **state)
{
	struct fixture f;
	char *block[4];

	for (size_t size = 100; size < 6000; size += 1450) {
		for (unsigned int word = 0; word < 3; word++) {
			fixture_start(&f, &heap_freelist, 1u << 20);
			for (unsigned int i = 0; i < 4; i++)
				block[i] = heap_alloc(f.heap, size);
			heap_free(f.heap, block[1]);
			memset(block[1] + word * 4, 'x', 4);
			for (unsigned int i = 0; i < 50; i++)
				assert_non_null(heap_alloc(f.heap, size));
			heap_free(f.heap, block[0]);
			heap_free(f.heap, block[2]);
			heap_check(f.heap, NULL);
			/* On a shelf the first word only says anything. */
			if (size > 1000 || word == 0)
				assert_true(f.faults > 0 && f.fault != HEAP_FOREIGN);
			for (unsigned int i = 0; i < 5; i++)
				assert_non_null(heap_alloc(f.heap, size + i));
			f.faults = 0;
			fixture_finish(&f);
		}
	}
	(void)state;
}

static void a_list_that_leads_in_a_circle_ends(void **state)
{
	uint32_t *free_block[3], unit[3];
	struct fixture f;

	(void)state;
	fixture_start(&f, &heap_freelist, 256u << 10);
	for (unsigned int i = 0; i < 3; i++) {
		free_block[i] = heap_alloc(f.heap, 2000);
		heap_alloc(f.heap, 8);
		unit[i] = (uint32_t)((char *)free_block[i] - (char *)f.heap) / 16;
	}
	for (unsigned int i = 0; i < 3; i++)
		heap_free(f.heap, free_block[i]);
	for (unsigned int i = 0; i < 3; i++) { /* next and prev, consistent with each other */
		free_block[i][0] = link_make(unit[i], unit[(i + 1) % 3]);
		free_block[i][1] = link_make(unit[i], unit[(i + 2) % 3]);
	}
	assert_true(heap_check(f.heap, NULL) > 0);
	for (unsigned int i = 0; i < 20; i++)
		assert_non_null(heap_alloc(f.heap, 2000));
	assert_true(f.faults > 0);
	f.faults = 0;
	fixture_finish(&f);
}

/*
 * Each byte in turn.
 */

#define USED 6000 /* bytes of a heap in which there are blocks, from the first on */

static void victim_fail(const char *what, size_t found, size_t expected)
{
	fail_msg("%s: %zu where %zu was expected", what, found, expected);
}

/* One byte of what no block holds is overwritten: headers, free memory. */
static void overwrite(const struct heap_kind *kind, size_t offset, uint8_t value, uint32_t *found)
{
	static uint8_t memory[64u << 10] __attribute__((aligned(16)));
	static struct heap_model model;
	uint64_t seed = 77;

	heap_model_start(&model, kind->init(memory, sizeof(memory)), victim_fail);
	for (unsigned int i = 0; i < 200; i++)
		heap_model_step(&model, (uint32_t)heap_model_random(&seed) & 0xff8fffff);
	for (unsigned int i = 0; i < HEAP_MODEL_SLOTS; i++)
		if (model.block[i].ptr != NULL && memory + offset >= model.block[i].ptr &&
		    memory + offset < model.block[i].ptr + model.block[i].size)
			return;
	model.hostile = true;
	memory[offset] ^= value;
	for (unsigned int i = 0; i < 200; i++)
		heap_model_step(&model, (uint32_t)heap_model_random(&seed) & 0xff8fffff);
	heap_model_check(&model);
	heap_model_empty(&model);
	*found += model.faults > 0;
}

static void a_byte_overwritten_anywhere_between_blocks_harms_no_block(void **state)
{
	static uint8_t probe[64u << 10] __attribute__((aligned(16)));
	const struct heap_kind *kind = *state;
	uint32_t found = 0;
	size_t first;

	first = (size_t)((uint8_t *)heap_alloc(kind->init(probe, sizeof(probe)), 1) - probe) - 4;
	for (size_t offset = first; offset < first + USED; offset++)
		overwrite(kind, offset, (uint8_t)(1u << offset % 8 | offset % 251), &found);
	assert_true(found > 20); /* or nothing was tried */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		heap_test_both(a_block_freed_twice_is_reported),
		heap_test_both(a_pointer_into_a_block_is_reported),
		heap_test_both(a_foreign_pointer_is_reported),
		heap_test_both(a_block_of_an_earlier_heap_in_the_same_memory_is_none),
		heap_test_both(an_overrun_is_found_when_the_block_or_the_next_is_freed),
		heap_test_both(an_overrun_of_the_newest_block_is_found),
		heap_test_both(a_header_of_which_one_half_is_overwritten_never_passes),
		heap_test_both(a_header_that_is_overwritten_passes_hardly_ever),
		heap_test_both(a_byte_overwritten_anywhere_between_blocks_harms_no_block),
		cmocka_unit_test(a_write_after_free_is_found_and_the_heap_goes_on),
		cmocka_unit_test(a_list_that_leads_in_a_circle_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
