// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/metal/remap.h"

#include "hosts/metal/malloc.h"

#define SCRATCH_SIZE (32u << 10)

struct request {
	enum bm_request kind;
	u8 *data; /* READ, WRITE */
	u64 sector, count;
	bool fua, may_trim;
};

/* ---- memory ---- */

static void *mem_alloc(void *ctx, size_t size)
{
	return malloc(size);
}

static void mem_free(void *ctx, void *ptr, size_t size)
{
	free(ptr);
}

/* ---- steps ---- */

static int flush_for_core(struct remap *r, enum bm_device d)
{
	int err = disk_flush(r->disk[d]);

	if (err)
		r->flush_error[d] = err;
	return err;
}

/*
 * Both copies of a log block, made durable by one flush. If that fails nobody knows which of them
 * it was about, so each is then written durably by itself.
 */
static void step_log(struct remap *r, struct bm_step *s)
{
	const u64 at[2] = { s->sector, s->sector2 };
	struct disk *spare = r->disk[BM_SPARE];

	for (int i = 0; i < 2; i++)
		s->error[i] = disk_write(spare, s->memory, at[i], s->count, false);
	if ((s->error[0] && s->error[1]) || !flush_for_core(r, BM_SPARE))
		return;
	for (int i = 0; i < 2; i++)
		if (!s->error[i])
			s->error[i] = disk_write(spare, s->memory, at[i], s->count, true);
}

static int step_run(struct remap *r, struct bm_step *s, u8 *client)
{
	struct disk *disk = s->kind <= BM_STEP_FLUSH ? r->disk[s->device] : r->disk[BM_SPARE];
	void *memory = s->memory ? s->memory : client + s->offset;

	if (!disk)
		return -ENODEV; /* main is not at hand */
	switch (s->kind) {
	case BM_STEP_READ:
		return disk_read(disk, memory, s->sector, s->count);
	case BM_STEP_WRITE:
		return disk_write(disk, memory, s->sector, s->count, s->fua);
	case BM_STEP_ZERO:
		return disk_zero(disk, s->sector, s->count, s->may_trim, s->fua);
	case BM_STEP_DISCARD:
		return disk_discard(disk, s->sector, s->count);
	case BM_STEP_FLUSH:
		return flush_for_core(r, s->device);
	case BM_STEP_LOG:
		step_log(r, s);
		return s->error[0];
	case BM_STEP_COPY:
		memcpy(client + s->offset, s->memory, (size_t)s->count * BM_SECTOR);
		return 0;
	case BM_STEP_QUIESCE: /* the I/O of every section has ended */
		return 0;
	}
	return -EINVAL;
}

/* ---- operations ---- */

static void events_tell(struct remap *r)
{
	struct bm_event event;

	while (bm_get_event(r->bm, &event))
		if (r->options.event)
			r->options.event(r->options.event_ctx, &event);
}

static int op_run(struct remap *r, struct bm_op *op, u8 *client)
{
	enum bm_verdict verdict;

	op->scratch = r->scratch;
	op->scratch_size = SCRATCH_SIZE;
	while ((verdict = bm_advance(r->bm, op)) == BM_STEP)
		op->step.error[0] = step_run(r, &op->step, client);
	if (verdict == BM_WAIT) /* for another, of which there is none */
		return -EBUSY;
	while (bm_ready(r->bm))
		;
	while (bm_idle_work(r->bm))
		;
	events_tell(r);
	return op->error;
}

static void learn(struct remap *r)
{
	struct bm_status status;

	bm_get_status(r->bm, &status);
	r->sectors = status.super.main_sectors;
	r->block = status.super.block_size / BM_SECTOR;
}

int remap_run(struct remap *r, struct bm_op *op)
{
	int err = op_run(r, op, NULL);

	if (!err && op->kind == BM_OP_UPDATE)
		learn(r);
	return err;
}

/* ---- requests ---- */

static int piece_by_core(struct remap *r, const struct request *q, u64 count, bool failed)
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

static int piece_on_disk(struct remap *r, const struct request *q, const struct bm_route *route)
{
	enum bm_device d = route->target == BM_TO_MAIN ? BM_MAIN : BM_SPARE;
	struct disk *disk = r->disk[d];
	int err = -EINVAL;

	if (!disk)
		return -ENODEV;
	switch (q->kind) {
	case BM_REQ_READ:
		return disk_read(disk, q->data, route->sector, route->count);
	case BM_REQ_DISCARD:
		return disk_discard(disk, route->sector, route->count);
	case BM_REQ_WRITE:
		err = disk_write(disk, q->data, route->sector, route->count, q->fua);
		break;
	case BM_REQ_ZERO:
		err = disk_zero(disk, route->sector, route->count, q->may_trim, q->fua);
		break;
	}
	if (!err && d == BM_MAIN)
		bm_main_lives(r->bm);
	return err;
}

