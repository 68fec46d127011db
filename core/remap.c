/* SPDX-License-Identifier: GPL-2.0-only */
/* The device as a whole: its life, where requests go, and who waits for whom. */
#include "quick.h"

int bm_create(const struct bm_config *config, struct bm **out)
{
	const struct bm_mem *mem = &config->mem;
	size_t length = 0;
	struct bm *bm;

	*out = NULL;
	if (config->block_size && config->block_size != 512 && config->block_size != 4096)
		return -EINVAL;
	bm = mem->alloc(mem->ctx, sizeof(*bm));
	if (!bm)
		return -ENOMEM;
	memset(bm, 0, sizeof(*bm));
	bm->config = *config;
	while (config->identity && config->identity[length] && length < BM_IDENTITY_MAX)
		length++;
	if (length)
		memcpy(bm->identity, config->identity, length);
	bm->config.identity = bm->identity;
	bm->policy = (struct bm_policy){
		.relocate_writes = true,
		.relocate_marginal = true,
		.read_retries = 2,
		.breaker_limit = 1024,
	};
	bm_reserve_init(bm);
	*out = bm;
	return 0;
}

void bm_destroy(struct bm *bm)
{
	struct bm_mem mem;

	if (!bm)
		return;
	mem = bm->config.mem;
	bm_index_destroy(&bm->map);
	bm_index_destroy(&bm->bad);
	bm_spare_destroy(bm);
	bm_reserve_destroy(bm);
	if (bm->log.block)
		mem.free(mem.ctx, bm->log.block, BM_LOG_MAX_SIZE);
	if (bm->super_block)
		mem.free(mem.ctx, bm->super_block, BM_LOG_MAX_SIZE);
	mem.free(mem.ctx, bm, sizeof(*bm));
}

void bm_get_policy(const struct bm *bm, struct bm_policy *policy)
{
	*policy = bm->policy;
}

void bm_set_policy(struct bm *bm, const struct bm_policy *policy)
{
	bm->policy = *policy;
}

/* ---- every request ---- */

static enum bm_target entry_target(enum bm_request request, enum bm_state state)
{
	if (state == BM_MAPPED)
		return BM_TO_SPARE;
	/* pending or lost */
	return request == BM_REQ_READ || request == BM_REQ_DISCARD ? BM_TO_NOBODY : BM_TO_CORE;
}

void bm_route(const struct bm *bm, enum bm_request request, u64 sector, u64 count,
	      struct bm_route *route)
{
	u64 block = sector >> bm->block_shift, n = count >> bm->block_shift;
	struct bm_entry e;

	route->target = BM_TO_MAIN;
	route->sector = sector;
	if (bm_load_acquire(&bm->held_count) && bm_held_clip(bm, block, &n)) {
		route->target = BM_TO_CORE;
	} else if (bm_index_find(&bm->map, block, n, &e)) {
		if (e.block > block) {
			n = e.block - block;
		} else {
			n = e.count;
			route->target = entry_target(request, e.state);
			if (route->target == BM_TO_SPARE)
				route->sector = bm_sectors(bm, e.spare);
		}
	}
	route->count = bm_sectors(bm, n);
}

void bm_main_lives(struct bm *bm)
{
	bm_quick_main_lives(bm);
}

/* -EIO is what most drivers say of a bad sector, so it counts as one. */
bool bm_is_medium(int error)
{
	return error == -EIO || error == -ENODATA || error == -EILSEQ;
}

/* ---- operations ---- */

void bm_op_init(struct bm_op *op, enum bm_op_kind kind, u64 sector, u64 count)
{
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->sector = sector;
	op->count = count;
	op->spare = BM_NOWHERE;
	op->bad = BM_NOWHERE;
	op->state.slot = BM_NO_SLOT;
}

