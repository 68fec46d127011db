// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab setup: fetch kernels, and what building modules for them needs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "lab.h"
#include "size.h"
#include "stock.h"
#include "toolchain.h"

static int setup_one(const char *name)
{
	struct kernel kernel;
	char *directory, *size;
	int err = kernel_find(name, &kernel);

	if (err)
		return err;
	err = toolchain_setup(name);
	if (!err) {
		directory = stock_directory(name);
		size = size_text(size_tree(directory));
		printf("%s: %s is here, %s, and modules can be built for it\n", name,
		       kernel.release, size);
		fflush(stdout);
		free(size);
		free(directory);
	}
	kernel_free(&kernel);
	return err;
}

static int check(const char *name)
{
	if (*name == '-')
		complain("setup has no option %s; see `blklab setup --help`", name);
	else if (!strncmp(name, "uml", 3) || !strncmp(name, "debug", 5))
		complain("%s is not fetched but built: `blklab uml --help` says how", name);
	else if (!stock_is(name))
		complain("there is no kernel '%s' to fetch: there are 6.1, 6.12 and 7.2", name);
	else
		return 0;
	return -EINVAL;
}

int verb_setup(int argc, char **argv)
{
	const char *const *names = argc > 1 ? (const char *const *)argv + 1 : kernel_names;
	int status = LAB_OK, i;

	for (i = 0; names[i]; i++)
		if (check(names[i]))
			return LAB_USAGE;
	/* One that fails does not keep the others from being had. */
	for (i = 0; names[i]; i++)
		if (setup_one(names[i]))
			status = LAB_FAILED;
	return status;
}
