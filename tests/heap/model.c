// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

#define HEADER 4 /* bytes in front of a block */

static void model_report(void *context, enum heap_fault fault, const void *address)
{
	struct heap_model *model = context;

	model->faults++;
	model->fault = fault;
	model->address = address;
	if (!model->hostile)
		model->fail(heap_fault_name(fault), (size_t)address, model->steps);
}

void heap_model_start(struct heap_model *model, struct heap *heap,
		      void (*fail)(const char *what, size_t found, size_t expected))
{
	memset(model, 0, sizeof(*model));
	model->heap = heap;
	model->fail = fail;
	heap_on_fault(heap, model_report, model);
}

/* The bytes of a block that are looked at: all of a small one, both ends and some more of others.
 */
static size_t model_next(size_t at, size_t size)
{
	at++;
	if (at < 64 || at + 64 >= size)
		return at;
	return at + 509 < size - 64 ? at + 509 : size - 64;
}

static u8 model_byte(const struct heap_model_block *block, size_t at)
{
	return (u8)(block->seed + at * 13);
}

static void model_fill(struct heap_model_block *block)
{
	for (size_t at = 0; at < block->size; at = model_next(at, block->size))
		block->ptr[at] = model_byte(block, at);
}

/* What of it that there is in a block that now is of another size. */
static void model_look(struct heap_model *model, const struct heap_model_block *block, size_t size)
{
	for (size_t at = 0; at < block->size && at < size; at = model_next(at, block->size)) {
		if (block->ptr[at] != model_byte(block, at))
			model->fail("a block's contents changed", block->ptr[at],
				    model_byte(block, at));
	}
}

bool heap_model_is_apart(const struct heap_model *model, const u8 *at, size_t size)
{
	for (u32 i = 0; i < HEAP_MODEL_SLOTS; i++) {
		const struct heap_model_block *other = &model->block[i];

		if (other->ptr != NULL && at < other->ptr + other->size &&
		    other->ptr - HEADER < at + size)
			return false;
	}
	return true;
}

/* ptr is new in a slot that is empty. */
static void model_add(struct heap_model *model, struct heap_model_block *block, void *ptr,
		      size_t size)
{
	if ((uintptr_t)ptr % HEAP_ALIGN != 0)
		model->fail("a block is not aligned", (size_t)ptr, HEAP_ALIGN);
	if (!heap_model_is_apart(model, (u8 *)ptr - HEADER, size + HEADER))
		model->fail("a block is over another", (size_t)ptr, size);
	*block = (struct heap_model_block){ ptr, size, (u8)(model->steps * 31) };
	model_fill(block);
	if (heap_usable(model->heap, ptr) < size)
		model->fail("a block is short", heap_usable(model->heap, ptr), size);
}

static void model_remove(struct heap_model *model, struct heap_model_block *block)
{
	void *ptr = block->ptr;

	model_look(model, block, block->size);
	block->ptr = NULL;
	heap_free(model->heap, ptr);
}

static void model_resize(struct heap_model *model, struct heap_model_block *block, size_t size)
{
	struct heap_model_block had = *block;
	u8 *moved;

	model_look(model, block, block->size);
	moved = heap_realloc(model->heap, block->ptr, size);
	if (moved == NULL) {
		model->refused++;
		model_look(model, block, block->size);
		return;
	}
	had.ptr = moved;
	model_look(model, &had, size);
	block->ptr = NULL;
	model_add(model, block, moved, size);
}

static void *model_clear(struct heap_model *model, size_t size)
{
	u8 *ptr = heap_calloc(model->heap, size / 8 + 1, 8);

	for (size_t at = 0; ptr != NULL && at < size; at++)
		if (ptr[at] != 0)
			model->fail("calloc left something", ptr[at], 0);
	return ptr;
}

static void *model_align(struct heap_model *model, size_t alignment, size_t size)
{
	void *ptr = heap_aligned_alloc(model->heap, alignment, size);

	if ((uintptr_t)ptr % alignment != 0)
		model->fail("a block is not aligned as asked", (size_t)ptr, alignment);
	return ptr;
}

void heap_model_step(struct heap_model *model, u32 word)
{
	u32 what = word & 7, shift = word >> 20 & 15;
	struct heap_model_block *block = &model->block[word >> 3 & (HEAP_MODEL_SLOTS - 1)];
	size_t size = (word >> 10 & 1023) << (shift < 8 ? 0 : shift - 8);
	void *ptr;

	model->steps++;
	if (block->ptr != NULL) {
		if (what < 5)
			model_remove(model, block);
		else
			model_resize(model, block, size);
		return;
	}
	if (what == 0)
		ptr = model_clear(model, size);
	else if (what == 1)
		ptr = model_align(model, 1u << (word >> 24 & 15), size);
	else if (what == 2)
		ptr = heap_realloc(model->heap, NULL, size);
	else
		ptr = heap_alloc(model->heap, size);
	if (ptr != NULL)
		model_add(model, block, ptr, size);
	else
		model->refused++;
}

void heap_model_check(struct heap_model *model)
{
	struct heap_usage usage;
	size_t blocks = 0, faults;

	for (u32 i = 0; i < HEAP_MODEL_SLOTS; i++) {
		blocks += model->block[i].ptr != NULL;
		if (model->block[i].ptr != NULL)
			model_look(model, &model->block[i], model->block[i].size);
	}
	faults = heap_check(model->heap, &usage);
	if (model->hostile)
		return;
	if (faults != 0 || usage.blocks != blocks)
		model->fail("the heap has other blocks", usage.blocks, blocks);
}

void heap_model_empty(struct heap_model *model)
{
	for (u32 i = 0; i < HEAP_MODEL_SLOTS; i++)
		if (model->block[i].ptr != NULL)
			model_remove(model, &model->block[i]);
}
