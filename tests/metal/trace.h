/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same requests, one at a time, to any host: what they answer, and what is then on main and
 * spare, must be the same bytes. Where main and spare fail is up to who plays it; trace.sh says.
 */
#ifndef TESTS_METAL_TRACE_H
#define TESTS_METAL_TRACE_H

#include "core/remap.h"

#define TRACE_MAIN_SECTORS  8192u
#define TRACE_SPARE_SECTORS 4096u
#define TRACE_MOST          256u /* sectors of one request */

/* What the spare is formatted with before it. */
extern const struct bm_format trace_format;

/* A host's own functions; sectors. 0 or a negative errno. */
struct trace_host {
	int (*read)(void *ctx, void *memory, u64 sector, u32 count);
	int (*write)(void *ctx, const void *memory, u64 sector, u32 count, bool fua);
	int (*zero)(void *ctx, u64 sector, u32 count, bool may_trim, bool fua);
	int (*discard)(void *ctx, u64 sector, u32 count);
	int (*flush)(void *ctx);
	int (*run)(void *ctx, struct bm_op *op);
	int (*reopen)(void *ctx);
	/* What step i answered, and a checksum of what it read (0 where it read nothing). */
	void (*tell)(void *ctx, u32 i, int error, u32 checksum);
};

void trace_play(const struct trace_host *host, void *ctx);

#endif
