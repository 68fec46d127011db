/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log alone: long random series of changes of a map that takes many log blocks to write down,
 * and after each of them the map that a fresh core reads back must be the same. Changes crowd
 * around the last ones, so that runs are cut and joined while a pass goes through them.
 */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>

#define CHANGES 300u

static struct stage stage;
static struct explorer ex;

static void run_nothing(struct player *p)
{
	(void)p;
}

static const struct script logs[] = {
	{ .name = "log-512",
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 512,
			.main_sectors = 1000,
			.spare_sectors = 1024,
			.scratch = 64 } },
	{ .name = "log-512-small",
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 512,
			.main_sectors = 240,
			.spare_sectors = 400,
			.scratch = 32 } },
	{ .name = "log-4096",
	  .run = run_nothing,
	  .geometry = { .block_size = 512,
			.log_size = 4096,
			.main_sectors = 2600,
			.spare_sectors = 2600,
			.scratch = 64 } },
};

static void change(struct player *p, u64 *dice, u64 *last)
{
	u64 blocks = p->host->config.main_sectors, block, count;

	block = rng_below(dice, 3) == 0 ? rng_below(dice, blocks)
					: (*last + rng_below(dice, 60)) % blocks;
	count = 1 + rng_below(dice, rng_below(dice, 4) == 0 ? 60 : 6);
	if (count > blocks - block)
		count = blocks - block;
	*last = block > 20 ? block - 20 : 0;
	switch (rng_below(dice, 8)) {
	case 0:
	case 1:
	case 2:
		play_op(p, BM_OP_REMOVE, block, count, BM_OP_FORCE, 0, ANY_RESULT);
		break;
	case 3:
		/* As a failed write does it: into whatever stands there. */
		bad_write(p, block, count);
		play(p, TASK_WRITE, block, count, false, ANY_RESULT);
		mend(p);
		break;
	case 4:
		spare_bad_write(p, rng_below(dice, blocks / 2), 1 + rng_below(dice, 2));
		bad_write(p, block, 1);
		play(p, TASK_WRITE, block, 1, false, ANY_RESULT);
		mend(p);
		break;
	case 5:
		bad_read(p, block, count);
		play(p, TASK_READ, block, count, false, ANY_RESULT);
		mend(p);
		break;
	default:
		play_op(p, BM_OP_ADD, block, count, rng_below(dice, 2) ? BM_OP_NO_COPY : 0,
			BM_NOWHERE, ANY_RESULT);
	}
}

/* So many changes at once that they fill a block, and the pass has to wait. */
static void crowd(struct player *p, u64 *dice, u64 last)
{
	u64 blocks = p->host->config.main_sectors, block = (last + rng_below(dice, 60)) % blocks;
	u32 writes = 3 + (u32)rng_below(dice, 4);

	for (u32 i = 0; i < writes && block + 12 < blocks; i++) {
		for (u32 k = 0; k < 8; k++)
			if (rng_below(dice, 3) != 0)
				bad_write(p, block + k, 1);
		play_later(p, TASK_WRITE, block, 8, false);
		block += 8 + rng_below(dice, 3);
		if (rng_below(dice, 4) == 0)
			block = rng_below(dice, blocks);
	}
	if (block + 200 < blocks)
		play_op_later(p, rng_below(dice, 2) ? BM_OP_ADD : BM_OP_REMOVE, block,
			      1 + rng_below(dice, 150), BM_OP_NO_COPY | BM_OP_FORCE);
	play_go(p);
	mend(p);
}

static void log_life(const struct case_args *args, const struct script *script, u64 seed)
{
	u64 dice = seed, last = 0;
	struct chooser chooser = { .mode = CHOOSE_RANDOM, .random = seed, .salt = seed };
	struct player p = { .per = 1 };

	(void)args;
	p.host = stage_reset(&stage);
	p.host->lenient = true;
	if (!stage_play(&stage, true, 0))
		report_fail("can't be opened");
	p.host->chooser = &chooser;
	for (u32 i = 0; i < script->geometry.main_sectors / 9; i++)
		play_op(&p, BM_OP_ADD, 5 * i, 1 + i % 3, BM_OP_NO_COPY, BM_NOWHERE, ANY_RESULT);
	for (u32 i = 0; i < CHANGES; i++) {
		if (rng_below(&dice, 4) == 0)
			crowd(&p, &dice, last);
		change(&p, &dice, &last);
		if (i % 8 == 7)
			play_flush(&p); /* or the model has to remember too much */
		explore_same(&ex, p.host);
	}
	host_halt(p.host);
}

void case_log(const struct case_args *args)
{
	u64 rounds = args->proof ? 150 : 2;

	for (u32 which = 0; which < sizeof(logs) / sizeof(*logs); which++) {
		stage_init(&stage, &logs[which]);
		explore_init(&ex, &logs[which].geometry);
		for (u64 i = args->part; i < rounds; i += args->parts) {
			report->where_seed = args->seed + i;
			log_life(args, &logs[which], args->seed + i);
		}
		explore_free(&ex);
		stage_free(&stage);
	}
}
