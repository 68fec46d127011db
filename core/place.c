/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Getting data onto the spare: whether to at all (mode, policy, breaker), where to, and the runs
 * that will say so in the log.
 */
#include "internal.h"

u32 bm_scratch_blocks(const struct bm *bm, const struct bm_op *op)
{
	u32 n = op->scratch_size >> BM_SECTOR_SHIFT >> bm->block_shift;

	return n < BM_RUN_MAX ? n : BM_RUN_MAX;
}

/* Hold a range; true when that is decided. op->state.error: 0, or -EROFS in limbo. */
bool bm_held_now(struct bm *bm, struct bm_op *op, u64 start, u64 end)
{
	enum bm_hold hold = bm_hold_range(bm, op, start, end);

	op->state.error = hold == BM_HOLD_LIMBO ? -EROFS : 0;
	return hold == BM_HOLD_OK || (hold == BM_HOLD_LIMBO && !bm->retrying);
}

/* What the blocks from op->state.at on have in common, as far as they do. */
void bm_find_piece(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	u64 left = st->last - st->at;
	struct bm_entry e;

	st->state = BM_UNMAPPED;
	st->device = BM_MAIN;
	st->home = st->at;
	if (bm_index_find(&bm->map, st->at, left, &e)) {
		if (e.block > st->at) {
			left = e.block - st->at;
		} else {
			left = e.count;
			st->state = (u8)e.state;
			if (e.spare != BM_NO_BLOCK) {
				st->device = BM_SPARE;
				st->home = e.spare;
			}
		}
	}
	st->piece = left < 1u << 24 ? (u32)left : 1u << 24;
}

void bm_go_on(struct bm_op *op, u32 blocks)
{
	op->state.at += blocks;
	op->state.home += blocks;
	op->state.piece -= blocks;
}

/* ---- runs ---- */

static bool joins(const struct bm_run *run, u8 kind, u64 block, u64 spare, bool taken)
{
	if (run->kind != kind || run->taken != taken || run->count >= BM_RUN_MAX)
		return false;
	if (kind == BM_REC_BAD)
		return run->spare + run->count == spare;
	if (run->block + run->count != block)
		return false;
	return run->spare == BM_NO_BLOCK ? spare == BM_NO_BLOCK : run->spare + run->count == spare;
}

/* `taken`: the spare blocks were allocated for this run, and go back if it is not committed. */
void bm_add_run(struct bm_op *op, u8 kind, u64 block, u64 spare, bool taken, u32 count)
{
	struct bm_op_state *st = &op->state;
	struct bm_run *run = st->nruns ? &st->runs[st->nruns - 1] : NULL;

	if (run && joins(run, kind, block, spare, taken) && run->count + count <= BM_RUN_MAX) {
		run->count += count;
		return;
	}
	st->runs[st->nruns++] = (struct bm_run){
		.block = block,
		.spare = spare,
		.count = count,
		.kind = kind,
		/* what an administrator adds is a run of its own, however long */
		.cont = op->kind != BM_OP_ADD || block != st->first,
		.taken = taken,
	};
}

static void drop_runs(struct bm *bm, struct bm_op *op)
{
	u32 i;

	for (i = 0; i < op->state.nruns; i++)
		if (op->state.runs[i].taken)
			bm_spare_release(bm, op->state.runs[i].spare, op->state.runs[i].count);
}

/* Make the runs collected so far durable. op->state.error. */
enum bm_verdict bm_commit_runs(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	enum bm_verdict verdict;

	if (!st->nruns) {
		st->error = 0;
		return BM_DONE;
	}
	verdict = bm_commit(bm, op);
	if (verdict != BM_DONE)
		return verdict;
	if (st->error && !st->unsure)
		drop_runs(bm, op);
	st->nruns = 0;
	st->flush = false;
	bm_update_mode(bm);
	return BM_DONE;
}

/* ---- whether to ---- */

int bm_may_relocate(struct bm *bm)
{
	if (bm->config.flags & BM_READ_ONLY || bm->log.limbo)
		return -EROFS;
	if (bm->breaker == BM_BREAKER_WRITES && bm_load(&bm->lives))
		bm_reset_breaker(bm);
	if (bm->breaker != BM_BREAKER_CLOSED)
		return -ECANCELED;
	return 0;
}

void bm_refused(struct bm *bm, u64 block, int error)
{
	bm->counters.refused++;
	bm_event(bm, BM_EV_REFUSED, bm_sectors(bm, block), 1u << bm->block_shift, (u64)-error, 0);
}

static void trip(struct bm *bm, enum bm_breaker cause)
{
	if (bm->breaker == cause)
		return;
	bm_event(bm, BM_EV_BREAKER, 0, 0, bm->breaker, cause);
	bm->breaker = cause;
	bm->counters.breaker_trips++;
}

/* Blocks of main couldn't be written. Too many in a row, and it isn't the blocks. */
void bm_main_failed(struct bm *bm, u32 blocks)
{
	if (bm_load(&bm->lives)) {
		bm_store(&bm->lives, 0);
		bm->failed_in_row = 0;
	}
	bm->failed_in_row += blocks;
	if (bm->failed_in_row > bm->policy.breaker_limit)
		trip(bm, BM_BREAKER_WRITES);
}

