/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/target.h"
#include "hosts/dmctl/dmctl.h"

bool pair_name_fits(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-+";

	return *name && *name != '.' && *name != '-' && strlen(name) <= 64 &&
	       strspn(name, plain) == strlen(name);
}

int pair_name_free(struct cli *cli, const char *name)
{
	char *mapped;

	if (target_is_served(name))
		return cli_fail(cli, EXIT_BUSY,
				"%s is being served already; close it first, or choose another "
				"name",
				name);
	mapped = dmctl_find(name);
	if (!mapped)
		return EXIT_OK;
	free(mapped);
	return cli_fail(cli, EXIT_BUSY,
			"%s is open in the kernel already; close it first, or choose another name",
			name);
}

/* For reading: udev looks anew at a disk that somebody has closed who could write. */
static int check_different(struct cli *cli, const struct pair *pair)
{
	struct device *main, *spare;
	int code = EXIT_OK;

	main = target_device(cli, pair->main, DEVICE_READ_ONLY, &code);
	if (!main)
		return code;
	spare = target_device(cli, pair->spare, DEVICE_READ_ONLY, &code);
	if (spare && device_same(main, spare))
		code = cli_fail(cli, EXIT_DEVICE,
				"%s and %s are the same device; a spare must be another one",
				pair->main, pair->spare);
	device_close(main);
	device_close(spare);
	return code;
}

static void take_down(struct remap *remap, struct pair *pair)
{
	const struct device_info *main = device_info(remap_main(remap));
	struct bm_status status;

	bm_get_status(remap_hold(remap), &status);
	remap_release(remap);
	memcpy(pair->uuid, status.super.uuid, sizeof(pair->uuid));
	memcpy(pair->identity, main->identity, sizeof(pair->identity));
	pair->sectors = main->size / BM_SECTOR;
}

int pair_rehearse(struct cli *cli, const char *name, struct pair *pair)
{
	struct remap_options options = { .name = name,
					 .flags = BM_READ_ONLY |
						  (cli->accept_main ? BM_ACCEPT_MAIN : 0) |
						  (cli->accept_grown ? BM_ACCEPT_GROWN : 0) };
	struct device *main, *spare;
	struct remap *remap;
	char *error = NULL;
	int code = check_different(cli, pair);

	if (code != EXIT_OK)
		return code;
	main = target_device(cli, pair->main, pair->flags | DEVICE_REHEARSE, &code);
	if (!main)
		return code;
	spare = target_device(cli, pair->spare, pair->flags | DEVICE_REHEARSE, &code);
	if (!spare) {
		device_close(main);
		return code;
	}
	remap = remap_open(main, spare, &options, &error, &code);
	if (!remap)
		return cli_fail_text(cli, code, error);
	take_down(remap, pair);
	remap_close(remap);
	return EXIT_OK;
}
