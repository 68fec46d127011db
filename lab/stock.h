/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debian's stock kernels: which suite has them, and how they get into the cache.
 */
#ifndef BLKLAB_STOCK_H
#define BLKLAB_STOCK_H

#include "lab.h"

/* Is it one of kernel_names? */
bool stock_is(const char *name);

/*
 * The directory of a stock kernel, to be freed: vmlinuz, vmlinux, config, System.map, release,
 * suite (and before it the one that it builds upon, where its compiler is), and
 * lib/modules/RELEASE. It may not be there: then it has not been fetched.
 */
char *stock_directory(const char *name);
bool stock_is_there(const char *name);

/* A one-line file of it, without its newline, to be freed: "release", or "suite". */
char *stock_read(const char *name, const char *file);

/*
 * Fetch it unless it is there; nothing half-made is ever taken for it. -ENOENT, -EIO, -ENOSPC,
 * told.
 */
int stock_fetch(const char *name);

#endif
