/* SPDX-License-Identifier: GPL-2.0-only */
/* The map in the words of other tools. */
#include <stdlib.h>
#include <string.h>

#include "cli/number.h"
#include "cli/picture.h"

#define PAGE 8192 /* extents a request */

typedef unsigned long long ull;

struct extent {
	uint64_t sector, count, spare;
	bool placed; /* has a place on the spare */
	const char *state;
};

struct writer {
	FILE *out;
	const char *name;
	uint64_t main_sectors, block; /* block in sectors */
	uint64_t at;                  /* ddrescue: all before has been written */
	uint64_t last;                /* badblocks: the block last written, plus 1 */
	bool unreadable;
	bool first;
};

typedef void extent_fn(struct writer *w, const struct extent *e);

/* Every bad block number once, although several sectors share it. */
static void badblocks_extent(struct writer *w, const struct extent *e)
{
	uint64_t block = e->sector / w->block, end = (e->sector + e->count - 1) / w->block + 1;

	for (block = block < w->last ? w->last : block; block < end; block++)
		fprintf(w->out, "%llu\n", (ull)block);
	w->last = end > w->last ? end : w->last;
}

static void ddrescue_area(struct writer *w, uint64_t sector, uint64_t count, char status)
{
	if (count)
		fprintf(w->out, "0x%08llX  0x%08llX  %c\n", (ull)(sector * BM_SECTOR),
			(ull)(count * BM_SECTOR), status);
	w->at = sector + count;
}

static void ddrescue_extent(struct writer *w, const struct extent *e)
{
	if (e->sector > w->at)
		ddrescue_area(w, w->at, e->sector - w->at, '+');
	ddrescue_area(w, e->sector, e->count, '-');
}

static void json_extent(struct writer *w, const struct extent *e)
{
	fprintf(w->out,
		"%s\n    {\"sector\": %llu, \"count\": %llu, \"state\": \"%s\", \"spare\": ",
		w->first ? "" : ",", (ull)e->sector, (ull)e->count, e->state);
	if (e->placed)
		fprintf(w->out, "%llu}", (ull)e->spare);
	else
		fputs("null}", w->out);
	w->first = false;
}

/* For people: dump --remaps. */
static void table_extent(struct writer *w, const struct extent *e)
{
	if (w->first)
		fprintf(w->out, "%-15s %-15s %-10s %s\n", "SECTOR", "COUNT", "STATE",
			"SPARE SECTOR");
	w->first = false;
	fprintf(w->out, "%-15llu %-15llu %-10s ", (ull)e->sector, (ull)e->count, e->state);
	if (e->placed)
		fprintf(w->out, "%llu\n", (ull)e->spare);
	else
		fputs("-\n", w->out);
}

/* Only where something is to be read is a copy worth trying. */
static void add_extent(struct writer *w, const struct extent *e)
{
	fprintf(w->out, "blkmend add \"$1\" %llu-%llu%s\n", (ull)e->sector,
		(ull)(e->sector + e->count - 1), strcmp(e->state, "mapped") ? " --no-copy" : "");
}

static void take_page(struct writer *w, const json_t *page, extent_fn *fn)
{
	for (size_t i = 0; i < json_array_size(page); i++) {
		const json_t *entry = json_array_get(page, i);
		const json_t *spare = json_array_get(entry, 2);
		struct extent e = {
			.sector = (uint64_t)json_integer_value(json_array_get(entry, 0)),
			.count = (uint64_t)json_integer_value(json_array_get(entry, 1)),
			.spare = (uint64_t)json_integer_value(spare),
			.placed = json_is_integer(spare),
			.state = json_string_value(json_array_get(entry, 3)),
		};

		if (!w->unreadable || strcmp(e.state, "mapped"))
			fn(w, &e);
	}
}

static int all_pages(struct cli *cli, struct target *target, struct writer *w, extent_fn *fn)
{
	uint64_t at = 0;
	bool more = true;
	int code = EXIT_OK;

	while (code == EXIT_OK && more) {
		json_t *page = NULL;

		code = target_ask(cli, target,
				  json_pack("{s:s, s:I, s:I}", "verb", "map", "from",
					    (json_int_t)at, "limit", (json_int_t)PAGE),
				  NULL, NULL, &page);
		take_page(w, json_object_get(page, "extents"), fn);
		more = json_is_integer(json_object_get(page, "next"));
		at = get_number(page, "next");
		json_decref(page);
	}
	return code;
}

