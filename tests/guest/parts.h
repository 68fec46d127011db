/* SPDX-License-Identifier: GPL-2.0-only */
/* How the disk of power.sh is divided, in sectors; it has the same numbers. */
#ifndef TESTS_GUEST_PARTS_H
#define TESTS_GUEST_PARTS_H

#include <stdint.h>

enum { PART_MAIN, PART_SPARE, PART_MARKS };

static const struct {
	uint64_t start, sectors;
} parts[] = {
	[PART_MAIN] = { 64, 4096 },
	[PART_SPARE] = { 4160, 2048 },
	[PART_MARKS] = { 6208, 64 },
};

/* Copy 0 of the log of a spare of that size lies before this sector of it (docs/FORMAT.md). */
#define PARTS_LOG_END 296u

static inline uint64_t parts_end(void)
{
	return parts[PART_MARKS].start + parts[PART_MARKS].sectors;
}

#endif
