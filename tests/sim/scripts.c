/* SPDX-License-Identifier: GPL-2.0-only */
/* The scripts that are played with cuts, I/O errors, failed allocations and interleavings. */
#include "player.h"

#define MAIN 16u /* blocks, in most scripts */

/* ---- by hand ---- */

static void run_add(struct player *p)
{
	u64 at = spare_block(p, 5);

	play_add(p, 2, 1);
	play_write(p, 2, 1);
	play_op(p, BM_OP_ADD, 4, 3, 0, at, 0);
	play_op(p, BM_OP_ADD, 4, 1, 0, BM_NOWHERE, -EEXIST);
	play_op(p, BM_OP_ADD, 9, 1, 0, at, -EBUSY);
	play_write(p, 1, 6);
	play_flush(p);
	play_fua(p, 5, 2);
	play_read(p, 0, MAIN);
}

static void setup_three(struct player *p)
{
	play_add(p, 3, 4);
	play_add(p, 9, 1);
	play_add(p, 12, 2);
	play_fua(p, 2, 6);
	play_write(p, 12, 2);
}

/* The same contents with the map and without it. */
static void setup_copies(struct player *p)
{
	play_add(p, 3, 4);
	play_add(p, 9, 1);
}

static void run_remove(struct player *p)
{
	play_remove(p, 4, 1);
	play_write(p, 3, 3);
	play_remove(p, 9, 1);
	play_op(p, BM_OP_REMOVE, 9, 1, 0, 0, -ENOENT);
	play_flush(p);
	play_fua(p, 5, 1);
	play_add(p, 4, 1);
	play_remove(p, 3, 4);
	play_read(p, 0, MAIN);
}

static void run_clear(struct player *p)
{
	play_write(p, 5, 1);
	play_remove(p, 0, MAIN);
	play_fua(p, 5, 1);
	play_add(p, 5, 1);
	play_read(p, 0, MAIN);
}

static void run_lose(struct player *p)
{
	play_lose(p, 6, 2);
	play(p, TASK_READ, 6, 1, false, -EIO);
	play_write(p, 6, 1);
	play_read(p, 6, 1);
	play(p, TASK_READ, 7, 1, false, -EIO);
	play_op(p, BM_OP_REMOVE, 7, 1, 0, 0, -EIO);
	play_op(p, BM_OP_REMOVE, 7, 1, BM_OP_FORCE, 0, 0);
	play(p, TASK_READ, 7, 1, false, -EIO);
	play_op(p, BM_OP_SCRUB, 0, MAIN, 0, 0, ANY_RESULT);
	play(p, TASK_READ, 7, 1, false, -EIO);
	play_write(p, 7, 1);
	play_read(p, 0, MAIN);
}

static void run_label(struct player *p)
{
	play_op(p, BM_OP_UPDATE, 0, 0, 0, 0, 0);
	play_add(p, 1, 1);
	play_op(p, BM_OP_UPDATE, 0, 0, 0, 0, 0);
	play_fua(p, 1, 1);
}

/* Main is larger than the superblock says: opened with BM_ACCEPT_GROWN. */
static void run_grow(struct player *p)
{
	play_add(p, 5, 1);
	play_fua(p, 5, 1);
	play_lose(p, MAIN - 2, 2);
	play_fua(p, MAIN - 2, 1);
}

static void setup_grow(struct player *p)
{
	play_add(p, 2, 2);
	play_fua(p, 2, 2);
	p->host->config.main_sectors = p->host->geometry.main_sectors;
}

static void run_format(struct player *p)
{
	play_add(p, 1, 1);
	play_fua(p, 1, 1);
}

/* ---- by failing ---- */

static void run_write_error(struct player *p)
{
	bad_write(p, 3, 2);
	play_write(p, 2, 5);
	play_read(p, 0, MAIN);
	play_write(p, 3, 1);
	play_flush(p);
	play_fua(p, 4, 2);
	bad_write(p, 10, 1);
	play_fua(p, 10, 1);
	play(p, TASK_ZERO, 3, 8, false, 0);
	play_read(p, 0, MAIN);
}

static void run_read_error(struct player *p)
{
	bad_read(p, 5, 2);
	play(p, TASK_READ, 4, 4, false, -EIO);
	play_read(p, 4, 1);
	play_read(p, 7, 1);
	play(p, TASK_READ, 5, 1, false, -EIO);
	play_write(p, 5, 1);
	play_read(p, 5, 1);
	play(p, TASK_READ, 6, 1, false, -EIO);
	play_fua(p, 4, 4);
	play_read(p, 0, MAIN);
}

