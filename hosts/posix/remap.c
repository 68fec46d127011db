// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/remap_private.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_AT_ONCE 8

/* A thread that runs an operation. */
struct runner {
	pthread_cond_t ready_cond;
	bool ready;
	char *client; /* the client's data, from the start of the operation's range on */
};

struct request {
	enum bm_request kind;
	char *data; /* READ, WRITE */
	uint64_t sector, count;
	bool fua, may_trim;
};

/* ---- the core's serialisation ---- */

static size_t events_take(struct remap *r, struct bm_event *events)
{
	size_t n = 0;

	while (n < EVENTS_AT_ONCE && bm_get_event(r->bm, &events[n]))
		n++;
	return n;
}

static void core_lock(struct remap *r)
{
	pthread_mutex_lock(&r->lock);
}

/* Wake whoever can go on, and tell of what happened once nothing is held any more. */
static void core_unlock(struct remap *r)
{
	struct bm_event events[EVENTS_AT_ONCE];
	struct bm_op *op;
	size_t n;

	while ((op = bm_ready(r->bm))) {
		struct runner *runner = op->host;

		runner->ready = true;
		pthread_cond_signal(&runner->ready_cond);
	}
	do {
		n = events_take(r, events);
		pthread_mutex_unlock(&r->lock);
		for (size_t i = 0; i < n && r->event; i++)
			r->event(r->event_ctx, &events[i]);
		if (n == EVENTS_AT_ONCE)
			pthread_mutex_lock(&r->lock);
	} while (n == EVENTS_AT_ONCE);
}

struct bm *remap_hold(struct remap *r)
{
	core_lock(r);
	return r->bm;
}

void remap_release(struct remap *r)
{
	core_unlock(r);
}

/* ---- steps ---- */

static int write_device(struct remap *r, enum bm_device d, const void *data, uint64_t offset,
			uint32_t length, bool fua)
{
	int err = device_write(r->device[d], data, offset, length, fua);

	if (d == BM_SPARE && !fua)
		atomic_store(&r->spare_dirty, true);
	return err;
}

static int zero_device(struct remap *r, enum bm_device d, uint64_t offset, uint64_t length,
		       bool may_trim, bool fua)
{
	int err = device_zero(r->device[d], offset, length, may_trim, fua);

	if (d == BM_SPARE && !fua)
		atomic_store(&r->spare_dirty, true);
	return err;
}

static int discard_device(struct remap *r, enum bm_device d, uint64_t offset, uint64_t length)
{
	int err = device_discard(r->device[d], offset, length);

	if (d == BM_SPARE)
		atomic_store(&r->spare_dirty, true);
	return err == -EOPNOTSUPP ? 0 : err; /* advice that can't be taken */
}

static int flush_for_core(struct remap *r, enum bm_device d)
{
	int err = device_flush(r->device[d]);

	if (err)
		atomic_store(&r->flush_error[d], err);
	return err;
}

/*
 * Both copies of a log block. A regular file is synced once for both; if that fails, nobody knows
 * which one it was, so each is then written durably by itself.
 */
static void step_log(struct remap *r, struct bm_step *s)
{
	const uint64_t at[2] = { s->sector << BM_SECTOR_SHIFT, s->sector2 << BM_SECTOR_SHIFT };
	bool file = device_info(r->device[BM_SPARE])->kind == DEVICE_FILE;
	uint32_t length = s->count << BM_SECTOR_SHIFT;

	for (int i = 0; i < 2; i++)
		s->error[i] = write_device(r, BM_SPARE, s->memory, at[i], length, !file);
	if (!file || (s->error[0] && s->error[1]) || !flush_for_core(r, BM_SPARE))
		return;
	for (int i = 0; i < 2; i++)
		if (!s->error[i])
			s->error[i] = write_device(r, BM_SPARE, s->memory, at[i], length, true);
}

static int step_run(struct remap *r, struct bm_op *op)
{
	struct runner *runner = op->host;
	struct bm_step *s = &op->step;
	char *client = runner->client ? runner->client + s->offset : NULL;
	char *memory = s->memory ? s->memory : client;
	uint64_t offset = s->sector << BM_SECTOR_SHIFT;
	uint64_t length = (uint64_t)s->count << BM_SECTOR_SHIFT;

	if (s->kind <= BM_STEP_FLUSH && !r->device[s->device])
		return -ENODEV; /* main is not at hand */
	switch (s->kind) {
	case BM_STEP_READ:
		return device_read(r->device[s->device], memory, offset, (uint32_t)length);
	case BM_STEP_WRITE:
		return write_device(r, s->device, memory, offset, (uint32_t)length, s->fua);
	case BM_STEP_ZERO:
		return zero_device(r, s->device, offset, length, s->may_trim, s->fua);
	case BM_STEP_DISCARD:
		return discard_device(r, s->device, offset, length);
	case BM_STEP_FLUSH:
		return flush_for_core(r, s->device);
	case BM_STEP_LOG:
		step_log(r, s);
		return s->error[0];
	case BM_STEP_COPY:
		memcpy(runner->client + s->offset, s->memory, length);
		return 0;
	case BM_STEP_QUIESCE:
		sections_wait(r->sections);
		return 0;
	}
	return -EINVAL;
}

