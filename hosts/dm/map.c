// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every request comes through here. Nearly always nothing near it is remapped: it is sent to main
 * as dm-linear would, having looked at a bitmap. What can't simply go somewhere, and what came back
 * with an error of the medium, is handed to the workers.
 */
#include "../../core/quick.h"
#include "compat.h"
#include "map.h"
#include "target.h"

/*
 * Of a request that has data beside PREFLUSH, as a journal's commit block has, dm sends the flush
 * first, and then the data whether that failed or not (__dm_io_complete() up to 7.2 at least): the
 * flush's error is told to nobody. Whose flush it is can't be seen here. So the next write that
 * asks for FUA, as commit blocks do, fails too: better told twice than never.
 */
void remap_flush_failed(struct remap *r)
{
	atomic_set(&r->flush_failed, 1);
	/* What sends the data has been told first that the flush has ended. */
	WRITE_ONCE(r->unusual, r->unusual | REQ_FUA);
}

/* dm sends a flush once for each device, without data: PREFLUSH with data is split before. */
static int map_flush(struct remap *r, struct bio *bio)
{
	unsigned int device = dm_bio_get_target_bio_nr(bio) ? BM_SPARE : BM_MAIN;

	if (unlikely(atomic_read(&r->client_owed[device])) &&
	    atomic_xchg(&r->client_owed[device], 0)) {
		remap_flush_failed(r);
		return DM_MAPIO_KILL;
	}
	remap_mark(bio, REMAP_FLUSH | (device == BM_SPARE ? REMAP_ON_SPARE : 0));
	bio_set_dev(bio, r->dev[device]->bdev);
	return DM_MAPIO_REMAPPED;
}

static void io_record(struct bio *bio)
{
	struct remap_io *io = remap_io_of(bio);

	io->iter = bio->bi_iter;
	io->flags = bio->bi_flags;
}

