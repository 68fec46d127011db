/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The spare's metadata goes to disk and comes from there by dm-io, which has memory put by for it.
 * It tells that an I/O failed and not of what, so clients' data goes by bios of our own (step.h):
 * there it matters whether the medium is to blame.
 */
#ifndef BLKMEND_DM_METADATA_H
#define BLKMEND_DM_METADATA_H

#include <linux/blk_types.h>

#include "../../core/remap.h"

struct remap;

/* 0 or -ENOMEM. May sleep. */
int remap_metadata_init(struct remap *r);
void remap_metadata_destroy(struct remap *r);

/* A BM_STEP_READ or BM_STEP_WRITE with memory, of either device. 0 or -EIO. May sleep. */
int remap_metadata_io(struct remap *r, const struct bm_step *step, blk_opf_t opf);

/*
 * A BM_STEP_LOG: both copies at once, each durable where its error[] is 0. May sleep, and waits for
 * no memory but what other commits will give back.
 */
void remap_metadata_log(struct remap *r, struct bm_step *step);

#endif
