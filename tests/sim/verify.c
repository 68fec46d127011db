/* SPDX-License-Identifier: GPL-2.0-only */
/* What comes back after a cut, against what was promised. */
#include "explore.h"

#include <stdlib.h>

/* ---- what a core should look like ---- */

static void structure_extent(const struct host *host, const struct bm_extent *e, u8 *used)
{
	const struct bm_super *super = &host->super;
	u64 log_end = super->log_start[0] + (u64)super->log_max * (super->log_size / SECTOR);

	if (e->sector + e->count > super->main_sectors)
		report_fail("main sector %llu is mapped, beyond the end",
			    (unsigned long long)e->sector);
	if (e->spare == BM_NOWHERE) {
		if (e->state == BM_MAPPED)
			report_fail("main sector %llu is mapped to nowhere",
				    (unsigned long long)e->sector);
		return;
	}
	if (e->spare < super->data_start || e->spare + e->count > super->data_end ||
	    (e->spare < log_end && super->log_start[0] < e->spare + e->count))
		report_fail("main sector %llu lives in spare sector %llu, which is no data area",
			    (unsigned long long)e->sector, (unsigned long long)e->spare);
	for (u64 s = e->spare; s < e->spare + e->count; s++)
		if (used[s]++ != 0)
			report_fail("spare sector %llu is used twice (main sector %llu)",
				    (unsigned long long)s, (unsigned long long)e->sector);
}

void explore_structure(const struct host *host)
{
	u64 at = 0, last = 0, sums[BM_BAD + 1] = { 0 }, spare = 0;
	u8 *used = calloc(host->super.spare_sectors, 1);
	struct bm_status status;
	struct bm_extent e;

	while (bm_walk(host->bm, &at, &e)) {
		if (e.count == 0 || e.sector < last || at != e.sector + e.count)
			report_fail("the walk of the map goes astray at %llu",
				    (unsigned long long)e.sector);
		last = at;
		structure_extent(host, &e, used);
		sums[e.state] += e.count;
		spare += e.spare != BM_NOWHERE ? e.count : 0;
	}
	/* A block that can't be written where it is stays there until it has another place. */
	for (at = 0; bm_walk_bad(host->bm, &at, &e);)
		for (u64 s = e.sector; s < e.sector + e.count; s++)
			spare -= used[s];
	bm_get_status(host->bm, &status);
	if (status.mapped != sums[BM_MAPPED] || status.pending != sums[BM_PENDING] ||
	    status.lost != sums[BM_LOST])
		report_fail("status counts %llu mapped, %llu pending, %llu lost, "
			    "but the map has %llu, %llu, %llu",
			    (unsigned long long)status.mapped, (unsigned long long)status.pending,
			    (unsigned long long)status.lost, (unsigned long long)sums[BM_MAPPED],
			    (unsigned long long)sums[BM_PENDING],
			    (unsigned long long)sums[BM_LOST]);
	if (spare > status.spare_used)
		report_fail("%llu sectors of the spare are mapped, %llu are used",
			    (unsigned long long)spare, (unsigned long long)status.spare_used);
	free(used);
}

u64 explore_fingerprint(const struct host *host)
{
	struct bm_extent e;
	u64 hash = 1, at;

	for (at = 0; bm_walk(host->bm, &at, &e);)
		for (u64 i = 0; i < e.count; i++) {
			u64 x = hash ^ (e.sector + i) << 20 ^ (u64)e.state << 60 ^
				(e.spare == BM_NOWHERE ? ~0ull : e.spare + i);

			hash = rng_next(&x);
		}
	for (at = 0; bm_walk_bad(host->bm, &at, &e);)
		for (u64 i = 0; i < e.count; i++) {
			u64 x = hash ^ (e.sector + i) << 1 ^ 1ull << 63;

			hash = rng_next(&x);
		}
	return hash;
}

/* ---- what a client would read ---- */

static void verify_sector(const struct host *origin, const struct host *child,
			  const struct bm_route *route, u64 sector, u64 at)
{
	enum bm_device device = route->target == BM_TO_MAIN ? BM_MAIN : BM_SPARE;
	const u8 *choice[DISK_CHOICES];
	char name[80];
	u32 n;

	report->count[COUNT_READS]++;
	if (route->target == BM_TO_NOBODY) {
		if (!model_allows_after_cut(origin->model, sector, MODEL_EIO))
			report_fail("after the cut main sector %llu is unreadable for no reason",
				    (unsigned long long)sector);
		return;
	}
	if (disk_unreadable(&child->disk[device], at))
		return;
	n = disk_choices(&origin->disk[device], at, choice);
	for (u32 i = 0; i < n; i++) {
		if (model_allows_after_cut(origin->model, sector, content_read(choice[i], sector)))
			continue;
		content_name(choice[i], name, sizeof(name));
		report_fail("after the cut main sector %llu (on %s, sector %llu) reads as %s",
			    (unsigned long long)sector, device == BM_MAIN ? "main" : "the spare",
			    (unsigned long long)at, name);
	}
}

static void verify_reads(const struct host *origin, const struct host *child)
{
	u64 end = child->super.main_sectors;
	struct bm_route route;

	for (u64 s = 0; s < end; s += route.count) {
		bm_route(child->bm, BM_REQ_READ, s, end - s, &route);
		if (route.count == 0 || route.count > end - s)
			report_fail("bm_route() gives %llu sectors",
				    (unsigned long long)route.count);
		if (route.target == BM_TO_CORE)
			report_fail("main sector %llu is held right after recovery",
				    (unsigned long long)s);
		for (u64 i = 0; i < route.count && s + i < origin->model->sectors; i++)
			verify_sector(origin, child, &route, s + i, route.sector + i);
	}
}

static void verify_place(const struct host *origin, const struct host *child)
{
	u64 per = origin->geometry.block_size / SECTOR;

	for (u64 b = 0; b < child->super.main_sectors / per; b++) {
		struct bm_extent e;
		u64 at = b * per;
		bool mapped =
			bm_walk(child->bm, &at, &e) && e.sector <= b * per && e.spare != BM_NOWHERE;

		if (origin->place[b] & (mapped ? PLACE_MAPPED : PLACE_UNMAPPED))
			continue;
		report_fail("after the cut main block %llu is %smapped, which is not what was "
			    "acknowledged",
			    (unsigned long long)b, mapped ? "" : "not ");
	}
}

int explore_recover(struct explorer *ex, const struct host *origin, struct host *child)
{
	int error;

	(void)ex;
	report->count[COUNT_STATES]++;
	child->model = origin->model;
	error = host_start(child);
	if (error != 0)
		report_fail("bm_create() fails with %d", error);
	error = host_open(child);
	if (child->stop)
		return -EINTR;
	if (error != 0)
		return error;
	explore_structure(child);
	verify_place(origin, child);
	verify_reads(origin, child);
	return 0;
}