static void run_marginal(struct player *p)
{
	weak_read(p, 6, 2);
	play_read(p, 5, 3);
	play_write(p, 6, 1);
	weak_read(p, 6, 2);
	weak_read(p, 9, 1);
	play_read(p, 6, 4);
	play_flush(p);
	play_fua(p, 6, 1);
	play_read(p, 0, MAIN);
}

static void run_spare_write_error(struct player *p)
{
	bad_write(p, 2, 4);
	spare_bad_write(p, 0, 2);
	spare_bad_write(p, 4, 1);
	play_write(p, 2, 1);
	play_fua(p, 3, 2);
	play_read(p, 0, MAIN);
	spare_bad_write(p, 3, 1);
	play_write(p, 2, 4);
	play_write(p, 2, 4);
	play_flush(p);
	play_read(p, 0, MAIN);
}

static void run_spare_read_error(struct player *p)
{
	u64 home;

	play_add(p, 4, 2);
	play_fua(p, 4, 2);
	home = lives_at(p, 4);
	if (home == BM_NOWHERE)
		return;
	spare_bad_read(p, (home - p->host->super.data_start) / p->per, 1);
	play(p, TASK_READ, 3, 3, false, -EIO);
	play(p, TASK_READ, 4, 1, false, -EIO);
	play_read(p, 5, 1);
	play_op(p, BM_OP_REMOVE, 4, 1, 0, 0, -EIO);
	play_write(p, 4, 1);
	play_read(p, 4, 1);
	play_flush(p);
	play_read(p, 0, MAIN);
}

static void run_scrub(struct player *p)
{
	bad_read(p, 2, 1);
	weak_read(p, 8, 3);
	play_op(p, BM_OP_SCRUB, 0, MAIN, 0, 0, ANY_RESULT);
	play(p, TASK_READ, 2, 1, false, -EIO);
	mend(p);
	play_op(p, BM_OP_SCRUB, 0, MAIN, 0, 0, ANY_RESULT);
	play(p, TASK_READ, 2, 1, false, ANY_RESULT);
	play_fua(p, 2, 1);
	play_read(p, 0, MAIN);
}

/* A block lost on the spare, let go of by force: what main still holds is older, and wrong. */
static void run_force(struct player *p)
{
	u64 home;

	bad_write(p, 4, 1);
	play_fua(p, 4, 1);
	home = lives_at(p, 4);
	if (home == BM_NOWHERE)
		return;
	spare_bad_read(p, (home - p->host->super.data_start) / p->per, 1);
	play(p, TASK_READ, 4, 1, false, -EIO);
	play_op(p, BM_OP_REMOVE, 4, 1, BM_OP_FORCE, 0, ANY_RESULT);
	mend(p);
	play(p, TASK_READ, 4, 1, false, ANY_RESULT);
	play_op(p, BM_OP_SCRUB, 0, MAIN, 0, 0, ANY_RESULT);
	play(p, TASK_READ, 4, 1, false, ANY_RESULT);
	play_reopen(p);
	play(p, TASK_READ, 4, 1, false, ANY_RESULT);
	play_fua(p, 4, 1);
	play_read(p, 4, 1);
}

static void run_trim(struct player *p)
{
	play_add(p, 3, 2);
	play(p, TASK_ZERO, 2, 4, false, 0);
	play(p, TASK_DISCARD, 4, 4, false, 0);
	play_fua(p, 4, 2);
	bad_write(p, 8, 1);
	play(p, TASK_ZERO, 7, 3, true, 0);
	play_lose(p, 12, 1);
	play(p, TASK_DISCARD, 11, 3, false, 0);
	play(p, TASK_READ, 12, 1, false, -EIO);
	play(p, TASK_ZERO, 12, 1, false, 0);
	play_read(p, 0, MAIN);
}

/* Both copies of the log refuse a block, which may have got there all the same. */
static void run_limbo(struct player *p)
{
	struct disk *spare = &p->host->disk[BM_SPARE];
	const struct bm_super *super = &p->host->super;
	u64 size = (u64)super->log_max * (super->log_size / SECTOR);

	for (u32 copy = 0; copy < 2; copy++)
		disk_fault(spare, &(struct disk_fault){ .verbs = DISK_WRITE,
							.first = super->log_start[copy],
							.end = super->log_start[copy] + size,
							.error = -EIO,
							.times = 1,
							.outcome = (p->seed >> (2 * copy)) %
								   DISK_OUTCOMES });
	bad_write(p, 4, 1);
	play(p, TASK_WRITE, 4, 1, false, ANY_RESULT);
	disk_mend(&p->host->disk[BM_MAIN]);
	play(p, TASK_WRITE, 4, 1, true, ANY_RESULT);
	play(p, TASK_READ, 4, 1, false, ANY_RESULT);
	play(p, TASK_WRITE, 3, 3, true, ANY_RESULT);
	play_op(p, BM_OP_RETRY, 0, 0, 0, 0, ANY_RESULT);
	play(p, TASK_WRITE, 4, 1, true, ANY_RESULT);
	play_op(p, BM_OP_ADD, 7, 1, 0, BM_NOWHERE, ANY_RESULT);
	play(p, TASK_WRITE, 4, 1, true, ANY_RESULT);
	play_read(p, 5, 1);
}

