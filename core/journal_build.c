/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Building a log block: changes first, then as much of the compaction pass as fits.
 *
 * Why the ring never runs full. Let H be half the ring less one. A pass may take at most H blocks,
 * counted from its first; since the live part of the log is at most two passes, it fits. With u
 * blocks of the pass written, `ahead` entries still to write, and C records a block, pure pass
 * blocks leave (H - u) * C - ahead as it is, so changes are let in only as long as that stays
 * positive, each weighing its own record and the entries it may add.
 */
#include "internal.h"

static u32 capacity(const struct bm *bm)
{
	return bm_log_capacity(bm->super.log_size);
}

static u64 entries(const struct bm *bm)
{
	return bm->map.entries + bm->bad.entries;
}

/* Records and entries that a run may come to: it is cut where regions end, others are split. */
static u32 run_weight(const struct bm_run *run)
{
	return 4 + run->count / BM_REGION;
}

static u32 op_weight(const struct bm_op *op)
{
	u32 i, weight = 0;

	for (i = 0; i < op->state.nruns; i++)
		weight += run_weight(&op->state.runs[i]);
	return weight;
}

/* Index pages that an operation's runs may touch. */
static u32 op_pages(const struct bm_op *op)
{
	u32 i, pages = 0;

	for (i = 0; i < op->state.nruns; i++)
		pages += 2 + op->state.runs[i].count / BM_REGION;
	return pages;
}

/* How much the next block may weigh, before the pass would outrun its half. */
static u64 room(const struct bm *bm, u32 ring)
{
	const struct bm_log *log = &bm->log;
	u64 half = ring / 2 - 1, used = log->head.seq + 1 - log->pass;
	u64 all = used < half ? (half - used) * capacity(bm) : 0;

	return all > log->ahead ? all - log->ahead : 0;
}

/*
 * The ring may grow in a block that stands two or more before its end, while the live part does
 * not wrap: then the places of all live blocks stay what they are.
 */
static u32 choose_ring(const struct bm *bm, u64 pos)
{
	const struct bm_log *log = &bm->log;
	u64 live = log->head.seq + 1 - log->tail, ring = log->head.ring;
	u64 wanted = 3 * (entries(bm) / capacity(bm)) + 16;

	if (wanted <= ring || ring >= bm->super.log_max || pos + 3 > ring || live > pos)
		return (u32)ring;
	while (ring < wanted)
		ring *= 2;
	return ring < bm->super.log_max ? (u32)ring : bm->super.log_max;
}

/* Did the entry at the cursor begin before it? Its rest is still to be written. */
static bool straddles(const struct bm_index *index, u64 cursor)
{
	struct bm_entry e;

	return bm_index_peek(index, cursor, 1, &e) && !bm_index_count(index, cursor, cursor + 1);
}

/* Entries, or rests of entries, in [from, to] that the pass whose cursor that is has to write. */
static u64 count_ahead(const struct bm *bm, u64 cursor, bool bad, u64 from, u64 to)
{
	const struct bm_index *index = bad ? &bm->bad : &bm->map;

	if (bad)
		cursor = cursor & BM_CURSOR_BAD ? cursor & ~BM_CURSOR_BAD : 0;
	else if (cursor & BM_CURSOR_BAD)
		return 0;
	if (from < cursor)
		from = cursor;
	if (from > to)
		return 0;
	return bm_index_count(index, from, to + 1) + (from == cursor && straddles(index, cursor));
}

u64 bm_log_ahead(const struct bm *bm, u64 cursor)
{
	return count_ahead(bm, cursor, false, 0, BM_MAX_BLOCKS - 1) +
	       count_ahead(bm, cursor, true, 0, BM_MAX_BLOCKS - 1);
}

static enum bm_state record_state(u8 kind)
{
	static const u8 states[] = {
		[BM_REC_MAPPED] = BM_MAPPED, [BM_REC_PENDING] = BM_PENDING,
		[BM_REC_LOST] = BM_LOST,     [BM_REC_UNMAP] = BM_UNMAPPED,
		[BM_REC_BAD] = BM_BAD,
	};

