// SPDX-License-Identifier: GPL-2.0-only
/* Messages that remap by hand and bring back. */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "compat.h"
#include "message.h"

#define EXTENTS_AT_ONCE 256 /* looked at with the core held still */

/* Sectors of a range. */
struct sums {
	u64 state[BM_BAD]; /* by enum bm_state */
	u64 placed;        /* have a block of the spare */
	u64 spare;         /* that of the first sector, or BM_NOWHERE */
};

static void sums_of(struct remap *r, u64 sector, u64 count, struct sums *sums)
{
	u64 at = sector, end = sector + count;
	bool more = true;
	struct bm_extent e;

	memset(sums, 0, sizeof(*sums));
	sums->spare = BM_NOWHERE;
	while (more) {
		const struct bm *bm = remap_hold(r);
		unsigned int i;

		for (i = 0; i < EXTENTS_AT_ONCE; i++) {
			more = bm_walk_range(bm, &at, end, &e);
			if (!more)
				break;
			sums->state[e.state] += e.count;
			sums->placed += e.spare == BM_NOWHERE ? 0 : e.count;
			if (e.sector == sector)
				sums->spare = e.spare;
		}
		remap_release(r);
		cond_resched();
	}
}

/* ---- add_remap ---- */

static void refuse_place(struct remap_message *m, const struct bm_op *op)
{
	u64 first = op->spare, last = op->spare + op->count - 1;
	struct bm_status s;

	remap_status_of(m->r, &s);
	if (op->error == -EBUSY)
		remap_refuse(m, "spare sectors %llu to %llu are in part taken or bad: say auto",
			     first, last);
	else if (op->error == -EPERM)
		remap_refuse(m, "spare sector %llu or one behind it is metadata: try %llu to %llu",
			     first, s.super.data_start, s.super.data_end - 1);
	else if (op->error == -ERANGE)
		remap_refuse(m,
			     "%llu sectors from %llu on are not all on the spare, which has %llu",
			     op->count, first, s.super.spare_sectors);
	else
		remap_refuse(m, "spare sector %llu does not begin a block of %u bytes", first,
			     s.super.block_size);
}

static void refuse_add(struct remap_message *m, const struct bm_op *op)
{
	switch (op->error) {
	case -EEXIST:
		remap_refuse(m, "sector %llu is remapped already: remove_remap comes first",
			     op->bad == BM_NOWHERE ? op->sector : op->bad);
		break;
	case -EBUSY:
	case -EPERM:
	case -ERANGE:
	case -EINVAL:
		refuse_place(m, op);
		break;
	case -ENOSPC:
		remap_refuse(m, "the spare has no room for %llu sectors more", op->count);
		break;
	case -EROFS:
		remap_refuse(m, "the map is read-only: health says why");
		break;
	case -EINTR:
	case -EAGAIN:
		remap_refuse(m, "ended early, by a %s", remap_ender(op->error));
		break;
	default:
		remap_refuse(m, "sector %llu can't be remapped (%pe): look at cable and power",
			     op->bad == BM_NOWHERE ? op->sector : op->bad, ERR_PTR(op->error));
	}
	if (op->done)
		remap_refuse(m, "sectors %llu to %llu are remapped, the others are not", op->sector,
			     op->sector + op->done - 1);
}

static int add(struct remap_message *m, u64 sector, u64 count, u64 spare, bool no_copy)
{
	struct bm_op op;

	bm_op_init(&op, BM_OP_ADD, sector, count);
	op.spare = spare;
	if (no_copy)
		op.flags |= BM_OP_NO_COPY;
	/* The core looks at all of the range, here and there, before it begins. */
	if (remap_job_run(m->r->admin_job, &op, NULL))
		refuse_add(m, &op);
	return op.error;
}

static void answer_place(struct remap_message *m, u64 spare)
{
	if (spare == BM_NOWHERE)
		remap_answer(m, "spare -\n");
	else
		remap_answer(m, "spare %llu\n", spare);
}

int remap_message_add(struct remap_message *m)
{
	u64 sector, count, spare = BM_NOWHERE;
	struct sums sums;
	bool no_copy;
	int err;

	err = remap_word_number(m, 0, "a sector of main", &sector);
	if (!err && strcmp(m->argv[1], "auto"))
		err = remap_word_number(m, 1, "a sector of the spare, nor auto", &spare);
	if (!err)
		err = remap_word_number(m, 2, "a length in sectors", &count);
	if (!err)
		err = remap_word_flag(m, 3, "no_copy", &no_copy);
	if (!err)
		err = remap_check_range(m, sector, count);
	if (!err && spare == BM_NOWHERE && strcmp(m->argv[1], "auto")) {
		remap_refuse(m, "%llu is beyond the end of any spare", spare);
		err = -ERANGE;
	}
	if (!err)
		err = add(m, sector, count, spare, no_copy);
	if (err)
		return err;
	sums_of(m->r, sector, count, &sums);
	remap_answer(m, "sector %llu\ncount %llu\nmapped %llu\nlost %llu\npending %llu\n", sector,
		     count, sums.state[BM_MAPPED], sums.state[BM_LOST], sums.state[BM_PENDING]);
	answer_place(m, sums.spare);
	return 0;
}

/* ---- remove_remap ---- */

