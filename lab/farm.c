// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree of symbolic links to the files of another tree.
 */
#include "farm.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

enum { FILES_MAX = 20000 };

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcmp(name + n - m, end);
}

/* Someone may have built in the source tree: that is neither source nor ours. */
static bool is_made(const char *name)
{
	return ends_with(name, ".o") || ends_with(name, ".ko") || ends_with(name, ".mod") ||
	       ends_with(name, ".mod.c") || ends_with(name, ".a") ||
	       !strcmp(name, "modules.order") || !strcmp(name, "Module.symvers");
}

static int link_one(const char *from, const char *to)
{
	char now[4096];
	ssize_t n = readlink(to, now, sizeof(now) - 1);

	if (n > 0) {
		now[n] = 0;
		if (!strcmp(now, from))
			return 0;
	}
	unlink(to);
	return symlink(from, to) ? -errno : 0;
}

static int walk(const char *from, const char *to, unsigned int *files);

static int walk_one(const char *from, const char *to, const char *name, unsigned int *files)
{
	struct stat st;
	int err = 0;

	if (stat(from, &st))
		return 0; /* a link to nothing */
	if (S_ISREG(st.st_mode) && !is_made(name))
		err = ++*files > FILES_MAX ? -E2BIG : link_one(from, to);
	else if (S_ISDIR(st.st_mode) && strcmp(name, "build") && !lstat(from, &st) &&
		 S_ISDIR(st.st_mode))
		err = walk(from, to, files);
	return err;
}

static int walk(const char *from, const char *to, unsigned int *files)
{
	DIR *dir = opendir(from);
	struct dirent *entry;
	char *source, *target;
	int err = 0;

	if (!dir)
		return errno == EACCES ? 0 : -errno;
	if (mkdir(to, 0755) && errno != EEXIST)
		err = -errno;
	while (!err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		source = format("%s/%s", from, entry->d_name);
		target = format("%s/%s", to, entry->d_name);
		err = walk_one(source, target, entry->d_name, files);
		free(source);
		free(target);
	}
	closedir(dir);
	return err;
}

/* Links whose file is gone would be compiled against yesterday's rules. */
static void prune(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	char *name;

	while (dir && (entry = readdir(dir))) {
		name = format("%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    !lstat(name, &st)) {
			if (S_ISLNK(st.st_mode) && access(name, F_OK))
				unlink(name);
			else if (S_ISDIR(st.st_mode))
				prune(name);
		}
		free(name);
	}
	if (dir)
		closedir(dir);
}

int farm_make(const char *from, const char *to)
{
	unsigned int files = 0;
	int err = make_directories(to);

	if (!err)
		err = walk(from, to, &files);
	if (!err)
		prune(to);
	else if (err == -E2BIG)
		complain("%s holds more than %u files: give the directory of a module (below a "
			 "git tree, all of that tree is looked at)",
			 from, (unsigned int)FILES_MAX);
	else
		complain("%s: %s", to, strerror(-err));
	return err;
}
