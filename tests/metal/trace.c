// SPDX-License-Identifier: GPL-2.0-only
#include "tests/metal/trace.h"

enum verb {
	READ,
	WRITE,
	FUA,
	ZERO,
	ZERO_FUA,
	TRIM,
	DISCARD,
	FLUSH,
	REOPEN,
	ADD,
	LOSE,
	REMOVE,
	SCRUB
};

struct step {
	u8 verb;
	u16 sector, count;
	u16 extra; /* WRITE: a byte; ADD: a sector of the spare, or 0 */
};

/*
 * Main fails at 1000 to 1007, 3000 to 3003 (reads and writes), 2001 and 4095 (writes), the spare at
 * 458 (writes), which is in its data area.
 */
static const struct step steps[] = {
	{ WRITE, 1000, 16, 1 },  { FUA, 2000, 8, 2 },      { READ, 2999, 2, 0 },
	{ WRITE, 3000, 1, 3 },   { ZERO, 999, 4, 0 },      { ADD, 5000, 4, 0 },
	{ ADD, 6000, 8, 2000 },  { ADD, 3000, 4, 0 },      { WRITE, 4999, 4, 4 },
	{ DISCARD, 5000, 2, 0 }, { FLUSH, 0, 0, 0 },       { READ, 4990, 20, 0 },
	{ REMOVE, 5000, 2, 0 },  { ZERO_FUA, 5999, 8, 0 }, { WRITE, 4093, 3, 5 },
	{ LOSE, 7000, 4, 0 },    { READ, 7000, 4, 0 },     { WRITE, 7001, 1, 6 },
	{ READ, 7001, 1, 0 },    { REMOVE, 6000, 8, 0 },   { ADD, 6000, 2, 0 },
	{ REOPEN, 0, 0, 0 },     { WRITE, 0, 128, 7 },     { WRITE, 1953, 195, 8 },
	{ READ, 1900, 256, 0 },  { TRIM, 1000, 100, 0 },   { READ, 990, 120, 0 },
	{ REMOVE, 1000, 8, 0 },  { ADD, 8191, 1, 0 },      { ADD, 5001, 3, 0 },
	{ ADD, 8190, 4, 0 },     { SCRUB, 0, 8192, 0 },    { WRITE, 990, 30, 9 },
	{ READ, 980, 50, 0 },    { REMOVE, 8191, 1, 0 },   { LOSE, 4094, 2, 0 },
	{ REOPEN, 0, 0, 0 },     { READ, 4000, 200, 0 },   { FLUSH, 0, 0, 0 },
};

const struct bm_format trace_format = {
	.uuid = { 0x6d, 0x65, 0x74, 0x61, 0x6c, 0x2d, 0x74, 0x72, 0x61, 0x63, 0x65, 0, 1, 2, 3, 4 },
	.label = "trace",
	.set_id = 0x1234567890abcdefull,
};

static u8 memory[TRACE_MOST * BM_SECTOR];

static int administer(const struct trace_host *host, void *ctx, const struct step *s,
		      enum bm_op_kind kind)
{
	struct bm_op op;

	bm_op_init(&op, kind, s->sector, s->count);
	op.spare = s->verb == ADD && s->extra ? s->extra : BM_NOWHERE;
	op.flags = s->verb == LOSE ? BM_OP_NO_COPY : 0;
	return host->run(ctx, &op);
}

/* Sectors that are told apart. */
static void fill(const struct step *s, u32 i)
{
	for (u32 n = 0; n < s->count * BM_SECTOR; n += 4)
		bm_put32(memory + n, s->extra << 24 ^ i << 16 ^ n / BM_SECTOR);
}

static int play(const struct trace_host *host, void *ctx, u32 i)
{
	const struct step *s = &steps[i];

	switch ((enum verb)s->verb) {
	case READ:
		memset(memory, 0xee, sizeof(memory));
		return host->read(ctx, memory, s->sector, s->count);
	case WRITE:
	case FUA:
		fill(s, i);
		return host->write(ctx, memory, s->sector, s->count, s->verb == FUA);
	case ZERO:
	case ZERO_FUA:
	case TRIM:
		return host->zero(ctx, s->sector, s->count, s->verb == TRIM, s->verb == ZERO_FUA);
	case DISCARD:
		return host->discard(ctx, s->sector, s->count);
	case FLUSH:
		return host->flush(ctx);
	case REOPEN:
		return host->reopen(ctx);
	case ADD:
	case LOSE:
		return administer(host, ctx, s, BM_OP_ADD);
	case REMOVE:
		return administer(host, ctx, s, BM_OP_REMOVE);
	case SCRUB:
		return administer(host, ctx, s, BM_OP_SCRUB);
	}
	return -EINVAL;
}

void trace_play(const struct trace_host *host, void *ctx)
{
	for (u32 i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int error = play(host, ctx, i);
		bool read = steps[i].verb == READ && !error;

		host->tell(ctx, i, error,
			   read ? bm_crc32c(0, memory, steps[i].count * BM_SECTOR) : 0);
	}
}
