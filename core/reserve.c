/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for the map, with some put by: a write that must be relocated must not fail because
 * memory is short just now. Blocks of the reserve replace what the host can't give, up to their
 * size; bm_idle_work() fills it up again. Each piece of memory knows its true size, so that one
 * from the reserve goes back to the host like any other.
 */
#include "internal.h"

#define RESERVE_SIZE (BM_SPARE_CHUNK / 8) /* the largest thing that is needed at a time */
#define HEADER       16u

static void *take(struct bm *bm, size_t size, size_t *real)
{
	const struct bm_mem *host = &bm->config.mem;
	void *memory = host->alloc(host->ctx, size + HEADER);

	*real = size + HEADER;
	if (!memory && size <= RESERVE_SIZE && bm->reserve_count) {
		memory = bm->reserve[--bm->reserve_count];
		*real = RESERVE_SIZE + HEADER;
	}
	return memory;
}

static void *with_header(void *memory, size_t real)
{
	if (!memory)
		return NULL;
	*(u64 *)memory = real;
	return (u8 *)memory + HEADER;
}

static void *reserve_alloc(void *ctx, size_t size)
{
	size_t real;
	void *memory = take(ctx, size, &real);

	return with_header(memory, real);
}

static void reserve_free(void *ctx, void *ptr, size_t size)
{
	const struct bm_mem *host = &((struct bm *)ctx)->config.mem;
	u8 *memory = (u8 *)ptr - HEADER;

	(void)size;
	host->free(host->ctx, memory, (size_t) * (u64 *)(void *)memory);
}

static void reserve_retire(void *ctx, void *ptr, size_t size)
{
	const struct bm_mem *host = &((struct bm *)ctx)->config.mem;
	u8 *memory = (u8 *)ptr - HEADER;

	(void)size;
	host->retire(host->ctx, memory, (size_t) * (u64 *)(void *)memory);
}

void bm_reserve_init(struct bm *bm)
{
	bm->mem = (struct bm_mem){
		.ctx = bm,
		.alloc = reserve_alloc,
		.free = reserve_free,
		.retire = reserve_retire,
	};
}

size_t bm_idle_wants(const struct bm *bm)
{
	size_t size = bm_is_staged(bm) ? 0 : bm_index_wants(&bm->map);

	return size ? size + HEADER : 0;
}

void bm_idle_give(struct bm *bm, void *memory, size_t size)
{
	bm_index_give(&bm->map, with_header(memory, size), size - HEADER);
}

void bm_reserve_fill(struct bm *bm)
{
	const struct bm_mem *host = &bm->config.mem;
	void *memory;

	while (bm->reserve_count < BM_RESERVE) {
		memory = host->alloc(host->ctx, RESERVE_SIZE + HEADER);
		if (!memory)
			return;
		bm->reserve[bm->reserve_count++] = memory;
	}
}

void bm_reserve_destroy(struct bm *bm)
{
	const struct bm_mem *host = &bm->config.mem;

	while (bm->reserve_count)
		host->free(host->ctx, bm->reserve[--bm->reserve_count], RESERVE_SIZE + HEADER);
}
