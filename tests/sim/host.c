/* SPDX-License-Identifier: GPL-2.0-only */
#include "task.h"

#include <stdio.h>
#include <stdlib.h>

u64 rng_next(u64 *state) /* splitmix64 */
{
	u64 x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static u64 sections_newest(void *ctx)
{
	return ((struct host *)ctx)->sections;
}

static bool sections_closed(void *ctx, u64 ticket)
{
	const struct host *host = ctx;

	return task_barrier_passed(host, &(struct task){ .barrier = ticket });
}

void host_init(struct host *host, const struct geometry *geometry, struct arena *arena,
	       struct model *model)
{
	u8 buf[SECTOR];

	memset(host, 0, sizeof(*host));
	host->geometry = *geometry;
	if (host->geometry.scratch < BM_SCRATCH_LEAST)
		host->geometry.scratch = BM_SCRATCH_LEAST;
	host->model = model;
	host->next_id = MODEL_IDS;
	disk_init(&host->disk[BM_MAIN], geometry->main_sectors, arena, &host->clock);
	disk_init(&host->disk[BM_SPARE], geometry->spare_sectors, arena, &host->clock);
	for (u32 i = 0; i < 2; i++) {
		host->disk[i].through = geometry->through;
		host->disk[i].discards = geometry->discards;
	}
	for (u32 s = 0; s < geometry->main_sectors; s++) {
		content_make(buf, MODEL_FIRST, s);
		disk_put(&host->disk[BM_MAIN], s, buf);
	}
	for (u32 s = 0; s < geometry->spare_sectors; s++) {
		content_make(buf, MODEL_SPARE, s);
		disk_put(&host->disk[BM_SPARE], s, buf);
	}
	host->place = malloc(geometry->main_sectors);
	memset(host->place, PLACE_UNMAPPED, geometry->main_sectors);
	host->place_at = calloc(geometry->main_sectors, sizeof(*host->place_at));
	host->heap.newest = sections_newest;
	host->heap.closed = sections_closed;
	host->heap.ctx = host;
	strcpy(host->identity, "sim-main");
	host->config.main_sectors = geometry->main_sectors;
	host->config.spare_sectors = geometry->spare_sectors;
}

void host_free(struct host *host)
{
	disk_free(&host->disk[BM_MAIN]);
	disk_free(&host->disk[BM_SPARE]);
	free(host->place);
	free(host->place_at);
}

int host_start(struct host *host)
{
	host->config.block_size = host->geometry.block_size;
	host->config.identity = host->identity;
	host->config.mem = heap_mem(&host->heap);
	host->open = false;
	host->stop = false;
	host->bm = NULL;
	if (host->plant == PLANT_IGNORE_FUA)
		host->disk[0].ignore_fua = host->disk[1].ignore_fua = true;
	return bm_create(&host->config, &host->bm);
}

static void task_drop(struct task *task)
{
	free(task->data);
	free(task->scratch);
	memset(task, 0, sizeof(*task));
}

void host_halt(struct host *host)
{
	bool abandoned = false;

	for (u32 i = 0; i < HOST_TASKS; i++) {
		abandoned |= host->task[i].state != TASK_FREE && host->task[i].state != TASK_DONE;
		if (host->task[i].state != TASK_FREE)
			task_drop(&host->task[i]);
	}
	if (abandoned) { /* in the middle of something: as if the process were gone */
		heap_abandon(&host->heap);
		host->bm = NULL;
		host->open = false;
		return;
	}
	bm_destroy(host->bm);
	host->bm = NULL;
	host->open = false;
	heap_reap(&host->heap, true);
	if (host->heap.pieces != 0 || host->heap.bytes != 0)
		report_fail("the core leaks %llu pieces of memory, %llu bytes",
			    (unsigned long long)host->heap.pieces,
			    (unsigned long long)host->heap.bytes);
}

static struct task *task_new(struct host *host)
{
	for (u32 i = 0; i < HOST_TASKS; i++) {
		struct task *task = &host->task[i];

		if (task->state != TASK_FREE)
			continue;
		memset(task, 0, sizeof(*task));
		task->state = TASK_READY;
		task->order = ++host->orders;
		return task;
	}
	fprintf(stderr, "simulator: too many tasks\n");
	abort();
}

struct task *host_submit(struct host *host, enum task_kind kind, u64 sector, u64 count, bool fua)
{
	struct task *task = task_new(host);

	task->kind = kind;
	task->sector = sector;
	task->count = count;
	task->fua = fua;
	if (kind == TASK_READ || kind == TASK_WRITE)
		task->data = malloc(count * SECTOR);
	if (kind != TASK_FLUSH)
		task->scratch = malloc((size_t)host->geometry.scratch * host->geometry.block_size);
	task_begin(host, task);
	return task;
}

struct task *host_submit_op(struct host *host, enum bm_op_kind kind, u64 sector, u64 count,
			    u32 flags, u64 spare)
{
	struct task *task = task_new(host);
	u32 size = host->geometry.scratch * host->geometry.block_size;

	if (kind == BM_OP_OPEN || kind == BM_OP_FORMAT || kind == BM_OP_CHECK ||
	    kind == BM_OP_UPDATE || kind == BM_OP_RETRY)
		size = size < 2 * BM_LOG_MAX_SIZE ? 2 * BM_LOG_MAX_SIZE : size;
	task->kind = TASK_OP;
	task->in_op = true;
	task->scratch = malloc(size);
	bm_op_init(&task->op, kind, sector, count);
	task->op.flags = flags;
	task->op.spare = spare;
	task->op.scratch = task->scratch;
	task->op.scratch_size = size;
	task->op.host = task;
	if (kind == BM_OP_FORMAT || kind == BM_OP_UPDATE)
		task->op.format = &host->format;
	task_begin(host, task);
	return task;
}

static bool task_can_act(const struct host *host, const struct task *task)
{
	return task->state == TASK_READY ||
	       (task->state == TASK_QUIESCE && task_barrier_passed(host, task));
}

struct action {
	struct task *task;
	int io; /* -1: go on */
};

/*
 * Chance alone seldom keeps one I/O in flight for as long as it takes to hurt. So every task and
 * every I/O has a priority, drawn again now and then (after Burckhardt et al., "A randomized
 * scheduler with probabilistic guarantees of finding bugs", 2010).
 */
static u32 pick_by_chance(struct chooser *chooser, const struct action *action, u32 n)
{
	u64 best = 0;
	u32 pick = 0;

	if (rng_below(&chooser->random, 24) == 0)
		chooser->salt = rng_next(&chooser->random);
	if (rng_below(&chooser->random, 6) == 0)
		return (u32)rng_below(&chooser->random, n);
	for (u32 i = 0; i < n; i++) {
		u64 x = chooser->salt ^ action[i].task->order << 8 ^ (u64)(action[i].io + 1);
		u64 priority = rng_next(&x);

		if (priority < best)
			continue;
		best = priority;
		pick = i;
	}
	return pick;
}

static u32 chooser_pick(struct chooser *chooser, const struct action *action, u32 n)
{
	u32 pick = 0;

	if (chooser == NULL || n == 1)
		return 0;
	switch (chooser->mode) {
	case CHOOSE_FIRST:
		return 0;
	case CHOOSE_RANDOM:
		return pick_by_chance(chooser, action, n);
	case CHOOSE_LISTED:
		if (chooser->used < chooser->length) {
			pick = chooser->list[chooser->used];
			chooser->width[chooser->used] = (u8)n;
		}
		chooser->used++;
		return pick < n ? pick : 0;
	}
	return 0;
}

/* The task that acted last stands first, so that option 0 means: no switch. */
static u32 actions_of(struct host *host, struct action *action)
{
	u32 n = 0;

	for (u32 i = 0; i < HOST_TASKS; i++) {
		struct task *task = &host->task[(host->current + i) % HOST_TASKS];

		if (task_can_act(host, task))
			action[n++] = (struct action){ task, -1 };
		for (int k = 0; k < 2; k++)
			if (task->state == TASK_FLYING && task->flying[k])
				action[n++] = (struct action){ task, k };
	}
	return n;
}

void host_changed(struct host *host)
{
	if (host->heap.retired != NULL)
		heap_reap(&host->heap, false);
	if (host->watch != NULL)
		host->watch(host, host->watch_ctx);
}

static bool all_done(const struct host *host)
{
	for (u32 i = 0; i < HOST_TASKS; i++)
		if (host->task[i].state != TASK_FREE && host->task[i].state != TASK_DONE)
			return false;
	return true;
}

bool host_run(struct host *host)
{
	struct action action[3 * HOST_TASKS];
	u64 actions = 0;

	while (!host->stop && !all_done(host)) {
		u32 n = actions_of(host, action), pick;

		if (n == 0)
			report_fail("stuck: operations wait and none goes on");
		if (++actions > 3000000)
			report_fail("no end: three million steps of one operation");
		pick = chooser_pick(host->chooser, action, n);
		host->current = (u32)(action[pick].task - host->task);
		if (action[pick].io < 0)
			task_advance(host, action[pick].task);
		else
			task_io_end(host, action[pick].task, (u32)action[pick].io);
		host->actions++;
		host_changed(host);
	}
	do {
		size_t size = host->stop ? 0 : bm_idle_wants(host->bm);

		if (size)
			bm_idle_give(host->bm, host->config.mem.alloc(host->config.mem.ctx, size),
				     size);
	} while (!host->stop && bm_idle_work(host->bm));
	return !host->stop;
}

int host_finish(struct host *host, struct task *task)
{
	int error = task->error;

	host->why = task->op.super_error;
	task_drop(task);
	return error;
}

int host_do(struct host *host, enum task_kind kind, u64 sector, u64 count, bool fua)
{
	struct task *task;

	if (host->stop)
		return -EINTR;
	task = host_submit(host, kind, sector, count, fua);
	return host_run(host) ? host_finish(host, task) : -EINTR;
}

int host_do_op(struct host *host, enum bm_op_kind kind, u64 sector, u64 count, u32 flags, u64 spare)
{
	struct task *task;

	if (host->stop)
		return -EINTR;
	task = host_submit_op(host, kind, sector, count, flags, spare);
	return host_run(host) ? host_finish(host, task) : -EINTR;
}

static void host_opened(struct host *host)
{
	struct bm_status status;

	bm_get_status(host->bm, &status);
	host->super = status.super;
	host->open = true;
}

int host_format(struct host *host, u64 set_id)
{
	int error;

	host->format = (struct bm_format){ .set_id = set_id, .log_size = host->geometry.log_size };
	memset(host->format.uuid, (int)(set_id & 0xff), sizeof(host->format.uuid));
	strcpy(host->format.label, "simulated");
	for (u32 s = 0; s < host->geometry.main_sectors; s++)
		host->place[s] |= PLACE_UNMAPPED;
	error = host_do_op(host, BM_OP_FORMAT, 0, 0, 0, BM_NOWHERE);
	if (error == 0) {
		memset(host->place, PLACE_UNMAPPED, host->geometry.main_sectors);
		host_opened(host);
	}
	return error;
}

int host_open(struct host *host)
{
	int error = host_do_op(host, BM_OP_OPEN, 0, 0, 0, BM_NOWHERE);

	if (error == 0)
		host_opened(host);
	return error;
}

void host_read_all(struct host *host)
{
	u64 per = host->geometry.block_size / SECTOR;

	for (u64 s = 0; s < host->config.main_sectors && !host->stop; s += per)
		host_do(host, TASK_READ, s, per, false);
}
