/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spare allocator: which blocks of the data area are taken. Nothing of it is stored; it
 * follows from the map and the bad list. A bit is set for a block that an entry names, that an
 * operation has reserved, or that is bad.
 */
#include "internal.h"

int bm_spare_init(struct bm *bm)
{
	struct bm_spare *s = &bm->spare;
	const struct bm_super *super = &bm->super;
	u64 length = (u64)super->log_max * (super->log_size >> BM_SECTOR_SHIFT);
	u32 shift = bm->block_shift;

	memset(s, 0, sizeof(*s));
	s->start = super->data_start >> shift;
	s->end = super->data_end >> shift;
	s->hole_start = super->log_start[0] >> shift;
	s->hole_end = (super->log_start[0] + length + (1u << shift) - 1) >> shift;
	if (s->hole_end <= s->start || s->hole_start >= s->end)
		s->hole_start = s->hole_end = s->end;
	if (s->hole_start < s->start)
		s->hole_start = s->start;
	if (s->hole_end > s->end)
		s->hole_end = s->end;
	s->total = s->end - s->start - (s->hole_end - s->hole_start);
	s->cursor = s->start;
	s->nchunks = (s->end + BM_SPARE_CHUNK - 1) / BM_SPARE_CHUNK;
	s->chunks = bm->mem.alloc(bm->mem.ctx, s->nchunks * sizeof(u8 *));
	if (!s->chunks)
		return -ENOMEM;
	memset(s->chunks, 0, s->nchunks * sizeof(u8 *));
	return 0;
}

void bm_spare_destroy(struct bm *bm)
{
	struct bm_spare *s = &bm->spare;
	const struct bm_mem *mem = &bm->mem;
	u64 i;

	if (!s->chunks)
		return;
	for (i = 0; i < s->nchunks; i++)
		if (s->chunks[i])
			mem->free(mem->ctx, s->chunks[i], BM_SPARE_CHUNK / 8);
	mem->free(mem->ctx, s->chunks, s->nchunks * sizeof(u8 *));
	s->chunks = NULL;
}

u64 bm_spare_free(const struct bm *bm)
{
	return bm->spare.total - bm->spare.taken;
}

bool bm_spare_inside(const struct bm *bm, u64 block, u64 count)
{
	const struct bm_spare *s = &bm->spare;
	u64 end = block + count;

	if (block < s->start || end > s->end || end < block)
		return false;
	return end <= s->hole_start || block >= s->hole_end;
}

static bool taken(const struct bm_spare *s, u64 block)
{
	const u8 *chunk = s->chunks[block / BM_SPARE_CHUNK];
	u32 bit = block % BM_SPARE_CHUNK;

	return chunk && chunk[bit / 8] >> bit % 8 & 1;
}

static int need_chunk(struct bm *bm, u64 block)
{
	struct bm_spare *s = &bm->spare;
	const struct bm_mem *mem = &bm->mem;
	u8 **chunk = &s->chunks[block / BM_SPARE_CHUNK];

	if (*chunk)
		return 0;
	*chunk = mem->alloc(mem->ctx, BM_SPARE_CHUNK / 8);
	if (!*chunk)
		return -ENOMEM;
	memset(*chunk, 0, BM_SPARE_CHUNK / 8);
	return 0;
}

static void set(struct bm_spare *s, u64 block, bool on)
{
	u8 *byte = &s->chunks[block / BM_SPARE_CHUNK][block % BM_SPARE_CHUNK / 8];
	u8 bit = (u8)(1u << block % 8);

	if (!(*byte & bit) == !on)
		return;
	*byte ^= bit;
	s->taken = on ? s->taken + 1 : s->taken - 1;
}

/* Set the bits of blocks that may be set already. -ENOMEM, with none set. */
int bm_spare_claim(struct bm *bm, u64 block, u64 count)
{
	u64 i;

	for (i = block; i < block + count; i = (i / BM_SPARE_CHUNK + 1) * BM_SPARE_CHUNK)
		if (need_chunk(bm, i))
			return -ENOMEM;
	for (i = 0; i < count; i++)
		set(&bm->spare, block + i, true);
	return 0;
}

/* May exactly these be reserved? -ERANGE off the spare, -EPERM metadata, -EBUSY taken. */
int bm_spare_check(const struct bm *bm, u64 block, u64 count)
{
	u64 i;

	if (block + count < block || bm_sectors(bm, block + count) > bm->super.spare_sectors)
		return -ERANGE;
	if (!bm_spare_inside(bm, block, count))
		return -EPERM;
	for (i = 0; i < count; i++)
		if (taken(&bm->spare, block + i))
			return -EBUSY;
	return 0;
}

/* Reserve exactly these; also -ENOMEM. */
int bm_spare_take(struct bm *bm, u64 block, u64 count)
{
	int error = bm_spare_check(bm, block, count);

	return error ? error : bm_spare_claim(bm, block, count);
}

/* Bad blocks stay taken. */
void bm_spare_release(struct bm *bm, u64 block, u64 count)
{
	struct bm_entry bad;
	u64 i;

	for (i = block; i < block + count; i++)
		if (bm->spare.chunks[i / BM_SPARE_CHUNK] && !bm_index_find(&bm->bad, i, 1, &bad))
			set(&bm->spare, i, false);
}

/* The first free block at or after `block`, or the end. */
static u64 next_free(const struct bm_spare *s, u64 block)
{
	for (; block < s->end; block++) {
		const u8 *chunk = s->chunks[block / BM_SPARE_CHUNK];

		if (block >= s->hole_start && block < s->hole_end)
			block = s->hole_end;
		if (block >= s->end)
			break;
		chunk = s->chunks[block / BM_SPARE_CHUNK];
		if (chunk && block % 8 == 0 && chunk[block % BM_SPARE_CHUNK / 8] == 0xff)
			block += 7;
		else if (!taken(s, block))
			return block;
	}
	return s->end;
}

/*
 * Reserve up to `want` blocks in a row, where the last ones were taken if possible, so that
 * neighbours stay neighbours. -ENOSPC, -ENOMEM.
 */
int bm_spare_alloc(struct bm *bm, u32 want, u64 *block, u32 *got)
{
	struct bm_spare *s = &bm->spare;
	u64 at;
	u32 n;

	if (s->taken >= s->total)
		return -ENOSPC;
	at = next_free(s, s->cursor);
	if (at == s->end)
		at = next_free(s, s->start);
	if (at == s->end)
		return -ENOSPC;
	for (n = 1; n < want; n++)
		if (!bm_spare_inside(bm, at, n + 1) || taken(s, at + n))
			break;
	if (bm_spare_claim(bm, at, n))
		return -ENOMEM;
	s->cursor = at + n;
	*block = at;
	*got = n;
	return 0;
}
