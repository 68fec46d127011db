/* SPDX-License-Identifier: GPL-2.0-only */
#include "history.h"

#include <stdlib.h>

/* Something of every kind of record, and more than once round a part of the ring. */
static void run_history(struct player *p)
{
	for (u32 i = 0; i < 12; i++)
		play_add(p, 3 * i, 1);
	play_fua(p, 0, 20);
	bad_write(p, 40, 3);
	play_fua(p, 40, 3);
	bad_read(p, 50, 2);
	play(p, TASK_READ, 49, 4, false, -EIO);
	play_lose(p, 60, 3);
	spare_bad_write(p, 16, 2);
	bad_write(p, 44, 2);
	play_fua(p, 44, 2);
	spare_bad_read(p, 3, 1);
	play(p, TASK_READ, 9, 1, false, ANY_RESULT);
	play_remove(p, 12, 3);
	play_op(p, BM_OP_UPDATE, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < 10; i++) {
		play_remove(p, 15 + 3 * (i % 5), 1);
		play_op(p, BM_OP_ADD, 15 + 3 * (i % 5), 1, 0, BM_NOWHERE, 0);
		play_fua(p, 15 + 3 * (i % 5), 1);
	}
	play_flush(p);
}

static const struct script pasts[] = {
	{ .name = "past-512",
	  .run = run_history,
	  .geometry = { .block_size = 512,
			.log_size = 512,
			.main_sectors = 80,
			.spare_sectors = 128,
			.scratch = 16 } },
	{ .name = "past-4096",
	  .run = run_history,
	  .geometry = { .block_size = 512,
			.log_size = 4096,
			.main_sectors = 80,
			.spare_sectors = 400,
			.scratch = 16 } },
};

/* Notes each new head of the log, when it is durable in both copies and nothing else is. */
static void remember(struct host *host, void *ctx)
{
	u64 size = host->geometry.spare_sectors * sizeof(u8 *);
	struct history *h = ctx;
	struct bm_status status;

	if (!host->open)
		return;
	bm_get_status(host->bm, &status);
	if (h->count > 0 && h->at[h->count - 1].seq == status.log_seq)
		return;
	h->at[h->count].spare = malloc(size);
	if (h->count == HISTORY_MAX - 1)
		report_fail("the past is too long");
	h->at[h->count].seq = status.log_seq;
	h->at[h->count].meaning = explore_fingerprint(host);
	memcpy(h->at[h->count].spare, host->disk[BM_SPARE].durable, size);
	h->count++;
}

void history_make(struct history *h, u32 which)
{
	struct host *host;

	memset(h, 0, sizeof(*h));
	stage_init(&h->stage, &pasts[which]);
	explore_init(&h->ex, &pasts[which].geometry);
	host = stage_reset(&h->stage);
	host->watch = remember;
	host->watch_ctx = h;
	stage_play(&h->stage, true, 1);
	host->watch = NULL;
	h->meaning = explore_fingerprint(host);
	bm_get_status(host->bm, &h->status);
	host_halt(host);
	/* What is under the metadata is sound, only what stands in it gets damaged. */
	disk_mend(&host->disk[BM_SPARE]);
	disk_mend(&host->disk[BM_MAIN]);
}

void history_free(struct history *h)
{
	for (u32 i = 0; i < h->count; i++)
		free(h->at[i].spare);
	explore_free(&h->ex);
	stage_free(&h->stage);
}

struct host *history_child(struct history *h)
{
	return explore_child(&h->ex, &h->stage.host, 0);
}

int history_open(struct history *h, struct host *child, u64 *meaning)
{
	int error = host_start(child);

	(void)h;
	if (error != 0)
		return error;
	error = host_open(child);
	if (error != 0)
		return error;
	explore_structure(child);
	*meaning = explore_fingerprint(child);
	return 0;
}

void history_must_survive(struct history *h, struct host *child)
{
	int error;

	report->count[COUNT_FLIPS]++;
	error = explore_recover(&h->ex, &h->stage.host, child);
	if (error != 0)
		report_fail("the spare can't be opened: %d (why: %d)", error, child->why);
	if (explore_fingerprint(child) != h->meaning)
		report_fail("the map is not what was committed");
	host_halt(child);
}

void history_must_refuse(struct history *h, struct host *child, int error)
{
	u64 size = child->geometry.spare_sectors * sizeof(u8 *), meaning;
	const u8 **before = malloc(size);
	int got;

	report->count[COUNT_FLIPS]++;
	memcpy(before, child->disk[BM_SPARE].now, size);
	got = history_open(h, child, &meaning);
	if (got == 0)
		report_fail("the spare was opened, and should have been refused");
	if (error != ANY_RESULT && got != error)
		report_fail("refused with %d, expected %d", got, error);
	if (memcmp(before, child->disk[BM_SPARE].now, size) != 0)
		report_fail("a spare that was refused has been written to");
	free(before);
	host_halt(child);
}

u64 history_log(const struct history *h, u32 copy)
{
	return h->ex.layout.log_start[copy];
}

u64 history_log_sectors(const struct history *h)
{
	return (u64)h->ex.layout.log_max * (h->ex.layout.log_size / SECTOR);
}

u64 history_super(const struct history *h, u32 copy)
{
	return bm_super_sector(h->ex.layout.spare_sectors, copy);
}

void history_restore(struct history *h, struct host *child, u32 copy, u32 then)
{
	u64 start = history_log(h, copy), super = history_super(h, copy);

	for (u64 s = start; s < start + history_log_sectors(h); s++)
		disk_set(&child->disk[BM_SPARE], s, h->at[then].spare[s]);
	disk_set(&child->disk[BM_SPARE], super, h->at[then].spare[super]);
}
