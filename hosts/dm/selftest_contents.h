/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a client knows of its disk: for each block the number of the write that it holds, or that
 * it is gone. Whatever the core does, this is what must be found, also at a cut: then a request
 * that is still under way may have happened or not, each block for itself.
 */
#ifndef BLKMEND_DM_SELFTEST_CONTENTS_H
#define BLKMEND_DM_SELFTEST_CONTENTS_H

#include "selftest_disk.h"

#define SELFTEST_REQUEST 16u /* blocks in a request, at most */

struct selftest_content {
	u32 write; /* its number */
	bool gone; /* can't be read until it is written again */
};

struct selftest_contents {
	struct selftest_host *h;
	u64 blocks;
	struct selftest_content *block;
	/* Under way: blocks [first, end). Elsewhere nothing may change. */
	u64 first, end;
	u32 next;    /* the write that they may hold, too */
	bool may_go; /* or they may be gone */
	u8 *data;
};

/* Fill main's disk. -ENOMEM. */
int selftest_contents_create(struct selftest_contents *c, struct selftest_host *h);
void selftest_contents_destroy(struct selftest_contents *c);

/* Something is about to happen to these blocks. */
void selftest_contents_begin(struct selftest_contents *c, u64 first, u64 count, bool may_go);
/* It has happened, or partly: take what is there for the truth. False after a complaint. */
bool selftest_contents_end(struct selftest_contents *c);

/* The request's error. *holds: it left and gave what it should have, or there is a complaint. */
int selftest_contents_write(struct selftest_contents *c, u64 first, u64 count, bool *holds);
int selftest_contents_read(struct selftest_contents *c, u64 first, u64 count, bool *holds);

/* Does this host (perhaps another than c->h) have what it must? False after a complaint. */
bool selftest_contents_hold(const struct selftest_contents *c, const struct selftest_host *h);

#endif