static int list_block(struct cli *cli, struct writer *w)
{
	uint64_t bytes = 1024;

	if (cli->list_block &&
	    (number_size(cli->list_block, &bytes) || bytes < 512 || bytes % 512 || bytes > 1 << 20))
		return cli_fail(cli, EXIT_USAGE,
				"--block %s: a block is 512 bytes or a multiple, up to 1M",
				cli->list_block);
	w->block = bytes / BM_SECTOR;
	return EXIT_OK;
}

static int export_ddrescue(struct cli *cli, struct target *target, struct writer *w)
{
	int code;

	fprintf(w->out,
		"# Mapfile of %s, written by blkmend\n"
		"# '-': sectors of the disk that are %s\n"
		"# current_pos  current_status  current_pass\n"
		"0x00000000     +               1\n"
		"#      pos        size  status\n",
		w->name, w->unreadable ? "pending or lost" : "remapped, pending or lost");
	code = all_pages(cli, target, w, ddrescue_extent);
	if (w->at < w->main_sectors)
		ddrescue_area(w, w->at, w->main_sectors - w->at, '+');
	return code;
}

static int export_json(struct cli *cli, struct target *target, struct writer *w,
		       const json_t *status)
{
	char *text = json_dumps(status, JSON_COMPACT);
	int code;

	fprintf(w->out, "{\n  \"status\": %s,\n  \"extents\": [", text ? text : "null");
	free(text);
	code = all_pages(cli, target, w, json_extent);
	fputs("\n  ]\n}\n", w->out);
	return code;
}

static int export_add(struct cli *cli, struct target *target, struct writer *w)
{
	fprintf(w->out,
		"#!/bin/sh\n# Remaps of %s; run with the name of the device that is to get "
		"them.\n# What lives on the spare does not come along: each sector is copied "
		"from main,\n# which has old data, or none, of what could not be written.\n"
		"set -e\n",
		w->name);
	return all_pages(cli, target, w, add_extent);
}

int map_export(struct cli *cli, struct target *target, const char *format, FILE *out)
{
	struct writer w = { .out = out, .unreadable = cli->unreadable, .first = true };
	json_t *status = NULL;
	int code = list_block(cli, &w);

	if (code == EXIT_OK)
		code = target_ask(cli, target, json_pack("{s:s}", "verb", "status"), NULL, NULL,
				  &status);
	if (code != EXIT_OK)
		return code;
	w.name = get_text(status, "name");
	w.main_sectors = get_number(status, "main_sectors");
	if (!strcmp(format, "badblocks"))
		code = all_pages(cli, target, &w, badblocks_extent);
	else if (!strcmp(format, "table"))
		code = all_pages(cli, target, &w, table_extent);
	else if (!strcmp(format, "ddrescue"))
		code = export_ddrescue(cli, target, &w);
	else if (!strcmp(format, "json"))
		code = export_json(cli, target, &w, status);
	else if (!strcmp(format, "add"))
		code = export_add(cli, target, &w);
	else
		code = -1;
	json_decref(status);
	return code;
}

int verb_export(struct cli *cli)
{
	const char *format = cli->format ? cli->format : cli->json ? "json" : "badblocks";
	struct target target;
	struct output out;
	int code;

	if (strcmp(format, "badblocks") && strcmp(format, "ddrescue") && strcmp(format, "json") &&
	    strcmp(format, "add"))
		return cli_fail(cli, EXIT_USAGE,
				"--format '%s': exports are badblocks, ddrescue, json and add",
				format);
	code = target_open(cli, cli->operands[0], 0, &target);
	if (code == EXIT_OK)
		code = cli_create(cli, &out);
	if (code == EXIT_OK) {
		code = map_export(cli, &target, format, out.file);
		code = code == EXIT_OK ? cli_commit(cli, &out) : cli_abandon(&out, code);
	}
	target_close(&target);
	return code;
}
