/* SPDX-License-Identifier: GPL-2.0-only */
/* The map itself: as a picture of cells, as pages of extents, and checked for sense. */
#include <stdlib.h>

#include "hosts/posix/command_verbs.h"

#define CELLS_MAX 65536

struct cells {
	uint64_t width; /* sectors a cell stands for */
	uint64_t count;
	uint64_t (*sums)[3]; /* sectors mapped, pending, lost of each */
};

static void cells_add(struct cells *cells, const struct bm_extent *extent)
{
	uint64_t at = extent->sector, end = extent->sector + extent->count;

	if (extent->state < BM_MAPPED || extent->state > BM_LOST)
		return;
	while (at < end && at / cells->width < cells->count) {
		uint64_t cell = at / cells->width, next = (cell + 1) * cells->width;

		if (next > end)
			next = end;
		cells->sums[cell][extent->state - BM_MAPPED] += next - at;
		at = next;
	}
}

static json_t *cells_json(const struct cells *cells)
{
	json_t *list = json_array();

	for (uint64_t i = 0; i < cells->count; i++) {
		uint64_t *s = cells->sums[i];

		if (s[0] | s[1] | s[2])
			json_array_append_new(list, json_pack("[I,I,I,I]", (json_int_t)i,
							      (json_int_t)s[0], (json_int_t)s[1],
							      (json_int_t)s[2]));
	}
	return list;
}

static json_t *map_cells(const struct command *c, uint64_t wanted)
{
	struct bm_extent extents[COMMAND_WALK];
	struct bm_status status;
	struct cells cells = { 0 };
	uint64_t at = 0, block;
	json_t *answer, *result;
	size_t n;

	if (!wanted || wanted > CELLS_MAX)
		return command_error(COMMAND_USAGE, "%s: from 1 to %d cells can be drawn", c->name,
				     CELLS_MAX);
	answer = command_status(c);
	command_status_of(c, &status);
	block = status.super.block_size / BM_SECTOR;
	cells.width = (status.super.main_sectors / block + wanted - 1) / wanted * block;
	if (!cells.width)
		cells.width = block;
	cells.count = (status.super.main_sectors + cells.width - 1) / cells.width;
	cells.sums = calloc(cells.count ? cells.count : 1, sizeof(*cells.sums));
	if (!cells.sums) {
		json_decref(answer);
		return command_error(COMMAND_MEMORY, "out of memory");
	}
	do {
		n = command_walk(c, false, &at, extents, COMMAND_WALK);
		for (size_t i = 0; i < n; i++)
			cells_add(&cells, &extents[i]);
	} while (n == COMMAND_WALK);
	result = json_pack("{s:I, s:I, s:o, s:O}", "cell_count", (json_int_t)cells.count,
			   "cell_sectors", (json_int_t)cells.width, "cells", cells_json(&cells),
			   "status", json_object_get(answer, "result"));
	free(cells.sums);
	json_decref(answer);
	return command_result(result);
}

static json_t *extent_json(const struct bm_extent *e)
{
	json_t *spare = e->spare == BM_NOWHERE ? json_null() : json_integer((json_int_t)e->spare);

	return json_pack("[I,I,o,s]", (json_int_t)e->sector, (json_int_t)e->count, spare,
			 command_state_name(e->state));
}

static json_t *map_page(const struct command *c, uint64_t at, uint64_t limit)
{
	struct bm_extent extents[COMMAND_WALK];
	bool bad = command_flag(c, "bad"), more = true;
	json_t *list = json_array();

	while (limit && more) {
		size_t max = limit < COMMAND_WALK ? limit : COMMAND_WALK;
		size_t n = command_walk(c, bad, &at, extents, max);

		for (size_t i = 0; i < n; i++)
			json_array_append_new(list, extent_json(&extents[i]));
		more = n == max;
		limit -= n;
	}
	return command_result(json_pack("{s:o, s:o}", "extents", list, "next",
					more ? json_integer((json_int_t)at) : json_null()));
}

json_t *command_map(const struct command *c)
{
	uint64_t cells, from, limit;

	if (command_number(c, "cells", &cells))
		return map_cells(c, cells);
	if (command_number(c, "from", &from) && command_number(c, "limit", &limit))
		return map_page(c, from, limit);
	return command_error(COMMAND_USAGE, "%s: a map needs \"cells\", or \"from\" and \"limit\"",
			     c->name);
}

/* ---- check ---- */

#define FINDINGS_MAX 100 /* more than that says no more */

struct use {
	uint64_t spare, count, sector; /* sector of main, or BM_NOWHERE: on the bad list */
};

struct uses {
	struct use *use;
	size_t count, room;
	bool full;
};

static void finding(json_t *findings, json_t *text)
{
	if (json_array_size(findings) < FINDINGS_MAX)
		json_array_append_new(findings, text);
	else
		json_decref(text);
}

static void uses_add(struct uses *uses, const struct use *use)
{
	if (uses->count == uses->room) {
		size_t room = uses->room ? uses->room * 2 : 1024;
		struct use *grown = realloc(uses->use, room * sizeof(*grown));

		if (!grown) {
			uses->full = true;
			return;
		}
		uses->use = grown;
		uses->room = room;
	}
	uses->use[uses->count++] = *use;
}

