/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opening and formatting a spare: docs/FORMAT.md, "Recovery", step by step.
 */
#include "load.h"

static void *get_memory(struct bm *bm, size_t size)
{
	return bm->config.mem.alloc(bm->config.mem.ctx, size);
}

/* An earlier attempt may have come some way. */
static void forget(struct bm *bm)
{
	u8 *block = bm->log.block;

	bm_index_destroy(&bm->map);
	bm_index_destroy(&bm->bad);
	bm_spare_destroy(bm);
	memset(&bm->map, 0, sizeof(bm->map));
	memset(&bm->bad, 0, sizeof(bm->bad));
	memset(&bm->log, 0, sizeof(bm->log));
	memset(&bm->super, 0, sizeof(bm->super));
	bm->super_missing[0] = bm->super_missing[1] = false;
	bm->mode = BM_MODE_RW;
	bm->log.block = block;
}

/* What opening and formatting need first. */
static int prepare(struct bm *bm, const struct bm_op *op)
{
	if (bm->open || !op->scratch || op->scratch_size < 2 * BM_LOG_MAX_SIZE)
		return -EINVAL;
	forget(bm);
	if (!bm->log.block)
		bm->log.block = get_memory(bm, BM_LOG_MAX_SIZE);
	if (!bm->super_block)
		bm->super_block = get_memory(bm, BM_LOG_MAX_SIZE);
	return bm->log.block && bm->super_block ? 0 : -ENOMEM;
}

/* ---- superblocks ---- */

/* Judge two superblocks; the one to use goes to bm->super. */
static int choose_super(struct bm *bm, struct bm_op *op)
{
	struct bm_load *load = op->state.load;
	enum bm_super_error *e = load->super_error;
	unsigned int use;

	op->super_error = e[0] ? e[0] : e[1];
	if (e[0] == BM_SUPER_NEWER || e[1] == BM_SUPER_NEWER) {
		op->super_error = BM_SUPER_NEWER;
		return -EPROTONOSUPPORT;
	}
	if (e[0] && e[1]) {
		if (load->read_error[0] && load->read_error[1])
			return load->read_error[0];
		if (e[0] == BM_SUPER_CORRUPT || e[1] == BM_SUPER_CORRUPT) {
			op->super_error = BM_SUPER_CORRUPT;
			return -EUCLEAN;
		}
		return e[0] == BM_SUPER_BLANK && e[1] == BM_SUPER_BLANK ? -ENXIO : -EMEDIUMTYPE;
	}
	/* Somebody else's data where every disk begins: most likely it is no longer a spare. */
	if (e[0] == BM_SUPER_FOREIGN && !(bm->config.flags & BM_ACCEPT_FOREIGN)) {
		op->bad = 0;
		return -EMEDIUMTYPE;
	}
	op->super_error = BM_SUPER_OK;
	if (!e[0] && !e[1] &&
	    (memcmp(load->super[0].uuid, load->super[1].uuid, 16) ||
	     load->super[0].set_id != load->super[1].set_id)) {
		op->super_error = BM_SUPER_CORRUPT;
		return -EUCLEAN;
	}
	use = e[0] || (!e[1] && load->super[1].generation > load->super[0].generation);
	bm->super = load->super[use];
	bm->super_missing[!use] =
		e[!use] || load->super[!use].generation != load->super[use].generation;
	return 0;
}

/*
 * Is this the main that the spare was made for? Where nothing is recorded nobody can tell, so it
 * is; who says accept wants from then on to know.
 */
static int match_identity(struct bm *bm, bool *changed)
{
	bool accept = bm->config.flags & BM_ACCEPT_MAIN;
	struct bm_super *s = &bm->super;

	if (!bm->identity[0] || !memcmp(bm->identity, s->main_identity, sizeof(bm->identity)))
		return 0;
	if (!accept)
		return s->main_identity[0] ? -ESTALE : 0;
	memcpy(s->main_identity, bm->identity, sizeof(bm->identity));
	*changed = true;
	return 0;
}

