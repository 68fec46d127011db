// SPDX-License-Identifier: GPL-2.0-only
#include "tests/guest/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOLD    8u
#define AT_ONCE 256u /* sectors */

static void wrong(struct check *check, const char *words)
{
	if (check->wrong++ < TOLD)
		fprintf(stderr, "%s\n", words);
}

static void look(struct check *check, uint64_t sector, const void *data)
{
	uint32_t owner = work_owner(check->work, sector);

	if (check->used && !check->past[sector].written)
		return;
	if (!work_right(check->work, check->past, sector, data, check->from[owner],
			check->end[owner]))
		wrong(check, work_words(check->work, check->past, sector, data));
}

/* A block that can't be read: that may be, if it is bad and nobody has written it. */
static void look_unreadable(struct check *check, uint64_t sector, uint32_t count, int err)
{
	char words[128];
	uint32_t i;

	check->unreadable += count;
	if (!bad_touches(check->bad, sector, count)) {
		snprintf(words, sizeof(words), "sector %" PRIu64 " is sound, and can't be read: %s",
			 sector, strerror(-err));
		wrong(check, words);
		return;
	}
	for (i = 0; i < count; i++) {
		if (!check->past[sector + i].written)
			continue;
		snprintf(words, sizeof(words),
			 "sector %" PRIu64 " was written by piece %" PRIu32
			 " of its worker, and can't be read: %s",
			 sector + i, check->past[sector + i].last - 1, strerror(-err));
		wrong(check, words);
	}
}

static void look_piece(struct check *check, const struct disk_io *disk, uint64_t sector,
		       uint32_t count, uint8_t *memory)
{
	uint32_t block = check->work->block, i, half;
	int err = disk_read(disk, memory, sector, count);

	if (err && count > block) {
		half = count / block / 2 * block;
		look_piece(check, disk, sector, half, memory);
		look_piece(check, disk, sector + half, count - half, memory);
		return;
	}
	if (err)
		look_unreadable(check, sector, count, err);
	for (i = 0; i < count && !err; i++)
		look(check, sector + i, memory + (size_t)i * WORK_SECTOR);
}

bool check_range(struct check *check, const struct disk_io *disk, uint64_t sector, uint64_t count,
		 uint8_t *memory)
{
	uint64_t end = sector + count, before = check->wrong;
	uint32_t n;

	for (; sector < end; sector += n) {
		n = end - sector < AT_ONCE ? (uint32_t)(end - sector) : AT_ONCE;
		look_piece(check, disk, sector, n, memory);
		check->sectors += n;
	}
	return check->wrong == before;
}

bool check_all(struct check *check, const struct disk_io *disk, uint8_t *memory)
{
	return check_range(check, disk, 0, check->work->sectors / WORK_GROUP * WORK_GROUP, memory);
}
