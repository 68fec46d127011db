/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A remapped device on bare metal: a main, a spare, and the core between them, on one processor. A
 * request is carried out, with all the steps it takes, before its function returns; so no two
 * operations ever meet, sections need no counting, and what is retired can be freed at once.
 *
 * Memory comes from malloc(). Errors are negative errnos: the core's (core/remap.h), the disks'
 * (disk.h), -ENOMEM.
 */
#ifndef METAL_REMAP_H
#define METAL_REMAP_H

#include "core/remap.h"
#include "hosts/metal/disk.h"

struct remap_options {
	u32 flags; /* enum bm_flags */
	u64 now;   /* seconds since the Epoch, or 0 where there is no clock */
	void (*event)(void *ctx, const struct bm_event *event); /* may be NULL */
	void *event_ctx;
};

struct remap {
	struct bm *bm;        /* to look at between requests, or to set a policy */
	struct disk *disk[2]; /* enum bm_device; main may be NULL */
	struct remap_options options;
	u64 sectors; /* of main as recorded, which is where requests end */
	u32 block;   /* sectors in one of main's, as recorded */
	void *scratch;
	/*
	 * The core's own flush of a disk failed. A disk may tell of that once, but what was lost
	 * may be the client's: its next flush has to fail too.
	 */
	int flush_error[2];
	enum bm_super_error why; /* opening failed with -EMEDIUMTYPE or -EUCLEAN */
};

/*
 * Load the map of a spare, for a main or, with NULL, to look at it. On error nothing is left open.
 * Both disks are the remap's until it is closed; it changes main only as its clients do.
 */
int remap_open(struct remap *remap, struct disk *main, struct disk *spare,
	       const struct remap_options *options);

/* Make an empty map of this main on the spare, whatever it held, and leave it open. */
int remap_format(struct remap *remap, struct disk *main, struct disk *spare,
		 const struct bm_format *format, const struct remap_options *options);

void remap_close(struct remap *remap);

/* Requests of clients: sectors, whole blocks of main. -EINVAL beyond the end, -EROFS. */
int remap_read(struct remap *remap, void *memory, u64 sector, u64 count);
int remap_write(struct remap *remap, const void *memory, u64 sector, u64 count, bool fua);
int remap_zero(struct remap *remap, u64 sector, u64 count, bool may_trim, bool fua);
int remap_discard(struct remap *remap, u64 sector, u64 count);
int remap_flush(struct remap *remap);

/*
 * Run an operation to its end (ADD, REMOVE, SCRUB, CHECK, UPDATE, RETRY): the caller has called
 * bm_op_init() and set its fields; the scratch memory is provided. Returns op->error.
 */
int remap_run(struct remap *remap, struct bm_op *op);

#endif
