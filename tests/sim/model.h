/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The naive model: what a client may read from each sector of main, whatever blkmend does below.
 *
 * A sector is a register. A write adds the value it brings when it begins; when it is
 * acknowledged, every value that was finished before it began is gone. "Can't be read" is a
 * value like any other (MODEL_EIO): whatever makes a sector unreadable writes it, and only a
 * write of the client's gets rid of it.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "core/port.h"

#define MODEL_VALUES 28

enum {
	MODEL_EIO = 0,
	MODEL_ZERO = 1,
	MODEL_FIRST = 2,
	MODEL_SPARE = 3,
	MODEL_IDS = 4,
	MODEL_INVENTED = ~0u
};

struct model_value {
	u32 id;
	u64 begun;
	u64 ended; /* 0: in flight */
	bool acked;
	u64 gone;      /* since when no read may return it; 0: may */
	bool perished; /* no cut brings it back */
};

struct model_cell {
	struct model_value value[MODEL_VALUES];
	u32 count;
	bool blur; /* more values than there is room for: anything may be true */
};

struct model {
	struct model_cell *cell;
	u32 sectors;
	u64 now;
	u64 version;     /* counts changes of what is allowed */
	u64 oldest_read; /* begin of the oldest read under way, or ~0 */
	bool anything;   /* no idea what is on the disks: any contents are right */
	bool through;    /* disks without a volatile cache: every acknowledged write is durable */
};

void model_init(struct model *model, u32 sectors, bool through);
void model_free(struct model *model);
void model_copy(struct model *to, const struct model *from);
void model_grow(struct model *model, u32 sectors);

/* A write of `id` (or of MODEL_EIO) begins; the answer goes to model_end(). */
u64 model_begin(struct model *model, u32 id, u64 sector, u64 count);
void model_end(struct model *model, u32 id, u64 sector, u64 count, u64 begun, int error,
	       bool durable);

/* From now on reads of the range may fail. */
void model_may_fail(struct model *model, u64 sector, u64 count);

/* A flush that began at `begun` was acknowledged. */
void model_flush(struct model *model, u64 begun);

/* The power was cut: from now on what is allowed is what could have survived. */
void model_cut(struct model *model);

/* May a read that began at `begun` and ends now return this? And one after a cut now? */
bool model_allows(const struct model *model, u64 sector, u32 id, u64 begun);
bool model_allows_after_cut(const struct model *model, u64 sector, u32 id);

/* After a cut, with nothing in flight: the sector was seen to hold this. */
void model_saw(struct model *model, u64 sector, u32 id);

/* ---- contents: 512 bytes that tell which write of which sector they are from ---- */

void content_make(void *buf, u32 id, u64 sector);
/* MODEL_INVENTED when this was never written to this sector. */
u32 content_read(const void *buf, u64 sector);
void content_name(const void *buf, char *name, size_t size);

#endif
