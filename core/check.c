/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the live log in both copies, mending one from the other, rewriting superblocks. */
#include "load.h"

/* ---- the log ---- */

static u64 live_blocks(const struct bm *bm)
{
	return bm->log.head.seq - bm->log.head.tail + 1;
}

/* The place of the i'th live block: they end at the head, and wrap at the ring's end. */
static u64 place_of(const struct bm *bm, u64 i)
{
	u64 back = live_blocks(bm) - 1 - i;

	return bm->log.pos >= back ? bm->log.pos - back : bm->log.pos + bm->log.head.ring - back;
}

static u8 *half(const struct bm *bm, const struct bm_op *op, unsigned int copy, u32 i)
{
	u32 size = bm->super.log_size, most = op->scratch_size / 2 / size;

	return (u8 *)op->scratch + ((size_t)copy * most + i) * size;
}

/* Is this the i'th live block, and does it follow the one before? */
static bool fits(const struct bm *bm, const struct bm_op *op, const void *block, u64 i,
		 struct bm_log_header *h, u32 *crc)
{
	return bm_log_decode(block, bm->super.log_size, bm->super.set_id, h, crc) &&
	       h->seq == bm->log.head.tail + i && (!i || h->prev_crc == op->state.crc) &&
	       (i + 1 < live_blocks(bm) || *crc == bm->log.crc);
}

static int apply_record(struct bm *bm, const struct bm_record *r)
{
	int error;

	if (r->kind != BM_REC_BAD && r->block + r->count > bm_main_blocks(bm))
		return -EUCLEAN;
	if (r->spare != BM_NO_BLOCK && !bm_spare_inside(bm, r->spare, r->count))
		return -EUCLEAN;
	error = bm_log_stage(bm, r);
	if (error != -ENOSPC)
		return error;
	bm_index_publish(&bm->map);
	bm_index_publish(&bm->bad);
	return bm_log_stage(bm, r);
}

/* Records come in main's order, pages stand in the order of a hash: fetch some ahead. */
static void look_ahead(struct bm *bm, const void *block, u32 i, u32 count)
{
	struct bm_record r;

	if (i + 16 < count && bm_record_decode(block, i + 16, &r))
		bm_index_expect(&bm->map, r.block, false);
	if (i + 8 < count && bm_record_decode(block, i + 8, &r))
		bm_index_expect(&bm->map, r.block, true);
}

static int apply_block(struct bm *bm, const void *block)
{
	struct bm_log_header h;
	struct bm_record r;
	int error = 0;
	u32 i, count;

	bm_log_peek(block, bm->super.log_size, bm->super.set_id, &h);
	/* [tail, pass) is a whole pass: what the next one has written so far repeats what is known.
	 */
	count = h.seq < bm->log.head.pass ? h.count : h.fresh;
	for (i = 0; !error && i < count; i++) {
		look_ahead(bm, block, i, count);
		error = bm_record_decode(block, i, &r) ? apply_record(bm, &r) : -EUCLEAN;
	}
	bm_index_publish(&bm->map);
	bm_index_publish(&bm->bad);
	bm_idle_work(bm);
	return error;
}

/* How many blocks to read at a time, from place `pos` on. */
static u32 batch(const struct bm *bm, const struct bm_op *op, u64 pos)
{
	u64 n = op->scratch_size / 2 / bm->super.log_size;

	if (n > live_blocks(bm) - op->state.i)
		n = live_blocks(bm) - op->state.i;
	if (n > bm->log.head.ring - pos)
		n = bm->log.head.ring - pos;
	return op->state.chunk && op->state.chunk < n ? op->state.chunk : (u32)n;
}

static void step_block(struct bm *bm, struct bm_op *op, enum bm_step_kind kind, unsigned int copy,
		       u64 pos, u32 blocks, void *memory)
{
	bm_step_io(op, kind, BM_SPARE, bm_log_sector(bm, copy, pos),
		   blocks * (bm->super.log_size >> BM_SECTOR_SHIFT));
	op->step.memory = memory;
	op->step.fua = kind == BM_STEP_WRITE;
}

/*
 * Which copies of the block are good; the checksum of a good one is the next one's link. Two that
 * differ were written by two sessions, of which the later didn't see the earlier's: it counts.
 */
