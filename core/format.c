/* SPDX-License-Identifier: GPL-2.0-only */
#include "format.h"
#include "index.h"

/* Offsets in the superblock and the log header: docs/FORMAT.md. */
enum {
	S_MAGIC = 0,
	S_CRC = 8,
	S_VERSION = 12,
	S_INCOMPAT = 16,
	S_COMPAT = 24,
	S_UUID = 32,
	S_LABEL = 48,
	S_SET_ID = 80,
	S_GENERATION = 88,
	S_CREATED = 96,
	S_BLOCK_SIZE = 104,
	S_LOG_SIZE = 108,
	S_MAIN_SECTORS = 112,
	S_SPARE_SECTORS = 120,
	S_DATA_START = 128,
	S_DATA_END = 136,
	S_LOG_START = 144,
	S_LOG_MIN = 160,
	S_LOG_MAX = 164,
	S_SPARE_INDEX = 168,
	S_SPARE_COUNT = 172,
	S_IDENTITY = 192,
};

enum {
	L_MAGIC = 0,
	L_CRC = 4,
	L_SET_ID = 8,
	L_SEQ = 16,
	L_EPOCH = 24,
	L_TAIL = 32,
	L_PASS = 40,
	L_CURSOR = 48,
	L_RING = 56,
	L_PREV_CRC = 60,
	L_COUNT = 64,
	L_FRESH = 66,
};

#define ALIGN          8u    /* sectors: everything starts on 4096 bytes */
#define FRONT_END      4096u /* sectors: the data area never starts later */
#define FRONT_SPLIT    2048u /* sectors: where it starts if the log is in the middle */
#define LOG_MIN        64u   /* blocks */
#define RECORD_BLOCKS  0xffffffffffffull
#define KNOWN_INCOMPAT 0ull

static u64 round_up(u64 n)
{
	return (n + ALIGN - 1) & ~(u64)(ALIGN - 1);
}

static u64 round_down(u64 n)
{
	return n & ~(u64)(ALIGN - 1);
}

u64 bm_super_sector(u64 spare_sectors, unsigned int copy)
{
	return copy ? round_down(spare_sectors) - ALIGN : 0;
}

static u32 crc_around(const void *buf, size_t size, size_t field)
{
	static const u8 zero[4];
	const u8 *b = buf;
	u32 crc = bm_crc32c(0, b, field);

	crc = bm_crc32c(crc, zero, sizeof(zero));
	return bm_crc32c(crc, b + field + 4, size - field - 4);
}

void bm_super_encode(const struct bm_super *s, void *buf)
{
	u8 *b = buf;

	memset(b, 0, BM_SUPER_SIZE);
	memcpy(b + S_MAGIC, BM_SUPER_MAGIC, 8);
	bm_put16(b + S_VERSION, s->version);
	bm_put64(b + S_INCOMPAT, s->incompat);
	bm_put64(b + S_COMPAT, s->compat);
	memcpy(b + S_UUID, s->uuid, sizeof(s->uuid));
	memcpy(b + S_LABEL, s->label, BM_LABEL_MAX);
	bm_put64(b + S_SET_ID, s->set_id);
	bm_put64(b + S_GENERATION, s->generation);
	bm_put64(b + S_CREATED, s->created);
	bm_put32(b + S_BLOCK_SIZE, s->block_size);
	bm_put32(b + S_LOG_SIZE, s->log_size);
	bm_put64(b + S_MAIN_SECTORS, s->main_sectors);
	bm_put64(b + S_SPARE_SECTORS, s->spare_sectors);
	bm_put64(b + S_DATA_START, s->data_start);
	bm_put64(b + S_DATA_END, s->data_end);
	bm_put64(b + S_LOG_START, s->log_start[0]);
	bm_put64(b + S_LOG_START + 8, s->log_start[1]);
	bm_put32(b + S_LOG_MIN, s->log_min);
	bm_put32(b + S_LOG_MAX, s->log_max);
	bm_put32(b + S_SPARE_INDEX, s->spare_index);
	bm_put32(b + S_SPARE_COUNT, s->spare_count);
	memcpy(b + S_IDENTITY, s->main_identity, BM_IDENTITY_MAX);
	bm_put32(b + S_CRC, crc_around(b, BM_SUPER_SIZE, S_CRC));
}

