/* SPDX-License-Identifier: GPL-2.0-only */
#include "player.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const task_names[] = {
	"read", "write", "zero", "discard", "flush", "operation"
};

static void judge(struct player *p, const char *what, u64 block, int error, int expect)
{
	if ((!p->strict && !p->host->survives) || expect == ANY_RESULT || error == expect ||
	    p->host->stop)
		return;
	report_fail("%s of block %llu gives %d, expected %d", what, (unsigned long long)block,
		    error, expect);
}

void play(struct player *p, enum task_kind kind, u64 block, u64 count, bool fua, int expect)
{
	int error = host_do(p->host, kind, block * p->per, count * p->per, fua);

	if (p->strict || (error != expect && expect == 0))
		judge(p, task_names[kind], block, error, expect);
}

void play_op(struct player *p, enum bm_op_kind kind, u64 block, u64 count, u32 flags, u64 spare,
	     int expect)
{
	char name[24];
	int error;

	if (kind == BM_OP_UPDATE)
		p->host->format.label[0]++;
	error = host_do_op(p->host, kind, block * p->per, count * p->per, flags, spare);
	snprintf(name, sizeof(name), "operation %d", kind);
	if (p->strict)
		judge(p, name, block, error, expect);
}

void play_later(struct player *p, enum task_kind kind, u64 block, u64 count, bool fua)
{
	if (!p->host->stop)
		p->later[p->nlater++] =
			host_submit(p->host, kind, block * p->per, count * p->per, fua);
}

void play_op_later(struct player *p, enum bm_op_kind kind, u64 block, u64 count, u32 flags)
{
	if (!p->host->stop)
		p->later[p->nlater++] = host_submit_op(p->host, kind, block * p->per,
						       count * p->per, flags, BM_NOWHERE);
}

void play_go(struct player *p)
{
	if (!p->host->stop && host_run(p->host))
		for (u32 i = 0; i < p->nlater; i++)
			host_finish(p->host, p->later[i]);
	p->nlater = 0;
}

/* ---- faults ---- */

static void fault_at(struct player *p, enum bm_device device, u32 verbs, u64 sector, u64 blocks,
		     int times, bool heals)
{
	struct disk_fault fault = {
		.verbs = verbs,
		.first = sector,
		.end = sector + blocks * p->per,
		.error = -EIO,
		.times = times,
		.heals = heals,
		.outcome = DISK_TORN,
	};

	disk_fault(&p->host->disk[device], &fault);
}

void bad_write(struct player *p, u64 block, u64 count)
{
	fault_at(p, BM_MAIN, DISK_CHANGES, block * p->per, count, -1, false);
}

void bad_read(struct player *p, u64 block, u64 count)
{
	fault_at(p, BM_MAIN, DISK_READ, block * p->per, count, -1, true);
}

void weak_read(struct player *p, u64 block, int times)
{
	fault_at(p, BM_MAIN, DISK_READ, block * p->per, 1, times, false);
}

u64 spare_block(const struct player *p, u64 block)
{
	return p->host->super.data_start + block * p->per;
}

void spare_bad_write(struct player *p, u64 block, u64 count)
{
	fault_at(p, BM_SPARE, DISK_CHANGES, spare_block(p, block), count, -1, false);
}

void spare_bad_read(struct player *p, u64 block, u64 count)
{
	fault_at(p, BM_SPARE, DISK_READ, spare_block(p, block), count, -1, true);
}

u64 lives_at(const struct player *p, u64 block)
{
	struct bm_extent e;
	u64 at = block * p->per;

	if (!p->host->open || !bm_walk(p->host->bm, &at, &e) || e.sector > block * p->per ||
	    e.spare == BM_NOWHERE)
		return BM_NOWHERE;
	return e.spare + (block * p->per - e.sector);
}

void mend(struct player *p)
{
	disk_mend(&p->host->disk[BM_MAIN]);
	disk_mend(&p->host->disk[BM_SPARE]);
}

