/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps of either heap, four bytes each, against the model. Byte 0 chooses the heap, its size, and
 * what else is done to it:
 *
 *	plain    nothing: all promises hold
 *	victim   one byte that is in no block is overwritten: blocks keep their contents
 *	hostile  any bytes are, but for the fields in front of the lists: every call ends, and
 *		 touches no memory but the heap's (the sanitizers see to that)
 */
#include "fuzz.h"
#include "hosts/metal/freelist.h"
#include "tests/heap/model.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 2000u
#define NEAR      (1u << 3) /* of the word of a step */

enum mode { PLAIN, VICTIM, HOSTILE };

static void give_up(const char *what, size_t found, size_t expected)
{
	fprintf(stderr, "%s: %zu (%#zx) where %zu (%#zx) was expected\n", what, found, found,
		expected, expected);
	abort();
}

static void pass_over(const char *what, size_t found, size_t expected)
{
}

static bool is_in_a_block(const struct heap_model *model, const uint8_t *at)
{
	for (unsigned int i = 0; i < HEAP_MODEL_SLOTS; i++) {
		const struct heap_model_block *block = &model->block[i];

		if (block->ptr != NULL && at >= block->ptr && at < block->ptr + block->size)
			return true;
	}
	return false;
}

/* bits 3: near a block, 4-9 which; 10-23 where; 24-31 with what. */
static void overwrite(struct heap_model *model, enum mode mode, size_t size, uint32_t word)
{
	const struct heap_model_block *block = &model->block[word >> 4 & 63];
	uint8_t *memory = (uint8_t *)model->heap;
	size_t first = model->heap->first * HEAP_ALIGN - sizeof(block_word), offset;

	offset = first + (word >> 10 & 0x3fff) % (size - first);
	if (word & NEAR && block->ptr != NULL)
		offset = (size_t)(block->ptr - memory) - 16 + (word >> 10 & 31);
	else if (mode == HOSTILE && word >> 24 & 1)
		offset = offsetof(struct freelist, bits) + (word >> 10) % 2048;
	if (offset < (mode == HOSTILE ? offsetof(struct freelist, bits) : first) || offset >= size)
		return;
	if (mode == VICTIM && (model->hostile || is_in_a_block(model, memory + offset)))
		return;
	model->hostile = true;
	memory[offset] ^= (uint8_t)(word >> 24);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct heap_model model;
	size_t bytes;
	enum mode mode;
	void *memory;

	if (size < 5)
		return 0;
	mode = (data[0] >> 1) % 3;
	bytes = HEAP_SMALLEST + (data[0] >> 3) * 16421u;
	memory = malloc(bytes);
	if (memory == NULL)
		return 0;
	heap_model_start(&model,
			 data[0] & 1 ? freelist_init(memory, bytes) : bump_init(memory, bytes),
			 mode == HOSTILE ? pass_over : give_up);
	for (size_t i = 1; i + 3 < size && i < 4 * STEPS_MAX; i += 4) {
		uint32_t word = bm_get32(data + i);

		if (mode != PLAIN && (word & 7) == 7)
			overwrite(&model, mode, bytes, word);
		else
			heap_model_step(&model, word);
	}
	heap_model_check(&model);
	heap_model_empty(&model);
	heap_model_check(&model);
	free(memory);
	return 0;
}