/* Does the spare belong to this main, and are both as large as they were? */
static int match(struct bm *bm, bool *changed)
{
	const struct bm_config *c = &bm->config;
	struct bm_super *s = &bm->super;
	u64 main_sectors = c->main_sectors & ~(u64)((s->block_size >> BM_SECTOR_SHIFT) - 1);
	int error;

	*changed = false;
	if (c->spare_sectors < s->spare_sectors)
		return -ENOSPC;
	if (c->block_size > s->block_size ||
	    (c->flags & BM_EXACT_BLOCKS && c->block_size < s->block_size))
		return -EINVAL;
	if (!c->main_sectors)
		return 0;
	error = match_identity(bm, changed);
	if (error)
		return error;
	if (main_sectors < s->main_sectors)
		return -ERANGE;
	if (main_sectors > s->main_sectors) {
		if (!(c->flags & BM_ACCEPT_GROWN))
			return -EOVERFLOW;
		s->main_sectors = main_sectors;
		*changed = true;
	}
	return 0;
}

void bm_step_super(struct bm *bm, struct bm_op *op, enum bm_step_kind kind, unsigned int copy,
		   void *memory)
{
	u64 sectors = bm->super.spare_sectors ? bm->super.spare_sectors : bm->config.spare_sectors;

	bm_step_io(op, kind, BM_SPARE, bm_super_sector(sectors, copy), BM_SUPER_SECTORS);
	op->step.memory = memory;
	op->step.fua = kind == BM_STEP_WRITE;
}

/*
 * Write both superblocks, or (only_missing) those that are missing. If a change can't be written to
 * the first, the second is left alone: it may be the last. op->state.error.
 */
enum bm_verdict bm_write_supers(struct bm *bm, struct bm_op *op, bool only_missing)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PART);
	memset(bm->super_block, 0, BM_LOG_MAX_SIZE);
	bm_super_encode(&bm->super, bm->super_block);
	st->error = 0;
	for (st->copy = 0; st->copy < 2; st->copy++) {
		if (only_missing && !bm->super_missing[st->copy])
			continue;
		bm_step_super(bm, op, BM_STEP_WRITE, st->copy, bm->super_block);
		CO_STEP(op, CO_PART);
		bm->super_missing[st->copy] = op->step.error[0];
		if (!op->step.error[0])
			continue;
		bm_event(bm, BM_EV_COPY_ERROR, op->step.sector, 0, st->copy, 0);
		if (!only_missing && !st->copy) {
			st->error = op->step.error[0];
			break;
		}
	}
	CO_END(op, CO_PART);
}

static enum bm_verdict read_supers(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_PART);
	for (st->copy = 0; st->copy < 2; st->copy++) {
		/* where copy 1 is, copy 0 knows best: the device may have grown */
		bm_step_super(bm, op, BM_STEP_READ, st->copy, op->scratch);
		if (st->copy && !st->load->super_error[0] &&
		    st->load->super[0].spare_sectors <= bm->config.spare_sectors)
			op->step.sector = bm_super_sector(st->load->super[0].spare_sectors, 1);
		CO_STEP(op, CO_PART);
		st->load->read_error[st->copy] = op->step.error[0];
		if (op->step.error[0])
			st->load->super_error[st->copy] = BM_SUPER_CORRUPT;
		else
			st->load->super_error[st->copy] =
				bm_super_decode(op->scratch, &st->load->super[st->copy]);
	}
	st->error = choose_super(bm, op);
	CO_END(op, CO_PART);
}

/* ---- the newest block ---- */

static bool newer(const struct bm_log_header *a, u64 epoch, u64 seq)
{
	return a->epoch > epoch || (a->epoch == epoch && a->seq > seq);
}

/* Look at a block at position pos of either copy. */
static void consider(struct bm *bm, struct bm_op *op, const void *block, u64 pos)
{
	struct bm_op_state *st = &op->state;
	struct bm_log_header h;
	u32 crc;

	if (!bm_log_peek(block, bm->super.log_size, bm->super.set_id, &h) ||
	    !newer(&h, st->epoch, st->seq) || h.epoch + 1 == 0 || h.ring > bm->super.log_max ||
	    h.ring < bm->super.log_min || pos >= h.ring ||
	    !bm_log_decode(block, bm->super.log_size, bm->super.set_id, &h, &crc))
		return;
	st->epoch = h.epoch;
	st->seq = h.seq;
	bm->log.head = h;
	bm->log.crc = crc;
	bm->log.pos = pos;
	if (h.ring > st->ring)
		st->ring = h.ring;
}