static bool valid_size(u32 size)
{
	return size == 512 || size == 4096;
}

static bool overlap(u64 a, u64 a_end, u64 b, u64 b_end)
{
	return a < b_end && b < a_end;
}

/* Nothing is believed: every place must be inside the spare and in nobody else's way. */
static bool super_sane(const struct bm_super *s)
{
	u64 limit = BM_MAX_BLOCKS - 1, spb, length, end[2], last;
	unsigned int i;

	if (!valid_size(s->block_size) || !valid_size(s->log_size))
		return false;
	spb = s->block_size >> BM_SECTOR_SHIFT;
	if (s->spare_sectors < 4 * ALIGN || s->spare_sectors >= limit * spb ||
	    s->main_sectors >= limit * spb || s->main_sectors & (spb - 1) || !s->main_sectors)
		return false;
	if (s->log_min < 8 || s->log_min > s->log_max || !s->set_id || s->spare_count != 1 ||
	    s->spare_index)
		return false;
	last = bm_super_sector(s->spare_sectors, 1);
	if (s->data_start < ALIGN || s->data_end > last || s->data_start >= s->data_end ||
	    s->data_start & (ALIGN - 1) || s->data_end & (ALIGN - 1))
		return false;
	length = (u64)s->log_max * (s->log_size >> BM_SECTOR_SHIFT);
	for (i = 0; i < 2; i++) {
		if (s->log_start[i] < ALIGN || s->log_start[i] & (ALIGN - 1) ||
		    s->log_start[i] > last || length > last - s->log_start[i])
			return false;
		end[i] = s->log_start[i] + length;
	}
	return !overlap(s->log_start[0], end[0], s->log_start[1], end[1]) &&
	       s->log_start[1] >= s->data_end;
}

static bool all_zero(const u8 *b, size_t size)
{
	while (size--)
		if (*b++)
			return false;
	return true;
}

/* The magic is wrong. If all the rest is right it is ours, and only the magic is damaged. */
static enum bm_super_error not_ours(const u8 *b)
{
	static const u8 zero[4];
	u32 crc;

	if (all_zero(b, BM_SUPER_SIZE))
		return BM_SUPER_BLANK;
	crc = bm_crc32c(0, BM_SUPER_MAGIC, S_CRC);
	crc = bm_crc32c(crc, zero, sizeof(zero));
	crc = bm_crc32c(crc, b + S_CRC + 4, BM_SUPER_SIZE - S_CRC - 4);
	return crc == bm_get32(b + S_CRC) ? BM_SUPER_CORRUPT : BM_SUPER_FOREIGN;
}

enum bm_super_error bm_super_decode(const void *buf, struct bm_super *s)
{
	const u8 *b = buf;

