/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways in which a script is played. */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_MAX 16384u

/* ---- cuts ---- */

void case_cut(const struct case_args *args)
{
	static struct explorer ex;
	static struct stage stage;
	bool heavy = args->script->heavy, big = args->script->geometry.log_size > SECTOR;

	stage_init(&stage, args->script);
	explore_init(&ex, &args->script->geometry);
	for (u64 round = 0; round < (!args->proof || big ? 1 : heavy ? 4 : 16); round++) {
		struct host *host = stage_reset(&stage);

		ex.seed = args->seed + round;
		ex.cuts = 0;
		ex.only = args->cut;
		ex.flags = args->script->flags;
		ex.depth = heavy && !args->proof ? 1 : 2;
		ex.limit = args->proof ? 4096 : 64;
		ex.crossed = args->proof ? 256 : 0;
		ex.samples = args->proof ? 16 : 10;
		ex.deeper = big ? (args->proof ? 32 : 4) : 1;
		ex.every = heavy && !args->proof ? 7 : 0;
		ex.afterlife = heavy ? (args->proof ? 11 : 13) : big ? (args->proof ? 128 : 8) : 1;
		ex.one_copy = true;
		host->plant = args->plant;
		host->watch = explore_watch;
		host->watch_ctx = &ex;
		stage_play(&stage, true, args->seed + round);
		stage_check(&stage, &ex);
	}
	explore_free(&ex);
	stage_free(&stage);
}

/* ---- I/O errors ---- */

struct plan {
	struct disk_trace *trace[2];
	u64 ios[2];
};

static void plan_make(struct plan *plan, struct stage *stage)
{
	struct host *host = stage_reset(stage);

	for (u32 d = 0; d < 2; d++) {
		plan->trace[d] = calloc(TRACE_MAX, sizeof(*plan->trace[d]));
		host->disk[d].trace = plan->trace[d];
		host->disk[d].trace_size = TRACE_MAX;
	}
	stage_play(stage, true, 0);
	for (u32 d = 0; d < 2; d++) {
		plan->ios[d] = host->disk[d].ios;
		host->disk[d].trace = NULL;
	}
	host_halt(host);
}

static void plan_free(struct plan *plan)
{
	free(plan->trace[0]);
	free(plan->trace[1]);
}

struct fault_try {
	const struct case_args *args;
	struct stage *stage;
	struct explorer *ex;
	bool cut;
	u64 turn;
};

/* Fires the explorer only once a fault has struck: before, it's the run without any. */
static void watch_after_fault(struct host *host, void *ctx)
{
	for (u32 d = 0; d < 2; d++)
		for (u32 i = 0; i < host->disk[d].nfaults; i++)
			if (host->disk[d].faults[i].number != 0 &&
			    host->disk[d].ios >= host->disk[d].faults[i].number) {
				explore_watch(host, ctx);
				return;
			}
}

static void fault_play(struct fault_try *t, enum bm_device device, const struct disk_fault *fault,
		       const struct disk_fault *second)
{
	bool judged = fault->times == 1 && second == NULL && error_is_medium(fault->error) &&
		      fault->verbs != DISK_FLUSH;
	struct host *host;

	if (t->turn++ % t->args->parts != t->args->part)
		return;
	host = stage_reset(t->stage);
	report->count[COUNT_FAULTS]++;
	snprintf(report->detail, sizeof(report->detail),
		 "%s I/O %llu%s fails with %d, outcome %u%s%u", device ? "spare" : "main",
		 (unsigned long long)fault->number, fault->onward ? " and all after it" : "",
		 fault->error, fault->outcome, second ? ", the other copy " : " ",
		 second ? second->outcome : 0);
	disk_fault(&host->disk[device], fault);
	if (second != NULL)
		disk_fault(&host->disk[device], second);
	if (t->cut) {
		t->ex->cuts = 0;
		host->watch = watch_after_fault;
		host->watch_ctx = t->ex;
	}
	/* Promises about single errors are in host.survives: see player.c. */
	host->survives = judged;
	stage_play(t->stage, false, t->args->seed);
	host->survives = false;
	for (u32 d = 0; d < 2; d++)
		for (u32 i = 0; i < host->disk[d].nfaults; i++)
			if (host->disk[d].faults[i].number != 0)
				host->disk[d].faults[i].times = 0;
	t->ex->blank_ok = !host->open;
	stage_check(t->stage, t->ex);
	report->detail[0] = 0;
}