/* Read all of both copies, as far as the ring goes; it may be found to go further. */
static enum bm_verdict find_head(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	u32 size = bm->super.log_size, i;

	CO_BEGIN(op, CO_PART);
	st->ring = bm->super.log_min;
	st->load->scanned[0] = st->load->scanned[1] = 0;
	st->length = 0;
	while (st->load->scanned[0] < st->ring || st->load->scanned[1] < st->ring) {
		st->copy = st->load->scanned[0] >= st->ring;
		st->j = st->load->scanned[st->copy];
		if (!st->length)
			st->length = op->scratch_size / size;
		if (st->length > st->ring - st->j)
			st->length = (u32)(st->ring - st->j);
		bm_step_io(op, BM_STEP_READ, BM_SPARE, bm_log_sector(bm, st->copy, st->j),
			   st->length * (size >> BM_SECTOR_SHIFT));
		op->step.memory = op->scratch;
		CO_STEP(op, CO_PART);
		if (op->step.error[0] && st->length > 1) {
			st->length = 1;
			continue;
		}
		for (i = 0; !op->step.error[0] && i < st->length; i++)
			consider(bm, op, (u8 *)op->scratch + (size_t)i * size, st->j + i);
		st->load->scanned[st->copy] += st->length;
		st->length = 0;
	}
	st->error = st->seq ? 0 : -EUCLEAN;
	CO_END(op, CO_PART);
}

/* ---- what follows from the map ---- */

/* Every mapping must be inside, and no two may share a block of the spare. */
static int load_spare(struct bm *bm)
{
	struct bm_entry e;
	u64 at;
	int error;

	for (at = 0; bm_index_next(&bm->map, at, &e); at = e.block + e.count) {
		if (e.spare == BM_NO_BLOCK)
			continue;
		error = bm_spare_take(bm, e.spare, e.count);
		if (error)
			return error == -ENOMEM ? error : -EUCLEAN;
	}
	for (at = 0; bm_index_next(&bm->bad, at, &e); at = e.block + e.count) {
		if (!bm_spare_inside(bm, e.block, e.count))
			return -EUCLEAN;
		error = bm_spare_claim(bm, e.block, e.count);
		if (error)
			return error;
	}
	return 0;
}

static void resume_pass(struct bm *bm)
{
	struct bm_log *log = &bm->log;

	log->tail = log->head.tail;
	log->pass = log->head.pass;
	log->cursor = log->head.cursor;
	log->ahead = bm_log_ahead(bm, log->cursor);
	log->epoch = log->head.epoch + 1;
	if (log->epoch < bm->config.now)
		log->epoch = bm->config.now;
}

static int make_indexes(struct bm *bm)
{
	u64 spare_blocks = bm->super.spare_sectors >> bm->block_shift;
	int error = bm_index_init(&bm->map, &bm->mem, bm_main_blocks(bm));

	if (!error)
		error = bm_index_init(&bm->bad, &bm->mem, spare_blocks);
	return error ? error : bm_spare_init(bm);
}

static void now_open(struct bm *bm)
{
	bm->open = true;
	bm_reserve_fill(bm);
	bm_update_mode(bm);
	bm_event(bm, BM_EV_OPENED, 0, 0, bm->map.entries, bm->log.head.seq - bm->log.head.tail + 1);
}

static int start_load(struct bm *bm, struct bm_op *op)
{
	int error = prepare(bm, op);

	if (error)
		return error;
	if (bm->config.spare_sectors < 4 * BM_SUPER_SECTORS)
		return -EMEDIUMTYPE; /* no spare was ever so small */
	op->state.load = get_memory(bm, sizeof(struct bm_load));
	if (!op->state.load)
		return -ENOMEM;
	memset(op->state.load, 0, sizeof(struct bm_load));
	return 0;
}

static int after_supers(struct bm *bm, struct bm_op *op)
{
	bool changed;
	int error = match(bm, &changed);

	if (error)
		return error;
	op->state.load->changed = changed && !(bm->config.flags & BM_READ_ONLY);
	bm->super.generation += op->state.load->changed;
	bm->block_shift = bm->super.block_size == 4096 ? 3 : 0;
	return make_indexes(bm);
}

static int after_log(struct bm *bm)
{
	bm_index_set_exclusive(&bm->map, false);
	bm_index_set_exclusive(&bm->bad, false);
	while (bm_idle_work(bm))
		;
	bm->counters = (struct bm_counters){ 0 };
	return load_spare(bm);
}