	memset(s, 0, sizeof(*s));
	if (memcmp(b + S_MAGIC, BM_SUPER_MAGIC, 8))
		return not_ours(b);
	if (bm_get32(b + S_CRC) != crc_around(b, BM_SUPER_SIZE, S_CRC))
		return BM_SUPER_CORRUPT;
	s->version = bm_get16(b + S_VERSION);
	s->incompat = bm_get64(b + S_INCOMPAT);
	s->compat = bm_get64(b + S_COMPAT);
	memcpy(s->uuid, b + S_UUID, sizeof(s->uuid));
	memcpy(s->label, b + S_LABEL, BM_LABEL_MAX);
	s->set_id = bm_get64(b + S_SET_ID);
	s->generation = bm_get64(b + S_GENERATION);
	s->created = bm_get64(b + S_CREATED);
	s->block_size = bm_get32(b + S_BLOCK_SIZE);
	s->log_size = bm_get32(b + S_LOG_SIZE);
	s->main_sectors = bm_get64(b + S_MAIN_SECTORS);
	s->spare_sectors = bm_get64(b + S_SPARE_SECTORS);
	s->data_start = bm_get64(b + S_DATA_START);
	s->data_end = bm_get64(b + S_DATA_END);
	s->log_start[0] = bm_get64(b + S_LOG_START);
	s->log_start[1] = bm_get64(b + S_LOG_START + 8);
	s->log_min = bm_get32(b + S_LOG_MIN);
	s->log_max = bm_get32(b + S_LOG_MAX);
	s->spare_index = bm_get32(b + S_SPARE_INDEX);
	s->spare_count = bm_get32(b + S_SPARE_COUNT);
	memcpy(s->main_identity, b + S_IDENTITY, BM_IDENTITY_MAX);
	if (s->version != BM_VERSION || s->incompat & ~KNOWN_INCOMPAT)
		return BM_SUPER_NEWER;
	return super_sane(s) ? BM_SUPER_OK : BM_SUPER_CORRUPT;
}

/* Blocks reserved for a copy of the log: enough to map every block, however scattered. */
static u64 log_blocks(u64 spare_blocks, u32 log_size)
{
	u64 n = spare_blocks + spare_blocks / 16;

	return 16 + (log_size == 512 ? (9 * n + 4 * 27 - 1) / (4 * 27)
				     : (9 * n + 4 * 251 - 1) / (4 * 251));
}

static bool layout_fits(struct bm_super *s)
{
	u32 spb = s->block_size >> BM_SECTOR_SHIFT;
	u64 blocks = s->block_size == 512 ? s->spare_sectors : s->spare_sectors >> 3;
	u64 max = log_blocks(blocks, s->log_size);
	u64 length = max * (s->log_size >> BM_SECTOR_SHIFT);
	u64 last = bm_super_sector(s->spare_sectors, 1);

	if (s->spare_sectors < 4 * ALIGN || 2 * length + 3 * ALIGN + spb > last)
		return false;
	s->log_max = (u32)max;
	s->log_min = max < LOG_MIN ? (u32)max : LOG_MIN;
	s->log_start[1] = round_down(last - length);
	s->data_end = s->log_start[1];
	if (round_up(ALIGN + length) <= FRONT_END) {
		s->log_start[0] = ALIGN;
		s->data_start = round_up(ALIGN + length);
	} else {
		s->log_start[0] = round_down(s->spare_sectors / 2);
		s->data_start = FRONT_SPLIT;
		if (s->log_start[0] + length > s->data_end || s->log_start[0] <= s->data_start)
			return false;
	}
	return s->data_start + spb <= s->data_end;
}

int bm_super_layout(struct bm_super *s, u64 *least)
{
	u64 limit = BM_MAX_BLOCKS - 1, spb, asked = s->spare_sectors;

	if (least)
		*least = 0;
	if (!valid_size(s->block_size) || !valid_size(s->log_size))
		return -EINVAL;
	spb = s->block_size >> BM_SECTOR_SHIFT;
	if (!s->main_sectors || s->main_sectors & (spb - 1))
		return -EINVAL;
	if (s->main_sectors >= limit * spb || s->spare_sectors >= limit * spb ||
	    log_blocks(spb == 1 ? s->spare_sectors : s->spare_sectors >> 3, s->log_size) >
		    0xffffffffull)
		return -EFBIG;
	if (layout_fits(s))
		return 0;
	for (s->spare_sectors = 4 * ALIGN; !layout_fits(s); s->spare_sectors += ALIGN)
		;
	if (least)
		*least = s->spare_sectors;
	s->spare_sectors = asked;
	return -ENOSPC;
}

