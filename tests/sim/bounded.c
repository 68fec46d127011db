/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every sequence of a bounded length, against the model: 4 blocks of main, a spare with room for
 * 2, and 5 operations: write, write that main refuses, read that main refuses, add, remove. After
 * each operation every block is read; the whole state (disks, core, model) is saved and restored,
 * so that sequences with a common beginning share it.
 */
#include "case.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCKS  4u
#define ACTIONS (5u * BLOCKS)
#define LONGEST 8u

struct saved {
	u8 *memory; /* the core's */
	size_t used, data_used;
	struct heap heap;
	struct disk disk[2];
	const u8 **now[2], **durable[2];
	struct model model;
	struct model_cell cell[BLOCKS];
	u8 place[BLOCKS];
	u32 next_id;
	u64 clock, sections, orders, actions;
};

static struct stage stage;
static struct explorer ex;
static struct arena memory;
static struct saved saved[LONGEST + 1];
static u8 path[LONGEST];

static void setup_full(struct player *p)
{
	struct bm_status status;
	u64 room;

	bm_get_status(p->host->bm, &status);
	room = status.spare_total - status.spare_used;
	play_lose(p, BLOCKS, room - 2);
}

static void run_nothing(struct player *p)
{
	(void)p;
}

/* Main has the four blocks, and more that fill the spare but for two. */
static const struct script script = {
	.name = "bounded",
	.setup = setup_full,
	.run = run_nothing,
	.geometry = { .block_size = 512, .log_size = 512, .main_sectors = 32, .spare_sectors = 88 },
};

static void save_disk(struct saved *s, const struct disk *disk, u32 d)
{
	size_t size = disk->sectors * sizeof(*disk->now);

	memcpy(s->now[d], disk->now, size);
	memcpy(s->durable[d], disk->durable, size);
	s->disk[d].nwrites = disk->nwrites;
	s->disk[d].nfaults = disk->nfaults;
	s->disk[d].ios = disk->ios;
	memcpy(s->disk[d].writes, disk->writes, disk->nwrites * sizeof(*disk->writes));
	memcpy(s->disk[d].faults, disk->faults, disk->nfaults * sizeof(*disk->faults));
}

static void restore_disk(const struct saved *s, struct disk *disk, u32 d)
{
	size_t size = disk->sectors * sizeof(*disk->now);

	memcpy(disk->now, s->now[d], size);
	memcpy(disk->durable, s->durable[d], size);
	disk->nwrites = s->disk[d].nwrites;
	disk->nfaults = s->disk[d].nfaults;
	disk->ios = s->disk[d].ios;
	memcpy(disk->writes, s->disk[d].writes, disk->nwrites * sizeof(*disk->writes));
	memcpy(disk->faults, s->disk[d].faults, disk->nfaults * sizeof(*disk->faults));
}

static void save(struct saved *s, const struct host *host)
{
	s->used = memory.used;
	memcpy(s->memory, memory.mem, memory.used);
	s->data_used = stage.arena.used;
	s->heap = host->heap;
	save_disk(s, &host->disk[0], 0);
	save_disk(s, &host->disk[1], 1);
	s->model = *host->model;
	memcpy(s->cell, host->model->cell, sizeof(s->cell));
	memcpy(s->place, host->place, sizeof(s->place));
	s->next_id = host->next_id;
	s->clock = host->clock;
	s->sections = host->sections;
	s->orders = host->orders;
	s->actions = host->actions;
}

static void restore(const struct saved *s, struct host *host)
{
	memory.used = s->used;
	memcpy(memory.mem, s->memory, s->used);
	stage.arena.used = s->data_used;
	host->heap = s->heap;
	restore_disk(s, &host->disk[0], 0);
	restore_disk(s, &host->disk[1], 1);
	*host->model = s->model;
	memcpy(host->model->cell, s->cell, sizeof(s->cell));
	memcpy(host->place, s->place, sizeof(s->place));
	host->next_id = s->next_id;
	host->clock = s->clock;
	host->sections = s->sections;
	host->orders = s->orders;
	host->actions = s->actions;
}

static void act(struct host *host, u8 action)
{
	struct player p = { .host = host, .per = 1 };
	u64 block = action % BLOCKS;

	switch (action / BLOCKS) {
	case 0:
		play_write(&p, block, 1);
		break;
	case 1:
		bad_write(&p, block, 1);
		play_write(&p, block, 1);
		host->disk[BM_MAIN].nfaults--;
		break;
	case 2:
		bad_read(&p, block, 1);
		play_read(&p, block, 1);
		host->disk[BM_MAIN].nfaults--;
		break;
	case 3:
		play_add(&p, block, 1);
		break;
	default:
		play_remove(&p, block, 1);
	}
}

/* What a read would be answered right now, without the trouble of a request. */
static void look(const struct host *host)
{
	for (u64 s = 0; s < BLOCKS; s++) {
		struct bm_route route;
		u32 id = MODEL_EIO;

		report->count[COUNT_READS]++;
		bm_route(host->bm, BM_REQ_READ, s, 1, &route);
		if (route.target == BM_TO_CORE)
			report_fail("block %llu is held, and nobody holds it",
				    (unsigned long long)s);
		if (route.target == BM_TO_MAIN)
			id = content_read(host->disk[BM_MAIN].now[route.sector], s);
		else if (route.target == BM_TO_SPARE)
			id = content_read(host->disk[BM_SPARE].now[route.sector], s);
		if (!model_allows(host->model, s, id, host->model->now))
			report_fail("block %llu reads as value %u", (unsigned long long)s, id);
	}
}

static void describe(u32 depth)
{
	static const char *const names[] = { "write ", "bad-write ", "bad-read ", "add ",
					     "remove " };
	char *to = report->detail;

	*to = 0;
	for (u32 i = 0; i <= depth; i++)
		to += sprintf(to, "%s%u; ", names[path[i] / BLOCKS], path[i] % BLOCKS);
}

static void descend(struct host *host, u32 depth, u32 length, u32 reopened,
		    const struct case_args *args)
{
	save(&saved[depth], host);
	for (u8 action = 0; action < ACTIONS; action++) {
		if (depth == 0 && action % args->parts != args->part)
			continue;
		path[depth] = action;
		describe(depth);
		act(host, action);
		report->count[COUNT_RUNS]++;
		look(host);
		if (depth < reopened)
			explore_same(&ex, host);
		if (depth + 1 < length)
			descend(host, depth + 1, length, reopened, args);
		restore(&saved[depth], host);
	}
}

void case_bounded(const struct case_args *args)
{
	u32 length = args->proof ? 6 : 4;
	struct host *host;

	stage_init(&stage, &script);
	explore_init(&ex, &script.geometry);
	arena_init(&memory, 16u << 20);
	host = stage_reset(&stage);
	host->heap.arena = &memory;
	for (u32 i = 0; i <= length; i++) {
		saved[i].memory = malloc(4u << 20);
		for (u32 d = 0; d < 2; d++) {
			saved[i].now[d] = malloc(128 * sizeof(u8 *));
			saved[i].durable[d] = malloc(128 * sizeof(u8 *));
		}
	}
	if (!stage_play(&stage, true, 0))
		report_fail("can't be opened");
	descend(host, 0, length, args->proof ? 5 : 3, args);
	host_halt(host);
	for (u32 i = 0; i <= length; i++) {
		free(saved[i].memory);
		for (u32 d = 0; d < 2; d++) {
			free(saved[i].now[d]);
			free(saved[i].durable[d]);
		}
	}
	explore_free(&ex);
	stage_free(&stage);
	arena_free(&memory);
}