/* ---- many ---- */

static void setup_many(struct player *p)
{
	for (u32 i = 0; i < 36; i++)
		play_op(p, BM_OP_ADD, 2 * i, 1, 0, spare_block(p, 40 - i), 0);
	play_fua(p, 0, 72);
}

/* Passes of several blocks, and more than once round the ring. */
static void run_compaction(struct player *p)
{
	for (u32 i = 0; i < 40; i++) {
		u32 block = 2 * (i * 7 % 36);

		play_remove(p, block, 1);
		play_fua(p, block, 1);
		play_op(p, BM_OP_ADD, block, 1, 0, BM_NOWHERE, 0);
		play_fua(p, block, 1);
	}
}

static void setup_runs(struct player *p)
{
	for (u32 i = 0; i < 45; i++)
		play_add(p, 4 * i, 1 + i % 4);
}

/* Runs of all lengths, cut, joined and let go of while passes go by. */
static void run_runs(struct player *p)
{
	u64 dice = p->seed;

	for (u32 i = 0; i < 70; i++) {
		u64 block = rng_below(&dice, 180), count = 1 + rng_below(&dice, 9);

		switch (rng_below(&dice, 6)) {
		case 0:
		case 1:
			play_op(p, BM_OP_REMOVE, block, count, 0, 0, ANY_RESULT);
			break;
		case 2:
			play_op(p, BM_OP_ADD, block, count, 0, BM_NOWHERE, ANY_RESULT);
			break;
		case 3:
			play_op(p, BM_OP_ADD, block, count, BM_OP_NO_COPY, BM_NOWHERE, ANY_RESULT);
			break;
		case 4:
			spare_bad_write(p, rng_below(&dice, 200), 1 + rng_below(&dice, 2));
			break;
		default:
			bad_write(p, block, count);
			play_fua(p, block, count);
			mend(p);
		}
	}
}

static void setup_growing(struct player *p)
{
	for (u32 i = 0; i < 560; i++)
		play_op(p, BM_OP_ADD, 2 * i, 1, BM_OP_NO_COPY, spare_block(p, 700 - i), 0);
}

/* The ring becomes too small for the map and is enlarged, wherever it stands. */
static void run_ring(struct player *p)
{
	for (u32 i = 560; i < 690; i++)
		play_op(p, BM_OP_ADD, 2 * i, 1, BM_OP_NO_COPY, spare_block(p, 700 - i), ANY_RESULT);
}

static void setup_batch(struct player *p)
{
	for (u32 i = 0; i < 20; i++)
		play_op(p, BM_OP_ADD, 2 * i, 1, 0, BM_NOWHERE, 0);
}

/* One operation with more runs than it may commit at a time, in batches that push the log. */
static void run_batch(struct player *p)
{
	for (u32 i = 0; i < 12; i++) {
		play_remove(p, 0, 40);
		for (u32 k = 0; k < 8; k++)
			play_op_later(p, BM_OP_ADD, 2 * ((k + i) % 20), 1, 0);
		play_go(p);
		for (u32 k = 8; k < 14; k++)
			play_op_later(p, BM_OP_ADD, 2 * ((k + i) % 20), 1, 0);
		play_go(p);
	}
}

/* ---- at once ---- */

static void run_group(struct player *p)
{
	bad_write(p, 2, 8);
	play_later(p, TASK_WRITE, 2, 2, false);
	play_later(p, TASK_WRITE, 4, 1, true);
	play_later(p, TASK_WRITE, 7, 2, false);
	play_op_later(p, BM_OP_ADD, 12, 2, 0);
	play_go(p);
	play_later(p, TASK_WRITE, 3, 3, false);
	play_later(p, TASK_READ, 2, 4, false);
	play_later(p, TASK_FLUSH, 0, 0, false);
	play_go(p);
	play_read(p, 0, MAIN);
}

