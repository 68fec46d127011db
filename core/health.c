/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One number for the person whose disk is dying: 100 is sound, 0 means that data can no longer be
 * protected. It starts at 100 and loses, for
 *	a map that can't be changed (read-only mode)	60
 *	an open breaker					40
 *	a full spare					40
 *	a damaged copy of the metadata			15
 *	lost blocks	10, pending blocks 10		(any)
 *	remapped blocks	up to 20: 4 for each power of ten begun (1, 10, 100 ... blocks)
 *	use of the spare	up to 30, in proportion, from half full on
 *	bad blocks of the spare	5
 */
#include "internal.h"

static u32 decades(u64 blocks)
{
	u32 n = 0;

	for (; blocks && n < 5; blocks /= 10)
		n++;
	return n;
}

static u32 spare_loss(const struct bm_status *s)
{
	u64 used = s->spare_used + s->spare_bad, half = s->spare_total / 2;

	if (used <= half || !half)
		return 0;
	/* sectors of a spare are below 2^52, so the product fits */
	return (u32)((used - half) * 30 / (s->spare_total - half));
}

u32 bm_health(const struct bm_status *s, u32 *why)
{
	u64 gone = s->spare_used + s->spare_bad;
	u32 loss = spare_loss(s), block = s->super.block_size >> BM_SECTOR_SHIFT;
	u32 bits = 0;

	if (s->mode == BM_MODE_READ_ONLY)
		loss += 60, bits |= BM_WHY_READ_ONLY;
	if (s->breaker != BM_BREAKER_CLOSED)
		loss += 40, bits |= BM_WHY_BREAKER;
	if (gone >= s->spare_total)
		loss += 40, bits |= BM_WHY_SPARE_FULL;
	else if (gone > s->spare_total / 4 * 3)
		bits |= BM_WHY_SPARE_LOW;
	if (s->copy_degraded[0] || s->copy_degraded[1])
		loss += 15, bits |= BM_WHY_COPY;
	if (s->lost)
		loss += 10, bits |= BM_WHY_LOST;
	if (s->pending)
		loss += 10, bits |= BM_WHY_PENDING;
	if (s->spare_bad)
		loss += 5, bits |= BM_WHY_SPARE_BAD;
	if (s->mapped)
		loss += 4 * decades(block == 8 ? s->mapped >> 3 : s->mapped), bits |= BM_WHY_REMAPS;
	*why = bits;
	return loss >= 100 ? 0 : 100 - loss;
}
