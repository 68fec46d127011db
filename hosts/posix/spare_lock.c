// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/spare_lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hosts/posix/command.h"
#include "hosts/posix/device_ops.h"
#include "hosts/posix/lockfile.h"
#include "hosts/posix/mapped.h"

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
	FILE *fp = fopen(lock->path, "re");
	bool known = fp && fgets(holder, sizeof(holder), fp);

	if (fp)
		fclose(fp);
	if (!known)
		return device_fail(error, code, EXIT_BUSY,
				   "the spare is being used by another blkmend: end that first "
				   "(blkmend list shows what is served)");
	return device_fail(error, code, EXIT_BUSY,
			   "the spare is in use, for %s: end that first (blkmend list shows what "
			   "is served)",
			   holder);
}

/* The kernel takes no such lock; but what it has can be seen. Asked under the lock, which whoever
 * makes a device there holds meanwhile. */
static bool kernel_has(const uint8_t uuid[16], char **error, int *code)
{
	char *device = mapped_by_spare(uuid);

	if (device)
		device_fail(error, code, EXIT_BUSY,
			    "the spare is in use by the kernel, for %s: end that first (blkmend "
			    "close %s)",
			    device, device);
	free(device);
	return device;
}

static struct spare_lock *lock_free(struct spare_lock *lock)
{
	if (lock) {
		free(lock->name);
		free(lock->path);
	}
	free(lock);
	return NULL;
}

struct spare_lock *spare_lock_take(const uint8_t uuid[16], const char *name, bool shared,
				   char **error, int *code)
{
	struct spare_lock *lock = calloc(1, sizeof(*lock));

	if (!lock || !(lock->name = strdup(name))) {
		device_fail(error, code, EXIT_MEMORY, "out of memory");
		return lock_free(lock);
	}
	lock->path = lock_path(uuid, error, code);
	if (!lock->path)
		return lock_free(lock);
	lock->shared = shared;
	lock->fd = lockfile_take(lock->path, shared);
	if (lock->fd >= 0 && !kernel_has(uuid, error, code)) {
		lock_sign(lock);
		return lock;
	}
	if (lock->fd >= 0) {
		lockfile_release(lock->fd, lock->path);
		return lock_free(lock);
	}
	if (lock->fd == -EWOULDBLOCK)
		fail_taken(lock, error, code);
	else
		device_fail(error, code, EXIT_PERMISSION, "can't open the lock %s: %s", lock->path,
			    strerror(-lock->fd));
	return lock_free(lock);
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
	lockfile_release(lock->fd, lock->path);
	lock_free(lock);
}
