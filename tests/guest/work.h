/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A load whose every write can be named afterwards: the n-th piece of work of each worker follows
 * from a seed, and what it writes says so in each sector. So whoever knows how far the workers had
 * come knows what has to be on the device.
 *
 * The device is cut into groups of sectors, and each belongs to one worker, who does one thing at
 * a time; so at most one write of a sector is ever under way.
 */
#ifndef TESTS_GUEST_WORK_H
#define TESTS_GUEST_WORK_H

#include <stdbool.h>
#include <stdint.h>

#define WORK_SECTOR  512u
#define WORK_GROUP   64u /* sectors */
#define WORK_WORKERS 64u /* at most */

struct work {
	uint64_t seed;
	uint64_t sectors; /* of the device; what is left over of the last group stays untouched */
	uint32_t workers;
	uint32_t block; /* sectors: 1 or 8 */
};

enum work_kind {
	WORK_WRITE,
	WORK_SYNC,    /* O_DSYNC: FUA, and Linux flushes the whole device behind it */
	WORK_ZERO,    /* write zeroes */
	WORK_DISCARD, /* the contents are what they were, or zeroes */
	WORK_READ,
	WORK_KINDS
};

struct piece {
	enum work_kind kind;
	uint64_t sector;
	uint32_t count;
	bool flush; /* when it is done everything up to it is made durable */
};

/* A number from 0 to `below` - 1 that only depends on the other three. */
uint64_t work_chance(uint64_t a, uint64_t b, uint64_t c, uint64_t below);

void work_piece(const struct work *work, uint32_t worker, uint32_t n, struct piece *piece);

/* What that piece writes into one sector. */
void work_fill(const struct work *work, uint32_t worker, uint32_t n, uint64_t sector, void *data);

uint32_t work_owner(const struct work *work, uint64_t sector);

enum work_finding { WORK_BLANK, WORK_PIECE, WORK_GARBAGE };

/* What a sector holds: zeroes, or just what a piece *n of its worker wrote into it. */
enum work_finding work_look(const struct work *work, uint64_t sector, const void *data,
			    uint32_t *n);

/* What was done to a sector by pieces that are done. */
struct work_past {
	uint32_t last; /* the last one that wrote or discarded it, plus 1; 0: none did */
	uint8_t kind;  /* enum work_kind of that one */
	bool written;  /* at any time: it has to be readable */
};

/* `past` is an array, one for each sector of the device. Told of pieces in order. */
void work_past_add(struct work_past *past, const struct piece *piece, uint32_t n);

/*
 * Is that what may be in the sector after everything in its past, when pieces [from, end) of its
 * worker may have been done, too, or parts of them?
 */
bool work_right(const struct work *work, const struct work_past *past, uint64_t sector,
		const void *data, uint32_t from, uint32_t end);

/* In words: what was found there and what was wanted. Static memory. */
const char *work_words(const struct work *work, const struct work_past *past, uint64_t sector,
		       const void *data);

#endif