/* Writes and reads of a block while it moves back and forth. */
static void run_moving(struct player *p)
{
	for (u32 i = 0; i < 3; i++) {
		play_op_later(p, i % 2 ? BM_OP_REMOVE : BM_OP_ADD, 4, 2, 0);
		play_later(p, TASK_WRITE, 3, 2, false);
		play_later(p, TASK_READ, 4, 2, false);
		play_later(p, TASK_WRITE, 5, 2, i == 1);
		play_go(p);
		play_later(p, TASK_READ, 3, 4, false);
		play_later(p, TASK_FLUSH, 0, 0, false);
		play_go(p);
	}
}

/* A block is found weak or unreadable while a write of it is under way. */
static void run_crossing(struct player *p)
{
	weak_read(p, 4, 2);
	play_later(p, TASK_WRITE, 4, 1, false);
	play_later(p, TASK_READ, 3, 3, false);
	play_go(p);
	bad_read(p, 8, 1);
	play_later(p, TASK_WRITE, 7, 2, true);
	play_later(p, TASK_READ, 8, 1, false);
	play_later(p, TASK_READ, 6, 4, false);
	play_go(p);
	bad_write(p, 10, 1);
	play_later(p, TASK_WRITE, 10, 1, false);
	play_later(p, TASK_WRITE, 9, 3, true);
	play_op_later(p, BM_OP_SCRUB, 0, MAIN, 0);
	play_go(p);
	play_later(p, TASK_ZERO, 10, 1, false);
	play_later(p, TASK_WRITE, 10, 1, false);
	play_op_later(p, BM_OP_REMOVE, 9, 3, 0);
	play_go(p);
	play(p, TASK_READ, 0, MAIN, false, ANY_RESULT);
}

/* The spare block of a block that is being written and read fails. */
static void run_crossing_spare(struct player *p)
{
	spare_bad_write(p, 0, 3);
	play_later(p, TASK_WRITE, 2, 4, false);
	play_later(p, TASK_READ, 3, 2, false);
	play_later(p, TASK_WRITE, 4, 2, true);
	play_go(p);
	mend(p);
	spare_bad_read(p, 5, 4);
	play_later(p, TASK_READ, 2, 6, false);
	play_later(p, TASK_WRITE, 3, 2, false);
	play_op_later(p, BM_OP_ADD, 1, 1, 0);
	play_go(p);
	play_op_later(p, BM_OP_REMOVE, 2, 6, BM_OP_FORCE);
	play_later(p, TASK_WRITE, 5, 2, true);
	play_later(p, TASK_DISCARD, 3, 2, false);
	play_go(p);
	play(p, TASK_READ, 0, MAIN, false, ANY_RESULT);
}

/* A spare block is let go of and taken for another while a read of it is under way. */
static void run_reuse(struct player *p)
{
	play_later(p, TASK_READ, 3, 2, false);
	play_op_later(p, BM_OP_REMOVE, 3, 4, 0);
	play_op_later(p, BM_OP_ADD, 10, 2, 0);
	play_later(p, TASK_WRITE, 10, 2, false);
	play_go(p);
	play_later(p, TASK_READ, 3, 4, false);
	play_op_later(p, BM_OP_ADD, 3, 3, 0);
	play_later(p, TASK_WRITE, 3, 4, true);
	play_later(p, TASK_ZERO, 9, 2, false);
	play_go(p);
	play_read(p, 0, MAIN);
}

#define G_512                                                                                      \
	{                                                                                          \
		.block_size = 512, .log_size = 512, .main_sectors = MAIN, .spare_sectors = 128     \
	}
#define G_512_BIGLOG                                                                               \
	{                                                                                          \
		.block_size = 512, .log_size = 4096, .main_sectors = MAIN, .spare_sectors = 400    \
	}
#define G_4K                                                                                       \
	{                                                                                          \
		.block_size = 4096, .log_size = 4096, .main_sectors = MAIN * 8,                    \
		.spare_sectors = 512                                                               \
	}
#define G_4K_LOG512                                                                                \
	{                                                                                          \
		.block_size = 4096, .log_size = 512, .main_sectors = MAIN * 8,                     \
		.spare_sectors = 160                                                               \
	}
#define G_THROUGH                                                                                  \
	{                                                                                          \
		.block_size = 512, .log_size = 512, .main_sectors = MAIN, .spare_sectors = 128,    \
		.through = true, .discards = true, .scratch = 8                                    \
	}
#define G_MANY                                                                                     \
	{                                                                                          \
		.block_size = 512, .log_size = 512, .main_sectors = 80, .spare_sectors = 128,      \
		.scratch = 16                                                                      \
	}
