// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files as a whole.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_read(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	size_t at = 0, room = 65536;
	char *data;
	ssize_t n = 0;

	if (fd < 0)
		return NULL;
	data = must_realloc(NULL, room);
	while ((n = read(fd, data + at, room - at - 1)) > 0) {
		at += (size_t)n;
		if (room - at < 2)
			data = must_realloc(data, room *= 2);
	}
	err = errno;
	close(fd);
	if (n < 0) {
		free(data);
		errno = err;
		return NULL;
	}
	data[at] = 0;
	if (size)
		*size = at;
	return data;
}

static int write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	while (size) {
		n = write(fd, data, size);
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Nobody would remove the temporary file, so signals wait. */
int file_write(const char *path, const void *data, size_t size)
{
	char *temporary = format("%s.%d", path, (int)getpid());
	sigset_t all, before;
	int fd, err;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	err = fd < 0 ? -errno : write_all(fd, data, size);
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary, path))
		err = -errno;
	if (err)
		unlink(temporary);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(temporary);
	return err;
}

int make_directories(const char *path)
{
	char *part = must_strdup(path), *at;

	for (at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		mkdir(part, 0755);
		*at = '/';
	}
	if (mkdir(part, 0755) && errno != EEXIST) {
		free(part);
		return -errno;
	}
	free(part);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int remove_tree(const char *path)
{
	return nftw(path, remove_one, 64, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) ? -errno : 0;
}

char *part_path(const char *name)
{
	char self[4096], *path, *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	path = format("%.*s/%s", slash ? (int)(slash - self) : 0, self, name);
	if (!access(path, R_OK))
		return path;
	free(path);
	path = format("%s/%s", BLKLAB_LIBEXEC_DIR, name);
	if (!access(path, R_OK))
		return path;
	complain("%s: %s; install blklab again", path, strerror(errno));
	free(path);
	return NULL;
}