void play_reopen(struct player *p)
{
	int error;

	if (p->host->stop)
		return;
	host_halt(p->host);
	error = host_start(p->host);
	if (error == 0)
		error = host_open(p->host);
	judge(p, "opening", 0, error, 0);
	if (error != 0)
		p->host->stop = true;
}

/* ---- stages ---- */

static struct host *host_of(struct stage *stage, struct host *host, struct model *model,
			    struct arena *arena)
{
	const struct script *script = stage->script;

	model_init(model, script->geometry.main_sectors, script->geometry.through);
	host_init(host, &script->geometry, arena, model);
	if (script->main_before != 0)
		host->config.main_sectors = script->main_before;
	return host;
}

void stage_init(struct stage *stage, const struct script *script)
{
	struct host *base = &stage->base;
	struct player p = { .host = base,
			    .strict = true,
			    .per = script->geometry.block_size / SECTOR };

	memset(stage, 0, sizeof(*stage));
	stage->script = script;
	arena_init(&stage->base_arena, 32u << 20);
	arena_init(&stage->arena, 96u << 20);
	host_of(stage, base, &stage->base_model, &stage->base_arena);
	host_of(stage, &stage->host, &stage->model, &stage->arena);
	stage->mark = stage->arena.used;
	if (script->format && script->setup == NULL)
		return;
	if (host_start(base) != 0 || host_format(base, 0x5e7) != 0)
		report_fail("the spare can't be formatted");
	if (script->setup != NULL)
		script->setup(&p);
	host_do(base, TASK_FLUSH, 0, 0, false);
	host_halt(base);
}

void stage_free(struct stage *stage)
{
	host_free(&stage->base);
	host_free(&stage->host);
	model_free(&stage->base_model);
	model_free(&stage->model);
	arena_free(&stage->arena);
	arena_free(&stage->base_arena);
}

struct host *stage_reset(struct stage *stage)
{
	struct host *host = &stage->host;

	stage->arena.used = stage->mark;
	disk_revive(&host->disk[BM_MAIN], &stage->base.disk[BM_MAIN]);
	disk_revive(&host->disk[BM_SPARE], &stage->base.disk[BM_SPARE]);
	model_copy(&stage->model, &stage->base_model);
	memcpy(host->place, stage->base.place, host->geometry.main_sectors);
	memset(host->place_at, 0, host->geometry.main_sectors * sizeof(*host->place_at));
	host->actions = 1;
	host->super = stage->base.super;
	host->config.flags = stage->script->flags;
	host->config.main_sectors = stage->base.config.main_sectors;
	host->next_id = stage->base.next_id;
	host->watch = NULL;
	host->chooser = NULL;
	host->plant = PLANT_NOTHING;
	host->heap.calls = host->heap.failed = host->heap.fail_from = 0;
	host->clock = 1;
	host->current = 0;
	host->orders = 0;
	host->stop = false;
	return host;
}

bool stage_play(struct stage *stage, bool strict, u64 seed)
{
	struct host *host = &stage->host;
	struct player p = { .host = host,
			    .strict = strict,
			    .seed = seed,
			    .per = host->geometry.block_size / SECTOR };
	int error;

	report->count[COUNT_RUNS]++;
	error = host_start(host);
	if (error == 0)
		error = stage->script->format ? host_format(host, 0xf0) : host_open(host);
	if (strict || (!stage->script->format && !stage->script->flags))
		judge(&p, stage->script->format ? "formatting" : "opening", 0, error, 0);
	if (error != 0 || host->stop)
		return false;
	stage->script->run(&p);
	return !host->stop;
}

void stage_check(struct stage *stage, struct explorer *ex)
{
	struct host *host = &stage->host, *child;
	int error;

	host->watch = NULL;
	host->heap.fail_from = 0;
	if (host->open && !host->stop) {
		explore_structure(host);
		host_read_all(host);
		host_do(host, TASK_FLUSH, 0, 0, false);
		explore_same(ex, host);
	}
	child = explore_child(ex, host, 0);
	error = explore_recover(ex, host, child);
	if (error != 0 && !ex->blank_ok && !ex->relaxed)
		report_fail("the spare can't be opened again: %d", error);
	host_halt(child);
	host_halt(host);
}