/* ---- operations ---- */

/* Advance once; the verdict is BM_STEP or BM_DONE. */
static enum bm_verdict op_advance(struct remap *r, struct bm_op *op)
{
	struct runner *runner = op->host;
	enum bm_verdict verdict;

	core_lock(r);
	for (;;) {
		runner->ready = false;
		verdict = bm_advance(r->bm, op);
		if (verdict != BM_WAIT)
			break;
		core_unlock(r);
		core_lock(r);
		while (!runner->ready)
			pthread_cond_wait(&runner->ready_cond, &r->lock);
	}
	core_unlock(r);
	return verdict;
}

/* What the index left to do, a share at a time so that nobody waits long for the lock. */
static void idle_work(struct remap *r)
{
	bool more;

	do {
		core_lock(r);
		more = bm_idle_work(r->bm);
		core_unlock(r);
	} while (more);
	sections_reclaim(r->sections);
}

static int op_run(struct remap *r, struct bm_op *op, char *client)
{
	struct runner runner = { .ready_cond = PTHREAD_COND_INITIALIZER, .client = client };
	bool borrowed = !op->scratch && op->kind != BM_OP_DISCARD;

	op->host = &runner;
	if (borrowed) {
		op->scratch = pool_take(r->scratch);
		op->scratch_size = SCRATCH_SIZE;
	}
	while (op_advance(r, op) == BM_STEP)
		op->step.error[0] = step_run(r, op);
	if (borrowed) {
		pool_give(r->scratch, op->scratch);
		op->scratch = NULL;
	}
	idle_work(r);
	pthread_cond_destroy(&runner.ready_cond);
	op->host = NULL;
	return op->error;
}

int remap_run(struct remap *r, struct bm_op *op)
{
	int err = op_run(r, op, NULL);

	if (!err && op->kind == BM_OP_UPDATE) {
		struct bm_status status;

		bm_get_status(remap_hold(r), &status);
		remap_release(r);
		atomic_store(&r->size, status.super.main_sectors << BM_SECTOR_SHIFT);
	}
	return err;
}

/* ---- requests ---- */

static int piece_by_core(struct remap *r, const struct request *q, uint64_t count, bool failed)
{
	struct bm_op op;

	bm_op_init(&op, bm_op_of(q->kind), q->sector, count);
	if (failed)
		op.flags |= BM_OP_FAILED;
	if (q->fua)
		op.flags |= BM_OP_FUA;
	if (q->may_trim)
		op.flags |= BM_OP_MAY_TRIM;
	return op_run(r, &op, q->data);
}

static int piece_on_device(struct remap *r, const struct request *q, const struct bm_route *route)
{
	enum bm_device d = route->target == BM_TO_MAIN ? BM_MAIN : BM_SPARE;
	uint64_t offset = route->sector << BM_SECTOR_SHIFT;
	uint64_t length = route->count << BM_SECTOR_SHIFT;
	int err = -EINVAL;

	if (!r->device[d])
		return -ENODEV;
	switch (q->kind) {
	case BM_REQ_READ:
		return device_read(r->device[d], q->data, offset, (uint32_t)length);
	case BM_REQ_WRITE:
		err = write_device(r, d, q->data, offset, (uint32_t)length, q->fua);
		break;
	case BM_REQ_ZERO:
		err = zero_device(r, d, offset, length, q->may_trim, q->fua);
		break;
	case BM_REQ_DISCARD:
		return discard_device(r, d, offset, length);
	}
	if (!err && d == BM_MAIN)
		bm_main_lives(r->bm);
	return err;
}

/* Do the first part of a request, as far as it goes to one place; *done: how far. */
static int piece_run(struct remap *r, const struct request *q, uint64_t *done)
{
	unsigned int section = section_enter(r->sections);
	bool by_core = false, failed = false;
	struct bm_route route;
	int err = 0;

	bm_route(r->bm, q->kind, q->sector, q->count, &route);
	*done = route.count;
	switch (route.target) {
	case BM_TO_MAIN:
	case BM_TO_SPARE:
		err = piece_on_device(r, q, &route);
		by_core = failed = bm_is_medium(err) && q->kind != BM_REQ_DISCARD;
		break;
	case BM_TO_CORE:
		by_core = true;
		break;
	case BM_TO_NOBODY:
		err = q->kind == BM_REQ_DISCARD ? 0 : -EIO;
		break;
	}
	/* Closed before the operation starts, for it may wait until all sections are. */
	section_leave(r->sections, section);
	return by_core ? piece_by_core(r, q, route.count, failed) : err;
}

