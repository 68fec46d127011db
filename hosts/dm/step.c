// SPDX-License-Identifier: GPL-2.0-only
#include "step.h"

#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/mm.h>

#include "compat.h"
#include "map.h"
#include "metadata.h"
#include "target.h"

static struct block_device *bdev_of(const struct remap_job *job, enum bm_device device)
{
	return job->r->dev[device]->bdev;
}

static void job_end_io(struct bio *bio)
{
	struct remap_job *job = bio->bi_private;

	complete(&job->done);
}

static int job_submit_wait(struct remap_job *job, u64 sector)
{
	struct bio *bio = &job->bio;
	int err;

	bio->bi_iter.bi_sector = sector;
	bio->bi_private = job;
	bio->bi_end_io = job_end_io;
	reinit_completion(&job->done);
	submit_bio(bio);
	wait_for_completion_io(&job->done);
	err = blk_status_to_errno(bio->bi_status);
	bio_uninit(bio);
	return err;
}

/* ---- the core's memory ---- */

static struct page *page_of(const void *memory)
{
	return is_vmalloc_addr(memory) ? vmalloc_to_page(memory) : virt_to_page(memory);
}

/* As much of `length` bytes of memory as the bio takes; how much. */
static u32 job_fill(struct remap_job *job, struct block_device *bdev, blk_opf_t opf, void *memory,
		    u32 length)
{
	u32 filled = 0;

	bio_init(&job->bio, bdev, job->vecs, REMAP_STEP_VECS, opf);
	while (filled < length) {
		u8 *at = (u8 *)memory + filled;
		u32 n = min_t(u32, length - filled, PAGE_SIZE - offset_in_page(at));

		if (bio_add_page(&job->bio, page_of(at), n, offset_in_page(at)) < n)
			break;
		filled += n;
	}
	return filled;
}

static int memory_io(struct remap_job *job, const struct bm_step *step, blk_opf_t opf)
{
	u32 length = step->count << SECTOR_SHIFT, done = 0;
	bool vmap = is_vmalloc_addr(step->memory);
	int err = 0;

	if (vmap && op_is_write(opf))
		flush_kernel_vmap_range(step->memory, length);
	while (done < length && !err) {
		u32 n = job_fill(job, bdev_of(job, step->device), opf, (u8 *)step->memory + done,
				 length - done);

		err = job_submit_wait(job, step->sector + (done >> SECTOR_SHIFT));
		done += n;
	}
	if (vmap && !op_is_write(opf))
		invalidate_kernel_vmap_range(step->memory, length);
	return err;
}

/* ---- the client's data ---- */

/* The client's bio was given back by a driver; its iterator is the one of when it was mapped. */
static int client_io(struct remap_job *job, const struct bm_step *step, blk_opf_t opf)
{
	struct bio *bio = &job->bio;
	int err;

	err = bio_init_clone(bdev_of(job, step->device), bio, job->client, GFP_NOIO);
	if (err)
		return err;
	bio->bi_opf = opf;
	bio->bi_iter = remap_io_of(job->client)->iter;
	bio_advance(bio, step->offset);
	bio->bi_iter.bi_size = step->count << SECTOR_SHIFT;
	return job_submit_wait(job, step->sector);
}

static void client_copy(struct remap_job *job, const struct bm_step *step)
{
	struct bvec_iter iter = remap_io_of(job->client)->iter;
	const u8 *from = step->memory;
	struct bio_vec vec;

	bio_advance_iter(job->client, &iter, step->offset);
	iter.bi_size = step->count << SECTOR_SHIFT;
	__bio_for_each_segment(vec, job->client, iter, iter) {
		memcpy_to_page(vec.bv_page, vec.bv_offset, from, vec.bv_len);
		from += vec.bv_len;
	}
}

/* ---- the steps ---- */

/*
 * For most disks that have a cache, the block layer makes FUA of a write and a flush, and doesn't
 * tell which of them failed. What is stacked says that it has FUA, whatever lies below it.
 */
