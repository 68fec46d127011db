/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * open: find a spare and its main disk, look at both, so that what is wrong is told in words and
 * with the right exit code, then have the kernel make one device of them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/find.h"
#include "cli/number.h"
#include "cli/pair.h"
#include "cli/signature.h"
#include "cli/spare.h"
#include "cli/target.h"
#include "hosts/dmctl/dmctl.h"
#include "hosts/posix/spare_lock.h"

static int check_words(struct cli *cli)
{
	const char *name = cli->operands[1];

	if (cli->host && !strcmp(cli->host, "ublk"))
		return cli_fail(cli, EXIT_USAGE,
				"--host ublk: this build has no ublk host; leave the option out, "
				"or serve the disk over NBD (blkmend serve)");
	if (cli->host && strcmp(cli->host, "dm"))
		return cli_fail(cli, EXIT_USAGE, "--host '%s': hosts are dm and ublk", cli->host);
	if (!pair_name_fits(name))
		return cli_fail(cli, EXIT_USAGE,
				"'%s' can't be a device's name: that is up to 64 letters, digits, "
				". _ - and +, not beginning with . or -",
				name);
	return EXIT_OK;
}

/* The kernel takes block devices only. NULL: told. */
static struct device *open_block(struct cli *cli, const char *path, int *code)
{
	struct device *dev;

	if (target_is_uri(path)) {
		*code = cli_fail(cli, EXIT_DEVICE,
				 "%s is reached over NBD, and the kernel wants a block device: "
				 "serve it instead (blkmend serve)",
				 path);
		return NULL;
	}
	dev = target_device(cli, path, DEVICE_READ_ONLY, code);
	if (!dev || device_info(dev)->kind == DEVICE_BLOCK)
		return dev;
	device_close(dev);
	*code = cli_fail(cli, EXIT_DEVICE,
			 "%s is a file, and the kernel wants a block device: make one of it "
			 "(losetup --find --show %s), or serve it (blkmend serve)",
			 path, path);
	return NULL;
}

/* What the spare says of itself; a reason why it can't be opened is told. */
static int look_at_spare(struct cli *cli, const char *path, struct bm_super *super)
{
	struct device *dev;
	struct spare spare;
	char *holder;
	int code;

	dev = open_block(cli, path, &code);
	if (!dev)
		return code;
	spare_look(&spare, dev);
	code = EXIT_OK;
	holder = dmctl_holder(path);
	if (holder)
		code = cli_fail(cli, EXIT_BUSY,
				"%s is in use already, as the spare or the main disk of %s", path,
				holder);
	else if (spare.copy[0].state == BM_SUPER_BLANK && spare.copy[1].state == BM_SUPER_BLANK)
		code = cli_fail(cli, EXIT_DEVICE,
				"%s is blank: make it a spare first (blkmend format %s --main DEV)",
				path, path);
	else if (!spare_is_ours(&spare))
		code = cli_fail(cli, EXIT_DEVICE, "%s is not a blkmend spare (%s)", path,
				spare_copy_text(&spare.copy[0]));
	else if (!spare_super(&spare) && spare_is_newer(&spare))
		code = cli_fail(
			cli, EXIT_DEVICE,
			"the metadata on %s is of a newer version of blkmend; update this one",
			path);
	else if (!spare_super(&spare))
		code = cli_fail(
			cli, EXIT_DEVICE,
			"the metadata on %s is damaged; see what is left with blkmend check %s",
			path, path);
	if (code == EXIT_OK)
		*super = *spare_super(&spare);
	device_close(dev);
	free(holder);
	return code;
}

static int look_at_main(struct cli *cli, const char *path, const char *spare)
{
	struct device *dev;
	int code;

	dev = open_block(cli, path, &code);
	if (!dev)
		return code;
	device_close(dev);
	if (!topology_overlap(path, spare))
		return EXIT_OK;
	return cli_fail(cli, EXIT_DEVICE,
			"%s and %s overlap: one is a partition of the other; a spare must be "
			"another device",
			path, spare);
}

/* The path that the kernel's log is to name: what a link points to. */
static char *resolved(char *path)
{
	char *real = path ? realpath(path, NULL) : NULL;

	if (!real)
		return path;
	free(path);
	return real;
}

/*
 * The rehearsal lets go of both devices, for the kernel to take them; what keeps servers away until
 * then is the lock by the spare's uuid.
 */
static int make(struct cli *cli, const struct pair *pair)
{
	struct dmctl_open open = {
		.name = cli->operands[1],
		.main = pair->main,
		.spare = pair->spare,
		.identity = pair->identity,
		.sectors = pair->sectors,
		.accept_main = cli->accept_main,
		.read_only = cli->read_only,
	};
	struct spare_lock *lock;
	char *error = NULL;
	int code = EXIT_OK;

	memcpy(open.uuid, pair->uuid, sizeof(open.uuid));
	lock = spare_lock_take(pair->uuid, open.name, false, &error, &code);
	if (!lock)
		return cli_fail_text(cli, code, error);
	code = EXIT_OK;
	if (!dmctl_open(&open, &error, &code))
		code = cli_fail_text(cli, code, error);
	spare_lock_release(lock);
	return code;
}

static void report(struct cli *cli, const struct pair *pair)
{
	const char *name = cli->operands[1];
	char uuid[UUID_TEXT], size[NUMBER_HUMAN];

	uuid_text(pair->uuid, uuid);
	if (cli->json) {
		json_t *json =
			json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:I}", "name", name, "device",
				  json_sprintf("/dev/mapper/%s", name), "host", "dm", "main",
				  cli_text(pair->main), "spare", cli_text(pair->spare), "uuid",
				  uuid, "main_sectors", (json_int_t)pair->sectors);

		cli_json(json);
		json_decref(json);
		return;
	}
	printf("%s is open as /dev/mapper/%s (%s, spare %s, %s)\n", pair->main, name,
	       number_human(pair->sectors * BM_SECTOR, size), pair->spare,
	       cli->read_only ? "read-only" : "writable");
}

int verb_open(struct cli *cli)
{
	struct bm_super super = { 0 };
	struct pair pair = { .flags = DEVICE_LOCK |
				      (cli->read_only ? DEVICE_READ_ONLY | DEVICE_CLAIM : 0) };
	char *error = NULL, *main = NULL, *spare = NULL;
	int code = check_words(cli);

	if (code == EXIT_OK && !dmctl_prepare(&error, &code))
		code = cli_fail_text(cli, code, error);
	if (code == EXIT_OK)
		code = pair_name_free(cli, cli->operands[1]);
	if (code == EXIT_OK)
		spare = resolved(find_spare(cli, cli->operands[0], &code));
	if (spare)
		code = look_at_spare(cli, spare, &super);
	if (spare && code == EXIT_OK)
		main = resolved(cli->main ? strdup(cli->main)
					  : find_main(cli, &super, spare, &code));
	if (main)
		code = look_at_main(cli, main, spare);
	pair.main = main;
	pair.spare = spare;
	if (main && code == EXIT_OK)
		code = pair_rehearse(cli, cli->operands[1], &pair);
	if (main && code == EXIT_OK)
		code = make(cli, &pair);
	if (main && code == EXIT_OK)
		report(cli, &pair);
	free(main);
	free(spare);
	return code;
}
