/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients' requests that could not simply go somewhere: they failed, or touch blocks that are
 * pending, lost, or held by an operation. Each has its range to itself while it runs.
 *
 * Failures are narrowed by halving: on an error try half as much, on success twice as much.
 */
#include "internal.h"

static void step_piece(struct bm *bm, struct bm_op *op, enum bm_step_kind kind)
{
	struct bm_op_state *st = &op->state;

	bm_step_io(op, kind, (enum bm_device)st->device, bm_sectors(bm, st->home),
		   st->length << bm->block_shift);
	op->step.offset = bm_sectors(bm, st->at - st->first) << BM_SECTOR_SHIFT;
	op->step.fua = op->flags & BM_OP_FUA;
	op->step.may_trim = op->flags & BM_OP_MAY_TRIM;
}

static void note_bad(struct bm *bm, struct bm_op *op)
{
	if (op->bad == BM_NOWHERE)
		op->bad = bm_sectors(bm, op->state.at);
}

/* The size of the first try: if all of it has failed already, half of it. */
static u32 first_chunk(const struct bm_op *op)
{
	u32 piece = op->state.piece;

	return op->flags & BM_OP_FAILED && piece > 1 ? (piece + 1) / 2 : piece;
}

static void grow_chunk(struct bm_op_state *st)
{
	st->chunk = st->chunk < 1u << 29 ? st->chunk * 2 : st->chunk;
}

/* Let go, and say how far it came. */
static void finish(struct bm *bm, struct bm_op *op)
{
	bm_let_go(bm, op);
	if (op->state.unheld) {
		bm->unheld--;
		bm_wake(bm);
	}
	op->done = bm_sectors(bm, op->state.at - op->state.first);
	if (op->error)
		note_bad(bm, op);
}

/* ---- writes ---- */

/* The one block at `at` can't be written where it lives: move it. Level CO_PART's helper. */
static int may_move(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	int error = bm->policy.relocate_writes ? bm_may_relocate(bm) : -ECANCELED;

	if (!error && st->device == BM_MAIN) {
		bm_main_failed(bm, 1);
		error = bm_may_relocate(bm); /* that may have been one too many */
	}
	if (error)
		bm_refused(bm, st->at, error);
	return error;
}

/* Is that device there at all? op->state.error, level CO_PLACE. */
static enum bm_verdict prove_device(struct bm *bm, struct bm_op *op)
{
	return op->state.device == BM_MAIN ? bm_prove_life(bm, op) : bm_prove_spare(bm, op);
}

static void count_write_error(struct bm *bm, struct bm_op *op)
{
	if (op->state.device == BM_MAIN)
		bm->counters.write_errors++;
	else
		bm->counters.spare_write_errors++;
}

static void write_done(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	if (st->device == BM_MAIN) {
		st->alive = true;
		bm_main_lives(bm);
	}
	bm_go_on(op, st->length);
	grow_chunk(st);
}

/* Write a piece that has a home, block by block where need be. */
static enum bm_verdict write_piece(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PART);
	st->error = 0;
	for (st->chunk = first_chunk(op); st->piece;) {
		st->length = st->chunk < st->piece ? st->chunk : st->piece;
		step_piece(bm, op, op->kind == BM_OP_ZERO ? BM_STEP_ZERO : BM_STEP_WRITE);
		CO_STEP(op, CO_PART);
		st->error = op->step.error[0];
		if (!st->error) {
			write_done(bm, op);
			continue;
		}
		if (!bm_is_medium(st->error)) {
			bm->counters.passed_through++;
			CO_RETURN(op, CO_PART);
		}
		st->chunk = st->length / 2;
		if (st->length > 1)
			continue;
		st->client = st->error;
		st->error = 0;
		count_write_error(bm, op);
		CO_CALL(op, CO_PART, prove_device(bm, op));
		if (st->error)
			bm_refused(bm, st->at, st->error);
		if (st->error || may_move(bm, op)) {
			st->error = st->client;
			CO_RETURN(op, CO_PART);
		}
		if (st->device == BM_SPARE)
			bm_add_run(op, BM_REC_BAD, 0, st->home, false, 1);
		st->fixed = false;
		CO_CALL(op, CO_PART, bm_place(bm, op));
		if (st->error) {
			bm_refused(bm, st->at, st->error);
			st->error = st->client;
			CO_RETURN(op, CO_PART);
		}
		bm->counters.relocated_writes++;
		bm_go_on(op, 1);
		st->chunk = 1;
	}
	CO_END(op, CO_PART);
}

