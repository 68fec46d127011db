/* SPDX-License-Identifier: GPL-2.0-only */
/* What remap.c (running) and remap_open.c (opening and closing) share. */
#ifndef BLKMEND_REMAP_PRIVATE_H
#define BLKMEND_REMAP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "hosts/posix/pool.h"
#include "hosts/posix/remap.h"
#include "hosts/posix/section.h"
#include "hosts/posix/spare_lock.h"

#define SCRATCHES    8u
#define SCRATCH_SIZE (256u << 10)

struct remap {
	struct bm *bm;
	struct device *device[2]; /* enum bm_device; main may be NULL */
	struct sections *sections;
	struct pool *scratch;
	_Atomic uint64_t size; /* of main as recorded, bytes */
	uint32_t block_size;   /* of main as recorded */
	bool read_only;
	pthread_mutex_t lock; /* the core's serialisation */

	pthread_mutex_t spare_flush;
	atomic_bool spare_dirty; /* written since it was last flushed */
	/*
	 * The core's own flush of a device failed. The kernel tells of a failed writeback once, but
	 * what was lost may be the client's: its next flush has to fail too.
	 */
	atomic_int flush_error[2];

	char *name;
	struct spare_lock *spare_lock;
	void (*event)(void *ctx, const struct bm_event *event);
	void *event_ctx;
};

#endif
