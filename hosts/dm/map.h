/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of a bio on its way: in dm's clone, and beside it. */
#ifndef BLKMEND_DM_MAP_H
#define BLKMEND_DM_MAP_H

#include <linux/bio.h>
#include <linux/device-mapper.h>

#include "../../core/remap.h"

/*
 * What the end of a bio has to know even if all went well: in bi_private of dm's clone, which dm
 * leaves to the target, as it does for dm-writecache. The per-bio data would take a call to find.
 */
enum remap_mark {
	REMAP_PHASE = 1 << 0,    /* of the section, if one is open */
	REMAP_SECTION = 1 << 1,  /* sent to a device, and its section is open */
	REMAP_FLUSH = 1 << 2,    /* a flush, sent as it is */
	REMAP_ON_SPARE = 1 << 3, /* where it was sent, if it was */
};

static inline unsigned long remap_mark_of(const struct bio *bio)
{
	return (unsigned long)bio->bi_private;
}

static inline void remap_mark(struct bio *bio, unsigned long mark)
{
	bio->bi_private = (void *)mark;
}

/* What is needed of one that the workers get. */
struct remap_io {
	/*
	 * As it was when it was mapped, the sector being ours: a driver moves the iterator on, so
	 * that of a bio that failed points behind what failed.
	 */
	struct bvec_iter iter;
	unsigned short flags; /* bio->bi_flags */
	bool failed;          /* on a device, with an error of the medium */
	u8 device;            /* which that was: enum bm_device */
};

static inline struct remap_io *remap_io_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct remap_io));
}

/* False: no request that the core knows. */
static inline bool remap_request_of(const struct bio *bio, enum bm_request *request)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		*request = BM_REQ_READ;
		return true;
	case REQ_OP_WRITE:
		*request = BM_REQ_WRITE;
		return true;
	case REQ_OP_WRITE_ZEROES:
		*request = BM_REQ_ZERO;
		return true;
	case REQ_OP_DISCARD:
	case REQ_OP_SECURE_ERASE:
		*request = BM_REQ_DISCARD;
		return true;
	default:
		return false;
	}
}

#endif
