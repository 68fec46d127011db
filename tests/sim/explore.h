/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The power cut: whenever something changes on a disk or in what was promised, make every durable
 * state that a cut could leave at this moment, open each with a fresh core, and compare what it
 * would return with the model. Then the same again at every step of that recovery.
 *
 * The states of metadata sectors are enumerated as a product of what each sector may hold. Data
 * sectors don't influence recovery, so for these each possible content is checked on its own,
 * which covers their product exactly.
 *
 * A log block of 4096 bytes has 2^8 torn states a copy. If the product of both copies is above
 * `limit`, all states of one copy are combined with four of the other (old, new, first half,
 * every other sector), and the reverse, up to `crossed` (in second cuts they are sampled); what is
 * still too much is sampled and counted as such.
 */
#ifndef SIM_EXPLORE_H
#define SIM_EXPLORE_H

#include "host.h"

#define EXPLORE_DEPTH 3

struct explorer {
	u32 depth;     /* cuts in a row: 1 or 2 */
	u32 limit;     /* states of one cut that are all tried */
	u32 crossed;   /* states of one copy that are all tried with four of the other */
	u32 samples;   /* of a cut with too many states */
	u32 deeper;    /* cut again inside one recovery in so many; 0: in all */
	u32 afterlife; /* go on working after one recovery in so many; 0: never */
	u32 every;     /* cut only at one change in so many; 0: at all */
	bool one_copy; /* when at rest, each copy alone must serve */
	bool blank_ok; /* format under way: no metadata may be the answer */
	bool relaxed;  /* media faults in the metadata: refusing to open is an answer */
	u32 flags;     /* to open with */
	u64 seed;
	u64 cuts; /* so far */
	u64 only; /* try only the cut of this number; 0: all */
	u64 disk_seen, model_seen;
	bool rest_seen;
	struct bm_super layout;
	struct host child[EXPLORE_DEPTH];
	struct model after;
	struct arena arena[EXPLORE_DEPTH];
	bool busy;
};

void explore_init(struct explorer *ex, const struct geometry *geometry);
void explore_free(struct explorer *ex);
/* As host.watch, with the explorer as ctx. */
void explore_watch(struct host *host, void *ctx);

/*
 * Open `child`'s disks afresh and check that everything in `origin` that survives a cut is
 * there. 0, or the error of opening.
 */
int explore_recover(struct explorer *ex, const struct host *origin, struct host *child);

/* The child of a level, its disks as the host's after a cut that lost everything unflushed. */
struct host *explore_child(struct explorer *ex, const struct host *host, u32 level);

/* At rest, with nothing in doubt: what a cut leaves now means exactly what the core has in mind. */
void explore_same(struct explorer *ex, struct host *host);

/* What the core has mapped makes sense in itself. */
void explore_structure(const struct host *host);

/* Of an open core: all it knows, as one number. */
u64 explore_fingerprint(const struct host *host);

#endif
