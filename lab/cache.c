// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where things are kept.
 */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lab.h"

static const char *made(char *path)
{
	int err = make_directories(path);

	if (!err)
		return path;
	complain("%s: %s; set BLKLAB_CACHE to a directory that can be written", path,
		 strerror(-err));
	exit(LAB_FAILED);
}

const char *cache_dir(void)
{
	const char *own = getenv("BLKLAB_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	static const char *dir;

	if (dir)
		return dir;
	if (own && *own == '/')
		dir = made(must_strdup(own));
	else if (xdg && *xdg == '/')
		dir = made(format("%s/blklab", xdg));
	else
		dir = made(format("%s/.cache/blklab", home && *home == '/' ? home : "/tmp"));
	return dir;
}

char *cache_path(const char *text, ...)
{
	char *name, *path, *slash;
	va_list args;

	va_start(args, text);
	if (vasprintf(&name, text, args) < 0)
		abort();
	va_end(args);
	path = format("%s/%s", cache_dir(), name);
	free(name);
	slash = strrchr(path, '/');
	*slash = 0;
	made(path);
	*slash = '/';
	return path;
}

int cache_lock(const char *name)
{
	char *path = cache_path("%s.lock", name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	free(path);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		note("waiting for another blklab, which is busy with %s", name);
		while (flock(fd, LOCK_EX) && errno == EINTR)
			;
	}
	return fd;
}

const char *runtime_dir(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	static const char *dir;

	if (!dir)
		dir = made(xdg && *xdg == '/' && !access(xdg, W_OK)
				   ? format("%s/blklab", xdg)
				   : format("/tmp/blklab-%u", (unsigned int)getuid()));
	return dir;
}

/* A directory whose lock can be had belongs to nobody any more. */
static void sweep(void)
{
	DIR *dir = opendir(runtime_dir());
	struct dirent *entry;
	char *path, *lock;
	int fd;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		path = format("%s/%s", runtime_dir(), entry->d_name);
		lock = format("%s/lock", path);
		fd = open(lock, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
			remove_tree(path);
		if (fd >= 0)
			close(fd);
		free(lock);
		free(path);
	}
	if (dir)
		closedir(dir);
}

int runtime_lock(void)
{
	char *path = format("%s/.lock", runtime_dir());
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
	free(path);
	return fd;
}

/* Directories of this process, and what keeps others from sweeping them. */
static struct kept {
	char *path;
	int lock;
} * kept;
static size_t keeping;

char *runtime_make(const char *name)
{
	int all = runtime_lock(), fd;
	char *path, *lock;

	sweep();
	path = format("%s/%s-%d.XXXXXX", runtime_dir(), name, (int)getpid());
	if (!mkdtemp(path)) {
		complain("%s: %s", path, strerror(errno));
		close(all);
		free(path);
		return NULL;
	}
	lock = format("%s/lock", path);
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	/* Held until the process ends or removes it. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		complain("%s: %s", lock, strerror(errno));
	close(all);
	free(lock);
	kept = must_realloc(kept, (keeping + 1) * sizeof(*kept));
	kept[keeping++] = (struct kept){ must_strdup(path), fd };
	return path;
}

void runtime_remove(char *path)
{
	size_t i;

	remove_tree(path);
	for (i = 0; i < keeping; i++) {
		if (strcmp(kept[i].path, path))
			continue;
		close(kept[i].lock);
		free(kept[i].path);
		kept[i--] = kept[--keeping];
	}
	free(path);
}
