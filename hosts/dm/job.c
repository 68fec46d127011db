// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running the core's operations: advance, do the step that it asks for, advance. One job is the
 * memory that one operation needs, so that none is allocated while I/O waits for it.
 */
#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "map.h"
#include "memory.h"
#include "step.h"
#include "target.h"

#define EVENTS_AT_ONCE 4

/* ---- the core's serialisation ---- */

struct bm *remap_hold(struct remap *r)
{
	mutex_lock(&r->lock);
	return r->bm;
}

static void wake_ready(struct remap *r)
{
	struct bm_op *op;

	while ((op = bm_ready(r->bm)))
		complete(&((struct remap_job *)op->host)->ready);
}

void remap_release(struct remap *r)
{
	struct bm_event events[EVENTS_AT_ONCE];
	unsigned int n, i, noio;

	wake_ready(r);
	for (;;) {
		for (n = 0; n < EVENTS_AT_ONCE && bm_get_event(r->bm, &events[n]);)
			n++;
		mutex_unlock(&r->lock);
		noio = memalloc_noio_save();
		for (i = 0; i < n; i++)
			remap_event(r, &events[i]);
		memalloc_noio_restore(noio);
		if (n < EVENTS_AT_ONCE)
			return;
		mutex_lock(&r->lock);
	}
}

/* Memory for a larger index takes long to allocate: meanwhile others may have the core. */
static struct bm *hold_with_memory(struct remap *r)
{
	struct bm *bm = remap_hold(r);
	size_t size = bm_idle_wants(bm);
	unsigned int noreclaim;
	void *memory;

	if (!size)
		return bm;
	remap_release(r);
	noreclaim = memalloc_noreclaim_save();
	memory = remap_memory.alloc(remap_memory.ctx, size);
	memalloc_noreclaim_restore(noreclaim);
	bm = remap_hold(r);
	bm_idle_give(bm, memory, size);
	return bm;
}

void remap_idle_work(struct remap *r)
{
	unsigned int noreclaim;
	struct bm *bm;
	bool more;

	do {
		bm = hold_with_memory(r);
		noreclaim = memalloc_noreclaim_save();
		more = bm_idle_work(bm);
		memalloc_noreclaim_restore(noreclaim);
		remap_release(r);
		cond_resched();
	} while (more);
}

/* ---- operations ---- */

static bool op_is_loading(const struct bm_op *op)
{
	return op->kind == BM_OP_OPEN || op->kind == BM_OP_FORMAT;
}

/* Of which all that is read and written is metadata. */
static bool op_is_metadata(const struct bm_op *op)
{
	return op_is_loading(op) || op->kind == BM_OP_CHECK || op->kind == BM_OP_UPDATE;
}

/*
 * Who waits for memory may wait for a page to be written, to a swap or a file on this very device,
 * by a request that needs the core, which we hold. Only loading, before all requests, can wait.
 */
static enum bm_verdict op_advance(struct bm *bm, struct bm_op *op)
{
	bool loading = op_is_loading(op);
	unsigned int flags = loading ? memalloc_noio_save() : memalloc_noreclaim_save();
	enum bm_verdict verdict = bm_advance(bm, op);

	if (loading)
		memalloc_noio_restore(flags);
	else
		memalloc_noreclaim_restore(flags);
	return verdict;
}

static enum bm_verdict job_advance(struct remap_job *job, struct bm_op *op)
{
	struct remap *r = job->r;
	enum bm_verdict verdict;

	for (;;) {
		struct bm *bm = remap_hold(r);

		reinit_completion(&job->ready);
		verdict = op_advance(bm, op);
		remap_release(r);
		if (verdict != BM_WAIT)
			return verdict;
		wait_for_completion(&job->ready);
	}
}

int remap_unwanted(const struct remap *r)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	return READ_ONCE(r->leaving) ? -EAGAIN : 0;
}

int remap_job_run(struct remap_job *job, struct bm_op *op, struct bio *client)
{
	unsigned int noio = memalloc_noio_save();

	job->client = client;
	job->metadata = op_is_metadata(op);
	job->erase_error = 0;
	job->write_failed = false;
	op->host = job;
	op->scratch = job->scratch;
	op->scratch_size = REMAP_SCRATCH;
	while (job_advance(job, op) == BM_STEP) {
		remap_step_run(job, &op->step);
		if (!client && (READ_ONCE(job->stop) || remap_unwanted(job->r)))
			op->flags |= BM_OP_STOP;
	}
	op->scratch = NULL;
	op->host = NULL;
	if (!op->error && job->erase_error)
		op->error = job->erase_error;
	if (op->error == -EINTR && !fatal_signal_pending(current))
		op->error = -EAGAIN;
	memalloc_noio_restore(noio);
	if (!client)
		remap_idle_work(job->r);
	return op->error;
}

int remap_job_read(struct remap_job *job, enum bm_device device, u64 sector, u32 count,
		   void **memory)
{
	struct bm_step step = {
		.kind = BM_STEP_READ,
		.device = device,
		.sector = sector,
		.count = count,
		.memory = job->scratch,
	};

	job->client = NULL;
	job->metadata = true;
	remap_step_run(job, &step);
	*memory = job->scratch;
	return step.error[0];
}

struct remap_job *remap_job_create(struct remap *r)
{
	struct remap_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	job->r = r;
	init_completion(&job->ready);
	init_completion(&job->done);
	/* Whole pages either way: some controllers want as much alignment. */
	job->scratch = kvmalloc(REMAP_SCRATCH, GFP_KERNEL);
	if (!job->scratch) {
		kfree(job);
		return NULL;
	}
	return job;
}

void remap_job_destroy(struct remap_job *job)
{
	if (!job)
		return;
	kvfree(job->scratch);
	kfree(job);
}
