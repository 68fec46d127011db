// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a power cut leaves: logs of writes, replayed.
 */
#include "writelog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

#define PIECE (256u << 10)

/* splitmix64, https://prng.di.unimi.it/splitmix64.c: the same on any machine, for ever. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t writelog_chance(uint64_t seed, uint64_t a, uint64_t b)
{
	return mix(mix(mix(seed) ^ a) ^ b);
}

size_t writelog_flushed(const struct writelog *log, size_t point)
{
	size_t i;

	for (i = point; i; i--)
		if (log->entry[i - 1].flags & WRITELOG_FLUSH)
			return i - 1;
	return 0;
}

static bool may_be_missing(const struct writelog_entry *entry)
{
	return entry->size && !(entry->flags & WRITELOG_FUA);
}

size_t writelog_unflushed(const struct writelog *log, size_t point)
{
	size_t i, n = 0;

	for (i = writelog_flushed(log, point); i < point; i++)
		n += may_be_missing(&log->entry[i]);
	return n;
}

static int copy(const struct writelog *log, uint64_t from, int image, uint64_t to, uint64_t size)
{
	static char data[PIECE];
	size_t piece;
	ssize_t n;

	for (; size; size -= piece, from += piece, to += piece) {
		piece = size < sizeof(data) ? size : sizeof(data);
		n = pread(log->fd, data, piece, (off_t)from);
		if (n != (ssize_t)piece)
			return n < 0 ? -errno : -EIO;
		n = pwrite(image, data, piece, (off_t)to);
		if (n != (ssize_t)piece)
			return n < 0 ? -errno : -ENOSPC;
	}
	return 0;
}

static int wipe(int image, uint64_t at, uint64_t size)
{
	static const char zeroes[PIECE];
	size_t piece;
	ssize_t n;

	if (!fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)size))
		return 0;
	for (; size; size -= piece, at += piece) {
		piece = size < sizeof(zeroes) ? size : sizeof(zeroes);
		n = pwrite(image, zeroes, piece, (off_t)at);
		if (n != (ssize_t)piece)
			return n < 0 ? -errno : -ENOSPC;
	}
	return 0;
}

/* Some bytes of an entry's range. */
static int apply(const struct writelog *log, const struct writelog_entry *entry, int image,
		 uint64_t from, uint64_t size)
{
	if (entry->flags & WRITELOG_DISCARD)
		return wipe(image, entry->offset + from, size);
	return copy(log, entry->data + from, image, entry->offset + from, size);
}

/* Seeds differ in how much they lose: to miss one write of many is as telling as to have only one.
 */
static bool chosen(const struct writelog_cut *cut, size_t entry, uint64_t what)
{
	uint64_t eighths = 1 + writelog_chance(cut->seed, 0, 1) % 7;

	return writelog_chance(cut->seed, entry, what) % 8 < eighths;
}

/* A begin, an end, or blocks here and there. */
static int apply_torn(const struct writelog *log, const struct writelog_cut *cut, size_t number,
		      int image)
{
	const struct writelog_entry *entry = &log->entry[number];
	uint64_t blocks = (entry->size + cut->block - 1) / cut->block, i, size;
	uint64_t shape = writelog_chance(cut->seed, number, 3) % 3;
	uint64_t edge = writelog_chance(cut->seed, number, 4) % (blocks + 1);
	bool there;
	int err = 0;

	for (i = 0; i < blocks && !err; i++) {
		there = shape == 0   ? i < edge
			: shape == 1 ? i >= edge
				     : writelog_chance(cut->seed, number, 5 + i) & 1;
		size = entry->size - i * cut->block;
		if (there)
			err = apply(log, entry, image, i * cut->block,
				    size < cut->block ? size : cut->block);
	}
	return err;
}

static int apply_unflushed(const struct writelog *log, const struct writelog_cut *cut,
			   size_t number, int image)
{
	const struct writelog_entry *entry = &log->entry[number];

	if (cut->mode != CUT_PREFIX && may_be_missing(entry)) {
		if (cut->mode == CUT_TEAR && writelog_chance(cut->seed, number, 2) & 1)
			return apply_torn(log, cut, number, image);
		if (!chosen(cut, number, 0))
			return 0;
	}
	return apply(log, entry, image, 0, entry->size);
}

int writelog_replay(const struct writelog *log, const struct writelog_cut *cut, int image)
{
	size_t flushed = writelog_flushed(log, cut->point), i;
	int err = 0;

	for (i = 0; i < cut->point && !err; i++) {
		if (i < flushed)
			err = apply(log, &log->entry[i], image, 0, log->entry[i].size);
		else
			err = apply_unflushed(log, cut, i, image);
	}
	if (err)
		complain("%s: replaying entry %zu: %s", log->path, i - 1, strerror(-err));
	return err;
}