/* Write a piece that has no contents: from now on it lives on the spare. */
static enum bm_verdict write_void(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PART);
	st->error = bm->config.flags & BM_READ_ONLY || bm->log.limbo ? -EROFS : 0;
	if (st->error)
		CO_RETURN(op, CO_PART);
	st->length = st->piece < BM_RUN_MAX ? st->piece : BM_RUN_MAX;
	st->fixed = st->state == BM_LOST && st->device == BM_SPARE;
	st->target = st->home;
	if (st->state == BM_PENDING && st->device == BM_SPARE)
		bm_add_run(op, BM_REC_BAD, 0, st->home, false, st->length);
	CO_CALL(op, CO_PART, bm_place(bm, op));
	if (st->error) {
		bm_refused(bm, st->at, st->error);
		st->error = st->error == -ENOSPC ? -EIO : st->error; /* the spare's, not main's */
		CO_RETURN(op, CO_PART);
	}
	bm->counters.relocated_writes += st->length;
	bm_go_on(op, st->length);
	CO_END(op, CO_PART);
}

enum bm_verdict bm_op_write(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_OP);
	CO_AWAIT(bm, op, CO_OP, bm_held_now(bm, op, st->first, st->last));
	while (!st->error && st->at < st->last) {
		bm_find_piece(bm, op);
		if (st->state == BM_UNMAPPED || st->state == BM_MAPPED)
			CO_CALL(op, CO_OP, write_piece(bm, op));
		else
			CO_CALL(op, CO_OP, write_void(bm, op));
	}
	/* What is on the spare already counts, even if the rest failed. */
	op->error = st->error == -EROFS ? -EIO : st->error;
	CO_CALL(op, CO_OP, bm_commit_runs(bm, op));
	if (!op->error)
		op->error = st->error;
	finish(bm, op);
	CO_END(op, CO_OP);
}

/* ---- reads and scrubbing ---- */

static void count_read_error(struct bm *bm, struct bm_op *op)
{
	if (op->state.device == BM_MAIN)
		bm->counters.read_errors++;
	else
		bm->counters.spare_read_errors++;
}

/* A range failed as a whole: remember the smallest such, in case no block of it ever does. */
static void suspect(struct bm_op_state *st)
{
	st->suspect = st->at;
	st->suspect_end = st->at + st->length;
}

/*
 * All of the suspect range could be read after all. If it is small the fault is near enough: go
 * back and move it to the spare, block by block.
 */
static void clear_suspect(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	u32 back;

	if (!st->suspect_end || st->at < st->suspect_end)
		return;
	back = (u32)(st->at - st->suspect);
	if (st->suspect_end - st->suspect > BM_MARGINAL_MAX) {
		bm->counters.transient++;
	} else {
		st->doubt_end = st->suspect_end;
		st->at -= back;
		st->home -= back;
		st->piece += back;
		st->chunk = 1;
	}
	st->suspect_end = 0;
}

/*
 * The block at `at` was read into the scratch memory, but is not to be trusted: put it on the
 * spare. That may fail; the client has its data. Level CO_PLACE is below.
 */
static bool wants_move(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool marginal = st->tries || st->at < st->doubt_end;

	if (st->length != 1 || (!marginal && st->state != BM_PENDING) ||
	    (st->state != BM_PENDING && !bm->policy.relocate_marginal))
		return false;
	return !bm_may_relocate(bm) && bm_spare_free(bm);
}

static void moved(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	if (st->error)
		return;
	bm->counters.relocated_reads++;
	if (st->state == BM_PENDING) {
		bm->counters.recovered++;
		bm_event(bm, BM_EV_RECOVERED, bm_sectors(bm, st->at), 1u << bm->block_shift, 0, 0);
	}
}

static void unreadable(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool spare = st->device == BM_SPARE;

	st->client = -EIO;
	note_bad(bm, op);
	st->suspect_end = 0;
	if (st->state == BM_PENDING || bm->config.flags & BM_READ_ONLY || bm->log.limbo)
		return;
	bm_add_run(op, BM_REC_PENDING, st->at, spare ? st->home : BM_NO_BLOCK, false, 1);
	bm->counters.made_pending++;
}

static void read_length(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	u32 most = bm_scratch_blocks(bm, op);

	if (st->at < st->doubt_end || st->state == BM_PENDING)
		st->chunk = 1;
	st->length = st->chunk < st->piece ? st->chunk : st->piece;
	if (st->length > most)
		st->length = most;
}