static bool is_log_pair(const struct disk_trace *a, const struct disk_trace *b,
			const struct bm_super *super)
{
	return a->verb == DISK_WRITE && b->verb == DISK_WRITE && a->fua && b->fua &&
	       a->sector >= super->log_start[0] &&
	       b->sector - super->log_start[1] == a->sector - super->log_start[0];
}

static void fault_pairs(struct fault_try *t, u64 number)
{
	for (u32 a = 0; a < DISK_OUTCOMES; a++)
		for (u32 b = 0; b < DISK_OUTCOMES; b++) {
			struct disk_fault first = { .verbs = DISK_ALL,
						    .number = number,
						    .error = -EIO,
						    .times = 1,
						    .outcome = a };
			struct disk_fault second = { .verbs = DISK_ALL,
						     .number = number + 1,
						     .error = -EIO,
						     .times = 1,
						     .outcome = b };

			fault_play(t, BM_SPARE, &first, &second);
		}
}

static void fault_at_number(struct fault_try *t, enum bm_device device, u64 number,
			    enum disk_verb verb)
{
	static const int errors[] = { -EIO, -ENODATA, -ENOLINK, -ETIMEDOUT, -ENODEV, -ENOSPC };
	bool changes = verb & (DISK_CHANGES | DISK_DISCARD);

	for (u32 e = 0; e < sizeof(errors) / sizeof(*errors); e++)
		for (u32 outcome = 0; outcome < (changes ? DISK_OUTCOMES : 1u); outcome++)
			for (int onward = 0; onward < 2; onward++) {
				struct disk_fault fault = {
					.verbs = DISK_ALL,
					.number = number,
					.onward = onward,
					.error = errors[e],
					.times = onward ? -1 : 1,
					.outcome = outcome,
				};

				if (e > 0 && outcome > DISK_NEW)
					continue;
				if (t->cut && (e == 1 || e > 2 || (e > 0 && onward)))
					continue;
				if (!onward)
					fault.verbs = verb;
				fault_play(t, device, &fault, NULL);
			}
}

static void fault_all(const struct case_args *args, bool cut)
{
	static struct explorer ex;
	static struct stage stage;
	struct plan plan;
	struct fault_try t = { .args = args, .stage = &stage, .ex = &ex, .cut = cut };

	stage_init(&stage, args->script);
	explore_init(&ex, &args->script->geometry);
	ex.flags = args->script->flags;
	ex.seed = args->seed;
	ex.only = args->cut;
	ex.limit = 64;
	ex.samples = 8;
	plan_make(&plan, &stage);
	for (u32 d = 0; d < 2; d++)
		for (u64 k = 1; k <= plan.ios[d]; k++) {
			const struct disk_trace *trace = &plan.trace[d][k - 1];

			report->done = k;
			report->total = plan.ios[d];
			fault_at_number(&t, d, k, trace->verb);
			if (d == BM_SPARE && k < plan.ios[d] &&
			    is_log_pair(trace, trace + 1, &stage.host.super))
				fault_pairs(&t, k);
		}
	plan_free(&plan);
	explore_free(&ex);
	stage_free(&stage);
}

void case_fault(const struct case_args *args)
{
	fault_all(args, false);
}

void case_fault_cut(const struct case_args *args)
{
	fault_all(args, true);
}

/* ---- memory ---- */

/* Opening with allocation n failing: refused with -ENOMEM or not at all, and nothing is harmed. */
static bool alloc_open(struct explorer *ex, struct stage *stage, u64 n)
{
	struct host *child = explore_child(ex, &stage->base, 0);
	bool failed;
	int error;

	child->heap.calls = child->heap.failed = 0;
	child->heap.fail_from = n;
	child->heap.fail_count = 1;
	error = host_start(child);
	if (error == 0)
		error = host_open(child);
	failed = child->heap.failed != 0;
	if (error != 0 && !(error == -ENOMEM && failed))
		report_fail("opening with allocation %llu failing gives %d", (unsigned long long)n,
			    error);
	child->heap.fail_from = 0;
	host_halt(child);
	error = explore_recover(ex, &stage->base, child);
	if (error != 0)
		report_fail("after opening failed for want of memory: %d", error);
	host_halt(child);
	return failed;
}

