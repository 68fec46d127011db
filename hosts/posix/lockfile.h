/* SPDX-License-Identifier: GPL-2.0-only */
/* A lock that is a file: gone with its holder, however that ends. */
#ifndef BLKMEND_LOCKFILE_H
#define BLKMEND_LOCKFILE_H

#include <stdbool.h>

/*
 * Make the file if need be, and lock it, without waiting. A file descriptor that holds the lock;
 * -EWOULDBLOCK: somebody else has it; another negative errno: the file can't be made or opened.
 */
int lockfile_take(const char *path, bool shared);
/* Give it back, and remove the file if nobody else has it. */
void lockfile_release(int fd, const char *path);

#endif