static int map_end(struct bio *bio)
{
	remap_mark(bio, 0);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/* Main can discard, and the spare need not: it is advice. To erase for good is not. */
static bool is_idle_advice(const struct bio *bio, struct block_device *bdev)
{
	return bio_op(bio) == REQ_OP_DISCARD && !bdev_max_discard_sectors(bdev);
}

/* Its section is open: REMAP_PHASE of the mark. */
static int map_to_device(struct remap *r, struct bio *bio, enum bm_device device,
			 unsigned long mark)
{
	remap_mark(bio, REMAP_SECTION | mark);
	io_record(bio);
	bio_set_dev(bio, r->dev[device]->bdev);
	return DM_MAPIO_REMAPPED;
}

static int map_to_spare(struct remap *r, struct bio *bio, unsigned long phase, sector_t sector)
{
	int ret;

	if (unlikely(is_idle_advice(bio, r->dev[BM_SPARE]->bdev))) {
		remap_section_leave(&r->sections, phase);
		return map_end(bio);
	}
	ret = map_to_device(r, bio, BM_SPARE, REMAP_ON_SPARE | phase);
	bio->bi_iter.bi_sector = sector;
	return ret;
}

static int map_elsewhere(struct remap *r, struct bio *bio, unsigned long phase,
			 enum bm_target target, enum bm_request request)
{
	/* Before the operation starts, for it may wait until all sections are closed. */
	remap_section_leave(&r->sections, phase);
	if (target == BM_TO_NOBODY)
		return request == BM_REQ_DISCARD ? map_end(bio) : DM_MAPIO_KILL;
	remap_mark(bio, 0);
	io_record(bio);
	remap_io_of(bio)->failed = false;
	remap_workers_take(r, bio);
	return DM_MAPIO_SUBMITTED;
}

/* With an open section: wherever it goes. */
static noinline int map_by_route(struct remap *r, struct bio *bio, unsigned long phase,
				 enum bm_request request)
{
	struct bm_route route;

	preempt_disable();
	bm_route(r->bm, request, bio->bi_iter.bi_sector, bio_sectors(bio), &route);
	preempt_enable();
	if (route.count < bio_sectors(bio))
		dm_accept_partial_bio(bio, route.count);
	/* What lives elsewhere has left something on main, which has to be erased as well. */
	if (route.target != BM_TO_MAIN && bio_op(bio) == REQ_OP_SECURE_ERASE)
		route.target = BM_TO_CORE;
	switch (route.target) {
	case BM_TO_MAIN:
		return map_to_device(r, bio, BM_MAIN, phase);
	case BM_TO_SPARE:
		return map_to_spare(r, bio, phase, route.sector);
	default:
		return map_elsewhere(r, bio, phase, route.target, request);
	}
}

/*
 * What neither reads nor writes, and writes that must not be: of a device that has become read-only
 * the kernel still lets those write who could before. And FUA, once a flush has failed.
 */
static noinline int map_other(struct remap *r, struct bio *bio)
{
	enum bm_request request;
	unsigned long phase;

	if (bio->bi_opf & REQ_PREFLUSH)
		return map_flush(r, bio);
	if (!remap_request_of(bio, &request) || (r->read_only && request != BM_REQ_READ))
		return DM_MAPIO_KILL;
	if (bio->bi_opf & REQ_FUA && atomic_xchg(&r->flush_failed, 0))
		return DM_MAPIO_KILL;
	bio->bi_iter.bi_sector = dm_target_offset(r->ti, bio->bi_iter.bi_sector);
	preempt_disable();
	phase = remap_section_enter(&r->sections);
	preempt_enable();
	return map_by_route(r, bio, phase, request);
}

/*
 * Here, and when it has ended, each instruction counts: `./dev bench dm` counts them. So what is
 * needed early comes early, and nothing has to be kept across a call that need not be.
 */
int remap_map(struct dm_target *ti, struct bio *bio)
{
	struct remap *r = ti->private;
	unsigned long phase;
	bool on_main;

	if (unlikely(bio->bi_opf & READ_ONCE(r->unusual)))
		return map_other(r, bio);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	preempt_disable();
	phase = remap_section_enter(&r->sections);
	on_main = bm_quick_is_on_main(r->bm, bio->bi_iter.bi_sector, bio_sectors(bio));
	preempt_enable();
	if (likely(on_main))
		return map_to_device(r, bio, BM_MAIN, phase);
	return map_by_route(r, bio, phase, bio_op(bio) == REQ_OP_READ ? BM_REQ_READ : BM_REQ_WRITE);
}

/* Is this failure the core's business? Advice that failed, and read-ahead, are nobody's. */
static bool is_ours(const struct bio *bio, blk_status_t error)
{
	if (bio->bi_opf & REQ_RAHEAD || bio_op(bio) == REQ_OP_DISCARD ||
	    bio_op(bio) == REQ_OP_SECURE_ERASE)
		return false;
	return bm_is_medium(blk_status_to_errno(error));
}

static noinline int end_failed(struct remap *r, struct bio *bio, blk_status_t error)
{
	unsigned long mark = remap_mark_of(bio);
	enum bm_device device = mark & REMAP_ON_SPARE ? BM_SPARE : BM_MAIN;
	struct remap_io *io;

	remap_mark(bio, 0);
	if (mark & REMAP_FLUSH) {
		atomic_set(&r->core_owed[device], 1);
		remap_flush_failed(r);
	}
	if (!(mark & REMAP_SECTION))
		return DM_ENDIO_DONE;
	remap_section_leave(&r->sections, mark & REMAP_PHASE);
	if (!is_ours(bio, error))
		return DM_ENDIO_DONE;
	io = remap_io_of(bio);
	bio->bi_iter = io->iter;
	bio->bi_flags = io->flags;
	bio->bi_status = BLK_STS_OK;
	io->failed = true;
	io->device = device;
	remap_workers_take(r, bio);
	return DM_ENDIO_INCOMPLETE;
}

static noinline int end_draining(struct remap *r)
{
	remap_section_wake(&r->sections);
	return DM_ENDIO_DONE;
}

int remap_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct remap *r = ti->private;
	unsigned long mark;

	if (unlikely(*error))
		return end_failed(r, bio, *error);
	mark = remap_mark_of(bio);
	if (unlikely(!(mark & REMAP_SECTION)))
		return DM_ENDIO_DONE;
	if (bio_op(bio) == REQ_OP_WRITE && !(mark & REMAP_ON_SPARE))
		bm_quick_main_lives(r->bm);
	/* Nothing comes after it, so nothing has to be kept across a call here. */
	if (unlikely(remap_section_leave_quietly(&r->sections, mark & REMAP_PHASE)))
		return end_draining(r);
	return DM_ENDIO_DONE;
}