static void judge(struct bm *bm, struct bm_op *op, u32 i)
{
	struct bm_op_state *st = &op->state;
	struct bm_log_header h[2];
	u32 crc[2], copy;

	for (copy = 0; copy < 2; copy++)
		st->good[copy] = !st->failed[copy] && fits(bm, op, half(bm, op, copy, i), st->i + i,
							   &h[copy], &crc[copy]);
	if (st->good[0] && st->good[1] && crc[0] != crc[1])
		st->good[h[0].epoch > h[1].epoch] = false;
	for (copy = 0; copy < 2; copy++) {
		if (st->good[copy])
			continue;
		op->check.bad[copy]++;
		bm->log.missing[copy] = bm->log.head.tail + st->i + i;
	}
	if (st->good[0] || st->good[1])
		st->crc = crc[!st->good[0]];
}

/* Looking can end anywhere; loading can't. */
static bool stopped(const struct bm_op *op)
{
	return op->kind == BM_OP_CHECK && op->flags & BM_OP_STOP;
}

enum bm_verdict bm_walk_log(struct bm *bm, struct bm_op *op, bool apply, bool mend)
{
	struct bm_op_state *st = &op->state;
	u32 copy;

	CO_BEGIN(op, CO_PART);
	st->crc = 0;
	st->chunk = 0;
	st->error = 0;
	op->check.blocks = live_blocks(bm);
	for (st->i = 0; !st->error && st->i < live_blocks(bm);) {
		st->length = batch(bm, op, place_of(bm, st->i));
		for (st->copy = 0; st->copy < 2; st->copy++) {
			step_block(bm, op, BM_STEP_READ, st->copy, place_of(bm, st->i), st->length,
				   half(bm, op, st->copy, 0));
			CO_STEP(op, CO_PART);
			st->failed[st->copy] = op->step.error[0];
		}
		if ((st->failed[0] || st->failed[1]) && st->length > 1) {
			st->chunk = 1; /* one at a time, to know which */
			continue;
		}
		for (st->j = 0; !st->error && st->j < st->length; st->j++) {
			judge(bm, op, (u32)st->j);
			if (!st->good[0] && !st->good[1]) {
				op->bad = bm_log_sector(bm, 0, place_of(bm, st->i + st->j));
				st->error = -EUCLEAN;
				break;
			}
			if (apply)
				st->error = apply_block(bm, half(bm, op, !st->good[0], (u32)st->j));
			copy = st->good[0];
			if (!mend || st->error || st->good[copy])
				continue;
			step_block(bm, op, BM_STEP_WRITE, copy, place_of(bm, st->i + st->j), 1,
				   half(bm, op, !copy, (u32)st->j));
			st->copy = copy;
			CO_STEP(op, CO_PART);
			op->check.repaired[st->copy] += !op->step.error[0];
		}
		st->i += st->length;
		st->chunk = 0;
		if (!st->error && st->i < live_blocks(bm) && stopped(op))
			st->error = -EINTR;
	}
	for (copy = 0; !st->error && copy < 2; copy++) {
		if (op->check.repaired[copy] == op->check.bad[copy])
			bm->log.missing[copy] = 0;
		if (op->check.repaired[copy])
			bm_event(bm, BM_EV_COPY_HEALED, 0, 0, copy, op->check.repaired[copy]);
	}
	CO_END(op, CO_PART);
}

/* ---- superblocks ---- */

/* Read both superblocks and compare them with what they should be. */
static enum bm_verdict check_supers(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool bad;

	CO_BEGIN(op, CO_PART);
	for (st->copy = 0; st->copy < 2; st->copy++) {
		bm_step_super(bm, op, BM_STEP_READ, st->copy, op->scratch);
		CO_STEP(op, CO_PART);
		bm_super_encode(&bm->super, bm->super_block);
		bad = op->step.error[0] || memcmp(op->scratch, bm->super_block, BM_SUPER_SIZE);
		op->check.super_bad[st->copy] = bad;
		bm->super_missing[st->copy] = bad;
	}
	CO_END(op, CO_PART);
}

/* ---- operations: each keeps committers away by leading in their place ---- */

static int check_ready(const struct bm *bm, const struct bm_op *op)
{
	return bm->open && op->scratch && op->scratch_size >= 2 * BM_LOG_MAX_SIZE ? 0 : -EINVAL;
}

static void stop_leading(struct bm *bm)
{
	bm->log.leader = NULL;
	bm_update_mode(bm);
	bm_wake(bm);
}

