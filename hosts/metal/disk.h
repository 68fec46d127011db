/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk, whatever carries it. One request at a time, by the one who polls for its end: no function
 * here returns before the disk has answered. Sectors are of 512 bytes; all ranges must be whole
 * blocks of the disk's own.
 *
 * Errors are negative errnos, as core/remap.h tells them apart. Before the disk is asked: -EINVAL
 * (not whole blocks, or beyond the end), -EROFS. Its answers: -EIO (the medium), -EOPNOTSUPP (a
 * kind of request it doesn't know), -ETIMEDOUT (none came; it has been reset, and is off from then
 * on), -ENODEV (it is off, or broke the rules of its bus).
 */
#ifndef METAL_DISK_H
#define METAL_DISK_H

#include "core/port.h"

struct disk;

/* What a kind of disk provides; asked for what lies within it, and within its limits. */
struct disk_ops {
	int (*read)(struct disk *disk, void *memory, u64 sector, u32 count);
	int (*write)(struct disk *disk, const void *memory, u64 sector, u32 count);
	int (*zero)(struct disk *disk, u64 sector, u32 count, bool may_trim);
	int (*discard)(struct disk *disk, u64 sector, u32 count);
	int (*flush)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
	u64 sectors;
	u32 block_size; /* bytes: 512 or 4096 */
	bool read_only;
	bool cached; /* what has been written is durable once it has been flushed; else at once */
	/* Sectors of one request; 0: it has none of that kind. */
	u32 most, most_zeroes, most_discard;
	char serial[21]; /* "" unknown */
};

int disk_read(struct disk *disk, void *memory, u64 sector, u64 count);

/* fua: durable when done, with all that was written before. */
int disk_write(struct disk *disk, const void *memory, u64 sector, u64 count, bool fua);

/* Zeroes are written where the disk has no request for them. */
int disk_zero(struct disk *disk, u64 sector, u64 count, bool may_trim, bool fua);

/* Advice: 0 also from a disk that takes none. */
int disk_discard(struct disk *disk, u64 sector, u64 count);

/* All writes that have ended are durable. */
int disk_flush(struct disk *disk);

#endif
