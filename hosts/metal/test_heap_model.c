/* SPDX-License-Identifier: GPL-2.0-only */
/* Both allocators do what a list of blocks does, for the same random traces. */
#include "test.h"
#include "heap.h"
#include "malloc.h"
#include "tests/heap/model.h"

enum { SIZE = 96 << 10, STEPS = 3000 };

static void model_fails(const char *what, size_t found, size_t expected)
{
	FAIL("%s: %#zx, expected %#zx", what, found, expected);
}

/* Again and again in the same memory, as what an earlier heap left there must not matter. */
static void model_run(struct heap *(*init)(void *memory, size_t size))
{
	static struct heap_model model;
	void *memory = malloc(SIZE);
	u64 random = SIZE;

	if (!memory)
		SKIP("no %u KiB of memory for it", SIZE >> 10);
	for (u32 round = 0; round < 2; round++) {
		heap_model_start(&model, init(memory, SIZE), model_fails);
		for (u32 i = 0; i < STEPS; i++) {
			heap_model_step(&model, (u32)heap_model_random(&random));
			if (i % 1024 == 0)
				heap_model_check(&model);
		}
		heap_model_check(&model);
		heap_model_empty(&model);
		heap_model_check(&model);
		EXPECT(model.refused < STEPS);
	}
	free(memory);
}

static void bump_as_model(void)
{
	model_run(bump_init);
}
METAL_TEST("heap/bump-does-as-the-model", bump_as_model);

static void list_as_model(void)
{
	model_run(freelist_init);
}
METAL_TEST("heap/list-does-as-the-model", list_as_model);
