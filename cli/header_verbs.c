/* SPDX-License-Identifier: GPL-2.0-only */
/* header-backup and header-restore: the metadata of a closed spare, to a file and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/header.h"
#include "cli/signature.h"
#include "cli/spare.h"
#include "cli/target.h"

#define ZERO_PIECE (256ull << 20)

typedef unsigned long long ull;

/* Open it as a server would, writing nothing: is the metadata whole, and how much is in it? */
static int verify(struct cli *cli, struct bm_status *status)
{
	struct remap_options options = { .flags = BM_READ_ONLY, .name = cli->operands[0] };
	struct remap *remap;
	struct device *dev;
	char *error = NULL;
	int code = 0;

	dev = target_device(cli, cli->operands[0], DEVICE_READ_ONLY | DEVICE_LOCK, &code);
	if (!dev)
		return code;
	remap = remap_open(NULL, dev, &options, &error, &code);
	if (!remap)
		return cli_fail_text(cli, code, error);
	bm_get_status(remap_hold(remap), status);
	remap_release(remap);
	remap_close(remap);
	return EXIT_OK;
}

/* Each position from whichever copy has the newer whole block. */
static void collect(struct device *dev, const struct bm_super *super, u32 blocks, u8 *to)
{
	for (u32 i = 0; i < blocks; i++, to += super->log_size) {
		struct spare_block best = { 0 };

		for (unsigned int copy = 0; copy < 2; copy++) {
			u8 buf[BM_LOG_MAX_SIZE];
			struct spare_block b;

			spare_log_block(dev, super, copy, i, buf, &b);
			if (!b.whole || (best.whole && (b.header.epoch < best.header.epoch ||
							(b.header.epoch == best.header.epoch &&
							 b.header.seq <= best.header.seq))))
				continue;
			best = b;
			memcpy(to, buf, super->log_size);
		}
	}
}

/* The whole backup in memory, NULL: told. */
static u8 *take(struct cli *cli, u32 ring, size_t *size, int *code)
{
	struct header header = { .blocks = ring, .created = (u64)time(NULL) };
	const struct bm_super *super;
	struct device *dev;
	struct spare spare;
	u8 *buf = NULL;

	dev = target_device(cli, cli->operands[0], DEVICE_READ_ONLY | DEVICE_LOCK, code);
	if (!dev)
		return NULL;
	spare_look(&spare, dev);
	super = spare_super(&spare);
	if (super) {
		header.log_size = super->log_size;
		*size = HEADER_SIZE + BM_SUPER_SIZE + (size_t)ring * super->log_size;
		buf = calloc(1, *size);
	}
	if (buf) {
		bm_super_encode(super, buf + HEADER_SIZE);
		collect(dev, super, ring, buf + HEADER_SIZE + BM_SUPER_SIZE);
		header_encode(&header, buf, *size);
	} else {
		*code = cli_fail_text(cli, EXIT_MEMORY, NULL);
	}
	device_close(dev);
	return buf;
}

int verb_header_backup(struct cli *cli)
{
	struct bm_status status;
	struct output out;
	size_t size = 0;
	u8 *buf;
	int code = verify(cli, &status);

	if (code != EXIT_OK)
		return code;
	buf = take(cli, status.log_ring, &size, &code);
	if (!buf)
		return code;
	cli->output = cli->operands[1];
	code = cli_create(cli, &out);
	if (code == EXIT_OK && fwrite(buf, 1, size, out.file) != size)
		code = cli_abandon(
			&out, cli_fail(cli, EXIT_DEVICE, "%s can't be written: %m", cli->output));
	else if (code == EXIT_OK)
		code = cli_commit(cli, &out);
	free(buf);
	if (code == EXIT_OK && cli->json)
		printf("{\"file\": \"saved\", \"bytes\": %zu, \"remaps\": %llu}\n", size,
		       (ull)status.runs);
	else if (code == EXIT_OK && strcmp(cli->output, "-"))
		printf("%s: the metadata of %s, %llu remaps (%zu bytes). It is good until the next "
		       "change of the map.\n",
		       cli->output, cli->operands[0], (ull)status.runs, size);
	return code;
}

/* ---- restore ---- */

struct backup {
	u8 *buf;
	struct header header;
	struct bm_super super;
	struct bm_log_header newest;
};

static int read_backup(struct cli *cli, struct backup *b)
{
	const char *file = cli->operands[1], *wrong;
	size_t size;
	int code;

	b->buf = (u8 *)cli_read_file(cli, file, &size, &code);
	if (!b->buf)
		return code;
	wrong = header_decode(b->buf, size, &b->header, &b->super);
	if (!wrong && !header_newest(b->buf, &b->header, &b->super, &b->newest))
		wrong = "has no whole log block";
	if (wrong)
		return cli_fail(cli, EXIT_USAGE, "%s %s; nothing was changed", file, wrong);
	return EXIT_OK;
}

static int check_foreign(struct cli *cli, struct device *dev)
{
	struct signatures *found;
	char *error = NULL;
	int code = EXIT_OK;

	found = signatures_find(dev, &error);
	if (!found)
		return cli_fail_text(cli, EXIT_DEVICE, error);
	if (signatures_text(found))
		code = cli_fail(cli, EXIT_BUSY,
				"%s contains %s; it was not changed. If it may be overwritten: "
				"--force",
				cli->operands[0], signatures_text(found));
	signatures_free(found);
	return code;
}

