// SPDX-License-Identifier: GPL-2.0-only
#include "tests/guest/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAGIC 0x6b726f772d6b6c62ull

struct head {
	uint64_t magic, seed, sector;
	uint32_t worker, n;
};

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t work_chance(uint64_t a, uint64_t b, uint64_t c, uint64_t below)
{
	return mix(mix(mix(a) ^ b) ^ c) % below;
}

/* ---- what is done ---- */

static const enum work_kind kinds[16] = {
	WORK_WRITE, WORK_WRITE, WORK_WRITE, WORK_WRITE,   WORK_WRITE, WORK_WRITE,
	WORK_WRITE, WORK_WRITE, WORK_SYNC,  WORK_SYNC,    WORK_SYNC,  WORK_ZERO,
	WORK_READ,  WORK_READ,  WORK_READ,  WORK_DISCARD,
};

void work_piece(const struct work *work, uint32_t worker, uint32_t n, struct piece *piece)
{
	uint64_t seed = work->seed + worker, groups = work->sectors / WORK_GROUP;
	uint64_t own = (groups - worker + work->workers - 1) / work->workers;
	uint64_t group = worker + work_chance(seed, n, 1, own) * work->workers;
	uint32_t blocks = WORK_GROUP / work->block;
	uint32_t most = work_chance(seed, n, 2, 4) ? 8 : blocks;
	uint32_t first = (uint32_t)work_chance(seed, n, 3, blocks);
	uint32_t count = 1 + (uint32_t)work_chance(seed, n, 4, most < blocks ? most : blocks);

	if (count > blocks - first)
		count = blocks - first;
	piece->kind = kinds[work_chance(seed, n, 5, 16)];
	piece->sector = group * WORK_GROUP + first * work->block;
	piece->count = count * work->block;
	piece->flush = piece->kind == WORK_SYNC || work_chance(seed, n, 6, 8) == 0;
}

uint32_t work_owner(const struct work *work, uint64_t sector)
{
	return (uint32_t)(sector / WORK_GROUP % work->workers);
}

void work_fill(const struct work *work, uint32_t worker, uint32_t n, uint64_t sector, void *data)
{
	struct head head = { MAGIC, work->seed, sector, worker, n };
	uint64_t word = mix(work->seed ^ (uint64_t)worker << 48 ^ (uint64_t)n << 24 ^ sector);
	uint8_t *at = data, *end = at + WORK_SECTOR;

	memcpy(at, &head, sizeof(head));
	for (at += sizeof(head); at < end; at += sizeof(word), word += MAGIC)
		memcpy(at, &word, sizeof(word));
}

/* ---- what is found ---- */

static bool is_blank(const void *data)
{
	const uint8_t *byte = data;

	return !*byte && !memcmp(byte, byte + 1, WORK_SECTOR - 1);
}

enum work_finding work_look(const struct work *work, uint64_t sector, const void *data, uint32_t *n)
{
	uint32_t worker = work_owner(work, sector);
	uint8_t wanted[WORK_SECTOR];
	struct piece piece;
	struct head head;

	if (is_blank(data))
		return WORK_BLANK;
	memcpy(&head, data, sizeof(head));
	work_fill(work, worker, head.n, sector, wanted);
	if (memcmp(data, wanted, WORK_SECTOR))
		return WORK_GARBAGE;
	work_piece(work, worker, head.n, &piece);
	if (piece.kind > WORK_SYNC || sector < piece.sector || sector >= piece.sector + piece.count)
		return WORK_GARBAGE;
	*n = head.n;
	return WORK_PIECE;
}

void work_past_add(struct work_past *past, const struct piece *piece, uint32_t n)
{
	uint32_t i;

	if (piece->kind == WORK_READ)
		return;
	for (i = 0; i < piece->count; i++) {
		struct work_past *p = &past[piece->sector + i];

		p->last = n + 1;
		p->kind = piece->kind;
		p->written |= piece->kind != WORK_DISCARD;
	}
}

static bool may_be_blank(const struct work *work, const struct work_past *past, uint64_t sector,
			 uint32_t from, uint32_t end)
{
	uint32_t worker = work_owner(work, sector), n;
	struct piece piece;

	if (!past[sector].last || past[sector].kind == WORK_ZERO ||
	    past[sector].kind == WORK_DISCARD)
		return true;
	for (n = from; n < end; n++) {
		work_piece(work, worker, n, &piece);
		if ((piece.kind == WORK_ZERO || piece.kind == WORK_DISCARD) &&
		    sector >= piece.sector && sector < piece.sector + piece.count)
			return true;
	}
	return false;
}

bool work_right(const struct work *work, const struct work_past *past, uint64_t sector,
		const void *data, uint32_t from, uint32_t end)
{
	const struct work_past *p = &past[sector];
	uint32_t n;

	switch (work_look(work, sector, data, &n)) {
	case WORK_BLANK:
		return may_be_blank(work, past, sector, from, end);
	case WORK_PIECE:
		if (n >= from && n < end)
			return true;
		/* A discard may leave what was there, which may be older than the last write. */
		return p->kind == WORK_DISCARD ? n < p->last : n + 1 == p->last;
	default:
		return false;
	}
}

const char *work_words(const struct work *work, const struct work_past *past, uint64_t sector,
		       const void *data)
{
	static const char *const names[WORK_KINDS] = { "write", "synchronous write", "write zeroes",
						       "discard", "read" };
	const struct work_past *p = &past[sector];
	static char words[200];
	char found[64] = "garbage";
	uint32_t n;

	switch (work_look(work, sector, data, &n)) {
	case WORK_BLANK:
		snprintf(found, sizeof(found), "zeroes");
		break;
	case WORK_PIECE:
		snprintf(found, sizeof(found), "piece %" PRIu32, n);
		break;
	default:
		break;
	}
	if (p->last)
		snprintf(words, sizeof(words),
			 "sector %" PRIu64 " has %s, not piece %" PRIu32 " (%s) of worker %" PRIu32,
			 sector, found, p->last - 1, names[p->kind], work_owner(work, sector));
	else
		snprintf(words, sizeof(words), "sector %" PRIu64 " has %s, and was never written",
			 sector, found);
	return words;
}