static bool fua_is_flush(struct block_device *bdev)
{
	bool stacked = bdev->bd_disk->fops->submit_bio;

	return bdev_write_cache(bdev) && (stacked || !bdev_fua(bdev));
}

void remap_step_owe(struct remap *r, enum bm_device device)
{
	if (!fua_is_flush(r->dev[device]->bdev))
		return;
	atomic_set(&r->client_owed[device], 1);
	atomic_set(&r->core_owed[device], 1);
}

static int step_flush(struct remap_job *job, enum bm_device device)
{
	struct remap *r = job->r;
	int err = blkdev_issue_flush(bdev_of(job, device));

	if (err)
		atomic_set(&r->client_owed[device], 1);
	/* Asked afterwards: one of the client's that was under way may have failed meanwhile. */
	if (unlikely(atomic_read(&r->core_owed[device])) && atomic_xchg(&r->core_owed[device], 0))
		err = err ? err : -EIO;
	return err;
}

/* Of a write that needs one. No error of the medium: which blocks it is about nobody knows. */
static int flush_after(struct remap_job *job, const struct bm_step *step)
{
	int err = step_flush(job, step->device);

	return bm_is_medium(err) ? -EREMOTEIO : err;
}

static int step_io(struct remap_job *job, const struct bm_step *step, enum req_op op)
{
	bool flush = step->fua && !job->metadata && fua_is_flush(bdev_of(job, step->device));
	blk_opf_t opf = op | REQ_SYNC | (step->fua && !flush ? REQ_FUA : 0);
	int err;

	if (job->metadata)
		return remap_metadata_io(job->r, step, opf);
	err = step->memory ? memory_io(job, step, opf) : client_io(job, step, opf);
	if (err && op == REQ_OP_WRITE)
		job->write_failed = true;
	return !err && flush ? flush_after(job, step) : err;
}

static int step_zero(struct remap_job *job, const struct bm_step *step)
{
	unsigned int flags = step->may_trim ? 0 : BLKDEV_ZERO_NOUNMAP;
	struct block_device *bdev = bdev_of(job, step->device);
	int err = blkdev_issue_zeroout(bdev, step->sector, step->count, GFP_NOIO, flags);

	if (err)
		job->write_failed = true;
	return !err && step->fua ? flush_after(job, step) : err;
}

static int erase(struct block_device *bdev, u64 sector, u64 count)
{
	return blkdev_issue_secure_erase(bdev, sector, count, GFP_NOIO);
}

int remap_step_erase_main(struct remap_job *job, struct bio *client)
{
	const struct bvec_iter *iter = &remap_io_of(client)->iter;

	return erase(bdev_of(job, BM_MAIN), iter->bi_sector, iter->bi_size >> SECTOR_SHIFT);
}

static int step_discard(struct remap_job *job, const struct bm_step *step)
{
	struct block_device *bdev = bdev_of(job, step->device);
	int err;

	if (job->client && bio_op(job->client) == REQ_OP_SECURE_ERASE) {
		err = erase(bdev, step->sector, step->count);
		if (err)
			job->erase_error = err;
		return err;
	}
	err = blkdev_issue_discard(bdev, step->sector, step->count, GFP_NOIO);
	return err == -EOPNOTSUPP ? 0 : err; /* advice that can't be taken */
}

void remap_step_run(struct remap_job *job, struct bm_step *step)
{
	int err = 0;

	switch (step->kind) {
	case BM_STEP_READ:
		err = step_io(job, step, REQ_OP_READ);
		break;
	case BM_STEP_WRITE:
		err = step_io(job, step, REQ_OP_WRITE);
		break;
	case BM_STEP_ZERO:
		err = step_zero(job, step);
		break;
	case BM_STEP_DISCARD:
		err = step_discard(job, step);
		break;
	case BM_STEP_FLUSH:
		err = step_flush(job, step->device);
		break;
	case BM_STEP_LOG:
		remap_metadata_log(job->r, step);
		return;
	case BM_STEP_COPY:
		client_copy(job, step);
		break;
	case BM_STEP_QUIESCE:
		remap_sections_wait(&job->r->sections);
		break;
	}
	step->error[0] = err;
}