/* Does the backup belong on this device? *question: what to ask about it. */
static int match(struct cli *cli, struct device *dev, const struct backup *b, const char **question)
{
	const char *name = cli->operands[0];
	const struct bm_super *super;
	struct spare_block newest;
	struct spare spare;
	char uuid[UUID_TEXT], other[UUID_TEXT];

	*question = "its metadata will be replaced by the backup's";
	spare_look(&spare, dev);
	super = spare_super(&spare);
	if (spare.sectors < b->super.spare_sectors)
		return cli_fail(cli, EXIT_DEVICE,
				"%s has %llu sectors, but the backup is of a spare of %llu: it is "
				"not the same device",
				name, (ull)spare.sectors, (ull)b->super.spare_sectors);
	if (!super)
		return cli->force || spare_is_ours(&spare) ? EXIT_OK : check_foreign(cli, dev);
	if (memcmp(super->uuid, b->super.uuid, 16) && !cli->force) {
		uuid_text(super->uuid, uuid);
		uuid_text(b->super.uuid, other);
		return cli_fail(cli, EXIT_DEVICE,
				"%s is the spare %s, but the backup is of %s; it was not changed. "
				"To give up what is on it: --force",
				name, uuid, other);
	}
	if (super->set_id == b->super.set_id && spare_log_newest(dev, super, &newest) &&
	    (newest.header.epoch > b->newest.epoch ||
	     (newest.header.epoch == b->newest.epoch && newest.header.seq > b->newest.seq)))
		*question = "the map has changed since the backup was made: what was remapped "
			    "since will be lost, and what was released will read as it was then";
	return EXIT_OK;
}

/* Whole blocks by the device's own means, the ragged ends (of 512-byte log blocks) by writing. */
static int zero_range(struct device *dev, u64 from, u64 to)
{
	static const u8 zero[BM_SUPER_SIZE];
	int err = 0;

	while (!err && from < to) {
		u64 n = (to - from) / 4096 * 4096;

		if (from % 4096 || !n) {
			n = sizeof(zero);
			err = spare_write(dev, zero, from, n);
		} else {
			n = n < ZERO_PIECE ? n : ZERO_PIECE;
			err = device_zero(dev, from, n, true, false);
		}
		from += n;
	}
	return err;
}

static int write_log(struct device *dev, const struct backup *b, unsigned int copy)
{
	const u8 *from = b->buf + HEADER_SIZE + BM_SUPER_SIZE;
	u64 offset = b->super.log_start[copy] * BM_SECTOR;
	u64 used = (u64)b->header.blocks * b->header.log_size;
	u64 all = (u64)b->super.log_max * b->super.log_size;
	int err = 0;

	for (u64 at = 0; !err && at < used; at += b->header.log_size)
		err = spare_write(dev, from + at, offset + at, b->header.log_size);
	/* What is stale beyond must never be taken for the newest block. */
	return err ? err : zero_range(dev, offset + used, offset + all);
}

/*
 * As format does it: no superblock is there while the logs are unfinished, so a restore that is
 * cut off leaves a device that is refused, and can be restored again.
 */
static int write_all(struct device *dev, const struct backup *b)
{
	static const u8 zero[BM_SUPER_SIZE];
	u64 at[2];
	int err = 0;

	for (unsigned int copy = 0; copy < 2; copy++)
		at[copy] = bm_super_sector(b->super.spare_sectors, copy) * BM_SECTOR;
	for (int copy = 0; !err && copy < 2; copy++)
		err = spare_write(dev, zero, at[copy], sizeof(zero));
	for (unsigned int copy = 0; !err && copy < 2; copy++)
		err = write_log(dev, b, copy);
	if (!err)
		err = device_flush(dev);
	for (int copy = 0; !err && copy < 2; copy++)
		err = spare_write(dev, b->buf + HEADER_SIZE, at[copy], BM_SUPER_SIZE);
	return err ? err : device_flush(dev);
}

static int restore(struct cli *cli, const struct backup *b)
{
	const char *question;
	struct device *dev;
	int code = topology_unused(cli, cli->operands[0]), err;

	if (code != EXIT_OK)
		return code;
	dev = target_device(cli, cli->operands[0], DEVICE_LOCK, &code);
	if (!dev)
		return code;
	code = match(cli, dev, b, &question);
	if (code == EXIT_OK)
		code = cli_confirm(cli, "%s: %s. Sure?", cli->operands[0], question);
	if (code == EXIT_OK) {
		err = write_all(dev, b);
		if (err)
			code = cli_fail(cli, EXIT_DEVICE,
					"%s could not be written: %s; it has no metadata now, so "
					"restore it again",
					cli->operands[0], strerror(-err));
	}
	device_close(dev);
	return code;
}

int verb_header_restore(struct cli *cli)
{
	struct backup b = { 0 };
	struct bm_status status;
	int code = read_backup(cli, &b);

	if (code == EXIT_OK)
		code = restore(cli, &b);
	free(b.buf);
	if (code == EXIT_OK)
		code = verify(cli, &status);
	if (code == EXIT_OK && cli->json)
		printf("{\"restored\": true, \"remaps\": %llu}\n", (ull)status.runs);
	else if (code == EXIT_OK)
		printf("%s is a spare again, with %llu remaps.\n", cli->operands[0],
		       (ull)status.runs);
	return code;
}
