/* SPDX-License-Identifier: GPL-2.0-only */
/* Carrying out the core's steps with bios. */
#ifndef BLKMEND_DM_STEP_H
#define BLKMEND_DM_STEP_H

#include <linux/bio.h>
#include <linux/completion.h>

#include "../../core/remap.h"

/* Scratch memory need not begin with a page; of what vmalloc() gave each page is a piece. */
#define REMAP_STEP_VECS 17

struct remap_job {
	struct remap *r;
	struct bio *client; /* whose data steps without memory are about, or NULL */
	bool metadata;      /* of which all other steps are */
	void *scratch;      /* REMAP_SCRATCH bytes */
	struct completion ready;
	int erase_error;   /* of a secure erase, which, other than a discard, is no advice */
	bool write_failed; /* a step of this operation that wrote the client's data */
	bool stop;         /* set by others: what no client waits for shall end soon */
	/* One bio of ours at a time, the last member: some kernels' end in an array. */
	struct completion done;
	struct bio_vec vecs[REMAP_STEP_VECS];
	struct bio bio;
};

/*
 * All of main that a client's secure erase covers, also where something else lives on the spare:
 * the block of main still holds what it last took. To be done before the operation, which erases
 * what is on the spare. 0 or a negative errno. May sleep.
 */
int remap_step_erase_main(struct remap_job *job, struct bio *client);

/*
 * A write with FUA failed on that device, and then every block of it could be written. Where the
 * block layer makes FUA of a write and a flush, it may have been the flush that failed, for blocks
 * of anybody's: then the next flush fails too. Any context.
 */
void remap_step_owe(struct remap *r, enum bm_device device);

/* Do it and set step->error[]. May sleep; waits for no memory but for zeroing and discarding. */
void remap_step_run(struct remap_job *job, struct bm_step *step);

#endif
