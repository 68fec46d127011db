/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debian packages: https://manpages.debian.org/deb.5
 */
#ifndef BLKLAB_DEB_H
#define BLKLAB_DEB_H

/*
 * Where a member goes: a path to be freed, or NULL if it is not wanted. `path` has no "./" or "/"
 * before it.
 */
typedef char *deb_place(const char *path, void *context);

/*
 * Unpack what `place` wants of a package: modes, times and links included, owners not.
 * -ENOSPC, -EIO, ..., told.
 */
int deb_unpack(const char *deb, deb_place *place, void *context);

/* All of it, below a directory. */
int deb_unpack_all(const char *deb, const char *directory);

#endif
