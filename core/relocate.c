/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an administrator asks for: remap these blocks, bring those back. Both work in pieces, each
 * of which has its range of main to itself, with no request in flight there, while it is copied.
 */
#include "internal.h"

static u32 smaller(u32 a, u64 b)
{
	return a < b ? a : (u32)b;
}

/* May it take another piece? */
static int go_on(const struct bm_op *op)
{
	return op->flags & BM_OP_STOP ? -EINTR : 0;
}

static int writable(const struct bm *bm)
{
	return bm->config.flags & BM_READ_ONLY || bm->log.limbo ? -EROFS : 0;
}

static void step_copy(struct bm *bm, struct bm_op *op, enum bm_step_kind kind,
		      enum bm_device device, u64 block, u32 offset)
{
	bm_step_io(op, kind, device, bm_sectors(bm, block), op->state.length << bm->block_shift);
	op->step.memory = (u8 *)op->scratch + (bm_sectors(bm, offset) << BM_SECTOR_SHIFT);
	op->step.fua = kind == BM_STEP_WRITE;
}

/* ---- add ---- */

/* Is all of the range where it used to be? What is unreadable there may be remapped. */
static int check_main(const struct bm *bm, u64 at, u64 last, u64 *bad)
{
	struct bm_entry e;

	for (; at < last && bm_index_find(&bm->map, at, last - at, &e); at = e.block + e.count) {
		if (e.state == BM_PENDING && e.spare == BM_NO_BLOCK)
			continue;
		*bad = bm_sectors(bm, e.block);
		return -EEXIST;
	}
	return 0;
}

static int check_place(const struct bm *bm, u64 spare, u64 count)
{
	if (spare & ((1ull << bm->block_shift) - 1))
		return -EINVAL;
	if (spare + count < spare)
		return -ERANGE;
	return bm_spare_check(bm, spare >> bm->block_shift, count >> bm->block_shift);
}

int bm_check_add(const struct bm *bm, u64 sector, u64 count, u64 spare, u64 *bad)
{
	int error = bm_check_range(bm, BM_OP_ADD, sector, count);

	*bad = BM_NOWHERE;
	if (!error)
		error = writable(bm);
	if (!error && spare != BM_NOWHERE)
		error = check_place(bm, spare, count);
	else if (!error && bm_spare_free(bm) < count >> bm->block_shift)
		error = -ENOSPC;
	if (error)
		return error;
	return check_main(bm, sector >> bm->block_shift, (sector + count) >> bm->block_shift, bad);
}

/* The piece at `at` may be remapped, and how much of it at a time; spare blocks are reserved. */
static int prepare_add(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	int error = bm_may_relocate(bm);

	bm_find_piece(bm, op);
	st->length = smaller(bm_scratch_blocks(bm, op), st->piece);
	if (error)
		return error == -ECANCELED ? -EIO : error;
	if (st->state != BM_UNMAPPED && (st->state != BM_PENDING || st->device != BM_MAIN))
		return -EEXIST;
	if (op->spare != BM_NOWHERE) {
		st->base = (op->spare >> bm->block_shift) + (st->at - st->first);
		return bm_spare_take(bm, st->base, st->length);
	}
	if (!(op->flags & BM_OP_NO_COPY))
		return 0; /* bm_place() will choose */
	return bm_spare_alloc(bm, st->length, &st->base, &st->length);
}

/* Reserved blocks that did not become part of the map, and will not, are free again. */
static void unreserve(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	struct bm_entry e;
	u32 i = st->unsure ? (u32)(st->at - st->base_pos) : 0;

	for (; i < st->reserved; i++)
		if (!bm_index_find(&bm->map, st->base_pos + i, 1, &e) || e.spare != st->base + i)
			bm_spare_release(bm, st->base + i, 1);
}

/* The block can't be read: a place for it, with nothing in it. */
static int add_lost(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool given = op->spare != BM_NOWHERE;
	u64 spare = st->base + (st->at - st->base_pos);
	u32 got;

	if (!given) {
		int error = bm_spare_alloc(bm, 1, &spare, &got);

		if (error)
			return error;
	}
	bm_add_run(op, BM_REC_LOST, st->at, spare, !given, 1);
	bm->counters.made_lost++;
	return 0;
}

