// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab clean: remove what is cached. Nothing that is in use is ever removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cache.h"
#include "lab.h"
#include "size.h"

struct clean {
	unsigned long long freed;
	bool failed;
};

static void clean_tree(struct clean *clean, const char *path)
{
	unsigned long long size;
	int err;

	if (access(path, F_OK))
		return;
	size = size_tree(path);
	err = remove_tree(path);
	/* What could be removed counts, even if something could not. */
	clean->freed += size - (err ? size_tree(path) : 0);
	if (err) {
		complain("%s: %s", path, strerror(-err));
		clean->failed = true;
	}
}

/* A lock that nobody holds: its descriptor, ours now. -1: it is held, or there is none. */
static int lock_try(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Remove what dead machines have left; the number of live ones. */
static unsigned int clean_machines(struct clean *clean)
{
	DIR *dir = opendir(runtime_dir());
	struct dirent *entry;
	unsigned int live = 0;
	char *path, *lock;
	int fd;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		path = format("%s/%s", runtime_dir(), entry->d_name);
		lock = format("%s/lock", path);
		fd = lock_try(lock);
		if (fd >= 0)
			clean_tree(clean, path);
		else if (!access(lock, F_OK))
			live++;
		if (fd >= 0)
			close(fd);
		free(lock);
		free(path);
	}
	if (dir)
		closedir(dir);
	return live;
}

/*
 * Take all locks in a directory, for as long as we live: then nobody makes anything meanwhile.
 * False: somebody does already, told.
 */
static bool lock_all(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	const char *end;
	bool got = true;
	char *path;

	while (dir && got && (entry = readdir(dir))) {
		end = strrchr(entry->d_name, '.');
		if (!end || strcmp(end, ".lock"))
			continue;
		path = format("%s/%s", directory, entry->d_name);
		got = lock_try(path) >= 0;
		free(path);
		if (!got)
			complain("another blklab is busy with %.*s; try again when it has ended",
				 (int)(end - entry->d_name), entry->d_name);
	}
	if (dir)
		closedir(dir);
	return got;
}

/* Names in a directory of the cache for which `wanted` is true. */
static void clean_below(struct clean *clean, const char *below, bool (*wanted)(const char *name))
{
	char *directory = *below ? format("%s/%s", cache_dir(), below) : must_strdup(cache_dir());
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char *path;

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    !wanted(entry->d_name))
			continue;
		path = format("%s/%s", directory, entry->d_name);
		clean_tree(clean, path);
		free(path);
	}
	if (dir)
		closedir(dir);
	free(directory);
}

/* Made again in no time. */
static bool is_cheap(const char *name)
{
	return !strcmp(name, "initramfs") || !strcmp(name, "images") || !strcmp(name, "debs");
}

static bool is_half_made(const char *name)
{
	return *name == '.';
}

/* Locks stay: one that is waited for at this moment must not become another file. */
static bool is_no_lock(const char *name)
{
	const char *end = strrchr(name, '.');

	return !end || strcmp(end, ".lock");
}

static void clean_cache(struct clean *clean, bool all)
{
	if (all) {
		clean_below(clean, "", is_no_lock);
		return;
	}
	clean_below(clean, "", is_cheap);
	clean_below(clean, "kernels", is_half_made);
}

int verb_clean(int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { NULL } };
	struct clean clean = { 0 };
	unsigned int live;
	bool all = false;
	char *size, *debug;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'a')
			return LAB_USAGE;
		all = true;
	}
	if (optind < argc) {
		complain("clean takes no '%s'; see `blklab clean --help`", argv[optind]);
		return LAB_USAGE;
	}
	debug = format("%s/debug", cache_dir());
	live = clean_machines(&clean);
	if (live)
		complain("%u guest%s running: what %s from is left as it is; end %s first", live,
			 live == 1 ? " is" : "s are", live == 1 ? "it runs" : "they run",
			 live == 1 ? "it" : "them");
	else if (lock_all(cache_dir()) && lock_all(debug))
		clean_cache(&clean, all);
	else
		live = 1;
	size = size_text(clean.freed);
	printf("%s freed\n", size);
	free(debug);
	free(size);
	return live || clean.failed ? LAB_FAILED : LAB_OK;
}
