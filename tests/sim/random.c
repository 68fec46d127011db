/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long random lives of one pair of disks: several requests and operations at once, faults that
 * come and go, power cuts at any step (also inside recovery) that leave any contents of each
 * sector, and again and again all of it read back against the model.
 */
#include "case.h"
#include "power.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 120u

static struct stage stage;
static struct explorer ex;
static struct arena spare_arena;

struct life {
	struct host *host;
	struct player p;
	struct chooser chooser;
	u64 random;
	u64 countdown; /* actions until the power goes; 0: it doesn't */
	u32 blocks;
	u32 bad_copy;  /* the copy of the log that may fail in this life; 2: none */
	bool both_bad; /* both may refuse a block */
};

static u64 chance(struct life *life, u64 n)
{
	return rng_below(&life->random, n);
}

static void run_nothing(struct player *p)
{
	(void)p;
}

/* A map that takes several blocks of the log to write down. */
static void setup_many(struct player *p)
{
	for (u32 i = 0; i < 60; i++)
		play_add(p, 5 * i, 1 + i % 4);
}

static const struct script lives[] = {
	{ .name = "random-512",
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 512,
			.main_sectors = 64,
			.spare_sectors = 128 } },
	{ .name = "random-through",
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 512,
			.main_sectors = 64,
			.spare_sectors = 128,
			.through = true,
			.scratch = 16 } },
	{ .name = "random-biglog",
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 4096,
			.main_sectors = 48,
			.spare_sectors = 400,
			.discards = true,
			.scratch = 8 } },
	{ .name = "random-many",
	  .setup = setup_many,
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 512,
			.main_sectors = 300,
			.spare_sectors = 400,
			.scratch = 16 } },
	{ .name = "random-4k",
	  .run = run_nothing,
	  .geometry = { .block_size = 4096,
			.log_size = 4096,
			.main_sectors = 256,
			.spare_sectors = 512,
			.scratch = 4 } },
};

static void watch_countdown(struct host *host, void *ctx)
{
	struct life *life = ctx;

	if (life->countdown > 0 && --life->countdown == 0)
		host->stop = true;
}

/* ---- faults ---- */

static void fault_log(struct life *life, u32 copy, int times, enum disk_outcome outcome)
{
	const struct bm_super *s = &life->host->super;

	disk_fault(&life->host->disk[BM_SPARE],
		   &(struct disk_fault){ .verbs = times < 0 ? DISK_WRITE | DISK_READ : DISK_WRITE,
					 .first = s->log_start[copy],
					 .end = s->log_start[copy] +
						s->log_max * (s->log_size / SECTOR),
					 .error = -EIO,
					 .times = times,
					 .outcome = outcome });
}

static void fault_once(struct life *life)
{
	static const int errors[] = { -ENOLINK, -ETIMEDOUT, -EIO, -ENOMEM };

	/* Where one copy may vanish, the other must not miss a block. */
	disk_fault(&life->host->disk[life->bad_copy == 2 && chance(life, 2) ? BM_SPARE : BM_MAIN],
		   &(struct disk_fault){ .verbs = DISK_ALL & ~(chance(life, 2) ? DISK_FLUSH : 0),
					 .number = life->host->disk[0].ios + 1 + chance(life, 20),
					 .error = errors[chance(life, 4)],
					 .times = 1,
					 .outcome = chance(life, DISK_TORN + 1) });
}

static void sprinkle(struct life *life)
{
	u64 block = chance(life, life->blocks), room;

	room = (life->host->super.data_end - life->host->super.data_start) / life->p.per;
	if (life->host->disk[0].nfaults > 20 || life->host->disk[1].nfaults > 20 ||
	    chance(life, 12) == 0)
		mend(&life->p);
	switch (chance(life, 12)) {
	case 0:
	case 1:
		bad_write(&life->p, block, 1);
		break;
	case 2:
		bad_read(&life->p, block, 1);
		break;
	case 3:
		weak_read(&life->p, block, 1 + (int)chance(life, 3));
		break;
	case 4:
		spare_bad_write(&life->p, chance(life, room), 1);
		break;
	case 5:
		spare_bad_read(&life->p, chance(life, room), 1);
		break;
	case 6:
		/* A copy may be gone for a while, and come back as it was. */
		if (life->bad_copy < 2 && chance(life, 3) == 0)
			fault_log(life, life->bad_copy, -1, DISK_OLD);
		else if (life->bad_copy < 2)
			fault_log(life, life->bad_copy, 1 + (int)chance(life, 6),
				  chance(life, DISK_TORN + 1));
		break;
	case 7:
		if (life->bad_copy < 2 || chance(life, 4) != 0)
			break;
		life->both_bad = true;
		for (u32 copy = 0; copy < 2; copy++)
			fault_log(life, copy, 1, chance(life, DISK_TORN + 1));
		break;
	case 8:
		fault_once(life);
		break;
	default:
		break;
	}
}

/* ---- work ---- */

