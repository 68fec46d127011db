// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Its last holder may have removed the file between our open() and flock(): then it's not the one.
 */
static bool is_current(int fd, const char *path)
{
	struct stat here, there;

	return !fstat(fd, &here) && !stat(path, &there) && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

int lockfile_take(const char *path, bool shared)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return -errno;
		if (flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB)) {
			int err = -errno;

			close(fd);
			return err;
		}
		if (is_current(fd, path))
			return fd;
		close(fd);
	}
}

void lockfile_release(int fd, const char *path)
{
	if (!flock(fd, LOCK_EX | LOCK_NB))
		unlink(path);
	close(fd);
}
