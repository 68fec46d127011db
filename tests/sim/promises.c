/* SPDX-License-Identifier: GPL-2.0-only */
/* What doesn't depend on chance: the breaker, errors of other kinds, read-only, a full spare. */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>

static struct stage stage;
static struct explorer ex;
static struct bm_status status;

static void run_nothing(struct player *p)
{
	(void)p;
}

static void setup_some(struct player *p)
{
	play_add(p, 2, 3);
	play_lose(p, 8, 2);
	play_fua(p, 0, 6);
}

static const struct script small = {
	.name = "promises",
	.setup = setup_some,
	.run = run_nothing,
	.geometry = { .block_size = 512,
		      .log_size = 512,
		      .main_sectors = 64,
		      .spare_sectors = 128 },
};

/* A main of some size, and a spare that could take all of it. */
static const struct script large = {
	.name = "promises-large",
	.run = run_nothing,
	.geometry = { .block_size = 512,
		      .log_size = 512,
		      .main_sectors = 2048,
		      .spare_sectors = 4096,
		      .scratch = 16 },
};

static struct player begin(const struct script *script, u32 flags)
{
	struct host *host;

	stage_init(&stage, script);
	explore_init(&ex, &script->geometry);
	host = stage_reset(&stage);
	host->config.flags = flags;
	ex.flags = flags;
	if (!stage_play(&stage, true, 0))
		report_fail("can't be opened");
	return (struct player){ .host = host,
				.strict = true,
				.per = script->geometry.block_size / SECTOR };
}

static void finish(struct player *p)
{
	mend(p);
	stage_check(&stage, &ex);
	explore_free(&ex);
	stage_free(&stage);
}

static const struct bm_status *now(const struct player *p)
{
	bm_get_status(p->host->bm, &status);
	return &status;
}

static void fault_everything(struct player *p, u32 verbs, int error)
{
	disk_fault(&p->host->disk[BM_MAIN],
		   &(struct disk_fault){ .verbs = verbs, .error = error, .times = -1 });
}

/* A main that is gone answers everything with an error: no block of the spare goes that way. */
static void breaker_dead(void)
{
	struct player p = begin(&large, 0);

	fault_everything(&p, DISK_ALL, -EIO);
	for (u32 i = 0; i < 40; i++) {
		play(&p, TASK_WRITE, 17 * i, 1 + i % 9, i % 2, -EIO);
		play(&p, TASK_READ, 13 * i, 1 + i % 5, false, -EIO);
	}
	if (now(&p)->spare_used != 0 || status.spare_bad != 0)
		report_fail("a dead main has eaten %llu sectors of the spare",
			    (unsigned long long)status.spare_used);
	if (status.breaker != BM_BREAKER_DEAD || status.counters.breaker_trips == 0)
		report_fail("the breaker did not notice that main is dead");
	/* When it is back, bad blocks are bad blocks again. */
	mend(&p);
	bad_write(&p, 5, 1);
	play_write(&p, 1, 2);
	play_write(&p, 5, 1);
	if (now(&p)->mapped != 1)
		report_fail("after the breaker nothing is relocated any more");
	finish(&p);
}

/* Reads well, refuses every write: stops after breaker_limit blocks. */
static void breaker_protected(u32 limit, u32 at_once)
{
	struct player p = begin(&large, 0);
	struct bm_policy policy;
	u32 failed = 0;

	bm_get_policy(p.host->bm, &policy);
	policy.breaker_limit = limit;
	bm_set_policy(p.host->bm, &policy);
	fault_everything(&p, DISK_CHANGES, -EIO);
	for (u32 i = 0; i < 600 && failed < 10; i++) {
		struct host *host = p.host;

		failed += host_do(host, TASK_WRITE, i * at_once % 2048, at_once, false) != 0;
	}
	if (failed < 10)
		report_fail("a write-protected main was never given up");
	if (now(&p)->mapped > limit + at_once)
		report_fail("a write-protected main ate %llu blocks, the limit is %u",
			    (unsigned long long)status.mapped, limit);
	if (status.breaker != BM_BREAKER_WRITES)
		report_fail("the breaker did not notice that main refuses writes");
	mend(&p);
	play_write(&p, 2000, 1);
	bad_write(&p, 2001, 1);
	play_write(&p, 2001, 1);
	finish(&p);
}