/* Copy [at, at + length) to the spare. Block by block if it can't be read as a whole. */
static enum bm_verdict copy_out(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PART);
	st->chunk = st->length;
	st->retries = 0;
	for (st->copied = 0; st->copied < st->chunk;) {
		if (st->nruns + 2 > BM_OP_RUNS) {
			CO_CALL(op, CO_PART, bm_commit_runs(bm, op));
			if (st->error)
				CO_RETURN(op, CO_PART);
		}
		step_copy(bm, op, BM_STEP_READ, BM_MAIN, st->at, 0);
		CO_STEP(op, CO_PART);
		st->error = op->step.error[0];
		if (st->error && !bm_is_medium(st->error))
			CO_RETURN(op, CO_PART);
		if (st->error && (st->length > 1 || st->retries++ < bm->policy.read_retries)) {
			st->length = 1;
			continue;
		}
		if (st->error) {
			bm->counters.read_errors++;
			CO_CALL(op, CO_PART, bm_prove_life(bm, op));
			if (!st->error)
				st->error = add_lost(bm, op);
		} else {
			st->alive = true;
			st->fixed = op->spare != BM_NOWHERE;
			if (st->fixed)
				st->target = st->base + (st->at - st->base_pos);
			CO_CALL(op, CO_PART, bm_place(bm, op));
		}
		if (st->error)
			CO_RETURN(op, CO_PART);
		st->retries = 0;
		st->copied += st->length;
		bm_go_on(op, st->length);
	}
	CO_END(op, CO_PART);
}

enum bm_verdict bm_op_add(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_OP);
	op->error = bm_check_add(bm, op->sector, op->count, op->spare, &op->bad);
	while (!op->error && st->at < st->last) {
		st->base_pos = st->at;
		CO_AWAIT(bm, op, CO_OP,
			 bm_held_now(
				 bm, op, st->at,
				 st->at + smaller(bm_scratch_blocks(bm, op), st->last - st->at)));
		op->error = st->error;
		if (op->error)
			break;
		bm_step_io(op, BM_STEP_QUIESCE, BM_MAIN, 0, 0);
		CO_STEP(op, CO_OP);
		op->error = prepare_add(bm, op);
		if (!op->error) {
			st->reserved = st->length;
			if (op->flags & BM_OP_NO_COPY) {
				bm_add_run(op, BM_REC_LOST, st->at, st->base,
					   op->spare == BM_NOWHERE, st->length);
				bm->counters.made_lost += st->length;
				bm_go_on(op, st->length);
			} else {
				CO_CALL(op, CO_OP, copy_out(bm, op));
				op->error = st->error;
			}
			CO_CALL(op, CO_OP, bm_commit_runs(bm, op));
			if (!op->error)
				op->error = st->error;
			if (op->error && op->spare != BM_NOWHERE)
				unreserve(bm, op);
		}
		if (op->error)
			op->bad = bm_sectors(bm, st->at);
		else
			op->done = bm_sectors(bm, st->at - st->first);
		bm_let_go(bm, op);
		if (!op->error && st->at < st->last)
			op->error = go_on(op);
	}
	CO_END(op, CO_OP);
}

/* ---- remove ---- */

int bm_check_remove(const struct bm *bm, u64 sector, u64 count, bool force, u64 *bad)
{
	u64 at = sector >> bm->block_shift, last = (sector + count) >> bm->block_shift;
	int error = bm_check_range(bm, BM_OP_REMOVE, sector, count);
	bool any = false;
	struct bm_entry e;

	*bad = BM_NOWHERE;
	if (!error)
		error = writable(bm);
	if (error)
		return error;
	for (; at < last && bm_index_find(&bm->map, at, last - at, &e); at = e.block + e.count) {
		any = true;
		if (e.state != BM_LOST || force)
			continue;
		*bad = bm_sectors(bm, e.block);
		return -EIO;
	}
	return any ? 0 : -ENOENT;
}