enum bm_verdict bm_op_open(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;
	bool writable = !(bm->config.flags & BM_READ_ONLY);

	CO_BEGIN(op, CO_OP);
	op->error = start_load(bm, op);
	if (op->error)
		CO_RETURN(op, CO_OP);
	CO_CALL(op, CO_OP, read_supers(bm, op));
	op->error = st->error ? st->error : after_supers(bm, op);
	if (!op->error) {
		CO_CALL(op, CO_OP, find_head(bm, op));
		op->error = st->error;
	}
	if (!op->error) {
		bm_index_set_exclusive(&bm->map, true);
		bm_index_set_exclusive(&bm->bad, true);
		CO_CALL(op, CO_OP, bm_walk_log(bm, op, true, writable));
		op->error = st->error ? st->error : after_log(bm);
	}
	if (!op->error) {
		resume_pass(bm);
		if (writable &&
		    (st->load->changed || bm->super_missing[0] || bm->super_missing[1])) {
			CO_CALL(op, CO_OP, bm_write_supers(bm, op, !st->load->changed));
			if (st->load->changed)
				op->error = st->error;
		}
	}
	if (!op->error && writable) {
		/*
		 * A block that was torn by the last cut stands where the next one will: if that
		 * were torn too, the old one's parts could meet again. So before anything is
		 * acknowledged a block without changes takes its place, or nothing is.
		 */
		CO_CALL(op, CO_OP, bm_commit(bm, op));
		op->error = st->error;
		if (op->error)
			op->bad = bm_log_sector(bm, 0, bm->log.next_pos);
	}
	if (!op->error)
		now_open(bm);
	bm->config.mem.free(bm->config.mem.ctx, st->load, sizeof(struct bm_load));
	st->load = NULL;
	CO_END(op, CO_OP);
}

/* ---- format ---- */

static int plan(struct bm *bm, struct bm_op *op)
{
	const struct bm_format *f = op->format;
	struct bm_super *s = &bm->super;
	u32 block_size = bm->config.block_size ? bm->config.block_size : 512;
	int error = prepare(bm, op);

	if (error)
		return error;
	if (bm->config.flags & BM_READ_ONLY)
		return -EROFS;
	if (!f || !f->set_id)
		return -EINVAL;
	*s = (struct bm_super){
		.version = BM_VERSION,
		.set_id = f->set_id,
		.generation = 1,
		.created = bm->config.now,
		.block_size = block_size,
		.log_size = f->log_size ? f->log_size : BM_LOG_MAX_SIZE,
		.main_sectors = bm->config.main_sectors & ~(u64)((block_size >> 9) - 1),
		.spare_sectors = bm->config.spare_sectors,
		.spare_count = 1,
	};
	memcpy(s->uuid, f->uuid, sizeof(s->uuid));
	memcpy(s->label, f->label, BM_LABEL_MAX);
	memcpy(s->main_identity, bm->identity, BM_IDENTITY_MAX);
	bm->block_shift = block_size == 4096 ? 3 : 0;
	memset(bm->super_block, 0, BM_LOG_MAX_SIZE);
	error = bm_super_layout(s, &op->done);
	return error ? error : make_indexes(bm);
}

static void step_first_block(struct bm *bm, struct bm_op *op)
{
	bm_log_format(bm);
	bm_step_io(op, BM_STEP_LOG, BM_SPARE, bm_log_sector(bm, 0, 0),
		   bm->super.log_size >> BM_SECTOR_SHIFT);
	op->step.sector2 = bm_log_sector(bm, 1, 0);
	op->step.memory = bm->log.block;
	op->step.fua = true;
}

enum bm_verdict bm_op_format(struct bm *bm, struct bm_op *op)
{
	struct bm_op_state *st = &op->state;

	CO_BEGIN(op, CO_OP);
	op->error = plan(bm, op);
	for (st->copy = 0; !op->error && st->copy < 2; st->copy++) {
		bm_step_super(bm, op, BM_STEP_WRITE, st->copy, bm->super_block);
		CO_STEP(op, CO_OP);
		op->error = op->step.error[0];
	}
	if (!op->error) {
		step_first_block(bm, op);
		CO_STEP(op, CO_OP);
		op->error = op->step.error[0] ? op->step.error[0] : op->step.error[1];
	}
	if (!op->error) {
		CO_CALL(op, CO_OP, bm_write_supers(bm, op, false));
		op->error = bm->super_missing[0] || bm->super_missing[1] ? -EIO : 0;
	}
	if (!op->error) {
		bm_log_publish(bm);
		bm->log.pass = bm->log.head.pass;
		resume_pass(bm);
		bm->log.epoch = bm->log.head.epoch;
		bm->counters = (struct bm_counters){ 0 };
		now_open(bm);
	}
	CO_END(op, CO_OP);
}
