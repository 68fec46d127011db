// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/spare_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosts/posix/command.h"
#include "hosts/posix/device_ops.h"

struct spare_lock {
	int fd;
	bool shared;
	char *name, *path;
};

static char *lock_path(const uint8_t uuid[16], char **error, int *code)
{
	const char *directory = runtime_directory(error);
	char text[33], *path;

	if (!directory) {
		*code = EXIT_PERMISSION;
		return NULL;
	}
	for (int i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", uuid[i]);
	if (asprintf(&path, "%s/spare-%s.lock", directory, text) < 0)
		return device_fail(error, code, EXIT_MEMORY, "out of memory");
	return path;
}

static void lock_sign(struct spare_lock *lock)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s (pid %d)", lock->name, (int)getpid());

	/* For people's eyes: what can't be written is only missing from a message. */
	if (lock->shared || ftruncate(lock->fd, 0) || pwrite(lock->fd, text, (size_t)n, 0) != n)
		return;
}

static void *fail_taken(const struct spare_lock *lock, char **error, int *code)
{
	char holder[128] = "";
	ssize_t n = pread(lock->fd, holder, sizeof(holder) - 1, 0);

	if (n <= 0)
		return device_fail(error, code, EXIT_BUSY,
				   "the spare is being used by another blkmend: end that first "
				   "(blkmend list shows what is served)");
	return device_fail(error, code, EXIT_BUSY,
			   "the spare is in use, for %s: end that first (blkmend list shows what "
			   "is served)",
			   holder);
}

/* The file may be removed by its last holder between open() and flock(): then it's not the one. */
static bool lock_is_current(const struct spare_lock *lock)
{
	struct stat here, there;

	return !fstat(lock->fd, &here) && !stat(lock->path, &there) &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

struct spare_lock *spare_lock_take(const uint8_t uuid[16], const char *name, bool shared,
				   char **error, int *code)
{
	struct spare_lock *lock = calloc(1, sizeof(*lock));
	char *path = lock_path(uuid, error, code);

	if (!path || !lock || !(lock->name = strdup(name))) {
		if (path)
			device_fail(error, code, EXIT_MEMORY, "out of memory");
		free(path);
		free(lock);
		return NULL;
	}
	lock->path = path;
	lock->shared = shared;
	for (;;) {
		lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (lock->fd < 0) {
			device_fail(error, code, EXIT_PERMISSION, "can't open the lock %s: %s",
				    path, strerror(errno));
			break;
		}
		if (flock(lock->fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB)) {
			fail_taken(lock, error, code);
			break;
		}
		if (lock_is_current(lock)) {
			lock_sign(lock);
			return lock;
		}
		close(lock->fd);
	}
	if (lock->fd >= 0)
		close(lock->fd);
	free(lock->name);
	free(lock->path);
	free(lock);
	return NULL;
}

void spare_lock_forked(struct spare_lock *lock)
{
	if (lock)
		lock_sign(lock);
}

void spare_lock_release(struct spare_lock *lock)
{
	if (!lock)
		return;
	/* Only who has it alone may remove it; those who wait for it see that it's not current. */
	if (!flock(lock->fd, LOCK_EX | LOCK_NB))
		unlink(lock->path);
	close(lock->fd);
	free(lock->name);
	free(lock->path);
	free(lock);
}
