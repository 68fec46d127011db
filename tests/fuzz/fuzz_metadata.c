/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arbitrary metadata, opened, worked on and opened again.
 *
 * Byte 0: options. The rest, by option: raw bytes of a superblock and of the log; or patches to a
 * spare with a past. Checksums may be put right, so that what lies behind them is reached.
 */
#include "fuzz.h"
#include "tests/sim/player.h"

enum {
	OPT_SEAL = 1 << 0, /* put magic numbers, set_id and checksums right */
	OPT_READ_ONLY = 1 << 1,
	OPT_BIG_LOG = 1 << 2,
	OPT_PATCH = 1 << 3,    /* patches: offset (2 bytes), length, bytes */
	OPT_ONE_COPY = 1 << 4, /* the other copy of the log stays as it was */
	OPT_REPAIR = 1 << 5,
	OPT_CHAIN = 1 << 6, /* also make seq and prev_crc fit */
};

#define SPARE_MAX 400u
#define MAIN      64u

static struct {
	struct arena arena;
	struct host host;
	struct model model;
	const u8 *past[SPARE_MAX];
	struct bm_super super;
	bool ready;
} pair[2];

static void past_make(u32 big)
{
	struct geometry geometry = { .block_size = 512,
				     .log_size = big ? 4096 : 512,
				     .main_sectors = MAIN,
				     .spare_sectors = big ? SPARE_MAX : 128 };
	struct host *host = &pair[big].host;
	struct player p = { .host = host, .per = 1 };

	arena_init(&pair[big].arena, 16u << 20);
	model_init(&pair[big].model, MAIN, false);
	pair[big].model.anything = true;
	host_init(host, &geometry, &pair[big].arena, &pair[big].model);
	if (host_start(host) != 0 || host_format(host, 0x5e7) != 0)
		report_fail("the spare can't be formatted");
	pair[big].super = host->super;
	for (u32 i = 0; i < 12; i++)
		play_op(&p, BM_OP_ADD, 3 * i, 1 + i % 2, i % 3 ? 0 : BM_OP_NO_COPY, BM_NOWHERE, 0);
	play_remove(&p, 3, 2);
	bad_read(&p, 50, 2);
	play_read(&p, 50, 2);
	spare_bad_write(&p, 20, 4);
	bad_write(&p, 60, 2);
	play_write(&p, 58, 4);
	mend(&p);
	play_flush(&p);
	host_halt(host);
	memcpy(pair[big].past, host->disk[BM_SPARE].durable, geometry.spare_sectors * sizeof(u8 *));
	pair[big].ready = true;
}

static struct host *fresh(u32 big)
{
	struct host *host;

	if (!pair[big].ready)
		past_make(big);
	host = &pair[big].host;
	host->disk[BM_MAIN].nwrites = host->disk[BM_SPARE].nwrites = 0;
	disk_mend(&host->disk[BM_MAIN]);
	disk_mend(&host->disk[BM_SPARE]);
	for (u32 s = 0; s < host->geometry.spare_sectors; s++)
		disk_set(&host->disk[BM_SPARE], s, pair[big].past[s]);
	return host;
}

/* ---- the metadata as one piece of memory: superblock, then the log ---- */

struct image {
	u8 bytes[512 + 512 * SPARE_MAX];
	size_t size, log_size;
};

static void image_get(struct image *im, const struct host *host, const struct bm_super *super)
{
	im->log_size = (size_t)super->log_max * super->log_size;
	im->size = 512 + im->log_size;
	memcpy(im->bytes, host->disk[BM_SPARE].now[0], 512);
	for (size_t i = 0; i < im->log_size / 512; i++)
		memcpy(im->bytes + 512 + 512 * i, host->disk[BM_SPARE].now[super->log_start[0] + i],
		       512);
}

static void image_put(const struct image *im, struct host *host, const struct bm_super *super,
		      bool one_copy)
{
	disk_put(&host->disk[BM_SPARE], 0, im->bytes);
	disk_put(&host->disk[BM_SPARE], bm_super_sector(super->spare_sectors, 1), im->bytes);
	for (u32 copy = 0; copy < (one_copy ? 1u : 2u); copy++)
		for (size_t i = 0; i < im->log_size / 512; i++)
			disk_put(&host->disk[BM_SPARE], super->log_start[copy] + i,
				 im->bytes + 512 + 512 * i);
}

