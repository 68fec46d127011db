/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that the core gets: fails on command, checks that every piece comes back with the
 * size it was asked for, and frees what is retired only when no section is open that was open
 * then. With an arena it can be saved and restored as a whole.
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include "core/index.h"
#include "disk.h"

struct heap_piece;

struct heap {
	u64 calls;         /* of alloc, so far */
	u64 fail_from;     /* the call of this number fails (from 1); 0: none */
	u64 fail_count;    /* and as many after it, in all; ~0: all */
	u64 failed;        /* how many have failed */
	u64 bytes, pieces; /* in use */
	struct heap_piece *retired;
	struct heap_piece *all; /* in use; not with an arena */
	/* Ask whether sections opened up to `ticket` are closed; NULL: at once. */
	u64 (*newest)(void *ctx);
	bool (*closed)(void *ctx, u64 ticket);
	void *ctx;
	struct arena *arena; /* never gives anything back */
};

struct bm_mem heap_mem(struct heap *heap);

/* The process is gone, and all its memory with it. */
void heap_abandon(struct heap *heap);

/* Free what no reader can see any more. */
void heap_reap(struct heap *heap, bool all);

#endif