enum bm_op_kind bm_op_of(enum bm_request request)
{
	static const u8 kinds[] = {
		[BM_REQ_READ] = BM_OP_READ,
		[BM_REQ_WRITE] = BM_OP_WRITE,
		[BM_REQ_ZERO] = BM_OP_ZERO,
		[BM_REQ_DISCARD] = BM_OP_DISCARD,
	};

	return (enum bm_op_kind)kinds[request];
}

void bm_step_io(struct bm_op *op, enum bm_step_kind kind, enum bm_device device, u64 sector,
		u32 count)
{
	op->step = (struct bm_step){
		.kind = kind,
		.device = device,
		.sector = sector,
		.count = count,
	};
}

void bm_wait(struct bm *bm, struct bm_op *op)
{
	if (op->state.waiting)
		return;
	op->state.waiting = true;
	op->state.next_waiting = NULL;
	if (bm->waiting.tail)
		bm->waiting.tail->state.next_waiting = op;
	else
		bm->waiting.head = op;
	bm->waiting.tail = op;
}

/* Let everybody who waits look again; few do, and seldom. */
void bm_wake(struct bm *bm)
{
	if (!bm->waiting.head)
		return;
	if (bm->ready.tail)
		bm->ready.tail->state.next_waiting = bm->waiting.head;
	else
		bm->ready.head = bm->waiting.head;
	bm->ready.tail = bm->waiting.tail;
	bm->waiting.head = bm->waiting.tail = NULL;
}

struct bm_op *bm_ready(struct bm *bm)
{
	struct bm_op *op = bm->ready.head;

	if (!op)
		return NULL;
	bm->ready.head = op->state.next_waiting;
	if (!bm->ready.head)
		bm->ready.tail = NULL;
	op->state.waiting = false;
	return op;
}

int bm_check_range(const struct bm *bm, enum bm_op_kind kind, u64 sector, u64 count)
{
	u64 mask = (1ull << bm->block_shift) - 1;

	if (!bm->open)
		return -EINVAL;
	if (bm->config.flags & BM_READ_ONLY && kind != BM_OP_READ && kind != BM_OP_SCRUB)
		return -EROFS;
	if (!count || (sector | count) & mask)
		return -EINVAL;
	if (sector + count < sector || sector + count > bm->super.main_sectors)
		return -ERANGE;
	return 0;
}

/* What any operation on a range must satisfy, whatever it does. */
static int check_op(const struct bm *bm, const struct bm_op *op)
{
	int error = bm_check_range(bm, op->kind, op->sector, op->count);

	if (!error && op->kind != BM_OP_DISCARD &&
	    (!op->scratch || op->scratch_size < BM_SCRATCH_LEAST << BM_SECTOR_SHIFT
								 << bm->block_shift))
		return -EINVAL;
	return error;
}

static enum bm_verdict advance_range(struct bm *bm, struct bm_op *op)
{
	if (!op->state.line[CO_OP]) {
		op->error = check_op(bm, op);
		if (op->error)
			return BM_DONE;
		op->state.first = op->sector >> bm->block_shift;
		op->state.last = op->state.first + (op->count >> bm->block_shift);
		op->state.at = op->state.first;
	}
	switch (op->kind) {
	case BM_OP_READ:
	case BM_OP_SCRUB:
		return bm_op_read(bm, op);
	case BM_OP_WRITE:
	case BM_OP_ZERO:
		return bm_op_write(bm, op);
	case BM_OP_DISCARD:
		return bm_op_discard(bm, op);
	case BM_OP_ADD:
		return bm_op_add(bm, op);
	default:
		return bm_op_remove(bm, op);
	}
}

enum bm_verdict bm_advance(struct bm *bm, struct bm_op *op)
{
	switch (op->kind) {
	case BM_OP_OPEN:
		return bm_op_open(bm, op);
	case BM_OP_FORMAT:
		return bm_op_format(bm, op);
	case BM_OP_CHECK:
		return bm_op_check(bm, op);
	case BM_OP_UPDATE:
		return bm_op_update(bm, op);
	case BM_OP_RETRY:
		return bm_op_retry(bm, op);
	default:
		return advance_range(bm, op);
	}
}

