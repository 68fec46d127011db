// SPDX-License-Identifier: GPL-2.0-only
/* Where sockets and locks are: a directory that nobody else can write to. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosts/posix/command.h"

static void directory_name(char *path, size_t size)
{
	const char *given = getenv("BLKMEND_RUNTIME_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (given && *given)
		snprintf(path, size, "%s", given);
	else if (geteuid() == 0)
		snprintf(path, size, "/run/blkmend");
	else if (xdg && *xdg)
		snprintf(path, size, "%s/blkmend", xdg);
	else
		snprintf(path, size, "/tmp/blkmend-%u", (unsigned int)geteuid());
}

static const char *directory_check(const char *path, char **error)
{
	struct stat st;
	int n;

	if (mkdir(path, 0700) && errno != EEXIST)
		n = asprintf(error,
			     "can't make the directory %s for sockets and locks: %s "
			     "(BLKMEND_RUNTIME_DIR names another)",
			     path, strerror(errno));
	else if (lstat(path, &st))
		n = asprintf(error, "can't look at %s: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
		n = asprintf(error,
			     "%s is not a directory of ours that only we can write to: remove it, "
			     "or set BLKMEND_RUNTIME_DIR",
			     path);
	else
		return path;
	if (n < 0)
		*error = NULL;
	return NULL;
}

const char *runtime_directory(char **error)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char path[4096];
	const char *answer;
	char now[4096];

	directory_name(now, sizeof(now));
	pthread_mutex_lock(&lock);
	if (strcmp(now, path))
		memcpy(path, now, sizeof(path));
	answer = directory_check(path, error);
	pthread_mutex_unlock(&lock);
	return answer;
}