void case_alloc(const struct case_args *args)
{
	static struct explorer ex;
	static struct stage stage;

	stage_init(&stage, args->script);
	explore_init(&ex, &args->script->geometry);
	ex.flags = args->script->flags;
	for (u32 all = 0; all < 2; all++)
		for (u64 n = 1;; n++) {
			struct host *host = stage_reset(&stage);
			u64 failed;

			if (!args->proof && n > 400)
				break;
			host->heap.fail_from = n;
			host->heap.fail_count = all ? ~0ull : 1;
			report->count[COUNT_ALLOCS]++;
			snprintf(report->detail, sizeof(report->detail), "allocation %llu%s fails",
				 (unsigned long long)n, all ? " and all after it" : "");
			stage_play(&stage, false, args->seed);
			failed = host->heap.failed;
			ex.blank_ok = args->script->format && !host->open;
			stage_check(&stage, &ex);
			if (failed == 0)
				break;
		}
	ex.blank_ok = false;
	for (u64 n = 1; !args->script->format && alloc_open(&ex, &stage, n); n++)
		report->count[COUNT_ALLOCS]++;
	explore_free(&ex);
	stage_free(&stage);
}

/* ---- interleavings ---- */

void case_race(const struct case_args *args)
{
	static struct explorer ex;
	static struct stage stage;
	struct chooser chooser = { .mode = CHOOSE_RANDOM };
	u64 rounds = args->proof ? 6000 : 60;

	stage_init(&stage, args->script);
	explore_init(&ex, &args->script->geometry);
	ex.flags = args->script->flags;
	ex.limit = 16;
	ex.samples = 6;
	ex.every = args->script->heavy ? 60 : 10;
	for (u64 i = args->part; i < rounds; i += args->parts) {
		struct host *host = stage_reset(&stage);

		report->done = i;
		report->total = rounds;
		report->where_seed = args->seed + i;
		ex.seed = args->seed + i;
		ex.cuts = 0;
		ex.only = args->cut;
		chooser.random = chooser.salt = args->seed + i;
		host->chooser = &chooser;
		host->plant = args->plant;
		host->watch = explore_watch;
		host->watch_ctx = &ex;
		stage_play(&stage, true, args->seed + i);
		host->chooser = NULL;
		stage_check(&stage, &ex);
	}
	explore_free(&ex);
	stage_free(&stage);
}

#define LIST_MAX 4096

struct listed {
	struct stage *stage;
	struct explorer *ex;
	struct chooser chooser;
	u8 list[LIST_MAX], width[LIST_MAX];
	u64 budget;
};

/* One playing with the deviations in list[]; how many choices there were. */
static u32 listed_play(struct listed *l, const struct case_args *args)
{
	struct host *host = stage_reset(l->stage);

	l->chooser.used = 0;
	memset(l->width, 1, sizeof(l->width));
	host->chooser = &l->chooser;
	host->plant = args->plant;
	stage_play(l->stage, true, args->seed);
	host->chooser = NULL;
	stage_check(l->stage, l->ex);
	return l->chooser.used < LIST_MAX ? l->chooser.used : LIST_MAX;
}

/* All interleavings with at most `left` more deviations from the first choice, from `from` on. */
static void listed_descend(struct listed *l, const struct case_args *args, u32 from, u32 left)
{
	u32 used = listed_play(l, args);
	u8 *width;

	if (left == 0)
		return;
	width = malloc(used);
	memcpy(width, l->width, used);
	for (u32 at = from; at < used && l->budget > 0; at++)
		for (u8 pick = 1; pick < width[at] && l->budget > 0; pick++) {
			l->list[at] = pick;
			l->budget--;
			report->done++;
			listed_descend(l, args, at + 1, left - 1);
			l->list[at] = 0;
		}
	free(width);
}

void case_race_listed(const struct case_args *args)
{
	static struct explorer ex;
	static struct stage stage;
	static struct listed l;

	stage_init(&stage, args->script);
	explore_init(&ex, &args->script->geometry);
	ex.flags = args->script->flags;
	l = (struct listed){ .stage = &stage, .ex = &ex, .budget = args->proof ? 250000 : 1500 };
	l.chooser.mode = CHOOSE_LISTED;
	l.chooser.list = l.list;
	l.chooser.width = l.width;
	l.chooser.length = LIST_MAX;
	listed_descend(&l, args, 0, args->proof ? 2 : 1);
	if (l.budget == 0)
		report->sampled++;
	explore_free(&ex);
	stage_free(&stage);
}
