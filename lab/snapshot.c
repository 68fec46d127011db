// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab snapshot: make, list and remove guests that have booted already.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "machine.h"

/* Running the least there is from a snapshot makes it, and shows that it can be taken up. */
static int create(const char *kernel)
{
	char *command[] = { (char *)"true", NULL };
	struct machine_options options;
	struct machine_result result;
	int status;

	machine_defaults(&options);
	options.kernel = kernel;
	options.argv = command;
	options.snapshot = true;
	options.in = -1;
	status = machine_run(&options, &result);
	if (!status)
		printf("%-6s %s: from its snapshot to the end of `true` in %.2f s\n", kernel,
		       result.release ? result.release : "", result.total);
	machine_result_free(&result);
	machine_options_free(&options);
	return status;
}

/* A snapshot is two files: the machine's state, and its memory. */
static void print_one(int directory, const char *name)
{
	char *memory = format("%s.memory", name);
	struct stat st = { 0 };

	fstatat(directory, memory, &st, 0);
	printf("%-40s %5lld MiB\n", name, (long long)st.st_blocks * 512 >> 20);
	free(memory);
}

static int each(bool removing)
{
	char *directory = cache_path("snapshots/.");
	DIR *dir = opendir(directory);
	struct dirent *entry;
	const char *dot;

	while (dir && (entry = readdir(dir))) {
		dot = strrchr(entry->d_name, '.');
		if (entry->d_name[0] == '.')
			continue;
		if (removing && unlinkat(dirfd(dir), entry->d_name, 0))
			complain("%s: %s", entry->d_name, strerror(errno));
		else if (!removing && (!dot || strcmp(dot, ".memory")))
			print_one(dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
	free(directory);
	return LAB_OK;
}

int verb_snapshot(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "list";
	const char *const *name = (const char *const *)argv + 2;
	int status = LAB_OK;

	if (!strcmp(what, "list") && argc <= 2)
		return each(false);
	if (!strcmp(what, "remove") && argc <= 2)
		return each(true);
	if (strcmp(what, "create")) {
		complain("snapshot %s: create [KERNEL...], list or remove", what);
		return LAB_USAGE;
	}
	if (argc == 2)
		name = kernel_names;
	for (; *name && !status; name++)
		status = create(*name);
	return status;
}
