// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workers: what failed, and what touches blocks that an operation holds, is put in a queue that
 * a fixed number of them empty. Their memory is there from the start, so relocation goes on when
 * memory is short and the device holds the swap; the workqueue has a rescuer for the same reason.
 * An operation only ever waits for others that have started, so a few workers are enough.
 */
#include <linux/bio.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "map.h"
#include "step.h"
#include "target.h"

struct remap_worker {
	struct work_struct work;
	struct remap_workers *all;
	struct remap_job *job;
	struct bm_op op;
	bool busy; /* under all->lock */
};

struct remap_workers {
	struct remap *r;
	struct workqueue_struct *queue;
	spinlock_t lock; /* of the bios and of who is busy */
	struct bio_list bios;
	unsigned int count;
	struct remap_worker worker[];
};

/* Of what is sent to a disk without a cache the block layer takes FUA off: perhaps it was there. */
static bool wants_fua(struct remap *r, struct bio *bio)
{
	const struct remap_io *io = remap_io_of(bio);

	if (bio->bi_opf & REQ_FUA)
		return true;
	return op_is_write(bio_op(bio)) && io->failed &&
	       !bdev_write_cache(r->dev[io->device]->bdev);
}

static void worker_serve(struct remap_worker *w, struct bio *bio)
{
	bool erase = bio_op(bio) == REQ_OP_SECURE_ERASE;
	const struct remap_io *io = remap_io_of(bio);
	enum bm_request request = BM_REQ_READ;
	struct remap *r = w->all->r;
	struct bm_op *op = &w->op;
	int err, erase_err;

	remap_request_of(bio, &request);
	bm_op_init(op, bm_op_of(request), io->iter.bi_sector, io->iter.bi_size >> SECTOR_SHIFT);
	if (io->failed)
		op->flags |= BM_OP_FAILED;
	if (wants_fua(r, bio))
		op->flags |= BM_OP_FUA;
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES && !(bio->bi_opf & REQ_NOUNMAP))
		op->flags |= BM_OP_MAY_TRIM;
	if (erase)
		op->flags |= BM_OP_ERASE;
	erase_err = erase ? remap_step_erase_main(w->job, bio) : 0;
	err = remap_job_run(w->job, op, bio);
	if (!err && io->failed && bio->bi_opf & REQ_FUA && !w->job->write_failed)
		remap_step_owe(r, io->device);
	bio->bi_status = errno_to_blk_status(erase_err ? erase_err : err);
	bio_endio(bio);
	remap_idle_work(r);
}

static struct bio *worker_next(struct remap_worker *w)
{
	struct remap_workers *all = w->all;
	struct bio *bio;

	spin_lock_irq(&all->lock);
	bio = bio_list_pop(&all->bios);
	w->busy = bio;
	spin_unlock_irq(&all->lock);
	return bio;
}

static void worker_run(struct work_struct *work)
{
	struct remap_worker *w = container_of(work, struct remap_worker, work);
	struct bio *bio;

	while ((bio = worker_next(w)))
		worker_serve(w, bio);
}

static struct remap_worker *worker_idle(struct remap_workers *all)
{
	unsigned int i;

	for (i = 0; i < all->count; i++)
		if (!all->worker[i].busy)
			return &all->worker[i];
	return NULL;
}

void remap_workers_take(struct remap *r, struct bio *bio)
{
	struct remap_workers *all = r->workers;
	struct remap_worker *w;
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	bio_list_add(&all->bios, bio);
	w = worker_idle(all);
	/* Queued before anybody can serve the bio: with its end all this may go. */
	if (w) {
		w->busy = true;
		queue_work(all->queue, &w->work);
	}
	spin_unlock_irqrestore(&all->lock, flags);
}

int remap_workers_create(struct remap *r)
{
	unsigned int i, count = clamp(remap_worker_count, 1u, 128u);
	struct remap_workers *all;

	all = kvzalloc(struct_size(all, worker, count), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	r->workers = all;
	all->r = r;
	spin_lock_init(&all->lock);
	bio_list_init(&all->bios);
	all->count = count;
	for (i = 0; i < count; i++) {
		INIT_WORK(&all->worker[i].work, worker_run);
		all->worker[i].all = all;
		all->worker[i].job = remap_job_create(r);
		if (!all->worker[i].job)
			goto err_destroy;
	}
	all->queue = alloc_workqueue("dm-remap", WQ_MEM_RECLAIM | WQ_UNBOUND, count);
	if (!all->queue)
		goto err_destroy;
	return 0;

err_destroy:
	remap_workers_destroy(r);
	return -ENOMEM;
}

void remap_workers_drain(struct remap *r)
{
	flush_workqueue(r->workers->queue);
}

void remap_workers_destroy(struct remap *r)
{
	struct remap_workers *all = r->workers;
	unsigned int i;

	if (!all)
		return;
	/* Waits for those who are about to look for a last bio and find none. */
	if (all->queue)
		destroy_workqueue(all->queue);
	for (i = 0; i < all->count; i++)
		remap_job_destroy(all->worker[i].job);
	kvfree(all);
	r->workers = NULL;
}