/* Read a piece that has a home. Reads through the scratch memory: the client's may change. */
static enum bm_verdict read_piece(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PART);
	st->doubt_end = st->suspect_end = 0;
	st->chunk = first_chunk(op);
	st->tries = 0;
	st->retries = op->flags & BM_OP_FAILED && st->piece == 1;
	if (op->flags & BM_OP_FAILED && st->piece > 1) {
		st->length = st->piece;
		suspect(st);
	}
	while (st->piece) {
		if (op->flags & BM_OP_STOP) {
			st->error = -EINTR;
			CO_RETURN(op, CO_PART);
		}
		read_length(bm, op);
		step_piece(bm, op, BM_STEP_READ);
		op->step.memory = op->scratch;
		CO_STEP(op, CO_PART);
		st->error = op->step.error[0];
		if (st->error && !bm_is_medium(st->error)) {
			bm->counters.passed_through++;
			CO_RETURN(op, CO_PART);
		}
		if (st->error && st->length > 1) {
			suspect(st);
			st->chunk = st->length / 2;
			continue;
		}
		if (st->error) {
			count_read_error(bm, op);
			if (st->retries++ < bm->policy.read_retries)
				continue;
			CO_CALL(op, CO_PART, prove_device(bm, op));
			if (st->error)
				CO_RETURN(op, CO_PART);
			unreadable(bm, op);
			if (st->nruns + 2 > BM_OP_RUNS)
				CO_CALL(op, CO_PART, bm_commit_runs(bm, op));
		} else {
			st->alive |= st->device == BM_MAIN;
			st->present |= st->device == BM_SPARE;
			if (op->kind == BM_OP_READ) {
				op->step.kind = BM_STEP_COPY;
				CO_STEP(op, CO_PART);
			}
			st->tries = st->retries;
			if (wants_move(bm, op)) {
				if (st->device == BM_SPARE)
					bm_add_run(op, BM_REC_BAD, 0, st->home, false, 1);
				st->suspect_end = 0;
				st->fixed = false;
				CO_CALL(op, CO_PART, bm_place(bm, op));
				moved(bm, op);
			}
		}
		if (st->retries)
			st->suspect_end = 0;
		st->retries = 0;
		bm_go_on(op, st->length);
		grow_chunk(st);
		clear_suspect(bm, op);
	}
	st->error = 0;
	CO_END(op, CO_PART);
}

/* Is there anything to read? A scrub asks pending blocks again. */
static bool has_contents(const struct bm_op *op)
{
	u8 state = op->state.state;

	return state == BM_UNMAPPED || state == BM_MAPPED ||
	       (state == BM_PENDING && op->kind == BM_OP_SCRUB);
}

enum bm_verdict bm_op_read(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_OP);
	CO_AWAIT(bm, op, CO_OP, bm_held_now(bm, op, st->first, st->last));
	/* In limbo the range can't be held; nothing changes the map then, and limbo waits for us.
	 */
	st->unheld = st->error;
	bm->unheld += st->unheld;
	bm_step_io(op, BM_STEP_QUIESCE, BM_MAIN, 0, 0);
	CO_STEP(op, CO_OP);
	for (st->error = 0; !st->error && st->at < st->last;) {
		bm_find_piece(bm, op);
		if (has_contents(op)) {
			CO_CALL(op, CO_OP, read_piece(bm, op));
		} else {
			st->client = -EIO;
			note_bad(bm, op);
			bm_go_on(op, st->piece);
		}
	}
	op->error = st->error ? st->error : st->client;
	CO_CALL(op, CO_OP, bm_commit_runs(bm, op));
	finish(bm, op);
	CO_END(op, CO_OP);
}

/* ---- discards ---- */

/* What can't be read may be there all the same, and is to be erased with the rest. */
static bool wants_discard(const struct bm_op *op)
{
	u8 state = op->state.state;

	return state == BM_UNMAPPED || state == BM_MAPPED ||
	       (state == BM_PENDING && op->flags & BM_OP_ERASE);
}

enum bm_verdict bm_op_discard(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_OP);
	CO_AWAIT(bm, op, CO_OP, bm_held_now(bm, op, st->first, st->last));
	if (st->error) {
		/* limbo: a discard is only a hint */
		op->error = op->flags & BM_OP_ERASE ? -EIO : 0;
		CO_RETURN(op, CO_OP);
	}
	while (!op->error && st->at < st->last) {
		bm_find_piece(bm, op);
		st->length = st->piece;
		if (wants_discard(op)) {
			step_piece(bm, op, BM_STEP_DISCARD);
			CO_STEP(op, CO_OP);
			op->error = op->step.error[0];
		}
		bm_go_on(op, st->length);
	}
	finish(bm, op);
	CO_END(op, CO_OP);
}
