/* SPDX-License-Identifier: GPL-2.0-only */
/* wipe: take both superblocks off a spare, so that it is nobody's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/signature.h"
#include "cli/spare.h"
#include "cli/target.h"

/* What would be given up. EXIT_OK: nothing, or it is forced; *what: in words, for the question. */
static int weigh(struct cli *cli, char **what)
{
	struct remap_options options = { .flags = BM_READ_ONLY };
	const char *name = cli->operands[0];
	struct bm_status status = { 0 };
	struct device *dev;
	struct remap *remap;
	char *error = NULL;
	int code = 0, n;

	dev = target_device(cli, name, DEVICE_READ_ONLY | DEVICE_LOCK, &code);
	if (!dev)
		return code;
	remap = remap_open(NULL, dev, &options, &error, &code);
	if (!remap && code == EXIT_BUSY)
		return cli_fail_text(cli, code, error);
	if (!remap && !cli->force) {
		code = cli_fail(cli, code,
				"%s; so it is not known what would be lost. --force "
				"wipes it all the same",
				error ? error : name);
		free(error);
		return code;
	}
	free(error);
	if (!remap)
		return asprintf(what, "whatever is remapped to it") < 0 ? EXIT_MEMORY : EXIT_OK;
	bm_get_status(remap_hold(remap), &status);
	remap_release(remap);
	remap_close(remap);
	n = asprintf(what, "%llu remaps (%llu sectors that live only here)",
		     (unsigned long long)status.runs, (unsigned long long)status.mapped);
	if (n < 0)
		return cli_fail_text(cli, EXIT_MEMORY, NULL);
	if ((!status.runs && !status.pending) || cli->force)
		return EXIT_OK;
	code = cli_fail(cli, EXIT_BUSY,
			"%s holds %s; wiping it would lose them. Release them first (blkmend "
			"release), or give them up with --force",
			name, *what);
	return code;
}

static int zero_supers(struct spare *spare)
{
	static const u8 zero[BM_SUPER_SIZE];
	int err = 0;

	for (int i = 1; !err && i >= 0; i--) {
		enum bm_super_error state = spare->copy[i].state;

		if (state != BM_SUPER_BLANK && state != BM_SUPER_FOREIGN)
			err = spare_write(spare->dev, zero, spare->copy[i].sector * BM_SECTOR,
					  sizeof(zero));
	}
	return err ? err : device_flush(spare->dev);
}

int verb_wipe(struct cli *cli)
{
	const char *name = cli->operands[0];
	struct device *dev;
	struct spare spare;
	char *what = NULL;
	int code = topology_unused(cli, name), err;

	if (code != EXIT_OK)
		return code;
	dev = target_device(cli, name, DEVICE_READ_ONLY, &code);
	if (!dev)
		return code;
	spare_look(&spare, dev);
	device_close(dev);
	if (!spare_is_ours(&spare))
		return cli_fail(cli, EXIT_DEVICE,
				"%s is not a blkmend spare (%s); nothing was "
				"changed",
				name, spare_copy_text(&spare.copy[0]));
	code = weigh(cli, &what);
	if (code == EXIT_OK)
		code = cli_confirm(cli, "%s will be no spare any more, and %s be gone. Sure?", name,
				   what);
	free(what);
	dev = code == EXIT_OK ? target_device(cli, name, DEVICE_LOCK, &code) : NULL;
	if (!dev)
		return code;
	spare_look(&spare, dev);
	err = zero_supers(&spare);
	device_close(dev);
	if (err)
		return cli_fail(cli, EXIT_DEVICE, "%s could not be wiped: %s", name,
				strerror(-err));
	if (cli->json)
		printf("{\"wiped\": true}\n");
	else
		printf("%s is no spare any more.\n", name);
	return EXIT_OK;
}
