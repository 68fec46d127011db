/* SPDX-License-Identifier: GPL-2.0-only */
/* Is on a device what the work that was done on it left there? */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include "tests/guest/disk.h"
#include "tests/guest/work.h"

struct check {
	const struct work *work;
	const struct work_past *past;
	/* Of each worker, pieces [from, end) may have been done or not. */
	uint32_t from[WORK_WORKERS], end[WORK_WORKERS];
	const struct bad_list *bad; /* what may be unreadable as long as nobody has written it */
	bool used;                  /* what nobody has written may hold anything */
	uint64_t sectors, unreadable, wrong; /* counted; what is wrong is told, the first few */
};

/* `memory` is DISK_MOST bytes, aligned. True: all is right. */
bool check_range(struct check *check, const struct disk_io *disk, uint64_t sector, uint64_t count,
		 uint8_t *memory);

/* All of it. */
bool check_all(struct check *check, const struct disk_io *disk, uint8_t *memory);

#endif