static int request_run(struct remap *r, struct request *q, uint64_t offset, uint64_t length)
{
	uint64_t size = remap_size(r);

	if (offset > size || length > size - offset || (offset | length) & (r->block_size - 1))
		return -EINVAL;
	if (r->read_only && q->kind != BM_REQ_READ)
		return -EROFS;
	q->sector = offset >> BM_SECTOR_SHIFT;
	q->count = length >> BM_SECTOR_SHIFT;
	while (q->count) {
		uint64_t done;
		int err = piece_run(r, q, &done);

		if (err)
			return err;
		q->sector += done;
		q->count -= done;
		if (q->data)
			q->data += done << BM_SECTOR_SHIFT;
	}
	return 0;
}

int remap_read(struct remap *r, void *buf, uint64_t offset, uint32_t length)
{
	struct request q = { .kind = BM_REQ_READ, .data = buf };

	return request_run(r, &q, offset, length);
}

int remap_write(struct remap *r, const void *buf, uint64_t offset, uint32_t length, bool fua)
{
	struct request q = { .kind = BM_REQ_WRITE, .data = (char *)(uintptr_t)buf, .fua = fua };

	return request_run(r, &q, offset, length);
}

int remap_zero(struct remap *r, uint64_t offset, uint64_t length, bool may_trim, bool fua)
{
	struct request q = { .kind = BM_REQ_ZERO, .may_trim = may_trim, .fua = fua };

	return request_run(r, &q, offset, length);
}

int remap_discard(struct remap *r, uint64_t offset, uint64_t length, bool fua)
{
	struct request q = { .kind = BM_REQ_DISCARD };
	int err = request_run(r, &q, offset, length);

	return !err && fua ? remap_flush(r) : err;
}

/*
 * The spare is only flushed if something was written to it: for most clients that spares half
 * of what a flush costs. The lock makes those who come while it is being flushed wait for that.
 */
static int flush_spare(struct remap *r)
{
	int err = 0;

	pthread_mutex_lock(&r->spare_flush);
	if (atomic_exchange(&r->spare_dirty, false)) {
		err = device_flush(r->device[BM_SPARE]);
		if (err)
			atomic_store(&r->spare_dirty, true);
	}
	pthread_mutex_unlock(&r->spare_flush);
	return err;
}

int remap_flush(struct remap *r)
{
	int owed_main, owed_spare, err_main, err_spare;

	if (r->read_only)
		return 0;
	err_main = r->device[BM_MAIN] ? device_flush(r->device[BM_MAIN]) : -ENODEV;
	err_spare = flush_spare(r);
	owed_main = atomic_exchange(&r->flush_error[BM_MAIN], 0);
	owed_spare = atomic_exchange(&r->flush_error[BM_SPARE], 0);
	if (err_main || owed_main)
		return err_main ? err_main : owed_main;
	return err_spare ? err_spare : owed_spare;
}

/* Whole blocks only; a hole that ends inside a block is rounded towards data. */
static void extent_round(uint64_t *extent, bool *hole, uint32_t block)
{
	uint64_t part = *extent % block;

	if (!part)
		return;
	*extent -= part;
	if (*extent && *hole)
		return;
	*extent += block;
	*hole = false;
}

int remap_extent(struct remap *r, uint64_t offset, uint64_t length, uint64_t *extent, bool *hole)
{
	uint64_t size = remap_size(r);
	unsigned int section;
	struct bm_route route;
	int err = 0;

	if (!length || offset > size || length > size - offset ||
	    (offset | length) & (r->block_size - 1))
		return -EINVAL;
	section = section_enter(r->sections);
	bm_route(r->bm, BM_REQ_READ, offset >> BM_SECTOR_SHIFT, length >> BM_SECTOR_SHIFT, &route);
	*extent = route.count << BM_SECTOR_SHIFT;
	*hole = false;
	if (route.target == BM_TO_MAIN)
		err = r->device[BM_MAIN]
			      ? device_extent(r->device[BM_MAIN], offset, *extent, extent, hole)
			      : -ENODEV;
	section_leave(r->sections, section);
	if (!err)
		extent_round(extent, hole, r->block_size);
	return err;
}

/* ---- names ---- */

const char *remap_name(const struct remap *r)
{
	return r->name;
}

uint64_t remap_size(const struct remap *r)
{
	return atomic_load_explicit(&r->size, memory_order_relaxed);
}

struct device *remap_main(struct remap *r)
{
	return r->device[BM_MAIN];
}

struct device *remap_spare(struct remap *r)
{
	return r->device[BM_SPARE];
}