static void check_extent(const struct bm_super *s, const struct bm_extent *e, bool bad,
			 struct uses *uses, json_t *findings)
{
	uint64_t spare = bad ? e->sector : e->spare;
	struct use use = { spare, e->count, bad ? BM_NOWHERE : e->sector };

	if (!bad && (e->sector >= s->main_sectors || e->count > s->main_sectors - e->sector))
		finding(findings,
			json_sprintf("the remap of sectors %llu+%llu lies beyond the end "
				     "of the main disk",
				     (unsigned long long)e->sector, (unsigned long long)e->count));
	if (spare == BM_NOWHERE)
		return;
	if (spare < s->data_start || spare >= s->data_end || e->count > s->data_end - spare)
		finding(findings,
			json_sprintf("spare sectors %llu+%llu are outside the data area",
				     (unsigned long long)spare, (unsigned long long)e->count));
	uses_add(uses, &use);
}

static int use_compare(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return x->spare < y->spare ? -1 : x->spare > y->spare;
}

static void check_overlaps(struct uses *uses, json_t *findings)
{
	uint64_t end = 0, owner = BM_NOWHERE;

	if (uses->count)
		qsort(uses->use, uses->count, sizeof(*uses->use), use_compare);
	for (size_t i = 0; i < uses->count; i++) {
		const struct use *u = &uses->use[i];

		/* A block may be known as bad and still be named: pending, until it is rewritten.
		 */
		if (u->spare < end && u->sector != BM_NOWHERE && owner != BM_NOWHERE)
			finding(findings,
				json_sprintf("spare sector %llu is used twice, for the disk's "
					     "sectors %llu and %llu",
					     (unsigned long long)u->spare,
					     (unsigned long long)owner,
					     (unsigned long long)u->sector));
		if (u->spare + u->count > end) {
			end = u->spare + u->count;
			owner = u->sector;
		}
	}
}

static json_t *check_map(const struct command *c)
{
	struct bm_extent extents[COMMAND_WALK];
	struct bm_status status;
	struct uses uses = { 0 };
	json_t *findings = json_array();
	size_t n;

	command_status_of(c, &status);
	for (int bad = 0; bad < 2; bad++) {
		uint64_t at = 0;

		do {
			n = command_walk(c, bad, &at, extents, COMMAND_WALK);
			for (size_t i = 0; i < n; i++)
				check_extent(&status.super, &extents[i], bad, &uses, findings);
		} while (n == COMMAND_WALK);
	}
	check_overlaps(&uses, findings);
	if (uses.full)
		finding(findings, json_string("too little memory to look for blocks used twice"));
	free(uses.use);
	return findings;
}

static void check_words(const struct bm_check *k, json_t *words)
{
	for (int i = 0; i < 2; i++) {
		const char *which = i ? "second" : "first";

		if (k->super_bad[i])
			json_array_append_new(
				words, json_sprintf("the %s superblock is damaged%s", which,
						    k->super_repaired[i] ? "; rewritten" : ""));
		if (k->bad[i])
			json_array_append_new(
				words, json_sprintf("%llu of %llu log blocks are damaged in the %s "
						    "copy; %llu rewritten",
						    (unsigned long long)k->bad[i],
						    (unsigned long long)k->blocks, which,
						    (unsigned long long)k->repaired[i]));
	}
}

json_t *command_check(const struct command *c)
{
	uint64_t left = 0, found = 0;
	json_t *findings, *words;
	struct bm_check *k;
	struct bm_op op;
	int err;

	bm_op_init(&op, BM_OP_CHECK, 0, 0);
	if (command_flag(c, "repair"))
		op.flags |= BM_OP_REPAIR_IT;
	err = c->host->run(c, &op);
	if (err)
		return command_error(command_exit(err), "%s: the metadata could not be checked: %s",
				     c->name, strerror(-err));
	k = &op.check;
	for (int i = 0; i < 2; i++) {
		found += k->bad[i] + k->super_bad[i];
		left += k->bad[i] - k->repaired[i] + k->super_bad[i] - k->super_repaired[i];
	}
	words = json_array();
	check_words(k, words);
	findings = check_map(c);
	left += json_array_size(findings);
	found += json_array_size(findings);
	json_array_extend(words, findings);
	json_decref(findings);
	return command_result(json_pack(
		"{s:s, s:I, s:[I,I], s:[I,I], s:[b,b], s:[b,b], s:I, s:I, s:o}", "name", c->name,
		"log_blocks", (json_int_t)k->blocks, "bad", (json_int_t)k->bad[0],
		(json_int_t)k->bad[1], "repaired", (json_int_t)k->repaired[0],
		(json_int_t)k->repaired[1], "super_bad", (int)k->super_bad[0], (int)k->super_bad[1],
		"super_repaired", (int)k->super_repaired[0], (int)k->super_repaired[1], "found",
		(json_int_t)found, "left", (json_int_t)left, "findings", words));
}
