/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mark in a log of writes: everything up to a piece of work was durable before this was written,
 * so whatever cut has the mark behind it has to have left all that.
 */
#ifndef TESTS_GUEST_MARK_H
#define TESTS_GUEST_MARK_H

#include <stdint.h>

#define MARK_MAGIC 0x6b72616d2d6b6c62ull

struct mark {
	uint64_t magic, seed;
	uint32_t worker, done; /* pieces */
};

#endif
