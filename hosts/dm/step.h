/* SPDX-License-Identifier: GPL-2.0-only */
/* Carrying out the core's steps with bios. */
#ifndef BLKMEND_DM_STEP_H
#define BLKMEND_DM_STEP_H

#include <linux/bio.h>
#include <linux/completion.h>

#include "../../core/remap.h"

/* Scratch memory is contiguous; of what the core got from vmalloc() each page is one. */
#define REMAP_STEP_VECS 17

/* One bio of ours at a time; it is last, for in some kernels it ends in an array without a size. */
struct remap_slot {
	struct completion done;
	struct bio_vec vecs[REMAP_STEP_VECS];
	struct bio bio;
};

struct remap_job {
	struct remap *r;
	struct bio *client; /* whose data steps without memory are about, or NULL */
	void *scratch;      /* REMAP_SCRATCH bytes */
	struct completion ready;
	int erase_error; /* of a secure erase, which is no advice */
	struct remap_slot *slot[2];
};

/* Do it and set step->error[]. May sleep; allocates nothing but for zeroing and discarding. */
void remap_step_run(struct remap_job *job, struct bm_step *step);

#endif