enum bm_verdict bm_op_check(struct bm *bm, struct bm_op *op)
{
	bool mend = op->flags & BM_OP_REPAIR_IT && !(bm->config.flags & BM_READ_ONLY);

	CO_BEGIN(op, CO_OP);
	op->error = check_ready(bm, op);
	if (op->error)
		CO_RETURN(op, CO_OP);
	CO_AWAIT(bm, op, CO_OP, !bm->log.leader);
	bm->log.leader = op;
	CO_CALL(op, CO_OP, check_supers(bm, op));
	if (mend && (bm->super_missing[0] || bm->super_missing[1])) {
		CO_CALL(op, CO_OP, bm_write_supers(bm, op, true));
		op->check.super_repaired[0] = op->check.super_bad[0] && !bm->super_missing[0];
		op->check.super_repaired[1] = op->check.super_bad[1] && !bm->super_missing[1];
	}
	CO_CALL(op, CO_OP, bm_walk_log(bm, op, false, mend));
	op->error = op->state.error;
	stop_leading(bm);
	CO_END(op, CO_OP);
}

/* Prepare the new superblock; what it was goes to op->scratch, in case it can't be written. */
static int change_super(struct bm *bm, struct bm_op *op)
{
	u32 spb = 1u << bm->block_shift;
	u64 blocks = op->count >> bm->block_shift;
	struct bm_entry beyond;
	int error = 0;

	if (op->count && op->count & (spb - 1))
		return -EINVAL;
	memcpy(op->scratch, &bm->super, sizeof(bm->super));
	if (op->count > bm->super.main_sectors)
		error = bm_index_set_space(&bm->map, blocks);
	else if (op->count && bm_index_next(&bm->map, blocks, &beyond))
		error = -EBUSY;
	if (error)
		return error;
	if (op->count)
		bm->super.main_sectors = op->count;
	if (op->format)
		memcpy(bm->super.label, op->format->label, BM_LABEL_MAX);
	bm->super.generation++;
	return 0;
}

/* op->count: the new size of main, or 0; op->format: the new label, or NULL. */
enum bm_verdict bm_op_update(struct bm *bm, struct bm_op *op)
{
	CO_BEGIN(op, CO_OP);
	op->error = check_ready(bm, op);
	if (op->error)
		CO_RETURN(op, CO_OP);
	CO_AWAIT(bm, op, CO_OP, !bm->log.leader);
	bm->log.leader = op;
	op->error =
		bm->config.flags & BM_READ_ONLY || bm->log.limbo ? -EROFS : change_super(bm, op);
	if (!op->error) {
		CO_CALL(op, CO_OP, bm_write_supers(bm, op, false));
		op->error = op->state.error;
		if (op->error)
			memcpy(&bm->super, op->scratch, sizeof(bm->super));
		/* Too much space in the index does no harm, if there is no memory for less. */
		bm_index_set_space(&bm->map, bm_main_blocks(bm));
	}
	stop_leading(bm);
	CO_END(op, CO_OP);
}

/* The block that both copies refused is written once more, as it is. */
enum bm_verdict bm_op_retry(struct bm *bm, struct bm_op *op)
{
	struct bm_log *log = &bm->log;

	CO_BEGIN(op, CO_OP);
	op->error = !bm->open ? -EINVAL : bm->config.flags & BM_READ_ONLY ? -EROFS : 0;
	if (op->error)
		CO_RETURN(op, CO_OP);
	CO_AWAIT(bm, op, CO_OP, !log->leader);
	if (!log->limbo)
		CO_RETURN(op, CO_OP);
	log->leader = op;
	/* Reads that go by the map as it is, without holding their range, must be over first. */
	bm->retrying = true;
	CO_AWAIT(bm, op, CO_OP, !bm->unheld);
	bm_step_io(op, BM_STEP_LOG, BM_SPARE, bm_log_sector(bm, 0, log->next_pos),
		   bm->super.log_size >> BM_SECTOR_SHIFT);
	op->step.sector2 = bm_log_sector(bm, 1, log->next_pos);
	op->step.memory = log->block;
	op->step.fua = true;
	CO_STEP(op, CO_OP);
	op->error = op->step.error[0] && op->step.error[1] ? op->step.error[0] : 0;
	log->limbo = op->error;
	bm_log_finish(bm, op->step.error);
	if (!op->error)
		bm_leave_limbo(bm);
	bm->retrying = false;
	stop_leading(bm);
	CO_END(op, CO_OP);
}
