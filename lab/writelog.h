/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log of writes in the format of dm-log-writes, as QEMU's blklogwrites and the kernel's target
 * make it, and what a disk may hold when its power is cut.
 * https://docs.kernel.org/admin-guide/device-mapper/log-writes.html
 */
#ifndef BLKLAB_WRITELOG_H
#define BLKLAB_WRITELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum writelog_flag {
	WRITELOG_FLUSH = 1,
	WRITELOG_FUA = 2,
	WRITELOG_DISCARD = 4,
	WRITELOG_MARK = 8,
	WRITELOG_METADATA = 16, /* the kernel's hint; changes nothing */
};

/* In the order in which they were completed. */
struct writelog_entry {
	uint64_t offset, size; /* on the disk, bytes */
	uint64_t flags;
	uint64_t data; /* where in the log it is, bytes; none of a discard */
	char *mark;    /* its name, or NULL */
};

struct writelog {
	char *path;
	int fd;
	unsigned int block; /* bytes: the log's unit */
	struct writelog_entry *entry;
	size_t n;
};

/* -errno, told: what is no log, or a damaged one. An empty file is a log with no entries. */
int writelog_open(struct writelog *log, const char *path);
void writelog_close(struct writelog *log);

/* How large a disk has to be for all of it, bytes. */
uint64_t writelog_extent(const struct writelog *log);

/*
 * A power cut after entries 0 to point - 1 were completed. What came before the last flush among
 * these is on the medium, and so is each FUA write. Of the other writes:
 */
enum cut_mode {
	CUT_PREFIX,  /* all are */
	CUT_REORDER, /* some are, chosen from the seed; of those that overlap, the newest is on top
		      */
	CUT_TEAR,    /* so too, and of some a part of their blocks */
};

struct writelog_cut {
	size_t point;
	enum cut_mode mode;
	uint64_t seed;
	unsigned int block; /* bytes that are never torn */
};

/* A number that only depends on the seed and two others; any machine has the same. */
uint64_t writelog_chance(uint64_t seed, uint64_t a, uint64_t b);

/* The first entry whose safety nobody was promised, at that point. */
size_t writelog_flushed(const struct writelog *log, size_t point);
/* How many writes and discards after it may be missing. */
size_t writelog_unflushed(const struct writelog *log, size_t point);

/*
 * Let a disk's image, as it was before the log, be what the cut left. It has to be as large as
 * writelog_extent(). Discarded blocks read as zeroes. -errno, told.
 */
int writelog_replay(const struct writelog *log, const struct writelog_cut *cut, int image);

#endif