static void submit(struct life *life)
{
	u64 block = chance(life, life->blocks), count = 1 + chance(life, 4);
	u32 flags = chance(life, 3) == 0 ? BM_OP_NO_COPY : 0;

	if (chance(life, 20) == 0)
		count = 1 + chance(life, life->blocks);
	if (count > life->blocks - block)
		count = life->blocks - block;
	switch (chance(life, 20)) {
	case 0:
	case 1:
		play_op_later(&life->p, BM_OP_ADD, block, count, flags);
		break;
	case 2:
	case 3:
		play_op_later(&life->p, BM_OP_REMOVE, block, count,
			      chance(life, 4) == 0 ? BM_OP_FORCE : 0);
		break;
	case 4:
		play_op_later(&life->p, BM_OP_SCRUB, block, count, 0);
		break;
	case 5:
		play_later(&life->p, TASK_FLUSH, 0, 0, false);
		break;
	case 6:
		play_later(&life->p, TASK_ZERO, block, count, chance(life, 2));
		break;
	case 7:
		play_later(&life->p, TASK_DISCARD, block, count, false);
		break;
	case 8:
		play_op_later(&life->p, chance(life, 3) ? BM_OP_RETRY : BM_OP_CHECK, 0, 0,
			      chance(life, 2) ? BM_OP_REPAIR_IT : 0);
		break;
	case 9:
		life->host->format.label[0]++;
		play_op_later(&life->p, BM_OP_UPDATE, 0, 0, 0);
		break;
	case 10:
	case 11:
	case 12:
	case 13:
		play_later(&life->p, TASK_READ, block, count, false);
		break;
	default:
		play_later(&life->p, TASK_WRITE, block, count, chance(life, 3) == 0);
	}
}

/* ---- the power cut ---- */

/* Sectors move to the other arena when this one fills up. */
static void rebase(struct life *life)
{
	struct arena swap;

	if (stage.arena.used < stage.arena.size / 2)
		return;
	spare_arena.used = 0;
	for (u32 d = 0; d < 2; d++)
		for (u32 s = 0; s < life->host->disk[d].sectors; s++) {
			u8 *copy = arena_take(&spare_arena, SECTOR);

			memcpy(copy, life->host->disk[d].now[s], SECTOR);
			disk_set(&life->host->disk[d], s, copy);
		}
	swap = stage.arena;
	stage.arena = spare_arena;
	spare_arena = swap;
}

static void cut(struct life *life)
{
	life->p.nlater = 0;
	power_cut(life->host, &life->random);
	rebase(life);
}

static void come_back(struct life *life)
{
	struct host *host = life->host;
	int error;

	for (;;) {
		explore_recover(&ex, host, explore_child(&ex, host, 0));
		host_halt(&ex.child[0]);
		life->countdown = chance(life, 3) == 0 ? 1 + chance(life, 40) : 0;
		host->chooser = &life->chooser;
		host->watch = watch_countdown;
		host->watch_ctx = life;
		error = host_start(host);
		if (error == 0)
			error = host_open(host);
		if (host->stop) {
			report->count[COUNT_SECOND]++;
		} else if (error != 0 && life->both_bad) {
			/* Neither copy could be written: better luck with another disk. */
			disk_mend(&host->disk[BM_SPARE]);
			life->both_bad = false;
		} else {
			break;
		}
		cut(life);
	}
	if (error != 0)
		report_fail("the spare can't be opened: %d (why: %d)", error, host->why);
	life->countdown = 0;
	explore_structure(host);
	power_look(host);
}

static void live(const struct case_args *args, const struct script *script, u64 seed)
{
	struct life life = { .random = seed };

	stage_init(&stage, script);
	explore_init(&ex, &script->geometry);
	life.host = stage_reset(&stage);
	life.host->lenient = true;
	life.host->plant = args->plant;
	life.p = (struct player){ .host = life.host, .per = script->geometry.block_size / SECTOR };
	life.blocks = script->geometry.main_sectors / life.p.per;
	life.bad_copy = (u32)chance(&life, 3);
	life.chooser = (struct chooser){ .mode = CHOOSE_RANDOM, .random = seed, .salt = seed };
	report->count[COUNT_RUNS]++;
	come_back(&life);
	for (u32 round = 0; round < ROUNDS; round++) {
		sprinkle(&life);
		life.countdown = chance(&life, 10) == 0 ? 1 + chance(&life, 60) : 0;
		for (u64 n = 1 + chance(&life, 5); n > 0; n--)
			submit(&life);
		play_go(&life.p);
		if (life.host->stop || chance(&life, 25) == 0) {
			cut(&life);
			come_back(&life);
		} else if (chance(&life, 6) == 0) {
			explore_same(&ex, life.host);
		}
	}
	mend(&life.p);
	life.countdown = 0;
	host_read_all(life.host);
	host_halt(life.host);
	explore_free(&ex);
	stage_free(&stage);
}

void case_random(const struct case_args *args)
{
	u64 lives_count = args->proof ? 4000 : 40;

	arena_init(&spare_arena, 96u << 20);
	for (u64 i = args->part; i < lives_count; i += args->parts) {
		u64 seed = args->seed + i;

		report->where_seed = seed;
		live(args, &lives[seed % (sizeof(lives) / sizeof(*lives))], seed);
	}
	arena_free(&spare_arena);
}