#define G_MANY_4K                                                                                  \
	{                                                                                          \
		.block_size = 512, .log_size = 4096, .main_sectors = 80, .spare_sectors = 400,     \
		.scratch = 16                                                                      \
	}
#define G_RUNS                                                                                     \
	{                                                                                          \
		.block_size = 512, .log_size = 512, .main_sectors = 200, .spare_sectors = 400,     \
		.scratch = 16                                                                      \
	}
#define G_RING                                                                                     \
	{                                                                                          \
		.block_size = 512, .log_size = 512, .main_sectors = 1400, .spare_sectors = 1024    \
	}

#define SCRIPT(n, s, r, g, ...)                                                                    \
	{                                                                                          \
		.name = n, .setup = s, .run = r, .geometry = g, __VA_ARGS__                        \
	}

const struct script scripts[] = {
	SCRIPT("add", NULL, run_add, G_512),
	SCRIPT("add-4k", NULL, run_add, G_4K),
	SCRIPT("add-4k-log512", NULL, run_add, G_4K_LOG512),
	SCRIPT("add-biglog", NULL, run_add, G_512_BIGLOG),
	SCRIPT("add-through", NULL, run_add, G_THROUGH),
	SCRIPT("remove", setup_three, run_remove, G_512),
	SCRIPT("remove-4k", setup_three, run_remove, G_4K),
	SCRIPT("remove-through", setup_three, run_remove, G_THROUGH),
	SCRIPT("clear", setup_three, run_clear, G_512),
	SCRIPT("clear-4k", setup_three, run_clear, G_4K),
	SCRIPT("lose", NULL, run_lose, G_512),
	SCRIPT("label", NULL, run_label, G_512),
	SCRIPT("grow", setup_grow, run_grow, G_512, .main_before = MAIN / 2,
	       .flags = BM_ACCEPT_GROWN),
	SCRIPT("format", NULL, run_format, G_512, .format = true),
	SCRIPT("reformat", setup_copies, run_format, G_512, .format = true),
	SCRIPT("write-error", NULL, run_write_error, G_512),
	SCRIPT("write-error-4k", NULL, run_write_error, G_4K),
	SCRIPT("write-error-biglog", NULL, run_write_error, G_512_BIGLOG),
	SCRIPT("write-error-through", NULL, run_write_error, G_THROUGH),
	SCRIPT("read-error", NULL, run_read_error, G_512),
	SCRIPT("read-error-4k", NULL, run_read_error, G_4K),
	SCRIPT("marginal", NULL, run_marginal, G_512),
	SCRIPT("spare-write-error", NULL, run_spare_write_error, G_512),
	SCRIPT("spare-write-error-4k", NULL, run_spare_write_error, G_4K_LOG512),
	SCRIPT("spare-read-error", NULL, run_spare_read_error, G_512),
	SCRIPT("scrub", NULL, run_scrub, G_512),
	SCRIPT("force", NULL, run_force, G_512),
	SCRIPT("trim", NULL, run_trim, G_512),
	SCRIPT("trim-through", NULL, run_trim, G_THROUGH),
	SCRIPT("limbo", NULL, run_limbo, G_512),
	SCRIPT("limbo-through", NULL, run_limbo, G_THROUGH),
	SCRIPT("compaction", setup_many, run_compaction, G_MANY, .heavy = true),
	SCRIPT("compaction-biglog", setup_many, run_compaction, G_MANY_4K, .heavy = true),
	SCRIPT("runs", setup_runs, run_runs, G_RUNS, .heavy = true),
	SCRIPT("ring", setup_growing, run_ring, G_RING, .heavy = true),
	SCRIPT("batch", setup_batch, run_batch, G_MANY, .heavy = true, .interleaved = true),
	SCRIPT("group", NULL, run_group, G_512, .interleaved = true),
	SCRIPT("group-4k", NULL, run_group, G_4K, .interleaved = true),
	SCRIPT("moving", NULL, run_moving, G_512, .interleaved = true),
	SCRIPT("moving-through", NULL, run_moving, G_THROUGH, .interleaved = true),
	SCRIPT("crossing", NULL, run_crossing, G_512, .interleaved = true),
	SCRIPT("crossing-4k", NULL, run_crossing, G_4K_LOG512, .interleaved = true),
	SCRIPT("crossing-through", NULL, run_crossing, G_THROUGH, .interleaved = true),
	SCRIPT("crossing-spare", setup_three, run_crossing_spare, G_512, .interleaved = true),
	SCRIPT("reuse", setup_three, run_reuse, G_512, .interleaved = true),
};

const u32 scripts_count = sizeof(scripts) / sizeof(*scripts);