/* ---- events ---- */

void bm_event(struct bm *bm, enum bm_event_kind kind, u64 sector, u64 count, u64 a, u64 b)
{
	struct bm_event *e;

	if (bm->event_count == BM_EVENTS) {
		bm->events_dropped++;
		return;
	}
	e = &bm->events[(bm->event_first + bm->event_count++) % BM_EVENTS];
	*e = (struct bm_event){ kind, sector, count, a, b };
}

bool bm_get_event(struct bm *bm, struct bm_event *event)
{
	if (!bm->event_count) {
		if (!bm->events_dropped)
			return false;
		*event = (struct bm_event){ .kind = BM_EV_DROPPED, .a = bm->events_dropped };
		bm->events_dropped = 0;
		return true;
	}
	*event = bm->events[bm->event_first];
	bm->event_first = (bm->event_first + 1) % BM_EVENTS;
	bm->event_count--;
	return true;
}

/* ---- mode and breaker ---- */

static bool copy_degraded(const struct bm *bm, unsigned int copy)
{
	return bm->super_missing[copy] || bm->log.missing[copy] >= bm->log.head.tail;
}

void bm_update_mode(struct bm *bm)
{
	enum bm_mode mode = BM_MODE_RW;
	unsigned int copy;

	for (copy = 0; copy < 2; copy++)
		if (bm->log.missing[copy] && bm->log.missing[copy] < bm->log.head.tail)
			bm->log.missing[copy] = 0;
	if (bm->log.limbo)
		mode = BM_MODE_READ_ONLY;
	else if ((bm->log.missing[0] && copy_degraded(bm, 0)) || bm->super_missing[0] ||
		 (bm->log.missing[1] && copy_degraded(bm, 1)) || bm->super_missing[1] ||
		 !bm_spare_free(bm))
		mode = BM_MODE_DEGRADED;
	if (!bm_spare_free(bm) && !bm->was_full)
		bm_event(bm, BM_EV_SPARE_FULL, 0, 0, 0, 0);
	bm->was_full = !bm_spare_free(bm);
	if (mode != bm->mode)
		bm_event(bm, BM_EV_MODE, 0, 0, bm->mode, mode);
	bm->mode = mode;
}

void bm_reset_breaker(struct bm *bm)
{
	if (bm->breaker != BM_BREAKER_CLOSED)
		bm_event(bm, BM_EV_BREAKER, 0, 0, bm->breaker, BM_BREAKER_CLOSED);
	bm->breaker = BM_BREAKER_CLOSED;
	bm->failed_in_row = 0;
}

void bm_clear_counters(struct bm *bm)
{
	memset(&bm->counters, 0, sizeof(bm->counters));
}

/* Then the index can't be resized. */
bool bm_is_staged(const struct bm *bm)
{
	return bm->log.aboard.head || bm->log.limbo;
}

bool bm_idle_work(struct bm *bm)
{
	u32 from, to, before = bm->map.next_filled;

	bm_reserve_fill(bm);
	if (bm_is_staged(bm))
		return false;
	switch (bm_index_work(&bm->map, &from, &to)) {
	case BM_RESIZE_STARTED:
		bm_event(bm, BM_EV_RESIZE, 0, bm->map.runs, from, to);
		return true;
	case BM_RESIZE_DONE:
		bm_event(bm, BM_EV_RESIZED, 0, bm->map.runs, from, to);
		return true;
	default:
		return bm->map.next && bm->map.next_filled != before;
	}
}

/* ---- looking ---- */

