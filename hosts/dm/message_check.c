// SPDX-License-Identifier: GPL-2.0-only
/* Messages about the metadata and the device's state. */
#include <linux/err.h>
#include <linux/kernel.h>

#include "compat.h"
#include "message.h"

static void answer_check(struct remap_message *m, const struct bm_check *c)
{
	remap_answer(m, "blocks %llu\nbad0 %llu\nbad1 %llu\n", c->blocks, c->bad[0], c->bad[1]);
	remap_answer(m, "super_bad0 %u\nsuper_bad1 %u\n", c->super_bad[0], c->super_bad[1]);
	remap_answer(m, "repaired0 %llu\nrepaired1 %llu\n", c->repaired[0], c->repaired[1]);
	remap_answer(m, "super_repaired0 %u\nsuper_repaired1 %u\n", c->super_repaired[0],
		     c->super_repaired[1]);
}

int remap_message_check(struct remap_message *m)
{
	struct bm_op op;
	bool repair;
	int err;

	err = remap_word_flag(m, 0, "repair", &repair);
	if (err)
		return err;
	bm_op_init(&op, BM_OP_CHECK, 0, 0);
	if (repair)
		op.flags |= BM_OP_REPAIR_IT;
	err = remap_job_run(m->r->admin_job, &op, NULL);
	if (err == -EINTR || err == -EAGAIN)
		remap_refuse(m, "ended early, by a %s", remap_ender(err));
	else if (err)
		remap_refuse(m, "the metadata can't be checked (%pe): look at the spare",
			     ERR_PTR(err));
	else
		answer_check(m, &op.check);
	return err;
}

int remap_message_reset(struct remap_message *m)
{
	struct bm_status status;
	struct bm_op op;
	int err;

	bm_reset_breaker(remap_hold(m->r));
	remap_release(m->r);
	bm_op_init(&op, BM_OP_RETRY, 0, 0);
	err = remap_job_run(m->r->admin_job, &op, NULL);
	if (err == -EROFS)
		remap_refuse(m, "the table is read-only: load one that is not");
	else if (err)
		remap_refuse(m, "the metadata still can't be written (%pe): look at the spare",
			     ERR_PTR(err));
	if (err)
		return err;
	remap_status_of(m->r, &status);
	remap_answer(m, "mode %s\nbreaker %s\n", remap_mode_name(status.mode),
		     remap_breaker_name(status.breaker));
	return 0;
}

/* The status line counts on, from loading. */
int remap_message_clear_stats(struct remap_message *m)
{
	struct remap *r = m->r;
	struct bm *bm = remap_hold(r);
	struct bm_status status;

	bm_get_status(bm, &status);
	bm_clear_counters(bm);
	r->cleared_errors += status.counters.read_errors + status.counters.write_errors;
	r->cleared_commits += status.counters.commits;
	remap_release(r);
	remap_answer(m, "cleared\n");
	return 0;
}