/* What became of a range, in sectors. */
struct outcome {
	u64 released;   /* were on the spare, and are not any more */
	u64 unreadable; /* pending or lost */
	u64 left;       /* still on the spare */
};

static void count_outcome(struct remap *r, u64 sector, u64 count, const struct sums *before,
			  struct outcome *outcome)
{
	struct sums after;

	sums_of(r, sector, count, &after);
	outcome->released += before->placed - min(before->placed, after.placed);
	outcome->unreadable += after.state[BM_PENDING] + after.state[BM_LOST];
	outcome->left += after.placed;
}

/* It has been looked whether there is something: if it is gone by now, well. */
static int bring_back(struct remap *r, struct bm_op *op, u64 sector, u64 count, bool force)
{
	int err;

	bm_op_init(op, BM_OP_REMOVE, sector, count);
	if (force)
		op->flags |= BM_OP_FORCE;
	err = remap_job_run(r->admin_job, op, NULL);
	return err == -ENOENT ? 0 : err;
}

/* `bad`: the sector that it is about, or BM_NOWHERE. */
static void refuse_remove(struct remap_message *m, int err, u64 bad)
{
	if (err == -ENOENT)
		remap_refuse(m, "nothing is remapped there");
	else if (err == -EROFS)
		remap_refuse(m, "the map is read-only: health says why");
	else if (err == -EINTR || err == -EAGAIN)
		remap_refuse(m, "ended early, by a %s: the rest stays remapped", remap_ender(err));
	else if (bad == BM_NOWHERE)
		remap_refuse(m, "the metadata can't be written (%pe): health says more",
			     ERR_PTR(err));
	else if (bm_is_medium(err))
		remap_refuse(m, "sector %llu can't be copied back; force would lose its contents",
			     bad);
	else
		remap_refuse(m, "stopped at sector %llu (%pe): look at cable and power", bad,
			     ERR_PTR(err));
}

/* "<main> [<length>] [force]"; no length is the whole remap. */
static int parse_remove(struct remap_message *m, u64 *sector, u64 *count, bool *force)
{
	bool lengthy = m->argc > 1 && strcmp(m->argv[1], "force"), found;
	int err = remap_word_number(m, 0, "a sector of main", sector);

	if (!err && lengthy)
		err = remap_word_number(m, 1, "a length in sectors, nor force", count);
	if (!err)
		err = remap_word_flag(m, 1 + lengthy, "force", force);
	if (!err && m->argc == 3 && !lengthy) {
		remap_refuse(m, "nothing may follow force");
		err = -EINVAL;
	}
	if (err)
		return err;
	if (lengthy)
		return remap_check_range(m, *sector, *count);
	found = bm_find_remap(remap_hold(m->r), *sector, sector, count);
	remap_release(m->r);
	if (found)
		return 0;
	refuse_remove(m, -ENOENT, *sector);
	return -ENOENT;
}

int remap_message_remove(struct remap_message *m)
{
	struct outcome outcome = {};
	u64 sector, count, bad;
	struct sums before;
	struct bm_op op;
	bool force;
	int err;

	err = parse_remove(m, &sector, &count, &force);
	if (err)
		return err;
	err = bm_check_remove(remap_hold(m->r), sector, count, force, &bad);
	remap_release(m->r);
	if (!err) {
		sums_of(m->r, sector, count, &before);
		err = bring_back(m->r, &op, sector, count, force);
		bad = op.bad;
	}
	if (err) {
		refuse_remove(m, err, bad);
		return err;
	}
	count_outcome(m->r, sector, count, &before, &outcome);
	remap_answer(m, "sector %llu\ncount %llu\nreleased %llu\nunreadable %llu\n", sector, count,
		     outcome.released, outcome.unreadable);
	return 0;
}

/* ---- clear_all ---- */

/* What can't be copied back is passed over, so that everything has been tried. */
static int clear_extent(struct remap *r, struct bm_op *op, const struct bm_extent *e, bool force)
{
	u64 at = e->sector, end = e->sector + e->count, block;
	struct bm_status status;
	int err;

	if (e->state == BM_LOST && !force)
		return 0;
	remap_status_of(r, &status);
	block = status.super.block_size >> SECTOR_SHIFT;
	do {
		err = bring_back(r, op, at, end - at, force);
		if (!bm_is_medium(err) || op->bad == BM_NOWHERE)
			return err;
		at = op->bad + block;
	} while (at < end);
	return 0;
}

int remap_message_clear_all(struct remap_message *m)
{
	struct outcome outcome = {};
	struct bm_extent e;
	struct sums before;
	struct bm_op op;
	bool force, found;
	u64 at = 0;
	int err;

	op.bad = BM_NOWHERE;
	err = remap_word_flag(m, 0, "force", &force);
	while (!err) {
		found = bm_walk(remap_hold(m->r), &at, &e);
		remap_release(m->r);
		if (!found)
			break;
		sums_of(m->r, e.sector, e.count, &before);
		err = remap_unwanted(m->r);
		if (!err)
			err = clear_extent(m->r, &op, &e, force);
		count_outcome(m->r, e.sector, e.count, &before, &outcome);
		if (err)
			refuse_remove(m, err, op.bad);
	}
	if (!err)
		remap_answer(m, "released %llu\nunreadable %llu\nleft %llu\n", outcome.released,
			     outcome.unreadable, outcome.left);
	return err;
}