void bm_get_status(struct bm *bm, struct bm_status *s)
{
	unsigned int copy;

	memset(s, 0, sizeof(*s));
	s->super = bm->super;
	s->mode = bm->mode;
	s->breaker = bm->breaker;
	s->flags = bm->config.flags;
	s->runs = bm->map.runs;
	s->entries = bm->map.entries;
	s->mapped = bm_sectors(bm, bm->map.blocks[BM_MAPPED]);
	s->pending = bm_sectors(bm, bm->map.blocks[BM_PENDING]);
	s->lost = bm_sectors(bm, bm->map.blocks[BM_LOST]);
	s->spare_total = bm_sectors(bm, bm->spare.total);
	s->spare_bad = bm_sectors(bm, bm->bad.blocks[BM_BAD]);
	s->spare_used = bm_sectors(bm, bm->spare.taken) - s->spare_bad;
	s->buckets = bm->map.buckets;
	s->resizes = bm->map.resizes;
	s->index_bytes = bm->map.bytes;
	s->log_seq = bm->log.head.seq;
	s->log_tail = bm->log.head.tail;
	s->log_epoch = bm->log.head.epoch;
	s->log_ring = bm->log.head.ring;
	for (copy = 0; copy < 2; copy++)
		s->copy_degraded[copy] = bm->super_missing[copy] || bm->log.missing[copy];
	s->limbo = bm->log.limbo;
	s->counters = bm->counters;
	s->health = bm_health(s, &s->health_why);
}

/* Does the entry right after e continue it? */
static bool continued(const struct bm_index *index, const struct bm_entry *e, struct bm_entry *next)
{
	return bm_index_find(index, e->block + e->count, 1, next) && next->cont &&
	       next->state == e->state &&
	       (e->spare == BM_NO_BLOCK ? next->spare == e->spare
					: next->spare == e->spare + e->count);
}

static bool walk(const struct bm *bm, const struct bm_index *index, u64 *at, u64 end,
		 struct bm_extent *extent)
{
	u64 block = *at >> bm->block_shift, stop = end >> bm->block_shift;
	struct bm_entry e, next;

	if (block >= stop || !bm_index_find(index, block, stop - block, &e))
		return false;
	extent->sector = bm_sectors(bm, e.block);
	extent->spare = e.spare == BM_NO_BLOCK ? BM_NOWHERE : bm_sectors(bm, e.spare);
	extent->state = e.state;
	extent->count = e.count;
	while (e.block + e.count < stop && continued(index, &e, &next)) {
		bm_index_next(index, next.block, &next);
		extent->count += next.count;
		e = next;
	}
	extent->count = bm_sectors(bm, extent->count);
	if (extent->count > end - extent->sector)
		extent->count = end - extent->sector;
	*at = extent->sector + extent->count;
	return true;
}

bool bm_walk(const struct bm *bm, u64 *at, struct bm_extent *extent)
{
	return walk(bm, &bm->map, at, bm_sectors(bm, BM_MAX_BLOCKS), extent);
}

bool bm_walk_range(const struct bm *bm, u64 *at, u64 end, struct bm_extent *extent)
{
	return walk(bm, &bm->map, at, end, extent);
}

bool bm_find_remap(const struct bm *bm, u64 sector, u64 *first, u64 *count)
{
	u64 block = sector >> bm->block_shift, start, end;
	struct bm_entry e, near;

	if (!bm_index_next(&bm->map, block, &e) || e.block > block)
		return false;
	start = e.block;
	end = e.block + e.count;
	/* The entry before one that continues it ends where that begins. */
	while (e.cont && e.block && bm_index_next(&bm->map, e.block - 1, &near) &&
	       near.block < e.block) {
		e = near;
		start = e.block;
	}
	while (bm_index_next(&bm->map, end, &near) && near.block == end && near.cont)
		end += near.count;
	*first = bm_sectors(bm, start);
	*count = bm_sectors(bm, end - start);
	return true;
}

bool bm_walk_bad(const struct bm *bm, u64 *at, struct bm_extent *extent)
{
	return walk(bm, &bm->bad, at, bm_sectors(bm, BM_MAX_BLOCKS), extent);
}