	return states[kind];
}

/* Stage what a record says, in the index it speaks of. -ENOMEM, -ENOSPC. */
int bm_log_stage(struct bm *bm, const struct bm_record *r)
{
	bool bad = r->kind == BM_REC_BAD;
	struct bm_entry e = {
		.block = bad ? r->spare : r->block,
		.spare = bad ? BM_NO_BLOCK : r->spare,
		.count = r->count,
		.state = record_state(r->kind),
		.cont = r->cont,
	};

	return bm_index_stage(bad ? &bm->bad : &bm->map, &e);
}

/* A run continues another only if that one is still there, and ends just here. */
static bool continues(const struct bm *bm, const struct bm_run *run)
{
	struct bm_entry e;

	if (!run->cont || !run->block || !bm_index_peek(&bm->map, run->block - 1, 1, &e) ||
	    e.state != record_state(run->kind))
		return false;
	return run->spare == BM_NO_BLOCK ? e.spare == BM_NO_BLOCK
					 : e.spare != BM_NO_BLOCK && e.spare + 1 == run->spare;
}

static int stage_run(struct bm *bm, const struct bm_run *run, struct bm_record *r)
{
	bool bad = run->kind == BM_REC_BAD;
	u64 from = bad ? run->spare : run->block, to = from + run->count, before;
	int error;

	*r = (struct bm_record){
		.block = bad ? 0 : run->block,
		.spare = run->spare,
		.count = run->count,
		.kind = run->kind,
		.cont = !bad && continues(bm, run),
	};
	before = count_ahead(bm, bm->log.next.cursor, bad, from, to);
	error = bm_log_stage(bm, r);
	if (!error)
		bm->log.next_ahead += count_ahead(bm, bm->log.next.cursor, bad, from, to) - before;
	return error;
}

/* Take as many operations aboard as fit; the weight they may have is `room`. */
static int board(struct bm *bm, u64 weight_left)
{
	struct bm_log *log = &bm->log;
	u32 i, pages = BM_LOG_PAGES, cap = capacity(bm);

	while (log->batch.head) {
		struct bm_op *op = log->batch.head;
		u32 weight = op_weight(op);

		if (log->next.count + op->state.nruns > cap || weight > weight_left ||
		    op_pages(op) > pages)
			return 0;
		pages -= op_pages(op);
		weight_left -= weight;
		log->batch.head = op->state.next_commit;
		if (!log->batch.head)
			log->batch.tail = NULL;
		bm_op_push(&log->aboard, op);
		for (i = 0; i < op->state.nruns; i++) {
			struct bm_record r;
			int error = stage_run(bm, &op->state.runs[i], &r);

			if (error)
				return error;
			bm_record_encode(log->block, log->next.count++, &r);
		}
	}
	return 0;
}

/* The last one aboard couldn't be staged: it fails, the others go back to where they were. */
static void disembark(struct bm *bm, int error)
{
	struct bm_log *log = &bm->log;
	struct bm_op_list failed = { NULL, NULL }, back = { NULL, NULL };
	struct bm_op *op, *next;

	bm_index_abort(&bm->map);
	bm_index_abort(&bm->bad);
	for (op = log->aboard.head; op; op = next) {
		next = op->state.next_commit;
		bm_op_push(next ? &back : &failed, op);
	}
	for (op = log->batch.head; op; op = next) {
		next = op->state.next_commit;
		bm_op_push(&back, op);
	}
	log->aboard.head = log->aboard.tail = NULL;
	log->batch = back;
	bm_log_settle(&failed, error);
	bm_wake(bm);
}

static u8 entry_kind(enum bm_state state)
{
	static const u8 kinds[] = {
		[BM_UNMAPPED] = BM_REC_UNMAP,  [BM_MAPPED] = BM_REC_MAPPED,
		[BM_PENDING] = BM_REC_PENDING, [BM_LOST] = BM_REC_LOST,
		[BM_BAD] = BM_REC_BAD,
	};

	return kinds[state];
}

