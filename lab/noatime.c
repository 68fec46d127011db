// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into virtiofsd where it runs as an ordinary user. Overlayfs opens the files below it
 * with O_NOATIME, the guest's kernel passes that on, and only a file's owner may ask for it:
 * without this nothing of the host's could be opened. The root share is read-only: times don't
 * change anyway.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All names by which the C library's headers call it, checked variants too. */
int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int openat(int directory, const char *path, int flags, ...);
int openat64(int directory, const char *path, int flags, ...);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

static int open_plain(int directory, const char *path, int flags, va_list args)
{
	mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;

	return (int)syscall(SYS_openat, directory, path, flags & ~O_NOATIME, mode);
}

#define OPEN(name, directory, ...)                                                                 \
	int name(__VA_ARGS__, int flags, ...)                                                      \
	{                                                                                          \
		va_list args;                                                                      \
		int fd;                                                                            \
                                                                                                   \
		va_start(args, flags);                                                             \
		fd = open_plain(directory, path, flags, args);                                     \
		va_end(args);                                                                      \
		return fd;                                                                         \
	}

OPEN(open, AT_FDCWD, const char *path)
OPEN(open64, AT_FDCWD, const char *path)
OPEN(openat, directory, int directory, const char *path)
OPEN(openat64, directory, int directory, const char *path)

int __openat_2(int directory, const char *path, int flags)
{
	return openat(directory, path, flags);
}

int __openat64_2(int directory, const char *path, int flags)
{
	return openat(directory, path, flags);
}