void case_breaker(const struct case_args *args)
{
	(void)args;
	breaker_dead();
	breaker_protected(16, 1);
	breaker_protected(64, 3);
	breaker_protected(128, 1);
}

/* Errors that are not about the medium are passed on as they are, and change nothing. */
static void fault_range(struct player *p, u64 first, u64 end, int error)
{
	disk_fault(&p->host->disk[BM_MAIN], &(struct disk_fault){ .verbs = DISK_ALL,
								  .first = first,
								  .end = end,
								  .error = error,
								  .times = -1 });
}

static void not_medium(int error)
{
	struct player p = begin(&small, 0);
	u64 before = explore_fingerprint(p.host), seq = now(&p)->log_seq;

	/* The rest of main is well: nothing but the kind of error says that it isn't the medium. */
	fault_range(&p, 1, 3, error);
	fault_range(&p, 20, 45, error);
	for (u32 i = 20; i < 40; i++) {
		play(&p, TASK_WRITE, i, 3, i % 2, error);
		play(&p, TASK_READ, i, 2, false, error);
		play(&p, TASK_ZERO, i, 2, false, error);
		play(&p, TASK_FLUSH, 0, 0, false, error);
	}
	play(&p, TASK_WRITE, 1, 4, false, error);
	play_op(&p, BM_OP_ADD, 30, 1, 0, BM_NOWHERE, error);
	play_op(&p, BM_OP_REMOVE, 2, 1, 0, 0, error);
	play_write(&p, 2, 3);
	if (explore_fingerprint(p.host) != before || now(&p)->log_seq != seq)
		report_fail("error %d has changed the map", error);
	finish(&p);
}

void case_not_medium(const struct case_args *args)
{
	static const int errors[] = { -ENOLINK, -ETIMEDOUT, -ENODEV, -EOPNOTSUPP,
				      -ENOSPC,  -ENOMEM,    -EAGAIN, -EREMOTEIO };

	(void)args;
	for (u32 i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		not_medium(errors[i]);
}

/* Opened read-only: nothing at all is written, to main or spare, whatever goes wrong. */
void case_read_only(const struct case_args *args)
{
	struct player p = begin(&small, BM_READ_ONLY);
	u64 before = explore_fingerprint(p.host);

	(void)args;
	play_read(&p, 0, 6);
	play(&p, TASK_READ, 8, 1, false, -EIO);
	bad_read(&p, 12, 2);
	play(&p, TASK_READ, 11, 4, false, -EIO);
	play_read(&p, 11, 1);
	weak_read(&p, 20, 2);
	play_read(&p, 19, 3);
	play_op(&p, BM_OP_SCRUB, 0, 64, 0, 0, ANY_RESULT);
	play_op(&p, BM_OP_ADD, 30, 1, 0, BM_NOWHERE, -EROFS);
	play_op(&p, BM_OP_REMOVE, 2, 1, 0, 0, -EROFS);
	play_op(&p, BM_OP_UPDATE, 0, 0, 0, 0, -EROFS);
	play_op(&p, BM_OP_CHECK, 0, 0, 0, 0, 0);
	if (explore_fingerprint(p.host) != before)
		report_fail("a read-only map has changed");
	finish(&p);
}

/* No room: that write fails, what was acknowledged stands, and room can be made. */
void case_full(const struct case_args *args)
{
	struct player p = begin(&small, 0);
	u64 room = (now(&p)->spare_total - status.spare_used) / p.per;

	(void)args;
	play_lose(&p, 10, room - 2);
	bad_write(&p, 59, 4);
	play_fua(&p, 59, 2);
	play(&p, TASK_WRITE, 61, 1, false, -EIO);
	play_op(&p, BM_OP_ADD, 63, 1, 0, BM_NOWHERE, -ENOSPC);
	if (now(&p)->mode != BM_MODE_DEGRADED || status.spare_used != status.spare_total)
		report_fail("a full spare doesn't show");
	play_read(&p, 59, 2);
	play_fua(&p, 59, 2);
	play_fua(&p, 2, 3);
	play_remove(&p, 2, 1);
	play_fua(&p, 61, 1);
	play_read(&p, 59, 3);
	play_reopen(&p);
	play_read(&p, 59, 3);
	play_read(&p, 0, 6);
	finish(&p);
}
