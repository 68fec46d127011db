/* SPDX-License-Identifier: GPL-2.0-only */
/* dump: the metadata as it is on the device, whole or not (docs/FORMAT.md names the fields). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture.h"
#include "cli/spare.h"
#include "cli/target.h"

typedef unsigned long long ull;

static json_t *super_json(const struct spare_copy *c)
{
	const struct bm_super *s = &c->super;
	char uuid[UUID_TEXT], set_id[24];
	json_t *json = json_pack("{s:I, s:s}", "sector", (json_int_t)c->sector, "state",
				 spare_copy_text(c));
	json_t *fields;

	if (c->state != BM_SUPER_OK)
		return json;
	uuid_text(s->uuid, uuid);
	snprintf(set_id, sizeof(set_id), "%016llx", (ull)s->set_id);
	fields = json_pack(
		"{s:i, s:I, s:I, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:[I,I], "
		"s:I, s:I, s:I, s:I, s:o}",
		"version", (int)s->version, "incompat", (json_int_t)s->incompat, "compat",
		(json_int_t)s->compat, "uuid", uuid, "label", cli_text(s->label), "set_id", set_id,
		"generation", (json_int_t)s->generation, "created", (json_int_t)s->created,
		"block_size", (json_int_t)s->block_size, "log_size", (json_int_t)s->log_size,
		"main_sectors", (json_int_t)s->main_sectors, "spare_sectors",
		(json_int_t)s->spare_sectors, "data_start", (json_int_t)s->data_start, "data_end",
		(json_int_t)s->data_end, "log_start", (json_int_t)s->log_start[0],
		(json_int_t)s->log_start[1], "log_min", (json_int_t)s->log_min, "log_max",
		(json_int_t)s->log_max, "spare_index", (json_int_t)s->spare_index, "spare_count",
		(json_int_t)s->spare_count, "main_identity", cli_text(s->main_identity));
	json_object_set_new(json, "fields", fields);
	return json;
}

static json_t *header_json(const struct spare_block *b)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seq",
			 (json_int_t)b->header.seq, "epoch", (json_int_t)b->header.epoch, "tail",
			 (json_int_t)b->header.tail, "pass", (json_int_t)b->header.pass, "ring",
			 (json_int_t)b->header.ring, "records", (json_int_t)b->header.count,
			 "fresh", (json_int_t)b->header.fresh, "crc", (json_int_t)b->crc);
}

static json_t *record_json(const struct bm_record *r)
{
	static const char *const kinds[] = { "?", "mapped", "pending", "lost", "unmap", "bad" };
	json_t *spare = r->spare == BM_NO_BLOCK ? json_null() : json_integer((json_int_t)r->spare);

	return json_pack("{s:s, s:I, s:I, s:o, s:b}", "kind", kinds[r->kind <= 5 ? r->kind : 0],
			 "block", (json_int_t)r->block, "count", (json_int_t)r->count, "spare",
			 spare, "cont", (int)r->cont);
}

static json_t *block_json(const struct spare_block *b, u32 position, const void *buf)
{
	json_t *json = header_json(b), *records = json_array();

	json_object_set_new(json, "position", json_integer(position));
	for (u32 i = 0; i < b->header.count; i++) {
		struct bm_record record;

		json_array_append_new(records, bm_record_decode(buf, i, &record)
						       ? record_json(&record)
						       : json_null());
	}
	json_object_set_new(json, "list", records);
	return json;
}

/* What is in the part of one copy that is in use. */
static json_t *copy_json(struct cli *cli, struct device *dev, const struct bm_super *super,
			 unsigned int copy, u32 ring)
{
	ull whole = 0, blank = 0, damaged = 0, unreadable = 0;
	u8 buf[BM_LOG_MAX_SIZE];
	static const u8 zero[BM_LOG_MAX_SIZE];
	json_t *blocks = json_array(), *json;

	for (u32 position = 0; position < ring; position++) {
		struct spare_block block;

		spare_log_block(dev, super, copy, position, buf, &block);
		if (block.whole)
			whole++;
		else if (block.io_error)
			unreadable++;
		else if (!memcmp(buf, zero, super->log_size))
			blank++;
		else
			damaged++;
		if (block.whole && cli->log)
			json_array_append_new(blocks, block_json(&block, position, buf));
	}
	json = json_pack("{s:I, s:I, s:I, s:I, s:I}", "sector", (json_int_t)super->log_start[copy],
			 "whole", (json_int_t)whole, "never_used", (json_int_t)blank, "damaged",
			 (json_int_t)damaged, "unreadable", (json_int_t)unreadable);
	if (cli->log)
		json_object_set(json, "blocks", blocks);
	json_decref(blocks);
	return json;
}