/* Do the first part of a request, as far as it goes to one place; *done: how far. */
static int piece_run(struct remap *r, const struct request *q, u64 *done)
{
	struct bm_route route;
	int err;

	bm_route(r->bm, q->kind, q->sector, q->count, &route);
	*done = route.count;
	if (route.target == BM_TO_NOBODY)
		return q->kind == BM_REQ_DISCARD ? 0 : -EIO;
	if (route.target == BM_TO_CORE)
		return piece_by_core(r, q, route.count, false);
	err = piece_on_disk(r, q, &route);
	if (bm_is_medium(err) && q->kind != BM_REQ_DISCARD)
		return piece_by_core(r, q, route.count, true);
	return err;
}

static int request_run(struct remap *r, struct request *q)
{
	if (q->sector > r->sectors || q->count > r->sectors - q->sector ||
	    (q->sector | q->count) & (r->block - 1))
		return -EINVAL;
	if (r->options.flags & BM_READ_ONLY && q->kind != BM_REQ_READ)
		return -EROFS;
	while (q->count) {
		u64 done;
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

int remap_read(struct remap *r, void *memory, u64 sector, u64 count)
{
	struct request q = {
		.kind = BM_REQ_READ, .data = memory, .sector = sector, .count = count
	};

	return request_run(r, &q);
}

int remap_write(struct remap *r, const void *memory, u64 sector, u64 count, bool fua)
{
	struct request q = {
		.kind = BM_REQ_WRITE,
		.data = (u8 *)(uintptr_t)memory,
		.sector = sector,
		.count = count,
		.fua = fua,
	};

	return request_run(r, &q);
}

int remap_zero(struct remap *r, u64 sector, u64 count, bool may_trim, bool fua)
{
	struct request q = {
		.kind = BM_REQ_ZERO,
		.sector = sector,
		.count = count,
		.fua = fua,
		.may_trim = may_trim,
	};

	return request_run(r, &q);
}

int remap_discard(struct remap *r, u64 sector, u64 count)
{
	struct request q = { .kind = BM_REQ_DISCARD, .sector = sector, .count = count };

	return request_run(r, &q);
}

int remap_flush(struct remap *r)
{
	int err = 0;

	if (r->options.flags & BM_READ_ONLY)
		return 0;
	for (int d = BM_SPARE; d >= BM_MAIN; d--) {
		int failed = r->disk[d] ? disk_flush(r->disk[d]) : -ENODEV;

		if (!failed)
			failed = r->flush_error[d];
		r->flush_error[d] = 0;
		if (failed)
			err = failed;
	}
	return err;
}

/* ---- opening and closing ---- */

void remap_close(struct remap *r)
{
	bm_destroy(r->bm);
	free(r->scratch);
	r->bm = NULL;
	r->scratch = NULL;
}

/* Open or format. */
static int begin(struct remap *r, struct disk *main, struct disk *spare, enum bm_op_kind kind,
		 const struct bm_format *format, const struct remap_options *options)
{
	const struct bm_config config = {
		.main_sectors = main ? main->sectors : 0,
		.spare_sectors = spare->sectors,
		.block_size = main ? main->block_size : 0,
		.flags = options->flags,
		.now = options->now,
		.identity = "",
		.mem = { .alloc = mem_alloc, .free = mem_free, .retire = mem_free },
	};
	struct bm_op op;
	int err;

	*r = (struct remap){ .disk = { main, spare }, .options = *options };
	/* A block of main must fit its place on the spare. */
	if (main == spare || (main && spare->block_size > main->block_size))
		return -EINVAL;
	r->scratch = malloc(SCRATCH_SIZE);
	err = r->scratch ? bm_create(&config, &r->bm) : -ENOMEM;
	if (!err) {
		bm_op_init(&op, kind, 0, 0);
		op.format = format;
		err = remap_run(r, &op);
		r->why = op.super_error;
	}
	if (!err)
		learn(r);
	else
		remap_close(r);
	return err;
}

int remap_open(struct remap *r, struct disk *main, struct disk *spare,
	       const struct remap_options *options)
{
	return begin(r, main, spare, BM_OP_OPEN, NULL, options);
}

int remap_format(struct remap *r, struct disk *main, struct disk *spare,
		 const struct bm_format *format, const struct remap_options *options)
{
	if (!main)
		return -EINVAL;
	return begin(r, main, spare, BM_OP_FORMAT, format, options);
}
