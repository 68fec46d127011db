/* SPDX-License-Identifier: GPL-2.0-only */
/* A spare with a past: what its metadata was, and meant, after each commit. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "case.h"

#define HISTORY_MAX 512

struct history {
	struct stage stage;
	struct explorer ex;
	struct {
		u64 seq, meaning; /* explore_fingerprint() */
		const u8 **spare; /* all sectors, durable */
	} at[HISTORY_MAX];
	u32 count;
	u64 meaning; /* the last */
	struct bm_status status;
};

/* `which`: 0 log blocks of 512 bytes, 1 of 4096. */
void history_make(struct history *h, u32 which);
void history_free(struct history *h);

/* A child whose disks are as at the end. */
struct host *history_child(struct history *h);

/* Open the child: 0 and its meaning, or the error. Checks its structure; leaves it open. */
int history_open(struct history *h, struct host *child, u64 *meaning);

/* As above, must open, mean the same as in the end, and read right; then halts it. */
void history_must_survive(struct history *h, struct host *child);

/* Must be refused with this error (ANY_RESULT: any), and nothing may be written; halts it. */
void history_must_refuse(struct history *h, struct host *child, int error);

/* Sectors of copy 0 or 1 of the log and of the superblock. */
u64 history_log(const struct history *h, u32 copy);
u64 history_log_sectors(const struct history *h);
u64 history_super(const struct history *h, u32 copy);

/* Let a copy of the metadata be what it was at commit number `then`. */
void history_restore(struct history *h, struct host *child, u32 copy, u32 then);

#endif