static void seal(u8 *block, size_t size, size_t field)
{
	bm_put32(block + field, 0);
	bm_put32(block + field, bm_crc32c(0, block, size));
}

static void image_seal(struct image *im, const struct bm_super *super, bool chain)
{
	u32 crc = 0;

	memcpy(im->bytes, BM_SUPER_MAGIC, 8);
	seal(im->bytes, 512, 8);
	for (size_t at = 512; at < im->size; at += super->log_size) {
		u8 *block = im->bytes + at;

		if (block[0] == 0 && block[8] == 0)
			continue; /* leave some as they are */
		bm_put32(block, BM_LOG_MAGIC);
		bm_put64(block + 8, bm_get64(im->bytes + 80));
		if (chain) {
			bm_put64(block + 16, 1 + (at - 512) / super->log_size);
			bm_put32(block + 60, crc);
		}
		seal(block, super->log_size, 4);
		crc = bm_get32(block + 4);
	}
}

static void image_fill(struct image *im, const uint8_t *data, size_t size, bool patch)
{
	if (!patch) {
		memset(im->bytes, 0, im->size);
		memcpy(im->bytes, data, size < im->size ? size : im->size);
		return;
	}
	while (size > 3) {
		size_t at = (size_t)bm_get16(data) % im->size, n = 1 + data[2] % 64;

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		n = n < im->size - at ? n : im->size - at;
		memcpy(im->bytes + at, data, n);
		data += n;
		size -= n;
	}
}

/* ---- work ---- */

static void work(struct host *host, u32 options)
{
	struct player p = { .host = host, .per = 1 };
	u64 before;

	explore_structure(host);
	host_read_all(host);
	play_op(&p, BM_OP_CHECK, 0, 0, options & OPT_REPAIR ? BM_OP_REPAIR_IT : 0, 0, 0);
	if (!(options & OPT_READ_ONLY)) {
		play_add(&p, 1, 2);
		bad_write(&p, 7, 3);
		play_write(&p, 5, 8);
		play_remove(&p, 0, 20);
		play_lose(&p, 40, 3);
		play_write(&p, 0, MAIN);
		for (u32 i = 0; i < 40; i++)
			play_op(&p, i % 2 ? BM_OP_REMOVE : BM_OP_ADD, 30, 1, BM_OP_NO_COPY,
				BM_NOWHERE, 0);
	}
	explore_structure(host);
	before = explore_fingerprint(host);
	host_halt(host);
	mend(&p);
	if (host_start(host) != 0)
		report_fail("bm_create() fails");
	if (host_open(host) != 0)
		report_fail("what could be opened and worked on can't be opened again");
	if (explore_fingerprint(host) != before)
		report_fail("the map became another by closing and opening");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct image im;
	struct host *host;
	size_t mark;
	u32 options;

	if (size < 2)
		return 0;
	options = data[0];
	host = fresh(options & OPT_BIG_LOG ? 1 : 0);
	mark = host->disk[BM_SPARE].arena->used;
	image_get(&im, host, &pair[options & OPT_BIG_LOG ? 1 : 0].super);
	image_fill(&im, data + 1, size - 1, options & OPT_PATCH);
	if (options & OPT_SEAL)
		image_seal(&im, &pair[options & OPT_BIG_LOG ? 1 : 0].super, options & OPT_CHAIN);
	image_put(&im, host, &pair[options & OPT_BIG_LOG ? 1 : 0].super, options & OPT_ONE_COPY);
	host->config.flags = options & OPT_READ_ONLY ? BM_READ_ONLY : 0;
	if (host_start(host) == 0 && host_open(host) == 0 && host->super.main_sectors == MAIN)
		work(host, options);
	host_halt(host);
	host->disk[BM_SPARE].arena->used = mark;
	return 0;
}
