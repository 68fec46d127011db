/* SPDX-License-Identifier: GPL-2.0-only */
/* Which storage is part of which, from sysfs. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cli/signature.h"

/* A file that a loop device uses is in use, although nothing else shows it. */
static char *loop_user(const struct stat *file)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	char *user = NULL;

	while (dir && !user && (entry = readdir(dir))) {
		char path[PATH_MAX], backing[PATH_MAX] = "";
		struct stat st;
		FILE *f;

		if (strncmp(entry->d_name, "loop", 4))
			continue;
		snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (!fgets(backing, sizeof(backing), f))
			backing[0] = 0;
		fclose(f);
		backing[strcspn(backing, "\n")] = 0;
		if (!stat(backing, &st) && st.st_dev == file->st_dev && st.st_ino == file->st_ino &&
		    asprintf(&user, "/dev/%s", entry->d_name) < 0)
			user = NULL;
	}
	if (dir)
		closedir(dir);
	return user;
}

int topology_unused(const struct cli *cli, const char *path)
{
	struct stat st;
	char *user = !stat(path, &st) && S_ISREG(st.st_mode) ? loop_user(&st) : NULL;
	int code;

	if (!user)
		return EXIT_OK;
	code = cli_fail(cli, EXIT_BUSY, "%s is in use by %s; detach it first", path, user);
	free(user);
	return code;
}

/* The sysfs directory of a block device; of a partition, it lies in its disk's. */
static bool sys_path(const char *path, char real[PATH_MAX])
{
	char link[64];
	struct stat st;

	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return realpath(link, real);
}

bool topology_overlap(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];
	size_t n, m;

	if (!sys_path(a, x) || !sys_path(b, y))
		return false;
	n = strlen(x);
	m = strlen(y);
	return (!strncmp(x, y, n) && y[n] == '/') || (!strncmp(x, y, m) && x[m] == '/');
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool empty = true;

	while (dir && empty && (entry = readdir(dir)))
		empty = *entry->d_name == '.';
	if (dir)
		closedir(dir);
	return empty;
}

bool topology_start(const char *path, uint64_t *start)
{
	char dir[PATH_MAX], file[PATH_MAX + 16];
	unsigned long long sector = 0;
	FILE *f;

	*start = 0;
	if (!sys_path(path, dir))
		return true;
	snprintf(file, sizeof(file), "%s/slaves", dir);
	if (!is_empty(file))
		return false;
	snprintf(file, sizeof(file), "%s/start", dir);
	f = fopen(file, "re");
	if (f && fscanf(f, "%llu", &sector) != 1)
		sector = 0;
	if (f)
		fclose(f);
	*start = sector;
	return true;
}