/* A block of main to probe: healthy as far as known, and not the operation's own. */
static bool candidate(struct bm *bm, const struct bm_op *op, u64 *block)
{
	u64 blocks = bm_main_blocks(bm), turn = bm->probe_turn++, at;
	struct bm_entry e;
	u32 i;

	switch (turn % 4) {
	case 0:
		at = 0;
		break;
	case 1:
		at = blocks / 2;
		break;
	case 2:
		at = blocks - 1;
		break;
	default:
		at = (turn * 0x9e3779b97f4a7c15ull >> 24) & (BM_MAX_BLOCKS - 1);
		while (at >= blocks)
			at >>= 1;
	}
	for (i = 0; i < 16; i++, at = at + 1 < blocks ? at + 1 : 0) {
		if (at >= op->state.first && at < op->state.last)
			continue;
		if (bm_index_find(&bm->map, at, 1, &e))
			continue;
		*block = at;
		return true;
	}
	return false;
}

/*
 * Before main's failures count as bad blocks: can it read anything at all? A pulled cable must
 * not eat the spare. op->state.error is 0 if it lives (or can't be asked: everything else on it
 * is remapped already), else why not. Uses the first block of the scratch memory.
 */
enum bm_verdict bm_prove_life(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	u64 block;

	CO_BEGIN(op, CO_PLACE);
	st->probed = false;
	for (st->probes = 0; !st->alive && st->probes < 4; st->probes++) {
		if (!candidate(bm, op, &block))
			continue;
		bm_step_io(op, BM_STEP_READ, BM_MAIN, bm_sectors(bm, block), 1u << bm->block_shift);
		op->step.memory = op->scratch;
		CO_STEP(op, CO_PLACE);
		st->probed = true;
		st->alive = !op->step.error[0];
		if (op->step.error[0] && !bm_is_medium(op->step.error[0]))
			break;
	}
	st->error = 0;
	if (!st->alive && st->probed) {
		st->error = -EIO;
		trip(bm, BM_BREAKER_DEAD);
	} else if (bm->breaker == BM_BREAKER_DEAD) {
		bm_reset_breaker(bm);
	}
	CO_END(op, CO_PLACE);
}

/* Where the spare must be readable if it is there at all: what has been written most often. */
static u64 landmark(const struct bm *bm, u32 turn)
{
	if (turn < 2)
		return bm_log_sector(bm, turn, 0);
	return bm_super_sector(bm->super.spare_sectors, turn - 2);
}

/*
 * The same for the spare: what can't be read or written on one that doesn't answer will be there
 * again when it does. op->state.error; uses the first block of the scratch memory.
 */
enum bm_verdict bm_prove_spare(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PLACE);
	for (st->probes = 0; !st->present && st->probes < 4; st->probes++) {
		bm_step_io(op, BM_STEP_READ, BM_SPARE, landmark(bm, st->probes),
			   1u << bm->block_shift);
		op->step.memory = op->scratch;
		CO_STEP(op, CO_PLACE);
		st->present = !op->step.error[0];
	}
	st->error = st->present ? 0 : -EIO;
	CO_END(op, CO_PLACE);
}

/* ---- where to ---- */

static void step_place(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	bm_step_io(op, op->kind == BM_OP_ZERO ? BM_STEP_ZERO : BM_STEP_WRITE, BM_SPARE,
		   bm_sectors(bm, st->target), st->got << bm->block_shift);
	if (op->kind == BM_OP_WRITE)
		op->step.offset = bm_sectors(bm, st->at + st->placed - st->first)
				  << BM_SECTOR_SHIFT;
	else if (op->kind != BM_OP_ZERO)
		op->step.memory =
			(u8 *)op->scratch + (bm_sectors(bm, st->placed) << BM_SECTOR_SHIFT);
}

/* The block of the spare is bad. -EIO: enough is enough. */
static int shun(struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool exact = op->kind == BM_OP_ADD && op->spare != BM_NOWHERE;

	bm_add_run(op, BM_REC_BAD, 0, st->target, !st->fixed, 1);
	st->fixed = false;
	return exact || ++st->tries >= BM_PLACE_TRIES ? -EIO : 0;
}

static void placed(struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	bm_add_run(op, BM_REC_MAPPED, st->at + st->placed, st->target, !st->fixed, st->got);
	st->placed += st->got;
	st->target += st->got;
	st->flush = true;
	st->got = st->length;
}

/* Sets op->state.error to 0 if there is another way to go on. */
static void not_placed(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool medium = bm_is_medium(st->error);

	bm->counters.spare_write_errors++;
	if (medium && st->got == 1) {
		st->error = shun(op);
		return;
	}
	if (!st->fixed) {
		bm_spare_release(bm, st->target, st->got);
		bm->spare.cursor = st->target;
	}
	if (medium) {
		st->got = 1; /* which of them is it? */
		st->error = 0;
	}
}

/*
 * Write op->state.length blocks from op->state.at on to the spare: at op->state.target if
 * `fixed`, else where there is room; from the client's data, from zeroes or from the scratch
 * memory, as the operation is. Adds runs, commits when they are many. op->state.error.
 */
enum bm_verdict bm_place(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PLACE);
	st->tries = 0;
	st->got = st->length;
	for (st->placed = 0; st->placed < st->length;) {
		if (st->nruns + 2 > BM_OP_RUNS) {
			CO_CALL(op, CO_PLACE, bm_commit_runs(bm, op));
			if (st->error)
				CO_RETURN(op, CO_PLACE);
		}
		if (st->got > st->length - st->placed)
			st->got = st->length - st->placed;
		if (!st->fixed) {
			st->error = bm_spare_alloc(bm, st->got, &st->target, &st->got);
			if (st->error)
				CO_RETURN(op, CO_PLACE);
		}
		step_place(bm, op);
		CO_STEP(op, CO_PLACE);
		st->error = op->step.error[0];
		if (!st->error)
			placed(op);
		else
			not_placed(bm, op);
		if (st->error)
			CO_RETURN(op, CO_PLACE);
	}
	st->error = 0;
	CO_END(op, CO_PLACE);
}