/* Write entries of one index from the cursor on. True when its end is reached. */
static bool write_pass(struct bm *bm, bool bad)
{
	struct bm_index *index = bad ? &bm->bad : &bm->map;
	struct bm_log_header *h = &bm->log.next;
	struct bm_entry e;

	while (h->count < capacity(bm)) {
		u64 cursor = h->cursor & ~BM_CURSOR_BAD;
		struct bm_record r;

		if (!bm_index_peek(index, cursor, BM_MAX_BLOCKS - cursor, &e))
			return true;
		h->cursor = (e.block + e.count) | (bad ? BM_CURSOR_BAD : 0);
		r = (struct bm_record){
			.block = bad ? 0 : e.block,
			.spare = bad ? e.block : e.spare,
			.count = e.count,
			.kind = entry_kind(e.state),
			.cont = !bad && (e.cont || straddles(index, cursor)),
		};
		bm_record_encode(bm->log.block, h->count++, &r);
		bm->log.next_ahead--;
	}
	return !bm_index_peek(index, h->cursor & ~BM_CURSOR_BAD,
			      BM_MAX_BLOCKS - (h->cursor & ~BM_CURSOR_BAD), &e);
}

static void fill_up(struct bm *bm)
{
	struct bm_log_header *h = &bm->log.next;

	if (!(h->cursor & BM_CURSOR_BAD)) {
		if (!write_pass(bm, false))
			return;
		h->cursor = BM_CURSOR_BAD;
	}
	if (!write_pass(bm, true))
		return;
	/* Round: this pass is what a recovery needs at least, and the next one begins. */
	h->tail = h->pass;
	h->pass = h->seq + 1;
	h->cursor = 0;
}

static void start_block(struct bm *bm)
{
	struct bm_log *log = &bm->log;

	log->next_pos = log->pos + 1 < log->head.ring ? log->pos + 1 : 0;
	log->next = (struct bm_log_header){
		.set_id = bm->super.set_id,
		.seq = log->head.seq + 1,
		.epoch = log->epoch,
		.tail = log->tail,
		.pass = log->pass,
		.cursor = log->cursor,
		.ring = choose_ring(bm, log->next_pos),
		.prev_crc = log->crc,
	};
	log->next_ahead = log->ahead;
}

/* False: there is nothing to write, because nobody is left in the batch. */
bool bm_log_build(struct bm *bm)
{
	struct bm_log *log = &bm->log;
	int error;

	while (log->batch.head) {
		bool fresh_pass = log->head.seq + 1 == log->pass;
		u64 weight;

		start_block(bm);
		weight = room(bm, log->next.ring);
		if (log->next.seq - log->tail >= log->next.ring ||
		    (fresh_pass && log->next.ring >= bm->super.log_max &&
		     op_weight(log->batch.head) > weight)) {
			bm_log_settle(&log->batch, -ENOSPC);
			bm_wake(bm);
			return false;
		}
		error = board(bm, weight);
		if (!error) {
			log->next.fresh = log->next.count;
			fill_up(bm);
			log->next_crc = bm_log_encode(&log->next, log->block, bm->super.log_size);
			return true;
		}
		disembark(bm, error);
	}
	return false;
}

/* The first block of a new log: the empty map. */
void bm_log_format(struct bm *bm)
{
	struct bm_log *log = &bm->log;

	log->next = (struct bm_log_header){
		.set_id = bm->super.set_id,
		.seq = 1,
		.epoch = bm->config.now ? bm->config.now : 1,
		.tail = 1,
		.pass = 2,
		.ring = bm->super.log_min,
	};
	log->next_pos = 0;
	log->next_ahead = 0;
	log->next_crc = bm_log_encode(&log->next, log->block, bm->super.log_size);
}
