/* SPDX-License-Identifier: GPL-2.0-only */
/* What is known of a bio on its way: beside dm's clone, in the per-bio data. */
#ifndef BLKMEND_DM_MAP_H
#define BLKMEND_DM_MAP_H

#include <linux/bio.h>
#include <linux/device-mapper.h>

#include "../../core/remap.h"

enum remap_io_state {
	REMAP_IO_PLAIN,  /* no section is open: about to be ended by us */
	REMAP_IO_FLUSH,  /* nor here: sent to a device as it is */
	REMAP_IO_ROUTED, /* sent to a device, its section is open */
	REMAP_IO_TAKEN,  /* the workers have it */
};

struct remap_io {
	/*
	 * As it was when it was mapped, the sector being ours: a driver moves the iterator on, so
	 * that of a bio that failed points behind what failed.
	 */
	struct bvec_iter iter;
	unsigned short flags; /* bio->bi_flags */
	u8 phase;             /* of the section */
	u8 state;             /* enum remap_io_state */
	u8 device;            /* where it went: enum bm_device */
	bool failed;          /* there, with an error of the medium */
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
