/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What heap.h promises, of both allocators, each in memory that malloc() gives: tests/unit tries
 * the same more thoroughly, here it is this compiler's code on this machine.
 */
#include "test.h"
#include "heap.h"
#include "malloc.h"

enum { SIZE = 96 << 10, LARGE = 200 << 20 };

typedef struct heap *heap_init(void *memory, size_t size);

static struct {
	struct heap *heap;
	void *memory;
	u32 faults;
	enum heap_fault fault;
	const void *address;
} trial;

#define HEAP_TEST(name, function)                                                                  \
	static void function##_bump(void)                                                          \
	{                                                                                          \
		function(bump_init);                                                               \
	}                                                                                          \
	METAL_TEST("heap/bump-" name, function##_bump);                                            \
	static void function##_list(void)                                                          \
	{                                                                                          \
		function(freelist_init);                                                           \
	}                                                                                          \
	METAL_TEST("heap/list-" name, function##_list)

static void trial_report(void *unused, enum heap_fault fault, const void *address)
{
	trial.faults++;
	trial.fault = fault;
	trial.address = address;
}

static void trial_start(heap_init *init, size_t size)
{
	trial.memory = malloc(size);
	if (!trial.memory)
		SKIP("no %zu KiB of memory for it", size >> 10);
	trial.heap = init(trial.memory, size);
	EXPECT(trial.heap);
	trial.faults = 0;
	heap_on_fault(trial.heap, trial_report, NULL);
}

static void trial_end(void)
{
	EXPECT_EQUAL(trial.faults, 0);
	EXPECT_EQUAL(heap_check(trial.heap, NULL), 0);
	free(trial.memory);
}

static void expect_fault(enum heap_fault fault, const void *address)
{
	EXPECT_EQUAL(trial.faults, 1);
	if (trial.fault != fault)
		FAIL("\"%s\" was reported, not \"%s\"", heap_fault_name(trial.fault),
		     heap_fault_name(fault));
	EXPECT(trial.address == address);
	trial.faults = 0;
}

static void takes_all_back(heap_init *init)
{
	struct heap_usage fresh;
	void *block[64];

	trial_start(init, SIZE);
	heap_check(trial.heap, &fresh);
	for (u32 step = 1; step < 64; step += 2) {
		for (u32 i = 0; i < 64; i++)
			EXPECT(block[i] = heap_alloc(trial.heap, i * 19));
		for (u32 i = 0; i < 64; i++)
			heap_free(trial.heap, block[i * step % 64]);
		block[0] = heap_alloc(trial.heap, fresh.largest);
		EXPECT(block[0]);
		heap_free(trial.heap, block[0]);
	}
	trial_end();
}
HEAP_TEST("takes-all-back", takes_all_back);

static void refuses_overflow(heap_init *init)
{
	static const size_t sizes[] = {
		SIZE, HEAP_LARGEST + 1, (size_t)1 << 32, SIZE_MAX / 2 + 1, SIZE_MAX - 8, SIZE_MAX
	};

	trial_start(init, SIZE);
	for (u32 i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		EXPECT(!heap_alloc(trial.heap, sizes[i]));
		EXPECT(!heap_calloc(trial.heap, sizes[i], 1));
		EXPECT(!heap_realloc(trial.heap, NULL, sizes[i]));
		EXPECT(!heap_aligned_alloc(trial.heap, 64, sizes[i]));
	}
	EXPECT(!heap_calloc(trial.heap, SIZE_MAX / 2, 3));
	EXPECT(!heap_calloc(trial.heap, (size_t)1 << 32, (size_t)1 << 32));
	EXPECT(!heap_aligned_alloc(trial.heap, (size_t)1 << 63, 1));
	EXPECT(!heap_aligned_alloc(trial.heap, 24, 1));
	trial_end();
}
HEAP_TEST("refuses-overflow", refuses_overflow);

static void finds_wrong_pointers(heap_init *init)
{
	char *block, *other;

	trial_start(init, SIZE);
	block = heap_alloc(trial.heap, 3000);
	other = heap_alloc(trial.heap, 100);
	memset(block, 0, 3000);
	heap_free(trial.heap, block + 8);
	expect_fault(HEAP_INTERIOR, block + 8);
	heap_free(trial.heap, block + 160);
	expect_fault(HEAP_INTERIOR, block + 160);
	heap_free(trial.heap, &block);
	expect_fault(HEAP_FOREIGN, &block);
	heap_free(trial.heap, block);
	heap_free(trial.heap, block);
	expect_fault(HEAP_DOUBLE_FREE, block);
	heap_free(trial.heap, other);
	EXPECT(!heap_realloc(trial.heap, other, 8));
	expect_fault(HEAP_DOUBLE_FREE, other);
	trial_end();
}
HEAP_TEST("finds-wrong-pointers", finds_wrong_pointers);

static void finds_overruns(heap_init *init)
{
	u8 *block, *next;

	trial_start(init, SIZE);
	block = heap_alloc(trial.heap, 500);
	next = heap_alloc(trial.heap, 500);
	next[-4] ^= 1;
	heap_free(trial.heap, block);
	expect_fault(HEAP_OVERRUN, next);
	heap_free(trial.heap, next);
	expect_fault(HEAP_OVERRUN, next);
	EXPECT_EQUAL(heap_check(trial.heap, NULL), 1);
	expect_fault(HEAP_OVERRUN, next);
	next[-4] ^= 1;
	trial_end();
}
HEAP_TEST("finds-overruns", finds_overruns);

static void finds_writes_after_free(void)
{
	u32 *block;

	trial_start(freelist_init, SIZE);
	block = heap_alloc(trial.heap, 2000);
	EXPECT(heap_alloc(trial.heap, 8));
	heap_free(trial.heap, block);
	block[0] = block[1] = 0x61616161;
	EXPECT(heap_alloc(trial.heap, 2000));
	expect_fault(HEAP_STALE, block);
	free(trial.memory);
}
METAL_TEST("heap/list-finds-writes-after-free", finds_writes_after_free);

static void has_200_mib(void)
{
	u8 *block;

	trial_start(freelist_init, LARGE);
	block = heap_alloc(trial.heap, LARGE / 100 * 97);
	EXPECT(block);
	block[0] = block[LARGE / 100 * 97 - 1] = 1;
	EXPECT(!heap_alloc(trial.heap, LARGE / 100 * 4));
	heap_free(trial.heap, block);
	trial_end();
}
METAL_TEST("heap/list-has-200-MiB", has_200_mib);

static void c_names(void)
{
	u8 *block = malloc(10), *cleared = calloc(10, 10), *aligned = aligned_alloc(4096, 10);

	EXPECT(block && cleared && aligned);
	EXPECT_EQUAL((u64)aligned % 4096, 0);
	for (u32 i = 0; i < 100; i++)
		EXPECT_EQUAL(cleared[i], 0);
	memset(block, 7, 10);
	block = realloc(block, 5000);
	EXPECT(block);
	for (u32 i = 0; i < 10; i++)
		EXPECT_EQUAL(block[i], 7);
	free(aligned);
	free(cleared);
	free(block);
	free(NULL);
	EXPECT(!malloc(SIZE_MAX - 8));
	EXPECT_EQUAL(heap_check(malloc_heap(), NULL), 0);
}
METAL_TEST("heap/c-names", c_names);