static json_t *log_json(struct cli *cli, struct device *dev, const struct bm_super *super)
{
	struct spare_block newest;
	bool found = spare_log_newest(dev, super, &newest);
	u32 ring = found ? newest.header.ring : super->log_min;

	if (ring > super->log_max)
		ring = super->log_max;
	return json_pack("{s:o, s:[o,o]}", "newest", found ? header_json(&newest) : json_null(),
			 "copies", copy_json(cli, dev, super, 0, ring),
			 copy_json(cli, dev, super, 1, ring));
}

/* ---- for people ---- */

static void print_member(const char *indent, const char *key, const json_t *value)
{
	if (json_is_string(value)) {
		printf("%s%-14s %s\n", indent, key, json_string_value(value));
	} else if (json_is_integer(value)) {
		printf("%s%-14s %lld\n", indent, key, (long long)json_integer_value(value));
	} else if (json_is_array(value) && json_is_integer(json_array_get(value, 0))) {
		printf("%s%-14s", indent, key);
		for (size_t i = 0; i < json_array_size(value); i++)
			printf(" %lld", (long long)json_integer_value(json_array_get(value, i)));
		putchar('\n');
	}
}

static void print_members(const char *indent, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) print_member(indent, key, value);
}

static void print_block(json_t *block)
{
	json_t *records = json_object_get(block, "list");

	printf("  position %lld: block %lld of epoch %lld, tail %lld, %lld records (%lld fresh)\n",
	       (long long)get_number(block, "position"), (long long)get_number(block, "seq"),
	       (long long)get_number(block, "epoch"), (long long)get_number(block, "tail"),
	       (long long)get_number(block, "records"), (long long)get_number(block, "fresh"));
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *r = json_array_get(records, i);

		printf("    %-8s block %llu, %llu long", get_text(r, "kind"),
		       (ull)get_number(r, "block"), (ull)get_number(r, "count"));
		if (json_is_integer(json_object_get(r, "spare")))
			printf(", spare block %llu", (ull)get_number(r, "spare"));
		puts(json_is_true(json_object_get(r, "cont")) ? ", continued" : "");
	}
}

static void print_dump(json_t *dump)
{
	json_t *supers = json_object_get(dump, "superblocks"), *log = json_object_get(dump, "log");
	json_t *copies = json_object_get(log, "copies");

	for (size_t i = 0; i < json_array_size(supers); i++) {
		json_t *super = json_array_get(supers, i);

		printf("superblock %zu at sector %llu: %s\n", i, (ull)get_number(super, "sector"),
		       get_text(super, "state"));
		print_members("  ", json_object_get(super, "fields"));
	}
	if (!log)
		return;
	printf("newest log block\n");
	if (json_is_null(json_object_get(log, "newest")))
		puts("  none is whole");
	print_members("  ", json_object_get(log, "newest"));
	for (size_t i = 0; i < json_array_size(copies); i++) {
		json_t *copy = json_array_get(copies, i), *blocks = json_object_get(copy, "blocks");

		printf("log copy %zu\n", i);
		print_members("  ", copy);
		for (size_t k = 0; k < json_array_size(blocks); k++)
			print_block(json_array_get(blocks, k));
	}
}

static int print_remaps(struct cli *cli)
{
	struct target target;
	int code = target_open(cli, cli->operands[0], 0, &target);

	if (code == EXIT_OK)
		code = map_export(cli, &target, cli->json ? "json" : "table", stdout);
	target_close(&target);
	return code;
}

int verb_dump(struct cli *cli)
{
	const struct bm_super *super;
	struct device *dev;
	struct spare spare;
	json_t *dump;
	int code = EXIT_OK;

	/* One JSON value: with --remaps that is the map, which bears the status. */
	if (cli->json && cli->remaps)
		return print_remaps(cli);
	dev = target_device(cli, cli->operands[0], DEVICE_READ_ONLY, &code);
	if (!dev)
		return code;
	spare_look(&spare, dev);
	super = spare_super(&spare);
	if (!spare_is_ours(&spare)) {
		code = cli_fail(cli, EXIT_DEVICE, "%s is not a blkmend spare (%s)",
				cli->operands[0], spare_copy_text(&spare.copy[0]));
		device_close(dev);
		return code;
	}
	dump = json_pack("{s:s, s:I, s:[o,o]}", "device", cli->operands[0], "sectors",
			 (json_int_t)spare.sectors, "superblocks", super_json(&spare.copy[0]),
			 super_json(&spare.copy[1]));
	if (super)
		json_object_set_new(dump, "log", log_json(cli, dev, super));
	device_close(dev);
	if (cli->json)
		cli_json(dump);
	else
		print_dump(dump);
	json_decref(dump);
	return cli->remaps ? print_remaps(cli) : EXIT_OK;
}
