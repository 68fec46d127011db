/* SPDX-License-Identifier: GPL-2.0-only */
/* core/format.h against docs/FORMAT.md, to the byte. Nothing here uses the code it tests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/format.h"
#include "core/index.h"

/* ---- by the book ---- */

static u32 book_crc32c(const u8 *data, size_t size)
{
	u32 crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static void book_put(u8 *to, u64 value, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		to[i] = (u8)(value >> 8 * i);
}

/* The crc over the whole, with the field itself zero. */
static void book_seal(u8 *block, size_t size, size_t field)
{
	book_put(block + field, 0, 4);
	book_put(block + field, book_crc32c(block, size), 4);
}

static void crc32c_is_castagnoli(void **state)
{
	u8 bytes[32];

	(void)state;
	assert_int_equal(bm_crc32c(0, "123456789", 9), 0xe3069283);
	/* RFC 3720, B.4 */
	memset(bytes, 0, 32);
	assert_int_equal(bm_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(bm_crc32c(0, bytes, 32), 0x62a8ab43);
	for (u32 i = 0; i < 32; i++)
		bytes[i] = (u8)i;
	assert_int_equal(bm_crc32c(0, bytes, 32), 0x46dd794e);
	for (u32 i = 0; i < 32; i++)
		bytes[i] = (u8)(31 - i);
	assert_int_equal(bm_crc32c(0, bytes, 32), 0x113fdb5c);
}

static void crc32c_can_be_taken_in_pieces_at_any_alignment(void **state)
{
	u8 bytes[300];

	(void)state;
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 7 + 3);
	for (u32 start = 0; start < 17; start++)
		for (u32 cut = start; cut < sizeof(bytes); cut += 13) {
			u32 crc = bm_crc32c(0, bytes + start, cut - start);

			crc = bm_crc32c(crc, bytes + cut, sizeof(bytes) - cut);
			assert_int_equal(crc, book_crc32c(bytes + start, sizeof(bytes) - start));
		}
}

/* ---- superblock ---- */

/* A spare of 128 sectors for blocks and log blocks of 512 bytes. */
static void super_make(struct bm_super *s)
{
	*s = (struct bm_super){
		.version = 1,
		.compat = 0x8877665544332211,
		.label = "a label of thirty-one bytes ...",
		.set_id = 0x1122334455667788,
		.generation = 0x0102030405060708,
		.created = 0x0000000067e1a2b3,
		.block_size = 512,
		.log_size = 512,
		.main_sectors = 0x12345678,
		.spare_sectors = 128,
		.data_start = 40,
		.data_end = 88,
		.log_start = { 8, 88 },
		.log_min = 27,
		.log_max = 28,
		.spare_count = 1,
		.main_identity = "wwn-0x5000c500a1b2c3d4",
	};
	for (u32 i = 0; i < 16; i++)
		s->uuid[i] = (u8)(0xa0 + i);
}

static void super_book(u8 *b)
{
	static const u8 uuid[] = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
				   0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };

	memset(b, 0, 512);
	memcpy(b + 0, "\x62\x6c\x6b\x6d\x65\x6e\x64\x1a", 8);
	memcpy(b + 12, "\x01\x00", 2);
	memcpy(b + 24, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	memcpy(b + 32, uuid, 16);
	memcpy(b + 48, "a label of thirty-one bytes ...", 31);
	memcpy(b + 80, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	memcpy(b + 88, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	memcpy(b + 96, "\xb3\xa2\xe1\x67\x00\x00\x00\x00", 8);
	memcpy(b + 104, "\x00\x02\x00\x00", 4);
	memcpy(b + 108, "\x00\x02\x00\x00", 4);
	memcpy(b + 112, "\x78\x56\x34\x12\x00\x00\x00\x00", 8);
	memcpy(b + 120, "\x80\x00\x00\x00\x00\x00\x00\x00", 8);
	memcpy(b + 128, "\x28\x00\x00\x00\x00\x00\x00\x00", 8);
	memcpy(b + 136, "\x58\x00\x00\x00\x00\x00\x00\x00", 8);
	memcpy(b + 144, "\x08\x00\x00\x00\x00\x00\x00\x00", 8);
	memcpy(b + 152, "\x58\x00\x00\x00\x00\x00\x00\x00", 8);
	memcpy(b + 160, "\x1b\x00\x00\x00", 4);
	memcpy(b + 164, "\x1c\x00\x00\x00", 4);
	memcpy(b + 172, "\x01\x00\x00\x00", 4);
	memcpy(b + 192, "wwn-0x5000c500a1b2c3d4", 22);
	book_seal(b, 512, 8);
}

static void a_superblock_is_written_as_the_book_says(void **state)
{
	u8 expected[512], got[512];
	struct bm_super super;

	(void)state;
	super_make(&super);
	super_book(expected);
	memset(got, 0x5a, sizeof(got));
	bm_super_encode(&super, got);
	assert_memory_equal(got, expected, sizeof(expected));
}

static void a_superblock_is_read_as_the_book_says(void **state)
{
	struct bm_super super, expected;
	u8 b[512];

	(void)state;
	super_make(&expected);
	super_book(b);
	assert_int_equal(bm_super_decode(b, &super), BM_SUPER_OK);
	assert_int_equal(super.version, 1);
	assert_int_equal(super.compat, expected.compat);
	assert_memory_equal(super.uuid, expected.uuid, 16);
	assert_string_equal(super.label, expected.label);
	assert_int_equal(super.set_id, expected.set_id);
	assert_int_equal(super.generation, expected.generation);
	assert_int_equal(super.created, expected.created);
	assert_int_equal(super.block_size, 512);
	assert_int_equal(super.log_size, 512);
	assert_int_equal(super.main_sectors, expected.main_sectors);
	assert_int_equal(super.spare_sectors, 128);
	assert_int_equal(super.data_start, 40);
	assert_int_equal(super.data_end, 88);
	assert_int_equal(super.log_start[0], 8);
	assert_int_equal(super.log_start[1], 88);
	assert_int_equal(super.log_min, 27);
	assert_int_equal(super.log_max, 28);
	assert_int_equal(super.spare_index, 0);
	assert_int_equal(super.spare_count, 1);
	assert_string_equal(super.main_identity, expected.main_identity);
}

static void any_flipped_bit_of_a_superblock_is_seen(void **state)
{
	struct bm_super super;
	u8 b[512];

	(void)state;
	super_book(b);
	for (u32 bit = 0; bit < 8 * sizeof(b); bit++) {
		b[bit / 8] ^= (u8)(1 << bit % 8);
		assert_int_not_equal(bm_super_decode(b, &super), BM_SUPER_OK);
		b[bit / 8] ^= (u8)(1 << bit % 8);
	}
	assert_int_equal(bm_super_decode(b, &super), BM_SUPER_OK);
}

static void what_is_wrong_with_a_superblock_is_named(void **state)
{
	struct bm_super super;
	u8 b[512];

	(void)state;
	memset(b, 0, sizeof(b));
	assert_int_equal(bm_super_decode(b, &super), BM_SUPER_BLANK);
	memset(b, 0xf6, sizeof(b));
	assert_int_equal(bm_super_decode(b, &super), BM_SUPER_FOREIGN);
	super_book(b);
	b[300] ^= 1;
	assert_int_equal(bm_super_decode(b, &super), BM_SUPER_CORRUPT);
	super_book(b);
	book_put(b + 12, 2, 2);
	book_seal(b, 512, 8);
	assert_int_equal(bm_super_decode(b, &super), BM_SUPER_NEWER);
	for (u32 bit = 0; bit < 64; bit++) {
		super_book(b);
		book_put(b + 16, 1ull << bit, 8);
		book_seal(b, 512, 8);
		assert_int_equal(bm_super_decode(b, &super), BM_SUPER_NEWER);
	}
}

/* A right checksum over values that can't be: never BM_SUPER_OK. */
static void impossible_values_in_a_superblock_are_corrupt(void **state)
{
	static const struct {
		u32 offset, bytes;
		u64 value;
	} wrong[] = {
		{ 80, 8, 0 },                            /* set_id */
		{ 104, 4, 0 },                           /* block_size */
		{ 104, 4, 1024 },       { 108, 4, 511 }, /* log_size */
		{ 112, 8, 1ull << 63 },                  /* main_sectors */
		{ 120, 8, 8 },                           /* spare_sectors */
		{ 120, 8, 1ull << 60 }, { 128, 8, 0 },   /* data_start: on the superblock */
		{ 128, 8, 41 },                          /* not aligned */
		{ 128, 8, 96 },                          /* behind data_end */
		{ 136, 8, 1ull << 40 },                  /* data_end: outside */
		{ 136, 8, 96 },                          /* on log copy 1 */
		{ 144, 8, 0 },                           /* log_start[0]: on the superblock */
		{ 144, 8, 80 },                          /* on log copy 1 */
		{ 144, 8, ~0ull - 7 },  { 152, 8, 16 },  /* log_start[1]: on log copy 0 */
		{ 152, 8, 112 },                         /* outside */
		{ 160, 4, 29 },                          /* log_min: above log_max */
		{ 160, 4, 0 },          { 164, 4, 0xffffffff }, /* log_max */
		{ 168, 4, 1 },                                  /* spare_index */
		{ 172, 4, 0 },                                  /* spare_count */
	};
	struct bm_super super;
	u8 b[512];

	(void)state;
	for (u32 i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		super_book(b);
		book_put(b + wrong[i].offset, wrong[i].value, wrong[i].bytes);
		book_seal(b, 512, 8);
		assert_int_equal(bm_super_decode(b, &super), BM_SUPER_CORRUPT);
	}
}

static void text_that_is_not_terminated_stays_inside(void **state)
{
	struct bm_super super;
	u8 b[512];

	(void)state;
	super_book(b);
	memset(b + 48, 'x', 32);
	memset(b + 192, 'y', 64);
	book_seal(b, 512, 8);
	if (bm_super_decode(b, &super) == BM_SUPER_OK) {
		assert_true(strlen(super.label) <= BM_LABEL_MAX);
		assert_true(strlen(super.main_identity) <= BM_IDENTITY_MAX);
	}
}

/* ---- log ---- */

static const struct bm_log_header header = {
	.set_id = 0x1122334455667788,
	.seq = 0x0000010203040506,
	.epoch = 0x1415161718191a1b,
	.tail = 0x0000010203040400,
	.pass = 0x0000010203040480,
	.cursor = 0x8000000000abcdef,
	.ring = 0x1c1d,
	.prev_crc = 0x24252627,
	.count = 2,
	.fresh = 1,
};

static const struct bm_record records[2] = {
	{ .block = 0x1234567890, .spare = 0x98765432, .count = 1, .kind = BM_REC_MAPPED },
	{ .block = 0xffffffff,
	  .spare = BM_NO_BLOCK,
	  .count = 65536,
	  .kind = BM_REC_PENDING,
	  .cont = true },
};

static void log_book(u8 *b, u32 size)
{
	memset(b, 0, size);
	memcpy(b + 0, "\x62\x6c\x6f\x67", 4);
	memcpy(b + 8, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	memcpy(b + 16, "\x06\x05\x04\x03\x02\x01\x00\x00", 8);
	memcpy(b + 24, "\x1b\x1a\x19\x18\x17\x16\x15\x14", 8);
	memcpy(b + 32, "\x00\x04\x04\x03\x02\x01\x00\x00", 8);
	memcpy(b + 40, "\x80\x04\x04\x03\x02\x01\x00\x00", 8);
	memcpy(b + 48, "\xef\xcd\xab\x00\x00\x00\x00\x80", 8);
	memcpy(b + 56, "\x1d\x1c\x00\x00", 4);
	memcpy(b + 60, "\x27\x26\x25\x24", 4);
	memcpy(b + 64, "\x02\x00", 2);
	memcpy(b + 66, "\x01\x00", 2);
	memcpy(b + 80, "\x90\x78\x56\x34\x12\x00\x00\x00", 8);
	memcpy(b + 88, "\x32\x54\x76\x98\x00\x00\x01\x00", 8);
	memcpy(b + 96, "\xff\xff\xff\xff\x00\x00\xff\xff", 8);
	memcpy(b + 104, "\xff\xff\xff\xff\xff\xff\x82\x00", 8);
	book_seal(b, size, 4);
}

static void a_log_block_is_written_as_the_book_says(void **state)
{
	u8 expected[4096], got[4096];

	(void)state;
	for (u32 size = 512; size <= 4096; size += 3584) {
		log_book(expected, size);
		memset(got, 0x5a, sizeof(got));
		bm_record_encode(got, 0, &records[0]);
		bm_record_encode(got, 1, &records[1]);
		assert_int_equal(bm_log_encode(&header, got, size), bm_get32(expected + 4));
		assert_memory_equal(got, expected, size);
	}
	assert_int_equal(bm_log_capacity(512), 27);
	assert_int_equal(bm_log_capacity(4096), 251);
}

/* Field by field: what lies between them may differ. */
static void assert_header(const struct bm_log_header *got, const struct bm_log_header *expected)
{
	assert_int_equal(got->set_id, expected->set_id);
	assert_int_equal(got->seq, expected->seq);
	assert_int_equal(got->epoch, expected->epoch);
	assert_int_equal(got->tail, expected->tail);
	assert_int_equal(got->pass, expected->pass);
	assert_int_equal(got->cursor, expected->cursor);
	assert_int_equal(got->ring, expected->ring);
	assert_int_equal(got->prev_crc, expected->prev_crc);
	assert_int_equal(got->count, expected->count);
	assert_int_equal(got->fresh, expected->fresh);
}

static void a_log_block_is_read_as_the_book_says(void **state)
{
	struct bm_log_header got;
	struct bm_record r;
	u8 b[4096];
	u32 crc;

	(void)state;
	log_book(b, sizeof(b));
	assert_true(bm_log_decode(b, sizeof(b), header.set_id, &got, &crc));
	assert_int_equal(crc, bm_get32(b + 4));
	assert_header(&got, &header);
	for (u32 i = 0; i < 2; i++) {
		assert_true(bm_record_decode(b, i, &r));
		assert_int_equal(r.block, records[i].block);
		assert_int_equal(r.spare, records[i].spare);
		assert_int_equal(r.count, records[i].count);
		assert_int_equal(r.kind, records[i].kind);
		assert_int_equal(r.device, 0);
		assert_int_equal(r.cont, records[i].cont);
	}
	assert_true(bm_log_peek(b, sizeof(b), header.set_id, &got));
	assert_int_equal(got.seq, header.seq);
	assert_false(bm_log_decode(b, sizeof(b), header.set_id + 1, &got, &crc));
	assert_false(bm_log_peek(b, sizeof(b), header.set_id + 1, &got));
}

static void any_flipped_bit_of_a_log_block_is_seen(void **state)
{
	struct bm_log_header got;
	u8 b[4096];
	u32 crc;

	(void)state;
	for (u32 size = 512; size <= 4096; size += 3584) {
		log_book(b, size);
		for (u32 bit = 0; bit < 8 * size; bit++) {
			b[bit / 8] ^= (u8)(1 << bit % 8);
			assert_false(bm_log_decode(b, size, header.set_id, &got, &crc));
			b[bit / 8] ^= (u8)(1 << bit % 8);
		}
		assert_true(bm_log_decode(b, size, header.set_id, &got, &crc));
	}
}

static void a_log_block_with_too_many_records_is_refused(void **state)
{
	struct bm_log_header got;
	u8 b[512];
	u32 crc;

	(void)state;
	log_book(b, sizeof(b));
	book_put(b + 64, 28, 2);
	book_seal(b, sizeof(b), 4);
	assert_false(bm_log_decode(b, sizeof(b), header.set_id, &got, &crc));
	log_book(b, sizeof(b));
	book_put(b + 66, 3, 2); /* more changes than records */
	book_seal(b, sizeof(b), 4);
	assert_false(bm_log_decode(b, sizeof(b), header.set_id, &got, &crc));
}

static void every_record_comes_back_as_it_was(void **state)
{
	static const u64 blocks[] = { 0, 1, 0xffff, 0xffffffff, BM_MAX_BLOCKS - 2 };
	static const u32 counts[] = { 1, 2, 2048, 65535, 65536 };
	u8 b[512];

	(void)state;
	for (u32 i = 0; i < 5 * 5 * 5 * 2; i++) {
		struct bm_record r = { .block = blocks[i % 5],
				       .spare = blocks[i / 5 % 5],
				       .count = counts[i / 25 % 5],
				       .kind = BM_REC_MAPPED + i % 3,
				       .cont = i >= 125 },
				 got;

		if (r.block + r.count > BM_MAX_BLOCKS - 1 || r.spare + r.count > BM_MAX_BLOCKS - 1)
			continue;
		bm_record_encode(b, 3, &r);
		assert_true(bm_record_decode(b, 3, &got));
		assert_int_equal(got.block, r.block);
		assert_int_equal(got.spare, r.spare);
		assert_int_equal(got.count, r.count);
		assert_int_equal(got.kind, r.kind);
		assert_int_equal(got.cont, r.cont);
	}
}

static void records_that_no_version_writes_are_refused(void **state)
{
	struct bm_record r;
	u8 b[512] = { 0 };

	(void)state;
	for (u32 kind = 0; kind < 128; kind++) {
		book_put(b + 80, 5, 8);
		book_put(b + 88, 7 | (u64)kind << 48, 8);
		if (kind == 0 || kind > 5)
			assert_false(bm_record_decode(b, 0, &r));
	}
	/* beyond what a block number can be */
	book_put(b + 80, 0xfffffffffff0, 8);
	book_put(b + 88, 7 | 1ull << 48, 8);
	assert_false(bm_record_decode(b, 0, &r));
	book_put(b + 80, 5, 8);
	book_put(b + 88, 0xfffffffffff0 | 1ull << 48, 8);
	assert_false(bm_record_decode(b, 0, &r));
}

/* ---- layout ---- */

static u64 book_log_max(const struct bm_super *s)
{
	u64 per_block = s->block_size / 512, n = s->spare_sectors / per_block * 17 / 16;
	u64 c = (s->log_size - 80) / 16;

	return 16 + (9 * n + 4 * c - 1) / (4 * c);
}

static void layout_follows_the_book(struct bm_super *s)
{
	u64 log = book_log_max(s), length = log * (s->log_size / 512);
	u64 last = s->spare_sectors / 8 * 8 - 8;

	assert_int_equal(s->log_max, log);
	assert_int_equal(s->log_min, log < 64 ? log : 64);
	assert_int_equal(bm_super_sector(s->spare_sectors, 0), 0);
	assert_int_equal(bm_super_sector(s->spare_sectors, 1), last);
	assert_int_equal(s->log_start[1], (last - length) / 8 * 8);
	assert_int_equal(s->data_end, s->log_start[1]);
	if (8 + length <= 4096) {
		assert_int_equal(s->log_start[0], 8);
		assert_int_equal(s->data_start, (8 + length + 7) / 8 * 8);
	} else {
		assert_int_equal(s->log_start[0], s->spare_sectors / 2 / 8 * 8);
		assert_int_equal(s->data_start, 2048);
		assert_true(s->log_start[0] + length <= s->data_end);
	}
	assert_true(s->data_start <= 4096 && s->data_start < s->data_end);
}

static void spares_of_all_sizes_are_laid_out_by_the_book(void **state)
{
	u8 b[512];

	(void)state;
	for (u32 which = 0; which < 4; which++) {
		u64 sectors = 32, laid_out = 0;

		while (sectors < 1ull << 35) {
			struct bm_super s = { .version = 1,
					      .set_id = 1,
					      .spare_count = 1,
					      .block_size = which & 1 ? 4096 : 512,
					      .log_size = which & 2 ? 4096 : 512,
					      .main_sectors = 1 << 20,
					      .spare_sectors = sectors },
					again;
			u64 least = 0;
			int error = bm_super_layout(&s, &least);

			if (error != 0) {
				assert_int_equal(error, -ENOSPC);
				assert_true(least > sectors && laid_out == 0);
			} else {
				laid_out++;
				layout_follows_the_book(&s);
				bm_super_encode(&s, b);
				assert_int_equal(bm_super_decode(b, &again), BM_SUPER_OK);
			}
			sectors += 1 + sectors / 37;
		}
		assert_true(laid_out > 300);
	}
}

static void the_smallest_spare_is_the_one_that_is_named(void **state)
{
	(void)state;
	for (u32 which = 0; which < 4; which++) {
		struct bm_super s = { .block_size = which & 1 ? 4096 : 512,
				      .log_size = which & 2 ? 4096 : 512,
				      .main_sectors = 1 << 20,
				      .spare_sectors = 8 };
		u64 least = 0;

		assert_int_equal(bm_super_layout(&s, &least), -ENOSPC);
		s.spare_sectors = least;
		assert_int_equal(bm_super_layout(&s, NULL), 0);
		for (s.spare_sectors = least - 8; s.spare_sectors < least; s.spare_sectors++)
			assert_int_equal(bm_super_layout(&s, NULL), -ENOSPC);
	}
}

static void the_well_known_remap_fits_spares_up_to_a_gibibyte(void **state)
{
	(void)state;
	for (u64 sectors = 16384; sectors <= 2097152; sectors += 4096 + 8 * (sectors % 97)) {
		struct bm_super s = { .block_size = 512,
				      .log_size = 4096,
				      .main_sectors = 1 << 20,
				      .spare_sectors = sectors };

		assert_int_equal(bm_super_layout(&s, NULL), 0);
		/* add_remap 1000 5000 100 */
		assert_true(s.data_start <= 5000 && s.data_end >= 5100);
		assert_true(s.log_start[0] < 5000 || s.log_start[0] >= 5100);
	}
}

static void layouts_that_cant_be_are_refused(void **state)
{
	struct bm_super s = {
		.block_size = 512, .log_size = 512, .main_sectors = 1000, .spare_sectors = 1000
	};

	(void)state;
	s.block_size = 1024;
	assert_int_equal(bm_super_layout(&s, NULL), -EINVAL);
	s.block_size = 512;
	s.log_size = 0;
	assert_int_equal(bm_super_layout(&s, NULL), -EINVAL);
	s.log_size = 512;
	s.main_sectors = BM_MAX_BLOCKS;
	assert_int_equal(bm_super_layout(&s, NULL), -EFBIG);
	s.main_sectors = 1000;
	s.spare_sectors = BM_MAX_BLOCKS;
	assert_int_equal(bm_super_layout(&s, NULL), -EFBIG);
	s.spare_sectors = ~0ull;
	assert_int_equal(bm_super_layout(&s, NULL), -EFBIG);
	s.spare_sectors = 0;
	assert_int_equal(bm_super_layout(&s, NULL), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_is_castagnoli),
		cmocka_unit_test(crc32c_can_be_taken_in_pieces_at_any_alignment),
		cmocka_unit_test(a_superblock_is_written_as_the_book_says),
		cmocka_unit_test(a_superblock_is_read_as_the_book_says),
		cmocka_unit_test(any_flipped_bit_of_a_superblock_is_seen),
		cmocka_unit_test(what_is_wrong_with_a_superblock_is_named),
		cmocka_unit_test(impossible_values_in_a_superblock_are_corrupt),
		cmocka_unit_test(text_that_is_not_terminated_stays_inside),
		cmocka_unit_test(a_log_block_is_written_as_the_book_says),
		cmocka_unit_test(a_log_block_is_read_as_the_book_says),
		cmocka_unit_test(any_flipped_bit_of_a_log_block_is_seen),
		cmocka_unit_test(a_log_block_with_too_many_records_is_refused),
		cmocka_unit_test(every_record_comes_back_as_it_was),
		cmocka_unit_test(records_that_no_version_writes_are_refused),
		cmocka_unit_test(spares_of_all_sizes_are_laid_out_by_the_book),
		cmocka_unit_test(the_smallest_spare_is_the_one_that_is_named),
		cmocka_unit_test(the_well_known_remap_fits_spares_up_to_a_gibibyte),
		cmocka_unit_test(layouts_that_cant_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
