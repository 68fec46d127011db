/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Committing: operations queue up with their runs, one of them leads, flushes the spare once for
 * all, writes one log block to both copies and publishes it before anybody learns of it. So at
 * most one block in each copy is ever in flight, and whatever is published is durable.
 */
#include "internal.h"

void bm_op_push(struct bm_op_list *list, struct bm_op *op)
{
	op->state.next_commit = NULL;
	if (list->tail)
		list->tail->state.next_commit = op;
	else
		list->head = op;
	list->tail = op;
}

/* Move all of `from` before all of `to`. */
static void prepend(struct bm_op_list *to, struct bm_op_list *from)
{
	if (!from->head)
		return;
	from->tail->state.next_commit = to->head;
	if (!to->head)
		to->tail = from->tail;
	to->head = from->head;
	from->head = from->tail = NULL;
}

void bm_log_settle(struct bm_op_list *list, int error)
{
	struct bm_op *op;

	for (op = list->head; op; op = op->state.next_commit) {
		op->state.outcome = BM_COMMIT_SETTLED;
		op->state.error = error;
	}
	list->head = list->tail = NULL;
}

static bool wants_flush(const struct bm_op_list *list)
{
	const struct bm_op *op;

	for (op = list->head; op; op = op->state.next_commit)
		if (op->state.flush)
			return true;
	return false;
}

u64 bm_log_sector(const struct bm *bm, unsigned int copy, u64 pos)
{
	return bm->super.log_start[copy] + pos * (bm->super.log_size >> BM_SECTOR_SHIFT);
}

static void step_log(struct bm *bm, struct bm_op *op)
{
	bm_step_io(op, BM_STEP_LOG, BM_SPARE, bm_log_sector(bm, 0, bm->log.next_pos),
		   bm->super.log_size >> BM_SECTOR_SHIFT);
	op->step.sector2 = bm_log_sector(bm, 1, bm->log.next_pos);
	op->step.memory = bm->log.block;
	op->step.fua = true;
}

/*
 * Commit op->state.runs. When it is done op->state.error is 0 and the runs are published, or
 * negative and nothing of them is. op->state.limbo: nobody knows, so the range must stay held.
 */
enum bm_verdict bm_commit(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	struct bm_log *log = &bm->log;

	CO_BEGIN(op, CO_COMMIT);
	st->error = -EROFS;
	st->unsure = false;
	if (log->limbo || bm->config.flags & BM_READ_ONLY)
		CO_RETURN(op, CO_COMMIT);
	st->outcome = BM_COMMIT_QUEUED;
	bm_op_push(&log->queue, op);
	CO_AWAIT(bm, op, CO_COMMIT, st->outcome == BM_COMMIT_SETTLED || !log->leader);
	if (st->outcome == BM_COMMIT_SETTLED)
		CO_RETURN(op, CO_COMMIT);
	log->leader = op;
	while (st->outcome != BM_COMMIT_SETTLED) {
		log->batch = log->queue;
		log->queue.head = log->queue.tail = NULL;
		if (wants_flush(&log->batch)) {
			bm_step_io(op, BM_STEP_FLUSH, BM_SPARE, 0, 0);
			CO_STEP(op, CO_COMMIT);
			if (op->step.error[0]) {
				bm_log_settle(&log->batch, op->step.error[0]);
				break;
			}
		}
		while (st->outcome != BM_COMMIT_SETTLED && bm_log_build(bm)) {
			step_log(bm, op);
			CO_STEP(op, CO_COMMIT);
			bm_log_finish(bm, op->step.error);
		}
		prepend(&log->queue, &log->batch);
	}
	log->leader = NULL;
	bm_wake(bm);
	CO_END(op, CO_COMMIT);
}

/* ---- what a finished block means ---- */

static void release_old(struct bm *bm, const struct bm_record *r)
{
	u64 at = r->block, end = r->block + r->count;
	struct bm_entry e;

	while (at < end && bm_index_find(&bm->map, at, end - at, &e)) {
		if (e.spare != BM_NO_BLOCK)
			bm_spare_release(bm, e.spare, e.count);
		at = e.block + e.count;
	}
}

static void tell(struct bm *bm, const struct bm_record *r)
{
	static const u8 events[] = {
		[BM_REC_MAPPED] = BM_EV_REMAPPED, [BM_REC_PENDING] = BM_EV_PENDING,
		[BM_REC_LOST] = BM_EV_LOST,       [BM_REC_UNMAP] = BM_EV_RELEASED,
		[BM_REC_BAD] = BM_EV_SPARE_BAD,
	};
	u64 spare = r->spare == BM_NO_BLOCK ? BM_NOWHERE : bm_sectors(bm, r->spare);

	bm_event(bm, events[r->kind], r->kind == BM_REC_BAD ? spare : bm_sectors(bm, r->block),
		 bm_sectors(bm, r->count), spare, 0);
}

/*
 * Make the block in log->block take effect. The bits of new spare blocks are set already, but for
 * those whose old owner was just let go.
 */
void bm_log_publish(struct bm *bm)
{
	struct bm_log *log = &bm->log;
	struct bm_record r;
	u32 i;

	bm_index_publish(&bm->bad);
	for (i = 0; i < log->next.fresh; i++)
		if (bm_record_decode(log->block, i, &r) && r.kind != BM_REC_BAD)
			release_old(bm, &r);
	bm_index_publish(&bm->map);
	for (i = 0; i < log->next.fresh; i++) {
		if (!bm_record_decode(log->block, i, &r))
			continue;
		if (r.spare != BM_NO_BLOCK)
			bm_spare_claim(bm, r.spare, r.count);
		tell(bm, &r);
	}
	log->head = log->next;
	log->crc = log->next_crc;
	log->pos = log->next_pos;
	log->tail = log->next.tail;
	log->cursor = log->next.cursor;
	log->ahead = log->next_ahead;
	if (log->next.pass != log->pass) {
		log->ahead = bm->map.entries + bm->bad.entries;
		bm->counters.passes++;
	}
	log->pass = log->next.pass;
	bm->counters.log_blocks++;
}

void bm_log_finish(struct bm *bm, const int error[2])
{
	struct bm_log *log = &bm->log;
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		if (!error[copy])
			continue;
		log->missing[copy] = log->next.seq;
		bm->counters.log_errors[copy]++;
		bm_event(bm, BM_EV_COPY_ERROR, bm_log_sector(bm, copy, log->next_pos), 0, copy,
			 log->next.seq);
	}
	if (error[0] && error[1]) {
		struct bm_op *op;

		/* What is staged stays staged: BM_OP_RETRY may still write this very block. */
		log->limbo = true;
		for (op = log->aboard.head; op; op = op->state.next_commit)
			op->state.limbo = op->state.unsure = true;
		bm_log_settle(&log->aboard, error[0]);
		bm_log_settle(&log->batch, -EROFS);
		bm_log_settle(&log->queue, -EROFS);
	} else {
		bm_log_publish(bm);
		bm->counters.commits += log->aboard.head != NULL;
		bm_log_settle(&log->aboard, 0);
	}
	bm_update_mode(bm);
	bm_wake(bm);
}