u32 bm_log_encode(const struct bm_log_header *h, void *buf, u32 log_size)
{
	u32 used = BM_LOG_HEADER + h->count * BM_RECORD_SIZE, crc;
	u8 *b = buf;

	memset(b, 0, BM_LOG_HEADER);
	memset(b + used, 0, log_size - used);
	bm_put32(b + L_MAGIC, BM_LOG_MAGIC);
	bm_put64(b + L_SET_ID, h->set_id);
	bm_put64(b + L_SEQ, h->seq);
	bm_put64(b + L_EPOCH, h->epoch);
	bm_put64(b + L_TAIL, h->tail);
	bm_put64(b + L_PASS, h->pass);
	bm_put64(b + L_CURSOR, h->cursor);
	bm_put32(b + L_RING, h->ring);
	bm_put32(b + L_PREV_CRC, h->prev_crc);
	bm_put16(b + L_COUNT, h->count);
	bm_put16(b + L_FRESH, h->fresh);
	crc = crc_around(b, log_size, L_CRC);
	bm_put32(b + L_CRC, crc);
	return crc;
}

bool bm_log_peek(const void *buf, u32 log_size, u64 set_id, struct bm_log_header *h)
{
	const u8 *b = buf;

	if (bm_get32(b + L_MAGIC) != BM_LOG_MAGIC || bm_get64(b + L_SET_ID) != set_id)
		return false;
	h->set_id = set_id;
	h->seq = bm_get64(b + L_SEQ);
	h->epoch = bm_get64(b + L_EPOCH);
	h->tail = bm_get64(b + L_TAIL);
	h->pass = bm_get64(b + L_PASS);
	h->cursor = bm_get64(b + L_CURSOR);
	h->ring = bm_get32(b + L_RING);
	h->prev_crc = bm_get32(b + L_PREV_CRC);
	h->count = bm_get16(b + L_COUNT);
	h->fresh = bm_get16(b + L_FRESH);
	return h->count <= bm_log_capacity(log_size) && h->fresh <= h->count && h->tail &&
	       h->tail < h->pass && h->pass <= h->seq + 1 && h->tail <= h->seq &&
	       h->seq - h->tail < h->ring;
}

bool bm_log_decode(const void *buf, u32 log_size, u64 set_id, struct bm_log_header *h, u32 *crc)
{
	const u8 *b = buf;

	if (!bm_log_peek(buf, log_size, set_id, h))
		return false;
	*crc = bm_get32(b + L_CRC);
	return *crc == crc_around(b, log_size, L_CRC);
}

void bm_record_encode(void *buf, u32 i, const struct bm_record *r)
{
	u8 *b = (u8 *)buf + BM_LOG_HEADER + i * BM_RECORD_SIZE;
	u64 spare = r->spare == BM_NO_BLOCK ? RECORD_BLOCKS : r->spare;
	u64 kind = r->kind | (r->cont ? BM_REC_CONT : 0u);

	bm_put64(b, r->block | (u64)(r->count - 1) << 48);
	bm_put64(b + 8, spare | kind << 48 | (u64)r->device << 56);
}

bool bm_record_decode(const void *buf, u32 i, struct bm_record *r)
{
	const u8 *b = (const u8 *)buf + BM_LOG_HEADER + i * BM_RECORD_SIZE;
	u64 w0 = bm_get64(b), w1 = bm_get64(b + 8);
	u64 spare = w1 & RECORD_BLOCKS;

	r->block = w0 & RECORD_BLOCKS;
	r->count = (u32)(w0 >> 48) + 1;
	r->spare = spare == RECORD_BLOCKS ? BM_NO_BLOCK : spare;
	r->kind = w1 >> 48 & 0x7f;
	r->cont = w1 >> 48 & BM_REC_CONT;
	r->device = (u8)(w1 >> 56);
	if (r->kind < BM_REC_MAPPED || r->kind > BM_REC_BAD || r->device ||
	    r->block + r->count >= BM_MAX_BLOCKS)
		return false;
	if (r->spare == BM_NO_BLOCK)
		return r->kind != BM_REC_MAPPED && r->kind != BM_REC_BAD;
	return spare + r->count < BM_MAX_BLOCKS && r->kind != BM_REC_UNMAP;
}