/* What can't be copied back: keep it and fail, or let go of it, so that it reads as lost. */
static int give_up(struct bm *bm, struct bm_op *op, bool spare_bad)
{
	struct bm_op_state *st = &op->state;

	op->bad = bm_sectors(bm, st->at);
	if (!(op->flags & BM_OP_FORCE))
		return -EIO;
	op->bad = BM_NOWHERE;
	if (st->device == BM_SPARE) {
		if (spare_bad)
			bm_add_run(op, BM_REC_BAD, 0, st->home, false, st->length);
		bm_add_run(op, BM_REC_LOST, st->at, BM_NO_BLOCK, false, st->length);
		bm->counters.made_lost += st->length;
	}
	bm_go_on(op, st->length);
	return 0;
}

/*
 * Bring [at, at + length) back to main: copy, flush, read again, compare. At the first trouble go
 * on with one block only, so that the trouble has a name.
 */
static enum bm_verdict copy_back(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	size_t bytes;

	CO_BEGIN(op, CO_PART);
	if (st->state == BM_LOST) {
		st->error = give_up(bm, op, false);
		CO_RETURN(op, CO_PART);
	}
again:
	step_copy(bm, op, BM_STEP_READ, (enum bm_device)st->device, st->home, 0);
	CO_STEP(op, CO_PART);
	st->found = !op->step.error[0];
	st->error = op->step.error[0];
	if (!st->error && st->device == BM_SPARE) {
		step_copy(bm, op, BM_STEP_WRITE, BM_MAIN, st->at, 0);
		CO_STEP(op, CO_PART);
		st->error = op->step.error[0];
		if (!st->error) {
			step_copy(bm, op, BM_STEP_READ, BM_MAIN, st->at, st->length);
			CO_STEP(op, CO_PART);
			st->error = op->step.error[0];
		}
		bytes = bm_sectors(bm, st->length) << BM_SECTOR_SHIFT;
		if (!st->error && memcmp(op->scratch, (u8 *)op->scratch + bytes, bytes))
			st->error = -EIO;
	}
	if (st->error && !bm_is_medium(st->error)) {
		op->bad = bm_sectors(bm, st->at);
		CO_RETURN(op, CO_PART);
	}
	if (st->error && st->length > 1) {
		st->length = 1;
		goto again;
	}
	if (st->error) {
		st->error = give_up(bm, op, !st->found);
	} else {
		bm_add_run(op, BM_REC_UNMAP, st->at, BM_NO_BLOCK, false, st->length);
		bm_go_on(op, st->length);
	}
	CO_END(op, CO_PART);
}

/* The next blocks at or after `at` that aren't simply on main, and how many to do at once. */
static bool next_remapped(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	struct bm_entry e;

	if (st->at >= st->last || !bm_index_find(&bm->map, st->at, st->last - st->at, &e)) {
		st->at = st->last;
		return false;
	}
	st->at = e.block;
	st->length = smaller(bm_scratch_blocks(bm, op) / 2, e.count);
	return true;
}

enum bm_verdict bm_op_remove(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_OP);
	op->error = writable(bm);
	st->any = false;
	while (!op->error && next_remapped(bm, op)) {
		CO_AWAIT(bm, op, CO_OP, bm_held_now(bm, op, st->at, st->at + st->length));
		op->error = st->error;
		if (op->error)
			break;
		bm_step_io(op, BM_STEP_QUIESCE, BM_MAIN, 0, 0);
		CO_STEP(op, CO_OP);
		bm_find_piece(bm, op); /* again: it may have changed while we waited */
		st->length = smaller(st->length, st->piece);
		if (st->state != BM_UNMAPPED) {
			st->any = true;
			CO_CALL(op, CO_OP, copy_back(bm, op));
			op->error = st->error;
			CO_CALL(op, CO_OP, bm_commit_runs(bm, op));
			if (!op->error)
				op->error = st->error;
		}
		if (!op->error)
			op->done = bm_sectors(bm, st->at - st->first);
		bm_let_go(bm, op);
		if (!op->error && st->at < st->last)
			op->error = go_on(op);
	}
	if (!op->error && !st->any)
		op->error = -ENOENT;
	if (!op->error)
		op->done = op->count;
	CO_END(op, CO_OP);
}
