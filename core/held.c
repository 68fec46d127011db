/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ranges of main that operations have to themselves. bm_route() sends every request that touches
 * one to the core, where it waits its turn. A slot is filled before its owner quiesces, so a
 * request either saw it or is waited for; a stale slot only sends a request the slow way.
 */
#include "internal.h"

static bool touches(const struct bm_held *h, u64 start, u64 end)
{
	return h->start < end && start < h->end;
}

enum bm_hold bm_hold_range(struct bm *bm, struct bm_op *op, u64 start, u64 end)
{
	u32 i, slot = BM_NO_SLOT;

	for (i = 0; i < BM_SLOTS; i++) {
		struct bm_held *h = &bm->held[i];

		if (h->start == h->end)
			slot = i;
		else if (touches(h, start, end))
			return h->op ? BM_HOLD_WAIT : BM_HOLD_LIMBO;
	}
	if (slot == BM_NO_SLOT)
		return bm->log.limbo ? BM_HOLD_LIMBO : BM_HOLD_WAIT;
	bm->held[slot].op = op;
	bm_store(&bm->held[slot].start, start);
	bm_store_release(&bm->held[slot].end, end);
	bm_store_release(&bm->held_count, bm->held_count + 1);
	op->state.slot = (u16)slot;
	return BM_HOLD_OK;
}

static void free_slot(struct bm *bm, struct bm_held *h)
{
	h->op = NULL;
	bm_store_release(&h->end, 0);
	bm_store_release(&h->start, 0);
	bm_store_release(&bm->held_count, bm->held_count - 1);
}

/* After a commit of unknown outcome the range stays held: nobody may write there. */
void bm_let_go(struct bm *bm, struct bm_op *op)
{
	if (op->state.slot == BM_NO_SLOT)
		return;
	if (op->state.limbo && bm->log.limbo)
		bm->held[op->state.slot].op = NULL;
	else
		free_slot(bm, &bm->held[op->state.slot]);
	op->state.slot = BM_NO_SLOT;
	bm_wake(bm);
}

void bm_leave_limbo(struct bm *bm)
{
	u32 i;

	for (i = 0; i < BM_SLOTS; i++)
		if (bm->held[i].start != bm->held[i].end && !bm->held[i].op)
			free_slot(bm, &bm->held[i]);
	bm_wake(bm);
}

bool bm_held_clip(const struct bm *bm, u64 block, u64 *count)
{
	u64 end = block + *count;
	bool inside = false;
	u32 i;

	for (i = 0; i < BM_SLOTS; i++) {
		u64 held_end = bm_load_acquire(&bm->held[i].end);
		u64 held_start = bm_load(&bm->held[i].start);

		if (held_start >= end || block >= held_end)
			continue;
		inside = held_start <= block;
		end = inside ? (held_end < end ? held_end : end) : held_start;
		if (inside)
			break;
	}
	*count = end - block;
	return inside;
}
